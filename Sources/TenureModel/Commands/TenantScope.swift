// The tenants that a caller may act for, as whoever admits callers has decided.

/// The tenants that a caller may act for: paths, each with all that is below it.
public struct TenantScope: Hashable, Sendable {
    /// The paths, in order; none covers nothing.
    public let paths: [String]

    /// A scope of these tenants and all below them.
    public init(_ paths: some Sequence<String>) {
        self.paths = Set(paths).sorted()
    }

    /// Nobody.
    public static let none = TenantScope([])

    /// Whether `tenant` is one of the paths or below one.
    public func covers(_ tenant: String) -> Bool {
        paths.contains { path in
            guard tenant.utf8.starts(with: path.utf8) else { return false }
            let rest = tenant.utf8.dropFirst(path.utf8.count).first
            return rest == nil || rest == UInt8(ascii: "/")
        }
    }

    /// This scope and another together.
    public func union(_ other: TenantScope) -> TenantScope {
        TenantScope(paths + other.paths)
    }

    /// The paths as a sentence names them.
    package var text: String {
        guard let first = paths.first else { return "no tenant" }
        let rest = paths.count - 1
        return rest == 0 ? first : "\(first) and \(rest) more"
    }
}
