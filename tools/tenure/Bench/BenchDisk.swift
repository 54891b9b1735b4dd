// What the disk alone costs: one 4 KiB write and one sync, over and over.
//
// The file is written full of zeros and synced before, so that a sync moves data only: this is
// the floor below which no durable answer can be.

internal import ArgumentParser
internal import FoundationEssentials
internal import TenureLog
internal import TenureModel

struct BenchDisk: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Measure 4 KiB writes, each followed by a sync, without a ledger.",
        discussion: """
            EXAMPLES
              tenure bench disk
              tenure bench disk --directory /srv --writes 10000 --json
            """
    )

    @Option(help: ArgumentHelp("Where the file is made and removed.", valueName: "directory"))
    var directory = "."

    @Option(help: ArgumentHelp("How many writes.", valueName: "n"))
    var writes = 2_000

    @Flag(help: "Answer as JSON.")
    var json = false

    private static let pageBytes = 4_096
    private static let filePages = 4_096

    func validate() throws {
        guard (1...10_000_000).contains(writes) else {
            throw ValidationError("--writes is from 1 to 10000000")
        }
    }

    func run() throws {
        let name = "tenure-bench-\(ProcessInfo.processInfo.processIdentifier).tmp"
        do {
            let disk = try HostDisk(root: directory)
            let file = try disk.create(name)
            defer { file.close() }
            do {
                try show(try measure(file))
            } catch {
                try disk.unlink(name)
                throw error
            }
            try disk.unlink(name)
        } catch let error as DiskError {
            throw Failure(.inputOutput, "in '\(directory)': \(error)")
        }
    }

    private func measure(_ file: any DiskFile) throws -> (Latencies, Duration) {
        let page = [UInt8](repeating: 0, count: BenchDisk.pageBytes)
        for index in 0..<BenchDisk.filePages {
            // SAFETY: bytes have no padding that could be read uninitialised.
            try file.write(unsafe page.span.bytes, at: UInt64(index * BenchDisk.pageBytes))
        }
        try file.sync()
        var latencies = Latencies()
        var content = page
        let clock = ContinuousClock()
        let began = clock.now
        for index in 0..<writes {
            content[0] = UInt8(truncatingIfNeeded: index)
            let place = index % BenchDisk.filePages * BenchDisk.pageBytes
            let start = clock.now
            // SAFETY: as above.
            try file.write(unsafe content.span.bytes, at: UInt64(place))
            try file.syncData()
            latencies.record(clock.now - start)
        }
        return (latencies, clock.now - began)
    }

    private func show(_ result: (latencies: Latencies, elapsed: Duration)) throws {
        let document = Document.map([
            .init("writes", .count(writes)),
            .init("bytes", .count(BenchDisk.pageBytes)),
            .init("writesPerSecond", Figures.rate(writes, in: result.elapsed)),
            .init("microseconds", .map(result.latencies.fields)),
        ])
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}
