// Commands of operators, and reads.

internal import TenureModel

extension CommandParser {
    /// What reads.
    static func query(_ words: CommandWords) throws(Refusal) -> Query {
        switch words.row.word {
        case .sessionGet: return .session(SessionID(rawValue: try words.id(operand: 0)))
        case .leaseGet: return .lease(LeaseID(rawValue: try words.id(operand: 0)))
        case .leaseList:
            let filter = LeaseFilter(
                pool: try words.name(.pool),
                tenant: try words.tenant(),
                holder: try words.name(.holder)
            )
            return .leases(filter, page: try words.page())
        case .queueGet: return .ticket(TicketID(rawValue: try words.id(operand: 0)))
        case .queueList:
            let filter = TicketFilter(pool: try words.name(.pool), tenant: try words.tenant())
            return .tickets(filter, page: try words.page())
        case .bookingGet: return .booking(TicketID(rawValue: try words.id(operand: 0)))
        case .bookingList:
            let filter = TicketFilter(pool: try words.name(.pool), tenant: try words.tenant())
            return .bookings(filter, page: try words.page())
        case .windowGet: return .window(WindowID(rawValue: try words.id(operand: 0)))
        case .windowList:
            return .windows(pool: try words.name(.pool), page: try words.page())
        case .requestGet:
            return .request(
                id: try Grammar.requestID(try words.text(operand: 0)),
                tenant: try words.tenant() ?? "default"
            )
        case .optimize: return .optimize(try optimize(words))
        case .usageGet: return .usage(tenant: try Grammar.tenant(try words.text(operand: 0)))
        case .poolGet: return .pool(try words.name(operand: 0))
        case .poolList: return .pools
        case .resourceGet: return .resource(try words.name(operand: 0))
        case .resourceList:
            return .resources(pool: try words.name(.pool), page: try words.page())
        case .breakerList:
            return .breakers(pool: try words.name(.pool), page: try words.page())
        case .quotaGet:
            let (tenant, kind) = try tenantAndKind(words)
            return .quota(tenant: tenant, kind: kind)
        case .quotaList: return .quotas(tenant: try words.tenant())
        case .budgetGet: return .budget(try Grammar.tenant(try words.text(operand: 0)))
        case .budgetList: return .budgets(below: try words.tenant())
        case .tenantGet: return .tenant(try Grammar.tenant(try words.text(operand: 0)))
        case .tenantList: return .tenants(below: try words.tenant())
        default: return .status
        }
    }

    private static func optimize(_ words: CommandWords) throws(Refusal) -> OptimizeRequest {
        var request = OptimizeRequest(pool: try words.name(operand: 0))
        if let moves = try words.count(.moves, upTo: UInt64(Limits.moves)) {
            request.moves = Int(moves)
        }
        if let text = try words.text(.for) {
            guard let goal = OptimizeRequest.Goal(rawValue: text.lowercased()) else {
                throw Grammar.fault(
                    "FOR \(Grammar.quoted(text)) is neither fragmentation nor cost"
                )
            }
            request.goal = goal
        }
        if let text = try words.text(.after) {
            request.after = try Grammar.freeText(text, "AFTER")
        }
        request.isOffered = words[.offer] != nil
        return request
    }

    /// What declares, changes or deletes pools, resources and quotas.
    static func setting(_ words: CommandWords) throws(Refusal) -> Command {
        switch words.row.word {
        case .poolSet:
            return .setPool(
                name: try words.name(operand: 0),
                settings: try poolSettings(words.arguments, from: words.operand(1))
            )
        case .poolDelete: return .deletePool(name: try words.name(operand: 0))
        case .resourceSet: return .setResource(try resource(words))
        case .resourceDrain where isPlanned(words), .nodeDrain where isPlanned(words):
            return .planWindow(try window(words))
        case .resourceCordon, .resourceDrain, .resourceUncordon:
            return .setResourceState(
                name: try words.name(operand: 0),
                state: state(words.row.word),
                byMilliseconds: try words.milliseconds(.by)
            )
        case .nodeCordon, .nodeDrain, .nodeUncordon:
            return .setNodeState(
                NodeRequest(
                    node: try words.name(operand: 0),
                    pool: try words.name(.pool),
                    state: state(words.row.word),
                    byMilliseconds: try words.milliseconds(.by)
                )
            )
        case .breakerReset: return .resetBreaker(try breaker(words))
        case .prune: return .prune(through: try words.id(operand: 0), seal: try seal(words))
        case .resourceDelete: return .deleteResource(name: try words.name(operand: 0))
        case .quotaSet:
            return .setQuota(try quota(words))
        case .quotaDelete:
            let (tenant, kind) = try tenantAndKind(words)
            return .deleteQuota(tenant: tenant, kind: kind)
        case .budgetSet: return .setBudget(try budget(words))
        case .budgetDelete:
            return .deleteBudget(try Grammar.tenant(try words.text(operand: 0)))
        case .tenantSet: return .setTenant(try tenant(words))
        case .tenantDelete:
            return .deleteTenant(try Grammar.tenant(try words.text(operand: 0)))
        default:
            // Only a row that was added to the table and not here; an answer, not a trap.
            throw unsupported(words.row.word.rawValue)
        }
    }

