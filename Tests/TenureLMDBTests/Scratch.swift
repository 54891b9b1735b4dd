// What the tests share: directories that disappear, environments in them, repeatable chance.

import Foundation
import TenureLMDB
import Testing

/// A directory of its own for one test; it goes with the last reference.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("tenure-lmdb-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var dataFile: String { path + "/data.mdb" }

    /// An environment here with one table.
    func open(mapBytes: Int = 64 << 30) throws -> (Environment, Table) {
        let environment = try Environment.open(
            path: path,
            options: EnvironmentOptions(mapBytes: mapBytes)
        )
        return (environment, try #require(try environment.tables(["rows"]).first))
    }

    func readDataFile() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: dataFile)))
    }

    func writeDataFile(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: dataFile))
    }
}

/// Numbers that look random and are the same in every run.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Eight bytes, big-endian, so that the order of numbers is the order of keys.
func key(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
}

/// Stores `rows`, each under its own number, in one commit.
func fill(_ environment: Environment, _ table: Table, _ rows: some Sequence<UInt64>) throws {
    try environment.write { (transaction) throws(StoreError) in
        for row in rows {
            try transaction.put(table, key: key(row), value: value(of: row))
        }
    }
}

/// A value that tells which row it is of, long enough that a few hundred rows take several pages.
func value(of row: UInt64) -> [UInt8] {
    key(row) + [UInt8](repeating: UInt8(truncatingIfNeeded: row), count: 60)
}

/// Every row of `table`, in order.
func everything(
    _ environment: Environment,
    _ table: Table
) throws -> [(key: [UInt8], value: [UInt8])] {
    try environment.read { (transaction) throws(StoreError) in
        var rows: [(key: [UInt8], value: [UInt8])] = []
        try transaction.scan(table) { (key, value) throws(StoreError) in
            rows.append((key.copied, value.copied))
            return .next
        }
        return rows
    }
}
