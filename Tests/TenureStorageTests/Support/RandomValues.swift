// Values of every event and every row, drawn from a seed.

import TenureModel
import TenureSimulation
import TenureTesting

/// Draws values that the model could have.
struct RandomValues {
    var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func u64() -> UInt64 {
        // Small, large and extreme numbers in equal parts.
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: UInt64.random(in: 0..<300, using: &generator)
        case 1: .max
        default: generator.next()
        }
    }

    mutating func u32() -> UInt32 { UInt32(truncatingIfNeeded: u64()) }

    mutating func bool() -> Bool { generator.chance(50) }

    mutating func count(_ most: Int = 4) -> Int { Int.random(in: 0...most, using: &generator) }

    mutating func list<Value>(
        _ most: Int = 4,
        _ make: (inout RandomValues) -> Value
    ) -> [Value] {
        var values: [Value] = []
        for _ in 0..<count(most) { values.append(make(&self)) }
        return values
    }

    mutating func maybe<Value>(_ make: (inout RandomValues) -> Value) -> Value? {
        bool() ? make(&self) : nil
    }

    mutating func text(_ most: Int = 40) -> String {
        let letters = Array("abcXYZ019._-/ äß€🦊")
        return String((0..<count(most)).map { _ in pick(letters) })
    }

    mutating func name() -> String {
        let letters = Array("abcdefgh0123._-")
        return "n" + String((0..<count(30)).map { _ in pick(letters) })
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &generator)]
    }

    mutating func time() -> LedgerTime { LedgerTime(nanoseconds: u64()) }

    mutating func kind() -> Kind {
        Kind(name()) ?? .cpu
    }

    mutating func leaseID() -> LeaseID { LeaseID(rawValue: u64()) }

    mutating func sessionID() -> SessionID { SessionID(rawValue: u64()) }

    mutating func labels() -> [Label] {
        list { Label(name: $0.name(), value: $0.text()) }
    }

    mutating func placements() -> [Placement] {
        list { Placement(resource: ResourceID(rawValue: $0.u32()), amount: $0.u64()) }
    }

    mutating func requestKey() -> RequestKey { RequestKey(tenant: name(), id: name()) }

    mutating func poolSettings() -> PoolSettings {
        var settings = PoolSettings()
        settings.strategy = pick(Strategy.allCases)
        for number in PoolNumber.allCases where bool() { settings[number] = u64() }
        return settings
    }

    mutating func pool() -> Pool {
        Pool(name: name(), settings: poolSettings(), policy: maybe { $0.policy() })
    }

    mutating func policy() -> LearntPolicy {
        let models = list { $0.labels() }
        let mix = list { values in
            let count = Int(values.u32() % 4)
            let isBound = count > 0 && !models.isEmpty
            return LearntPolicy.Sort(
                demand: DeviceDemand(
                    cpu: values.u64(),
                    memory: 0,
                    count: count,
                    share: count == 1 ? 1 + Int(values.u32() % 1000) : 1000,
                    models: isBound ? [UInt16(values.u32() % UInt32(models.count))] : []
                ),
                count: values.u64()
            )
        }
        return LearntPolicy(
            version: u32(),
            seen: u64() >> 2,
            models: models,
            pressure: models.map { _ in u32() },
            slice: (0...100).map { _ in UInt16(u32() % 10_001) },
            cpuPerDevice: u64() | 1,
            overload: UInt16(u32() % 10_001),
            mix: mix
        )
    }

    mutating func declaration() -> ResourceDeclaration {
        var request = ResourceRequest(
            name: name(),
            pool: name(),
            kind: kind(),
            capacity: u64(),
            node: maybe { $0.name() }
        )
        request.labels = maybe { $0.labels() }
        request.cost = maybe { $0.u64() }
        request.force = bool()
        request.detected = bool()
        return ResourceDeclaration(id: ResourceID(rawValue: u32()), request: request)
    }

    mutating func resource() -> Resource {
        let declaration = declaration()
        var resource = Resource(id: declaration.id, request: declaration.request)
        resource.state = pick(ResourceState.allCases)
        resource.held = u64()
        resource.reserved = u64()
        resource.quarantined = u64()
        resource.drain = maybe { Drain(by: $0.time(), past: $0.leaseID()) }
        let classes = Set(list { UInt8($0.u64() % 255) }).sorted()
        let entries = classes.map { number in
            DatedAmounts.Entry(lifetime: LifetimeClass(rawValue: number), amount: u64() | 1)
        }
        resource.dated = DatedAmounts(entries: entries) ?? DatedAmounts()
        return resource
    }

    mutating func quota() -> Quota {
        var quota = Quota(tenant: name(), kind: kind(), limit: u64())
        guard bool() else { return quota }
        quota.guarantee = u64()
        quota.borrowing = maybe { $0.u64() }
        quota.lending = maybe { $0.u64() }
        quota.weight = u64()
        return quota
    }

    mutating func tenantLimits() -> TenantLimits {
        var limits = TenantLimits(tenant: name())
        limits.leases = maybe { $0.u64() }
        limits.rate = maybe { $0.u64() % Limits.grantRateMax + 1 }
        limits.burst = u64() % Limits.grantBurstMax + 1
        limits.count = u64()
        limits.arrival = time()
        return limits
    }

    mutating func budget() -> Budget {
        var budget = Budget(
            tenant: name(),
            since: u64(),
            limit: u64(),
            windowMilliseconds: u64(),
            start: time()
        )
        (budget.held, budget.spent, budget.window) = (u64(), u64(), u64())
        return budget
    }

    mutating func charge() -> LeaseCharge {
        LeaseCharge(
            held: u64(),
            prices: list { values in
                ResourcePrice(resource: ResourceID(rawValue: values.u32()), price: values.u64())
            }
        )
    }

    mutating func settlement() -> Settlement {
        Settlement(lease: leaseID(), spent: u64(), held: u64(), until: time())
    }

    mutating func chargedLease() -> Lease {
        var lease = lease()
        lease.charge = maybe { $0.charge() }
        return lease
    }

    mutating func lease() -> Lease {
        let terms = LeaseTerms(
            pool: name(),
            tenant: name(),
            holder: text(),
            uid: maybe { $0.u32() },
            granted: time(),
            ttlMilliseconds: u64(),
            lifetimeEnd: time(),
            session: maybe { $0.sessionID() },
            priority: pick(Priority.allCases),
            tags: labels(),
            purpose: maybe { $0.text(200) },
            requestID: maybe { $0.name() },
            wasReserved: bool()
        )
        return Lease(
            id: leaseID(),
            token: Token(rawValue: u64()),
            state: pick([.held, .reserved, .quarantined, .ended]),
            deadline: time(),
            placements: placements(),
            terms: terms
        )
    }

    mutating func process() -> ProcessIdentity {
        ProcessIdentity(
            pid: Int32(truncatingIfNeeded: u64()),
            startTicks: u64(),
            bootID: name(),
            pidNamespace: u64()
        )
    }

    mutating func session() -> Session {
        Session(
            id: sessionID(),
            token: Token(rawValue: u64()),
            holder: text(),
            uid: maybe { $0.u32() },
            ttlMilliseconds: u64(),
            deadline: time(),
            process: maybe { $0.process() },
            ended: maybe { $0.pick(ReclaimCause.allCases) }
        )
    }

    mutating func storedAnswer(_ key: RequestKey? = nil) -> StoredAnswer {
        let outcome: StoredAnswer.Outcome =
            if bool() {
                .changed(
                    pick(LeaseChange.allCases),
                    lease: leaseID(),
                    token: Token(rawValue: u64()),
                    holder: text(),
                    deadline: time(),
                    placements: placements()
                )
            } else if bool() {
                .granted(
                    status: UInt8(truncatingIfNeeded: u64()),
                    lease: leaseID(),
                    holder: text(),
                    deadline: time(),
                    placements: placements()
                )
            } else {
                .refused(code: name(), message: text(300))
            }
        return StoredAnswer(
            key: key ?? requestKey(),
            body: generator.bytes(count(200)),
            outcome: outcome,
            position: u64(),
            expires: time()
        )
    }

    mutating func usage() -> TenantUsage {
        let entries = list { values in
            TenantUsage.Entry(
                kind: values.kind(),
                held: values.u64(),
                reserved: values.u64(),
                quarantined: values.u64()
            )
        }
        return TenantUsage(tenant: name(), entries: entries)
    }

    mutating func due() -> DueEntry {
        let key = DueKey(
            time: time(),
            subject: pick([
                .lease, .session, .storedAnswer, .budgetWindow, .drain, .breaker, .windowStart,
                .windowEnd,
            ]),
            id: u64()
        )
        return DueEntry(key: key, request: maybe { $0.requestKey() })
    }

    mutating func member() -> MemberKey {
        MemberKey(session: sessionID(), lease: leaseID())
    }

    mutating func breakerSubject() -> BreakerSubject {
        bool() ? .pool(name()) : .resource(ResourceID(rawValue: u32()))
    }

    mutating func breaker() -> Breaker {
        Breaker(
            subject: breakerSubject(),
            state: pick(Breaker.State.allCases),
            cause: text(),
            since: time(),
            until: time(),
            openings: u32(),
            number: u64(),
            probesMax: UInt16(truncatingIfNeeded: u32()),
            failures: list {
                Breaker.Failure(time: $0.time(), lease: $0.leaseID(), count: $0.u64())
            },
            probes: list { $0.leaseID() }
        )
    }

    mutating func opening() -> Opening {
        Opening(
            bootID: text(),
            bootNanoseconds: u64(),
            wallNanoseconds: u64(),
            pidNamespace: u64(),
            recovery: text(),
            version: text(),
            isEstimate: bool()
        )
    }

    mutating func grace() -> Grace {
        Grace(
            from: time(),
            end: time(),
            milliseconds: u64(),
            others: list { Grace.PoolBound(pool: $0.name(), milliseconds: $0.u64()) }
        )
    }

    mutating func facts() -> LedgerFacts {
        var facts = LedgerFacts()
        facts.position = u64()
        facts.time = time()
        facts.epoch = UInt16(truncatingIfNeeded: u64())
        facts.epochSince = u64()
        facts.nextResource = u32()
        facts.graces = list { $0.grace() }
        facts.opening = maybe { $0.opening() }
        facts.openedAt = time()
        facts.leases = u64()
        facts.sessions = u64()
        facts.storedAnswers = u64()
        return facts
    }

    mutating func passedOver() -> PassedOver {
        var passedOver = PassedOver()
        passedOver.room = u32()
        passedOver.labels = u32()
        passedOver.first = list { values in
            PassedOver.Place(name: values.name(), reason: values.pick(PassedOver.Reason.allCases))
        }
        return passedOver
    }
}
