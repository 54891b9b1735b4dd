// A named table of an environment: a small value, good for as long as the environment is.

/// One named table.
///
/// Its handle is opened once, at start, and lives as long as the environment.
package struct Table: Sendable, Hashable {
    /// What the file calls it.
    package let name: String
    /// LMDB's number for it.
    let number: UInt32
    /// The environment that it belongs to.
    let environment: UInt64
}

/// Where an ordered scan starts.
package enum ScanStart: Sendable {
    /// At the first row.
    case first
    /// At the key given, or the next one after it.
    case at([UInt8])
    /// At the next key after the one given.
    case after([UInt8])
}

/// Whether a scan goes on.
package enum ScanStep: Sendable {
    /// Go on to the next row.
    case next
    /// This was the last one.
    case stop
}
