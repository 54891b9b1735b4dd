// Commands of holders: asking for amounts, keeping them, giving them back.

internal import TenureModel

extension CommandParser {
    /// ACQUIRE, RESERVE and PLAN.
    static func acquire(_ words: CommandWords) throws(Refusal) -> AcquireRequest {
        var request = try Grammar.pools(
            try words.text(operand: 0),
            claims: try Grammar.claims(try words.text(operand: 1))
        )
        request.planOnly = words.row.word == .plan
        if let tenant = try words.tenant() { request.tenant = tenant }
        request.holder = try words.name(.holder)
        request.ttlMilliseconds = try words.milliseconds(.ttl)
        request.session = try words.session()
        request.maxLifetimeMilliseconds = try words.milliseconds(.maxLifetime)
        request.holdMilliseconds = try words.milliseconds(.hold)
        request.waitMilliseconds = try words.milliseconds(.wait)
        request.queueMilliseconds = try words.milliseconds(.queue)
        if let text = try words.text(.priority) { request.priority = try priority(text) }
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        if let text = try words.text(.strategy) { request.strategy = try strategy(text) }
        if let text = try words.text(.select) {
            request.selector = try Grammar.labels(text, "SELECT")
        }
        request.within = try words.name(.within)
        if let text = try words.text(.near) { request.near = try Grammar.affinities(text, "NEAR") }
        if let text = try words.text(.away) { request.away = try Grammar.affinities(text, "AWAY") }
        if let text = try words.text(.tag) { request.tags = try Grammar.labels(text, "TAG") }
        if let text = try words.text(.purpose) {
            request.purpose = try Grammar.freeText(text, "PURPOSE")
        }
        if let text = try words.text(.maxCost) {
            request.maxCost = try Grammar.price(text, "MAXCOST")
        }
        request.plan = try words.planVersion()
        try checkLife(request.ttlMilliseconds, request.session)
        if request.queueMilliseconds != nil {
            if request.waitMilliseconds != nil {
                throw Grammar.fault(
                    "WAIT and QUEUE exclude each other: one blocks, the other answers at once"
                )
            }
            if request.requestID == nil, request.session == nil {
                throw Grammar.fault(
                    "QUEUE needs REQUEST or SESSION, by which to ask what became of it"
                )
            }
        }
        return request
    }

    /// Refuses what is kept alive twice.
    static func checkLife(_ ttl: UInt64?, _ session: SessionID?) throws(Refusal) {
        guard ttl != nil, session != nil else { return }
        throw Grammar.fault(
            "TTL and SESSION exclude each other: a lease in a session lives as long as it"
        )
    }

    /// The class called `text`.
    static func priority(_ text: String) throws(Refusal) -> Priority {
        if let priority = Priority(name: text.lowercased()) { return priority }
        throw Grammar.fault(
            "PRIORITY \(Grammar.quoted(text)) is none of low, normal, high, critical"
        )
    }

    /// The strategy called `text`.
    static func strategy(_ text: String) throws(Refusal) -> Strategy {
        if let strategy = Strategy(rawValue: text.lowercased()) { return strategy }
        let names = Strategy.allCases.map(\.rawValue).joined(separator: ", ")
        throw Grammar.fault("the strategy \(Grammar.quoted(text)) is none of \(names)")
    }

    /// SESSION OPEN.
    static func sessionOpen(_ words: CommandWords) throws(Refusal) -> ParsedRequest {
        let request = SessionRequest(
            ttlMilliseconds: try words.milliseconds(.ttl),
            holder: try words.name(.holder)
        )
        guard let place = words[.process] else {
            guard request.ttlMilliseconds != nil else {
                throw Grammar.fault(
                    "SESSION OPEN needs TTL or PROCESS, or both: what else ends it?"
                )
            }
            return .ledger(.openSession(request))
        }
        if words.arguments.key(place) == WordKey("PEER") {
            return .openSession(request, process: .peer)
        }
        guard let number = words.arguments.unsigned(place), number > 0,
            let pid = Int32(exactly: number)
        else {
            throw Grammar.fault(
                "PROCESS \(words.arguments.quoted(place)) is neither a process number nor 'peer'"
            )
        }
        return .openSession(request, process: .pid(pid))
    }

    /// What carries the token of a lease or a session.
    static func holding(_ words: CommandWords) throws(Refusal) -> Command {
        switch words.row.word {
        case .commit: return .commit(try words.leaseReference(), parts: try parts(words))
        case .cancel: return .cancel(try words.leaseReference())
        case .release: return .release(try words.leaseReference(), parts: try parts(words))
        case .check: return .check(try words.leaseReference())
        case .report: return .report(try words.leaseReference(), try report(words))
        case .sessionKeepAlive: return .keepSession(try words.sessionReference())
        case .sessionClose: return .closeSession(try words.sessionReference())
        case .leaseRevoke:
            let reason = try Grammar.freeText(try words.text(operand: 1), "the reason")
            guard !reason.isEmpty else { throw Grammar.fault("the reason is empty; state one") }
            return try revocation(words, reason)
        default:
            return .renew(
                try words.leaseReference(),
                ttlMilliseconds: try words.milliseconds(.ttl)
            )
        }
    }

    private static func revocation(
        _ words: CommandWords,
        _ reason: String
    ) throws(Refusal) -> Command {
        let isAll = words.arguments.key(words.operand(0)) == WordKey("ALL")
        guard isAll else {
            if let option = words.row.options.first(where: { words[$0] != nil }) {
                throw Grammar.fault("\(option.word) goes with LEASE REVOKE ALL, not with one lease")
            }
            return .revoke(LeaseID(rawValue: try words.id(operand: 0)), reason: reason)
        }
        var request = RevokeRequest(reason: reason)
        request.filter.pool = try words.name(.pool)
        request.filter.tenant = try words.tenant()
        request.filter.holder = try words.name(.holder)
        request.node = try words.name(.node)
        if let text = try words.text(.tag) { request.tags = try Grammar.labels(text, "TAG") }
        if let text = try words.text(.after) {
            request.after = try Grammar.freeText(text, "AFTER")
        }
        request.isDry = words[.dryRun] != nil
        return .revokeAll(request)
    }

    private static func report(_ words: CommandWords) throws(Refusal) -> Report {
        let outcome = try words.text(operand: 2)
        let hasFailed: Bool
        switch outcome.uppercased() {
        case "OK": hasFailed = false
        case "FAILED": hasFailed = true
        default:
            throw Grammar.fault("the report \(Grammar.quoted(outcome)) is neither OK nor FAILED")
        }
        var report = Report(hasFailed: hasFailed, resource: try words.name(.resource))
        if let text = try words.text(.reason) {
            report.reason = try Grammar.freeText(text, "REASON")
        }
        return report
    }

    private static func parts(_ words: CommandWords) throws(Refusal) -> [Part]? {
        guard let place = words.optionalOperand else { return nil }
        return try Grammar.parts(try words.arguments.text(place))
    }
}
