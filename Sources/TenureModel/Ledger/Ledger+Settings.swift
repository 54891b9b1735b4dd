// What operators declare: pools and resources.

internal import TenureBase

extension LedgerState {
    /// The answer to what changes settings.
    var done: Answer {
        .document(
            .map([.init("status", .string("ok")), .init("position", .id(nextPosition))])
        )
    }

    func setPool(_ name: String, _ settings: [PoolSetting]) -> Decision {
        guard Names.isValid(name) else {
            return Decision(refused: .malformed, "POOL '\(name.printable)' is no name")
        }
        guard pools.index(forKey: name) != nil || pools.count < Limits.pools else {
            return Decision(refused: .busy, "the ledger has \(Limits.pools) pools, its limit")
        }
        var pool = pools[name]?.pool ?? Pool(name: name, settings: PoolSettings())
        for setting in settings { pool.settings.set(setting) }
        if let fault = pool.settings.fault { return Decision(refused: .malformed, fault) }
        if pool.settings.preemptionGap > 0, pool.settings.preemptionSince == 0 {
            pool.settings.preemptionSince = nextPosition
        }
        if pool.settings.reclaimBorrowed > 0, pool.settings.reclaimSince == 0 {
            pool.settings.reclaimSince = nextPosition
        }
        // What it has learnt has events of its own.
        return Decision(
            [.poolSet(Pool(name: name, settings: pool.settings))]
                + breakersTurnedOff(by: pool.settings.breakers, of: name),
            done
        )
    }

    func deletePool(_ name: String) -> Decision {
        guard let pool = pools[name] else { return Decision(.refused(noPool(name))) }
        let count = resources.count { $0?.pool == name }
        guard pool.index.isEmpty, count == 0 else {
            return Decision(
                refused: .malformed,
                "pool \(name) has \(count) resources; delete them first"
            )
        }
        return Decision([.poolDeleted(name: name)] + breakersEnding(with: .pool(name)), done)
    }

    func setResource(_ request: ResourceRequest) -> Decision {
        if let refusal = fault(of: request) { return Decision(.refused(refusal)) }
        guard let resource = resource(named: request.name) else {
            guard Int(facts.nextResource) <= Limits.resources else {
                return Decision(
                    refused: .busy,
                    "the ledger has \(Limits.resources) resources, its limit"
                )
            }
            return declare(request)
        }
        guard resource.pool == request.pool, resource.kind == request.kind,
            request.node == nil || resource.node == request.node
        else {
            return Decision(
                refused: .malformed,
                "resource \(request.name) is \(resource.kind.name) of pool \(resource.pool) in "
                    + "place \(resource.place); these never change: delete it and declare it anew"
            )
        }
        guard request.capacity >= resource.used || request.force else {
            let text = { Quantity.text($0, kind: resource.kind) }
            return Decision(
                refused: .malformed,
                "capacity \(text(request.capacity)) is below the \(text(resource.used)) of "
                    + "\(request.name) in use; add FORCE to accept the debt"
            )
        }
        var whole = request
        whole.labels = request.labels ?? resource.labels
        whole.cost = request.cost ?? resource.cost
        whole.node = resource.node
        return Decision(
            .resourceSet(ResourceDeclaration(id: resource.id, request: whole)),
            done
        )
    }

    /// A resource that was not there, with what the windows of its node make of it.
    private func declare(_ request: ResourceRequest) -> Decision {
        let id = ResourceID(rawValue: facts.nextResource)
        let taking = windows(takingIn: request)
        if let full = taking.first(where: { $0.members.count >= Limits.nodeResources }) {
            return Decision(
                refused: .busy,
                "window \(full.id.rawValue) of its node has \(full.members.count) resources, the "
                    + "limit; retry when it is over, or cancel it"
            )
        }
        var events = [Event.resourceSet(ResourceDeclaration(id: id, request: request))]
        if taking.contains(where: \.hasBegun) { events.append(.resourceStateSet(id, .draining)) }
        return Decision(events, done)
    }

    private func fault(of request: ResourceRequest) -> Refusal? {
        if !Names.isValid(request.name) {
            return Refusal(.malformed, "RESOURCE '\(request.name.printable)' is no name")
        }
        if pools.index(forKey: request.pool) == nil { return noPool(request.pool) }
        if let node = request.node, !Names.isValid(node) {
            return Refusal(.malformed, "NODE '\(node.printable)' is no name")
        }
        if request.capacity > Limits.amountMax {
            return Refusal(
                .malformed,
                "CAPACITY is above \(Limits.amountMax) \(request.kind.baseUnit.rawValue)"
            )
        }
        if let cost = request.cost, cost > Limits.amountMax {
            return Refusal(.malformed, "COST is above \(Limits.amountMax)")
        }
        return request.labels?.fault(of: "LABEL").map { Refusal(.malformed, $0) }
    }

    func deleteResource(_ name: String) -> Decision {
        guard let resource = resource(named: name) else {
            return Decision(.refused(noResource(name)))
        }
        guard resource.used == 0 else {
            return Decision(
                refused: .malformed,
                "\(Quantity.text(resource.used, kind: resource.kind)) of \(name) is in use; "
                    + "DRAIN it and delete it when it is empty"
            )
        }
        return Decision(
            breakersEnding(with: .resource(resource.id))
                + leavingWindows(deleting: resource.id) + [.resourceDeleted(resource.id)],
            done
        )
    }

    func noPool(_ name: String) -> Refusal {
        Refusal(.notFound, "no pool \(name.printable); see POOL LIST, or create it with POOL SET")
    }

    func noResource(_ name: String) -> Refusal {
        Refusal(.notFound, "no resource \(name.printable); see RESOURCE LIST")
    }
}
