// A disk that answers otherwise than the one below it when files are opened or listed.

package import TenureLog

/// Hands every call on, after those who look on had their say about it.
package final class InterposedDisk: Disk {
    private let base: any Disk
    private let opening: @Sendable (String) throws(DiskError) -> Void
    private let listing: @Sendable ([String]) -> [String]

    /// Stands before `base`.
    ///
    /// - Parameters:
    ///   - base: The disk that is used.
    ///   - opening: May throw instead of a file's being opened.
    ///   - listing: Makes what is answered of the names in a directory.
    package init(
        _ base: any Disk,
        opening: @escaping @Sendable (String) throws(DiskError) -> Void = { _ in },
        listing: @escaping @Sendable ([String]) -> [String] = { $0 }
    ) {
        (self.base, self.opening, self.listing) = (base, opening, listing)
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        listing(try base.list(directory))
    }

    package func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
        try opening(path)
        return try base.open(path, access)
    }

    package func openDirect(_ path: String) throws(DiskError) -> any DiskFile {
        try opening(path)
        return try base.openDirect(path)
    }

    package func create(_ path: String) throws(DiskError) -> any DiskFile {
        try base.create(path)
    }

    package func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile {
        try base.lock(path, shared: shared)
    }

    package func rename(_ from: String, to: String, replacing: Bool) throws(DiskError) {
        try base.rename(from, to: to, replacing: replacing)
    }

    package func unlink(_ path: String) throws(DiskError) { try base.unlink(path) }

    package func makeDirectory(_ path: String) throws(DiskError) { try base.makeDirectory(path) }

    package func syncDirectory(_ path: String) throws(DiskError) { try base.syncDirectory(path) }

    package func freeBytes() throws(DiskError) -> UInt64 { try base.freeBytes() }
}
