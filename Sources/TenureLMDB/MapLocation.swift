// Finds pages that lie where another page belongs.
//
// LMDB has no checksums, but every page states its own number. Pages are mapped one behind the
// other, so a page's number follows from its address; a page that was written to the wrong place
// (or a copy of another one) gives itself away at the first row that is read from it.
//
//   L5  A row is given out only from a page that states the number of the place it lies at.
//
// What the page holds is not proved by this: the rows carry their own checksums, above.

internal import CLMDB
internal import TenureBase

/// Where the file is mapped, and how large its pages are.
@safe
package struct MapLocation: Sendable {
    /// The address of page 0; 0 while nothing is known, which switches the check off.
    var base: UInt = 0
    /// How many bytes are mapped.
    var byteCount: UInt = 0

    /// The only page size that the pre-open check lets through.
    static let pageBytes: UInt = 4096

    /// Checks the page that `bytes` lie in, if it is mapped.
    ///
    /// Dirty pages of a writer are not.
    @inline(__always)
    func check(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let address = UInt(bitPattern: bytes.baseAddress)
        guard base != 0, address >= base, address - base < byteCount else { return }
        let place = (address - base) / Self.pageBytes
        let start = base + place * Self.pageBytes
        // SAFETY: the address lies in the map, which covers whole pages; LMDB has just read there.
        let header = unsafe UnsafeRawPointer(bitPattern: start)
        let stated = unsafe header?.load(as: UInt.self) ?? 0
        guard stated == place else {
            throw .damaged("page \(place) states that it is page \(stated)")
        }
        let room = base + byteCount - address
        guard UInt(bytes.count) <= room else {
            throw .damaged("a row on page \(place) runs past the end of the map")
        }
    }
}
