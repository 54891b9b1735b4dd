// What opens breakers and closes them: reports of holders, refusals of pools, operators.

internal import TenureBase

extension LedgerState {
    // MARK: Reports

    func report(
        _ reference: LeaseReference,
        _ report: Report,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let lease: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended:
            return Decision(
                refused: .expired,
                "lease \(reference.lease.rawValue) has ended; report before that"
            )
        case .valid(let found, _): lease = found
        }
        if lease.state == .reserved {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a reservation, which uses nothing yet; COMMIT it first"
            )
        }
        let reason = report.reason ?? ""
        guard reason.isPlainText else {
            return Decision(
                refused: .malformed,
                "REASON is at most \(Limits.textBytes) bytes without control characters"
            )
        }
        let subjects: [Resource]
        switch reported(report.resource, by: lease) {
        case .success(let found): subjects = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        let settings = settings(ofPool: lease.terms.pool)?.breakers ?? BreakerSettings()
        var events: [Event] = []
        for resource in subjects {
            let event =
                report.hasFailed
                ? failure(of: resource, reportedBy: lease, reason, settings, now: now)
                : success(of: resource, reportedBy: lease)
            if let event { events.append(event) }
        }
        return Decision(events, reportAnswer(lease, events))
    }

    /// The resources that a report is about: one by its name, all devices, or all there are.
    private func reported(
        _ name: String?,
        by lease: Lease
    ) -> Result<[Resource], Refusal> {
        let held = Set(lease.placements.map(\.resource)).sorted().compactMap { resource($0) }
        if let name {
            guard let resource = held.first(where: { $0.name == name }) else {
                return .failure(
                    Refusal(.malformed, "the lease holds nothing of '\(name.printable)'")
                )
            }
            return .success([resource])
        }
        let devices = held.filter(\.kind.isExclusive)
        return .success(devices.isEmpty ? held : devices)
    }

    private func reportAnswer(_ lease: Lease, _ events: [Event]) -> Answer {
        var opened: [Document] = []
        var closed: [Document] = []
        for event in events {
            switch event {
            case .breakerSet(let breaker) where breaker.state == .open:
                opened.append(.string(name(of: breaker.subject)))
            case .breakerCleared(let subject, _): closed.append(.string(name(of: subject)))
            default: break
            }
        }
        return .document(
            .map([
                .init("status", .string(events.isEmpty ? "nothing changed" : "noted")),
                .init("lease", .id(lease.id.rawValue)), .init("opened", .list(opened)),
                .init("closed", .list(closed)),
                .init("position", .id(events.isEmpty ? facts.position : nextPosition)),
            ])
        )
    }

    private func success(of resource: Resource, reportedBy lease: Lease) -> Event? {
        let subject = BreakerSubject.resource(resource.id)
        guard let breaker = breakers[subject], breaker.probes.contains(lease.id) else { return nil }
        let reason = "lease \(lease.id.rawValue) on trial reports that it works"
        return .breakerCleared(subject, reason: reason)
    }

    /// What a failure does; nothing where breakers are off, or it is open already.
    private func failure(
        of resource: Resource,
        reportedBy lease: Lease,
        _ reason: String,
        _ settings: BreakerSettings,
        now: LedgerTime
    ) -> Event? {
        let subject = BreakerSubject.resource(resource.id)
        let known = breakers[subject]
        guard settings.failures > 0, known?.state != .open else { return nil }
        guard known != nil || breakers.rows.count < Limits.breakers else { return nil }
        let cause =
            "lease \(lease.id.rawValue) reports that \(resource.name) failed"
            + (reason.isEmpty ? "" : ": \(reason)")
        if let known, known.state == .halfOpen {
            return .breakerSet(
                opened(subject, cause, number: known.number, after: known, settings, now: now)
            )
        }
        // One holder alone opens nothing: it counts once.
        var failures = recent(known?.failures ?? [], settings, now: now)
        failures.removeAll { $0.lease == lease.id }
        failures.append(Breaker.Failure(time: now, lease: lease.id, count: 1))
        let number = UInt64(resource.id.rawValue)
        if UInt64(failures.count) >= settings.failures {
            return .breakerSet(
                opened(subject, cause, number: number, after: nil, settings, now: now)
            )
        }
        return .breakerSet(closed(subject, cause, number: number, failures, settings))
    }

    // MARK: Refusals

    /// What so many requests do that a pool refused as exhausted.
    ///
    /// `ordinal` tells several pools of one frame apart.
    func refused(
        _ count: UInt64,
        by pool: String,
        ordinal: Int,
        now: LedgerTime
    ) -> Event? {
        guard let settings = settings(ofPool: pool)?.breakers, settings.refusals > 0, count > 0
        else { return nil }
        let subject = BreakerSubject.pool(pool)
        let known = breakers[subject]
        guard known?.state != .open, known != nil || breakers.rows.count < Limits.breakers else {
            return nil
        }
        // Above all numbers of resources; positions have 48 bits, pools of one frame fewer than 12.
        let number = 1 << 63 | nextPosition << 12 | UInt64(ordinal)
        if let known, known.state == .halfOpen {
            let cause = "it was tried again and had still not enough free"
            return .breakerSet(
                opened(subject, cause, number: number, after: known, settings, now: now)
            )
        }
        var failures = recent(known?.failures ?? [], settings, now: now)
        // At most 60 entries: refusals of the same sixtieth of the window are one.
        if let last = failures.last, now.milliseconds(since: last.time) <= settings.window / 60 {
            failures[failures.count - 1].count += count
        } else {
            let none = LeaseID(rawValue: 0)
            failures.append(Breaker.Failure(time: now, lease: none, count: count))
        }
        let total = failures.reduce(UInt64(0)) { $0.saturatingSum($1.count) }
        let cause = "\(total) requests were refused as EXHAUSTED, and none granted"
        if total >= settings.refusals {
            return .breakerSet(
                opened(subject, cause, number: number, after: nil, settings, now: now)
            )
        }
        return .breakerSet(closed(subject, cause, number: number, failures, settings))
    }

    /// What counted refusals do to the breakers of their pools.
    func refused(_ counts: [RefusalCount], now: LedgerTime) -> [Event] {
        var totals: [String: UInt64] = [:]
        for count in counts where count.code == .exhausted {
            totals[count.pool, default: 0] = (totals[count.pool] ?? 0).saturatingSum(count.count)
        }
        var events: [Event] = []
        for (ordinal, pool) in totals.keys.sorted().enumerated() {
            let event = refused(totals[pool] ?? 0, by: pool, ordinal: ordinal, now: now)
            if let event { events.append(event) }
        }
        return events
    }

    // MARK: Rows

    private func recent(
        _ failures: [Breaker.Failure],
        _ settings: BreakerSettings,
        now: LedgerTime
    ) -> [Breaker.Failure] {
        failures.filter { now.milliseconds(since: $0.time) < settings.window }
    }

    private func opened(
        _ subject: BreakerSubject,
        _ cause: String,
        number: UInt64,
        after known: Breaker?,
        _ settings: BreakerSettings,
        now: LedgerTime
    ) -> Breaker {
        let openings = (known?.openings ?? 0) &+ 1
        return Breaker(
            subject: subject,
            state: .open,
            cause: cause,
            since: known?.since ?? now,
            until: now.advanced(byMilliseconds: settings.openMilliseconds(openings)),
            openings: openings,
            number: number,
            probesMax: UInt16(clamping: settings.probes)
        )
    }

    private func closed(
        _ subject: BreakerSubject,
        _ cause: String,
        number: UInt64,
        _ failures: [Breaker.Failure],
        _ settings: BreakerSettings
    ) -> Breaker {
        Breaker(
            subject: subject,
            state: .closed,
            cause: cause,
            since: failures.first?.time ?? .zero,
            until: .never,
            openings: 0,
            number: number,
            probesMax: UInt16(clamping: settings.probes),
            failures: failures
        )
    }

    // MARK: Operators

    func resetBreaker(_ name: BreakerName) -> Decision {
        let subject: BreakerSubject
        switch name {
        case .pool(let pool):
            guard pools.index(forKey: pool) != nil else { return Decision(.refused(noPool(pool))) }
            subject = .pool(pool)
        case .resource(let name):
            guard let resource = resource(named: name) else {
                return Decision(.refused(noResource(name)))
            }
            subject = .resource(resource.id)
        }
        guard breakers[subject] != nil else {
            return Decision(
                refused: .notFound,
                "the breaker of \(self.name(of: subject)) is closed already; see BREAKER LIST"
            )
        }
        return Decision(.breakerCleared(subject, reason: "reset by an operator"), done)
    }

    /// What ends because the pool's settings turn breakers off.
    func breakersTurnedOff(by settings: BreakerSettings, of pool: String) -> [Event] {
        let off = breakers.rows.keys.filter { subject in
            switch subject {
            case .pool(let name): name == pool && settings.refusals == 0
            case .resource(let id): resource(id)?.pool == pool && settings.failures == 0
            }
        }
        return off.sorted().map { .breakerCleared($0, reason: "turned off") }
    }

    /// What ends with the thing that it guards.
    func breakersEnding(with subject: BreakerSubject) -> [Event] {
        breakers[subject] == nil ? [] : [.breakerCleared(subject, reason: "deleted")]
    }

    /// How a breaker's subject is called.
    func name(of subject: BreakerSubject) -> String {
        switch subject {
        case .pool(let name): name
        case .resource(let id): resource(id)?.name ?? "#\(id.rawValue)"
        }
    }

    // MARK: Lists

    func breakerPage(of pool: String?, _ page: Page, now: LedgerTime) -> Decision {
        if let pool, pools.index(forKey: pool) == nil { return Decision(.refused(noPool(pool))) }
        let keys = breakers.rows.keys.compactMap { subject -> (String, BreakerSubject)? in
            if let pool, self.pool(of: subject) != pool { return nil }
            let key = cursor(of: subject)
            return page.after.map { key > $0 } ?? true ? (key, subject) : nil
        }.sorted { $0.0 < $1.0 }
        let limit = min(max(page.limit, 1), Limits.pageItems)
        let items = keys.prefix(limit).compactMap { breakers[$0.1].map { document($0, now: now) } }
        return list(items, cursor: keys.count > limit ? keys[limit - 1].0 : nil)
    }

    private func pool(of subject: BreakerSubject) -> String {
        switch subject {
        case .pool(let name): name
        case .resource(let id): resource(id)?.pool ?? ""
        }
    }

    private func cursor(of subject: BreakerSubject) -> String {
        switch subject {
        case .pool(let name): "pool:\(name)"
        case .resource: "resource:\(name(of: subject))"
        }
    }

    private func document(_ breaker: Breaker, now: LedgerTime) -> Document {
        let guarded: String
        switch breaker.subject {
        case .pool: guarded = "pool"
        case .resource: guarded = "resource"
        }
        return .map([
            .init("guards", .string(guarded)),
            .init("name", .string(name(of: breaker.subject))),
            .init("pool", .string(pool(of: breaker.subject))),
            .init("state", .string(breaker.state.name)),
            .init("cause", .string(breaker.cause)),
            .init("age", .count(now.milliseconds(since: breaker.since))),
            .init("retry", ttl(until: breaker.until, now: now).map(Document.count) ?? .null),
            .init("openings", .count(UInt64(breaker.openings))),
            .init("failures", .count(breaker.failures.reduce(0) { $0.saturatingSum($1.count) })),
            .init("probes", .list(breaker.probes.map { .id($0.rawValue) })),
        ])
    }
}

extension UInt64 {
    fileprivate func saturatingSum(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
