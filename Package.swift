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

/// A test target beside the module it tests.
func suite(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: house
    )
}

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let tests: [Target] = [
    suite(
        "TenureLogTests",
        ["TenureBase", "TenureLog", "TenureSimulation", "TenureTesting", "CTenureSystem", system]
    ),
    suite("TenureLMDBTests", ["TenureBase", "TenureLMDB", system]),
    suite(
        "TenureStorageTests",
        [
            "TenureBase", "TenureLog", "TenureLMDB", "TenureModel", "TenureStorage",
            "TenureSimulation", "TenureTesting", system,
        ]
    ),
    suite("TenureTidyTests", []),
    suite("TenureModelTests", ["TenureBase", "TenureModel", "TenureSimulation", "TenureTesting"]),
    suite(
        "TenureTests",
        [
            "TenureBase", "Tenure", "TenureModel", "TenureLog", "TenureLMDB", "TenureStorage",
            "TenureSimulation", "TenureTesting", system,
        ]
    ),
    suite("TenureFuzzTests", ["TenureFuzzing"], exclude: ["Corpora"]),
    suite(
        "TenureWireTests",
        [
            "TenureBase", "TenureModel", "TenureWire",
            .product(name: "NIOCore", package: "swift-nio"),
        ]
    ),
    suite(
        "TenureServerTests",
        [
            "TenureBase", "Tenure", "TenureModel", "TenureServer", "TenureClient", "TenureWire",
            "TenureSimulation", "TenureTesting",
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ]
    ),
    suite(
        "TenureCommandTests",
        [
            "TenureCommand", "Tenure", "TenureClient", "TenureModel", "TenureWire",
            "TenureStorage", "TenureSimulation", "TenureTesting",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        exclude: ["Fixtures"]
    ),
]

// Only where tools/fuzz builds: libFuzzer brings the program's entry.
let fuzzer: [Target] =
    Context.environment["TENURE_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "TenureFuzzer",
            dependencies: ["TenureFuzzing"],
            path: "Tests/TenureFuzzer",
            swiftSettings: house
        )
    ]

let package = Package(
    name: "tenure",
    products: [
        .library(name: "Tenure", targets: ["Tenure"]),
        .library(name: "TenureClient", targets: ["TenureClient"]),
        .executable(name: "tenure", targets: ["TenureCommand"]),
    ],
    dependencies: [
        // The encoding of certificates, as swift-certificates reads it.
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        // The command line: parsing, help, completions from one definition.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // HeapModule: the queue of what falls due, in the ledger and in a replay. DequeModule: what
        // waits for the writer under overload.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // What the certificates of clients say of them.
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        // SHA-256 of the seals that chain the log and of what is in a bundle; scrypt for the
        // secrets of accounts.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Structured logs: the embedding program chooses where they go.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Sockets and event loops of the daemon and the client.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS of the daemon's TCP listener and of the client.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // Typed errno and descriptors in the layers that touch the disk.
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // Signals, start and drain of the daemon in the order that the field agreed on.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Percentiles of `tenure bench` without keeping every sample.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"])]),
        .target(name: "CTenureSystem"),
        .target(name: "TenureBase", swiftSettings: house),
        .target(
            name: "TenureThreads",
            dependencies: [
                "CTenureSystem", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureModel",
            dependencies: [
                "TenureBase",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureLog",
            dependencies: [
                "TenureBase", "TenureThreads", "CTenureSystem",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureLMDB",
            dependencies: [
                "TenureBase", "CLMDB",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureStorage",
            dependencies: [
                "TenureBase", "TenureModel", "TenureLog", "TenureLMDB", "CTenureSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "Tenure",
            dependencies: [
                "TenureBase", "TenureThreads", "TenureModel", "TenureLog", "TenureStorage",
                "CTenureSystem",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureSimulation",
            dependencies: [
                "TenureBase", "Tenure", "TenureModel", "TenureLog", "TenureLMDB", "TenureStorage",
                system,
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureWire",
            dependencies: [
                "TenureBase", "TenureModel",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureServer",
            dependencies: [
                "TenureBase", "TenureThreads", "Tenure", "TenureWire", "TenureModel",
                "CTenureSystem",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "TenureClient",
            dependencies: [
                "TenureBase", "TenureWire", "TenureModel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house
        ),
        .executableTarget(
            name: "TenureCommand",
            dependencies: [
                "TenureBase", "TenureClient", "TenureServer", "Tenure", "TenureStorage",
                "TenureLog", "TenureModel", "TenureWire", "TenureSimulation", "CTenureSystem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "tools/tenure",
            swiftSettings: house
        ),
        .target(
            name: "TenureTesting",
            dependencies: ["TenureLog"],
            path: "Tests/TenureTesting",
            swiftSettings: house
        ),
        .target(
            name: "TenureFuzzing",
            dependencies: [
                "TenureBase", "TenureLog", "TenureModel", "TenureStorage", "TenureSimulation",
                "TenureServer", "TenureTesting", "TenureWire",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/TenureFuzzing",
            swiftSettings: house
        ),
    ] + tests + fuzzer
)