    private static func breaker(_ words: CommandWords) throws(Refusal) -> BreakerName {
        let guarded = try words.text(operand: 0)
        let name = try words.name(operand: 1)
        switch guarded.uppercased() {
        case "POOL": return .pool(name)
        case "RESOURCE": return .resource(name)
        default:
            throw Grammar.fault(
                "BREAKER RESET \(Grammar.quoted(guarded)) is neither POOL nor RESOURCE"
            )
        }
    }

    /// The 64 hexadecimal digits of a seal.
    private static func seal(_ words: CommandWords) throws(Refusal) -> String {
        let text = try words.text(operand: 1)
        guard text.utf8.count == Limits.sealDigits, text.allSatisfy(\.isHexDigit) else {
            throw Grammar.fault("\(Grammar.quoted(text)) is no seal: \(Limits.sealDigits) digits")
        }
        return text.lowercased()
    }

    /// The state that a verb leads to.
    private static func state(_ word: CommandWord) -> ResourceState {
        switch word {
        case .resourceCordon, .nodeCordon: .cordoned
        case .resourceDrain, .nodeDrain: .draining
        default: .active
        }
    }

    private static func resource(_ words: CommandWords) throws(Refusal) -> ResourceRequest {
        let kind = try Grammar.kind((try words.text(.kind) ?? "")[...])
        let capacity = (try words.text(.capacity) ?? "")[...]
        var request = ResourceRequest(
            name: try words.name(operand: 0),
            pool: try words.name(.pool) ?? "",
            kind: kind,
            capacity: try Grammar.amount(capacity, of: kind, orZero: true),
            node: try words.name(.node)
        )
        if let text = try words.text(.label) {
            request.labels = text.isEmpty ? [] : try Grammar.labels(text, "LABEL")
        }
        if let text = try words.text(.cost) { request.cost = try Grammar.price(text, "COST") }
        request.force = words[.force] != nil
        return request
    }

    /// Key and value pairs of a pool.
    private static func poolSettings(
        _ arguments: RequestArguments,
        from start: Int
    ) throws(Refusal) -> [PoolSetting] {
        var settings: [PoolSetting] = []
        var seen: Set<String> = []
        var index = start
        while index < arguments.count {
            let word = try arguments.text(index)
            guard let key = PoolSettings.keys.first(where: { $0.lowercased() == word.lowercased() })
            else {
                throw Grammar.fault(
                    "unknown pool setting \(arguments.quoted(index))"
                        + "\(Suggestion.sentence(for: word, in: PoolSettings.keys)); there are "
                        + PoolSettings.keys.joined(separator: ", ")
                )
            }
            guard seen.insert(key).inserted else {
                throw Grammar.fault("the pool setting \(key) is given twice")
            }
            guard index + 1 < arguments.count else {
                throw Grammar.fault("the pool setting \(key) needs a value")
            }
            settings.append(try poolSetting(key, arguments, at: index + 1))
            index += 2
        }
        return settings
    }

    private static func poolSetting(
        _ key: String,
        _ arguments: RequestArguments,
        at place: Int
    ) throws(Refusal) -> PoolSetting {
        guard let number = PoolNumber(rawValue: key) else {
            return .strategy(try strategy(try arguments.text(place)))
        }
        guard let value = arguments.unsigned(place), value <= Limits.millisecondsMax else {
            throw Grammar.fault(
                "the pool setting \(key) \(arguments.quoted(place)) is not a whole number "
                    + "from 0 to \(Limits.millisecondsMax)"
            )
        }
        return .number(number, value)
    }
}
