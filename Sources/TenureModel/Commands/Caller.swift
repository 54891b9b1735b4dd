// Who asks, as the engine knows it from the kernel or the channel, never from the message.

/// Who asks.
public struct Caller: Hashable, Sendable {
    /// The user id that the kernel reported for the connection; absent in the same process.
    public let uid: UInt32?
    /// Whether tokens of other users' leases may be shown.
    public let isAdmin: Bool
    /// The tenants that it may act for; all when absent.
    public let tenants: TenantScope?
    /// Names a holder when the request does not; random, made by the engine.
    public var generatedHolder: String

    /// A caller with these facts.
    public init(
        uid: UInt32?,
        isAdmin: Bool,
        tenants: TenantScope? = nil,
        generatedHolder: String = ""
    ) {
        self.uid = uid
        self.isAdmin = isAdmin
        self.tenants = tenants
        self.generatedHolder = generatedHolder
    }

    /// The program that embeds the ledger.
    public static let embedder = Caller(uid: nil, isAdmin: true)
}
