// What a host has, as the commands that bring the ledger up to date with it.
//
// Only what changed is declared, so that a daemon that starts often does not fill the log. What
// was detected once and is not there now becomes unconfirmed; it comes back when it is seen again.

internal import Tenure
package import TenureModel

/// Turns an inventory into commands.
package enum HostDeclaration {
    /// The pool of everything that was detected.
    package static let pool = "local"

    /// What was found, as declarations of resources.
    ///
    /// A capacity that shrank below use is accepted: the host is what it is, and the debt shows.
    static func requests(_ inventory: HostInventory) -> [ResourceRequest] {
        inventory.resources.compactMap { found in
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
            return request
        }
    }

    /// The commands that make the ledger's resources those that were found.
    ///
    /// `known` is the resources of the pool as the ledger lists them, empty without such a pool.
    package static func commands(_ found: [ResourceRequest], known: [Document]) -> [Command] {
        var commands: [Command] = known.isEmpty ? [.setPool(name: pool, settings: [])] : []
        for request in found {
            let row = known.first { $0["name"] == .string(request.name) }
            if row.map({ !isDeclared(request, $0) }) ?? true {
                commands.append(.setResource(request))
            }
            if row?["state"] == .string(ResourceState.unconfirmed.name) {
                commands.append(.housekeeping(.resourceSeen(name: request.name, seen: true)))
            }
        }
        for row in known where row["detected"] == .bool(true) {
            guard case .string(let name)? = row["name"],
                !found.contains(where: { $0.name == name }),
                row["state"] != .string(ResourceState.unconfirmed.name)
            else { continue }
            commands.append(.housekeeping(.resourceSeen(name: name, seen: false)))
        }
        return commands
    }

    /// Whether the ledger knows the resource just as it was found.
    private static func isDeclared(_ request: ResourceRequest, _ row: Document) -> Bool {
        let labels = (request.labels ?? []).map { Document.Field($0.name, .string($0.value)) }
        return row["capacity"] == .count(request.capacity) && row["labels"] == .map(labels)
            && row["detected"] == .bool(true)
    }
}
