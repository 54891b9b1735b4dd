// What a host has, as the commands that declare it.

internal import Tenure
internal import TenureModel

/// Turns an inventory into commands.
enum HostDeclaration {
    /// The pool of everything that was detected.
    static let pool = "local"

    /// The pool first, then one command per resource.
    ///
    /// A capacity that shrank below use is accepted: the host is what it is, and the debt shows.
    static func commands(_ inventory: HostInventory) -> [Command] {
        [.setPool(name: pool, settings: [])]
            + inventory.resources.compactMap { found in
                guard let kind = Kind(found.kind) else { return nil }
                var request = ResourceRequest(
                    name: found.name,
                    pool: pool,
                    kind: kind,
                    capacity: found.capacity,
                    node: found.node
                )
                request.labels = found.labels.map { Label(name: $0.key, value: $0.value) }
                request.force = true
                request.detected = true
                return .setResource(request)
            }
    }
}
