// On which file systems a ledger is kept.
//
// A file system that loses what was synced (tmpfs), or that promises less than a local one about
// locks, maps and syncs (NFS, FUSE, SMB, 9p), is refused; the operator may insist. Overlay is
// allowed with a warning: it is what containers have, and its upper layer is a local one.

internal import CTenureSystem
internal import TenureLog

/// What to do about the file system of a directory.
enum FileSystemPolicy: Equatable {
    /// Nothing to say.
    case fine
    /// Works, with a warning.
    case warned(String)
    /// Refused unless the operator insists; the name of the file system.
    case refused(String)

    init(magic: Int64) {
        self =
            switch magic {
            case tenure_magic_tmpfs: .refused("tmpfs")
            case tenure_magic_ramfs: .refused("ramfs")
            case tenure_magic_nfs: .refused("NFS")
            case tenure_magic_fuse: .refused("FUSE")
            case tenure_magic_smb2, tenure_magic_cifs: .refused("SMB")
            case tenure_magic_9p: .refused("9p")
            case tenure_magic_overlay:
                .warned(
                    "the ledger is on an overlay file system: it is lost with the container "
                        + "unless the directory is a volume"
                )
            default: .fine
            }
    }

    /// What is told of it where the ledger is watched.
    var name: String {
        switch self {
        case .fine: "local"
        case .warned: "overlay"
        case .refused(let name): "\(name), unsafe"
        }
    }

    /// The warnings that go with `disk`, and its name.
    ///
    /// - Throws: `unsupported` when the file system is refused and nobody insists.
    static func check(
        _ disk: HostDisk,
        at path: String,
        allowUnsafe: Bool
    ) throws(StorageError) -> (warnings: [String], name: String) {
        let magic: Int64
        do throws(DiskError) {
            magic = try disk.fileSystem().magic
        } catch {
            throw StorageError(error, in: path)
        }
        let policy = FileSystemPolicy(magic: magic)
        switch policy {
        case .fine: return ([], policy.name)
        case .warned(let sentence): return ([sentence], policy.name)
        case .refused(let name) where allowUnsafe:
            let sentence = "the ledger is on \(name), which does not keep what it promises"
            return ([sentence], policy.name)
        case .refused(let name):
            throw .unsupported(
                Trouble(
                    "the file system is \(name), which does not keep what was synced",
                    at: path,
                    "use a directory on a local disk, or insist with --allow-unsafe-file-system"
                )
            )
        }
    }
}
