// The way to a file that must be safe: walked name by name, each looked at by descriptor before the
// next, so that nobody can put something else there between the look and the step.
//
//   G1  Every directory on the way is root's or ours, and nobody else may write to it, unless it is
//       sticky: there others can add names, and take away none but their own.
//   G2  A link is followed only if it is root's or ours, and lies where nobody else can put another
//       in its place: a sticky directory will do, as the volumes have in which Kubernetes mounts
//       secrets. The names in it are walked like the others.

internal import Glibc

/// A file or directory that is open.
final class OpenFile {
    private let descriptor: CInt

    /// Takes the descriptor over.
    init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Calls `body` with the descriptor, which is open for the call.
    func use<Value>(_ body: (CInt) -> Value) -> Value {
        withExtendedLifetime(self) { body(descriptor) }
    }

    /// What it is; nothing, with `errno`, where the kernel does not tell.
    var facts: stat? {
        use { descriptor in
            var facts = stat()
            // SAFETY: the kernel fills the structure during the call.
            return unsafe fstat(descriptor, &facts) == 0 ? facts : nil
        }
    }

    /// Opens a name in this directory; nothing, with `errno`, where that fails.
    func open(_ name: String, _ flags: CInt) -> OpenFile? {
        use { descriptor in
            // SAFETY: the name is a string of ours for the call.
            let opened = unsafe openat(descriptor, name, flags | O_CLOEXEC)
            return opened < 0 ? nil : OpenFile(opened)
        }
    }
}

/// Where a path ends: a name in a directory whose whole way is safe.
struct GuardedPath {
    /// Why a path is not walked to its end.
    enum Fault: Error, Equatable {
        /// The directory or link at this place is not safe, and why.
        case unsafe(String, String)
        /// The kernel refused this place, with its reason.
        case refused(String, CInt)
    }

    /// What Linux calls `O_PATH` on all of our machines, and the overlay hides: the descriptor says
    /// where something is, and reads nothing.
    static let pathOnly: CInt = 0o10_000_000

    /// The directory.
    let directory: OpenFile
    /// The name in it, which may not be there; nothing where the path is the directory's.
    let name: String?

    /// Walks to the last name of `path`; a link there is followed only if that is said.
    ///
    /// - Throws: `Fault` with the place on the way that is not safe.
    static func walk(_ path: String, followingLast: Bool) throws(Fault) -> GuardedPath {
        var walk = try Walk(path)
        while let name = walk.names.popLast() {
            if walk.names.isEmpty, name != "..", !followingLast {
                return GuardedPath(directory: walk.directory, name: name)
            }
            if try walk.step(to: name) { continue }
            return GuardedPath(directory: walk.directory, name: name)
        }
        return GuardedPath(directory: walk.directory, name: nil)
    }

    /// Why others could change what is in the directory at `place`; nothing where they can not.
    static func fault(
        _ facts: stat,
        _ place: String,
        allowsSticky: Bool
    ) -> Fault? {
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            return .unsafe(place, "belongs to user \(facts.st_uid)")
        }
        if facts.st_mode & 0o022 == 0 { return nil }
        if !allowsSticky { return .unsafe(place, "can be written by others than its owner") }
        return facts.st_mode & S_ISVTX != 0
            ? nil : .unsafe(place, "can be written by others and is not sticky")
    }
}

/// How far a walk has come.
private struct Walk {
    /// The names that are still to come, the next one last.
    var names: [String]
    var directory: OpenFile
    private var facts: stat
    /// Where that is, as it was written.
    private var place = "/"
    private var links = 0

    /// As many as the kernel follows.
    private static let linksMax = 40

    init(_ path: String) throws(GuardedPath.Fault) {
        names = Self.names(in: path)
        if !path.hasPrefix("/") { names += Self.names(in: try Self.workingDirectory()) }
        (directory, facts) = try Self.root()
    }

    /// Goes on to `name`; false when it is no directory, and the last.
    mutating func step(to name: String) throws(GuardedPath.Fault) -> Bool {
        let next = place == "/" ? "/" + name : place + "/" + name
        let (found, facts) = try Self.open(directory, name, next)
        switch facts.st_mode & S_IFMT {
        case S_IFDIR:
            if let fault = GuardedPath.fault(facts, next, allowsSticky: true) { throw fault }
            (directory, self.facts, place) = (found, facts, next)
            return true
        case S_IFLNK:
            try follow(found, facts, next)
            return true
        default:
            guard names.isEmpty else { throw .refused(next, ENOTDIR) }
            return false
        }
    }

    /// Puts the names of a link before those to come (G2).
    private mutating func follow(
        _ link: OpenFile,
        _ facts: stat,
        _ place: String
    ) throws(GuardedPath.Fault) {
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            throw .unsafe(place, "is a link of user \(facts.st_uid)")
        }
        guard self.facts.st_mode & 0o022 == 0 || self.facts.st_mode & S_ISVTX != 0 else {
            throw .unsafe(place, "is a link in a directory that others can write")
        }
        links += 1
        guard links <= Self.linksMax else { throw .refused(place, ELOOP) }
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: the kernel writes no more than it is told, and the last byte stays zero.
        let count = link.use { unsafe readlinkat($0, "", &bytes, bytes.count - 1) }
        guard count > 0 else { throw .refused(place, count < 0 ? errno : ENOENT) }
        let target = String(
            decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        names += Self.names(in: target)
        if target.hasPrefix("/") {
            (directory, self.facts) = try Self.root()
            self.place = "/"
        }
    }

    /// The names of a path, the first one last.
    private static func names(in path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
    }

    private static func workingDirectory() throws(GuardedPath.Fault) -> String {
        // SAFETY: getcwd allocates its result, which is copied and freed here.
        guard let bytes = unsafe getcwd(nil, 0) else { throw .refused(".", errno) }
        defer { unsafe free(bytes) }
        return unsafe String(cString: bytes)
    }

    private static func root() throws(GuardedPath.Fault) -> (OpenFile, stat) {
        // SAFETY: the path is a string of ours for the call.
        let descriptor = unsafe Glibc.open("/", GuardedPath.pathOnly | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .refused("/", errno) }
        let directory = OpenFile(descriptor)
        guard let facts = directory.facts else { throw .refused("/", errno) }
        if let fault = GuardedPath.fault(facts, "/", allowsSticky: true) { throw fault }
        return (directory, facts)
    }

    private static func open(
        _ directory: OpenFile,
        _ name: String,
        _ place: String
    ) throws(GuardedPath.Fault) -> (OpenFile, stat) {
        guard let found = directory.open(name, GuardedPath.pathOnly | O_NOFOLLOW),
            let facts = found.facts
        else { throw .refused(place, errno) }
        return (found, facts)
    }
}
