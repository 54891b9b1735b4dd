// swift-tools-version: 6.2
import PackageDescription

// One block of settings for every target of ours, so that no module is laxer than another.
// Strict memory safety makes `grep -rn unsafe Sources` the whole review list for raw memory.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Lets a reader borrow the bytes it decodes; swift-nio and swift-collections rely on it too.
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tenure",
    dependencies: [
        // The command line: parsing, help, completions from one definition.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // HashedCollections and Deque for the overlay, the front cache and the queues.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // SHA-256 of the seals that chain the log.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Structured logs: the embedding program chooses where they go.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Sockets and event loops of the daemon and the client.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // Typed errno and descriptors in the layers that touch the disk.
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // Signals, start and drain of the daemon in the order that the field agreed on.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Percentiles of `tenure bench` without keeping every sample.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .target(name: "TenureBase", swiftSettings: house),
        .target(
            name: "TenureModel",
            dependencies: [
                "TenureBase",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: house
        ),
    ]
)
