// A state file read with plain reads, page by page, without a map: an end of the file or an error
// of the disk is an answer here, and never a signal.

internal import Glibc
internal import SystemPackage

/// A `data.mdb` that is only read.
final class PageFile {
    private let file: FileDescriptor
    /// How many whole pages the file has.
    let pages: UInt64

    /// Opens `data.mdb` in `directory`.
    ///
    /// - Throws: What the kernel said.
    init(directory: String) throws(StoreError) {
        do {
            file = try FileDescriptor.open(
                FilePath(directory).appending("data.mdb"),
                .readOnly,
                options: [.closeOnExec, .noFollow]
            )
        } catch let errno as Errno {
            throw .system(errno)
        } catch {
            throw .damaged("\(error)")
        }
        var status = stat()
        // SAFETY: the kernel fills the structure.
        guard unsafe fstat(file.rawValue, &status) == 0 else {
            let errno = Errno(rawValue: errno)
            try? file.close()
            throw .system(errno)
        }
        pages = UInt64(clamping: Int(status.st_size) / MetaPage.pageBytes)
    }

    deinit {
        try? file.close()
    }

    /// Has memory forget what it shows of the file in `directory`, where there is one (L10).
    ///
    /// Pages that were never written are written first: only what is on the disk can be forgotten.
    ///
    /// - Throws: What the kernel said.
    static func forgetMemory(directory: String) throws(StoreError) {
        let pages: PageFile
        do throws(StoreError) {
            pages = try PageFile(directory: directory)
        } catch {
            guard error == .system(.noSuchFileOrDirectory) else { throw error }
            return
        }
        guard fdatasync(pages.file.rawValue) == 0 else {
            throw .diskFullOrIO(Errno(rawValue: errno))
        }
        let status = posix_fadvise(pages.file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
        guard status == 0 else { throw .system(Errno(rawValue: status)) }
    }

    /// The bytes of page `number`.
    func page(_ number: UInt64) throws -> [UInt8] {
        try bytes(ofPage: number, from: 0, count: MetaPage.pageBytes)
    }

    /// Bytes from an offset in page `number` on, over as many pages as they take.
    ///
    /// - Throws: `MetaFault` when the file ends before them, or what the kernel said.
    func bytes(ofPage number: UInt64, from offset: Int, count: Int) throws -> [UInt8] {
        guard number < pages else { throw MetaFault("lies behind the end of the file") }
        let start = Int64(number) * Int64(MetaPage.pageBytes) + Int64(offset)
        let end = Int64(pages) * Int64(MetaPage.pageBytes)
        guard count >= 0, Int64(count) <= end - start else {
            throw MetaFault("runs past the end of the file")
        }
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = try unsafe bytes.withUnsafeMutableBytes { buffer in
                // SAFETY: the slice lies in the buffer, which lives for the closure.
                try unsafe file.read(
                    fromAbsoluteOffset: start + Int64(filled),
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                )
            }
            guard got > 0 else { throw MetaFault("runs past the end of the file") }
            filled += got
        }
        return bytes
    }
}
