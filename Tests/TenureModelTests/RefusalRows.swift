// The table of refusals that RefusalTests.swift walks. A table: one row per refusal.

import TenureModel
import Testing

enum RefusalRows {
    private static let long = String(repeating: "x", count: 65)
    private static let twice = [Label(name: "a", value: "1"), Label(name: "a", value: "2")]
    private static let control = [Label(name: "a", value: "\u{202e}")]
    private static let many = (0...Limits.labels).map { Label(name: "l\($0)", value: "") }
    private static let wide = (0...Limits.kindsPerClaim).compactMap { Kind("k\($0)") }
        .map { ClaimAmount(kind: $0, amount: 1) }

    private static func claims(_ claims: Claim...) -> AcquireRequest {
        AcquireRequest(pool: "pool", claims: claims)
    }

    /// What is wrong with a request whatever the state is, and what no pool can give.
    static let requests: [RefusalRow] = [
        .acquire("pool is no name", .malformed, ["POOL"], .of(1, pool: "no pool\n")),
        .acquire("tenant is no path", .malformed, ["TENANT"], .of(1) { $0.tenant = "a//b" }),
        .acquire("tenant goes up", .malformed, ["TENANT"], .of(1) { $0.tenant = "../a" }),
        .acquire(
            "tenant is too deep",
            .malformed,
            ["TENANT", "8"],
            .of(1) { $0.tenant = "a/b/c/d/e/f/g/h/i" }
        ),
        .acquire("holder is no name", .malformed, ["HOLDER"], .of(1) { $0.holder = "" }),
        .acquire("request id is empty", .malformed, ["REQUEST"], .of(1) { $0.requestID = "" }),
        .acquire("request id is long", .malformed, ["REQUEST"], .of(1) { $0.requestID = long }),
        .acquire("no claim", .malformed, ["1 to 64 claims"], claims()),
        .acquire(
            "65 claims",
            .malformed,
            ["1 to 64 claims"],
            AcquireRequest(pool: "pool", claims: Array(repeating: .of((.slot, 1)), count: 65))
        ),
        .acquire("0 places", .malformed, ["places"], claims(.of(places: 0, (.slot, 1)))),
        .acquire("-1 places", .malformed, ["places"], claims(.of(places: -1, (.slot, 1)))),
        .acquire(
            "10^9 places",
            .malformed,
            ["places"],
            claims(.of(places: 1_000_000_000, (.slot, 1)))
        ),
        .acquire(
            "1,025 places in two claims",
            .malformed,
            ["1024 places"],
            claims(.of(places: 1_024, (.slot, 1)), .of((.slot, 1)))
        ),
        .acquire("no kind", .malformed, ["kinds"], claims(Claim(amounts: []))),
        .acquire("17 kinds", .malformed, ["kinds"], claims(Claim(amounts: wide))),
        .acquire("an amount of 0", .malformed, ["slot", "units"], .of(0)),
        .acquire("an amount above the limit", .malformed, ["memory"], .of((1 << 62) + 1, .memory)),
        .acquire("a kind twice", .malformed, ["cpu", "twice"], claims(.of((.cpu, 1), (.cpu, 1)))),
        .acquire(
            "the sum of a gang overflows",
            .malformed,
            ["memory", "add up"],
            claims(.of(places: 8, (.memory, 1 << 61)))
        ),
        .acquire(
            "the sum over claims overflows",
            .malformed,
            ["memory", "add up"],
            claims(.of((.memory, 1 << 62)), .of((.memory, 1)))
        ),
        .acquire("TTL 0", .malformed, ["TTL"], .of(1) { $0.ttlMilliseconds = 0 }),
        .acquire("TTL 2^63", .malformed, ["TTL"], .of(1) { $0.ttlMilliseconds = 1 << 63 }),
        .acquire("HOLD 0", .malformed, ["HOLD"], .of(1) { $0.holdMilliseconds = 0 }),
        .acquire(
            "MAXLIFETIME above ten years",
            .malformed,
            ["MAXLIFETIME"],
            .of(1) { $0.maxLifetimeMilliseconds = Limits.millisecondsMax + 1 }
        ),
        .acquire(
            "TTL with SESSION",
            .malformed,
            ["SESSION", "TTL"],
            .of(1) { $0.session = SessionID(rawValue: 1) }
        ),
        .acquire("a label twice", .malformed, ["SELECT", "twice"], .of(1) { $0.selector = twice }),
        .acquire("a tag that hides text", .malformed, ["TAG"], .of(1) { $0.tags = control }),
        .acquire("33 tags", .malformed, ["TAG", "32"], .of(1) { $0.tags = many }),
        .acquire(
            "a tag that is no name",
            .malformed,
            ["TAG"],
            .of(1) { $0.tags = [Label(name: "", value: "")] }
        ),
        .acquire(
            "a tag that is too long",
            .malformed,
            ["TAG", "256"],
            .of(1) { $0.tags = [Label(name: "a", value: String(repeating: "v", count: 257))] }
        ),
        .acquire("a purpose of two lines", .malformed, ["PURPOSE"], .of(1) { $0.purpose = "a\nb" }),
        .acquire("no such pool", .notFound, ["pool none"], .of(1, pool: "none")),
        .acquire("no such kind", .unsatisfiable, ["disk"], .of(1, .disk)),
        .acquire("more than any place has", .unsatisfiable, ["slot=5", "slot=4"], .of(5)),
        .acquire(
            "more places than there are",
            .unsatisfiable,
            ["pool"],
            claims(.of(places: 3, (.gpu, 2_000)))
        ),
        .acquire(
            "gpu=1500m is no sum of whole devices",
            .unsatisfiable,
            ["gpu=1 ", "gpu=500m"],
            .of(1_500, .gpu)
        ),
        .acquire(
            "no place has the label",
            .unsatisfiable,
            ["SELECT"],
            .of(1) { $0.selector = [Label(name: "zone", value: "b")] }
        ),
        .acquire(
            "kinds of different places",
            .unsatisfiable,
            [],
            claims(.of((.gpu, 1), (.slot, 1)))
        ),
    ]

    private static let process = ProcessIdentity(
        pid: 7,
        startTicks: 1,
        bootID: "boot",
        pidNamespace: 1
    )

    private static func lease(_ world: inout World) throws -> LeaseReference {
        try world.granted(.of(1)).reference
    }

    private static func reservation(_ world: inout World) throws -> LeaseReference {
        try world.granted(.of(2) { $0.holdMilliseconds = 100 }).reference
    }

    private static func token(_ lease: LeaseReference, _ raw: UInt64) -> LeaseReference {
        LeaseReference(lease: lease.lease, token: Token(rawValue: raw))
    }

    /// What the state of a lease, a session, a quota or a pool forbids.
    static let state: [RefusalRow] = [
        RefusalRow("TTL below the pool's", .malformed, ["TTL 1", "2 to"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMin(2)]))
            return try $0.ask(.acquire(.of(1) { $0.ttlMilliseconds = 1 }))
        },
        RefusalRow("TTL above the pool's", .malformed, ["TTL 70000", "60000"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMax(60_000)]))
            return try $0.ask(.acquire(.of(1) { $0.ttlMilliseconds = 70_000 }))
        },
        RefusalRow("MAXLIFETIME above the pool's", .malformed, ["MAXLIFETIME 6", "5 ms"]) {
            try $0.ask(.setPool(name: "pool", settings: [.maxLifetime(5)]))
            return try $0.ask(.acquire(.of(1) { $0.maxLifetimeMilliseconds = 6 }))
        },
        RefusalRow("same request id, other body", .conflict, ["r1", "default"]) {
            _ = try $0.granted(.of(1) { $0.requestID = "r1" })
            return try $0.ask(.acquire(.of(2) { $0.requestID = "r1" }))
        },
        RefusalRow("a time-ordered id from before the window", .requestTooOld, ["018f"]) {
            try $0.ask(.housekeeping(.opened(.at(wallMilliseconds: 0x018f_0000_0000 + 3_600_002))))
            let id = "018f0000-0000-7000-8000-000000000000"
            return try $0.ask(.acquire(.of(1) { $0.requestID = id }))
        },
        RefusalRow("a session that has ended", .expired, ["session"]) {
            let session = try $0.opened(ttl: 10)
            $0.pass(milliseconds: 10)
            return try $0.ask(
                .acquire(.of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) })
            )
        },
        RefusalRow("above the tenant's quota", .quota, ["default", "slot", "uses 1", "of 2"]) {
            try $0.ask(.setQuota(tenant: "default", kind: .slot, limit: 2))
            _ = try lease(&$0)
            return try $0.ask(.acquire(.of(2)))
        },
        RefusalRow("nothing free now", .exhausted, ["pool"]) {
            try $0.ask(.acquire(.of(4)))
            return try $0.ask(.acquire(.of(1)))
        },
        RefusalRow("renew with an older token", .fenced, ["token"]) {
            try $0.ask(.renew(token(lease(&$0), 1 << 48 | 1), ttlMilliseconds: nil))
        },
        RefusalRow("release with a token never given", .fenced, ["newer than any"]) {
            try $0.ask(.release(token(lease(&$0), 1 << 48 | 999_999), parts: nil))
        },
        RefusalRow("check with a token of another epoch", .fenced, ["newer than any"]) {
            try $0.ask(.check(token(lease(&$0), 2 << 48 | 1)))
        },
        RefusalRow("commit with an older token", .fenced, ["token"]) {
            try $0.ask(.commit(token(reservation(&$0), 1 << 48 | 1), parts: nil))
        },
        RefusalRow("cancel with an older token", .fenced, ["token"]) {
            try $0.ask(.cancel(token(reservation(&$0), 1 << 48 | 1)))
        },
        RefusalRow("release of an ended lease with a token of another epoch", .fenced, []) {
            let lease = try lease(&$0)
            try $0.ask(.release(lease, parts: nil))
            return try $0.ask(.release(token(lease, 9 << 48 | 1), parts: nil))
        },
        RefusalRow("release of an ended lease with a later lease's token", .fenced, ["token"]) {
            let first = try lease(&$0)
            try $0.ask(.release(first, parts: nil))
            let second = try lease(&$0)
            return try $0.ask(.release(token(first, second.token.rawValue), parts: nil))
        },
        RefusalRow("check of an ended lease with a later position's token", .fenced, ["token"]) {
            let first = try lease(&$0)
            try $0.ask(.release(first, parts: nil))
            return try $0.ask(.check(token(first, first.token.rawValue + 1)))
        },
        RefusalRow("release a session as a lease", .notFound, ["never granted"]) {
            let session = try $0.opened(ttl: 10).session.rawValue
            let reference = LeaseReference(
                lease: LeaseID(rawValue: session),
                token: Token(rawValue: session)
            )
            return try $0.ask(.release(reference, parts: nil))
        },
        RefusalRow("revoke a session as a lease", .notFound, ["never granted"]) {
            let session = try $0.opened(ttl: 10).session.rawValue
            return try $0.ask(.revoke(LeaseID(rawValue: session), reason: "why"))
        },
        RefusalRow("close a lease as a session", .notFound, ["never opened"]) {
            let lease = try lease(&$0)
            let session = SessionID(rawValue: lease.lease.rawValue)
            return try $0.ask(.closeSession(.init(session: session, token: lease.token)))
        },
        RefusalRow("check a lease of an epoch before its position", .notFound, ["never granted"]) {
            _ = try lease(&$0)
            try $0.ask(.housekeeping(.raiseEpoch(reason: "cut")))
            let later = try lease(&$0)
            let id = later.token.rawValue - (1 << 48)
            let other = LeaseReference(lease: LeaseID(rawValue: id), token: Token(rawValue: id))
            return try $0.ask(.check(other))
        },
        RefusalRow("check a lease of an epoch behind its position", .notFound, ["never granted"]) {
            let first = try lease(&$0)
            try $0.ask(.release(first, parts: nil))
            try $0.ask(.housekeeping(.raiseEpoch(reason: "cut")))
            let id = first.token.rawValue + (1 << 48)
            let other = LeaseReference(lease: LeaseID(rawValue: id), token: Token(rawValue: id))
            return try $0.ask(.check(other))
        },
        RefusalRow("close a session with another token", .fenced, ["token"]) {
            let session = try $0.opened(ttl: 10)
            let other = Token(rawValue: session.token.rawValue - 1)
            return try $0.ask(.closeSession(.init(session: session.session, token: other)))
        },
        RefusalRow("renew a lease of the future", .notFound, ["never granted"]) {
            let id = LeaseID(rawValue: 1 << 48 | 999_999)
            let reference = LeaseReference(lease: id, token: Token(rawValue: id.rawValue))
            return try $0.ask(.renew(reference, ttlMilliseconds: nil))
        },
        RefusalRow("revoke a lease of no epoch", .notFound, ["never granted"]) {
            try $0.ask(.revoke(LeaseID(rawValue: 1), reason: "why"))
        },
        RefusalRow("keep a session of no epoch", .notFound, ["never opened"]) {
            try $0.ask(.keepSession(.init(session: .init(rawValue: 1), token: .init(rawValue: 1))))
        },
        RefusalRow("keep a session of the future", .notFound, ["never opened"]) {
            let token = Token(rawValue: 1 << 48 | 999_999)
            let session = SessionID(rawValue: token.rawValue)
            return try $0.ask(.keepSession(.init(session: session, token: token)))
        },
        RefusalRow("renew at the deadline", .expired, ["ended"]) {
            let lease = try lease(&$0)
            $0.pass(milliseconds: 1_000)
            return try $0.ask(.renew(lease, ttlMilliseconds: nil))
        },
        RefusalRow("check after release", .expired, ["ended"]) {
            let lease = try lease(&$0)
            try $0.ask(.release(lease, parts: nil))
            return try $0.ask(.check(lease))
        },
        RefusalRow("commit after the hold lapsed", .expired, ["ended"]) {
            let reservation = try reservation(&$0)
            $0.pass(milliseconds: 100)
            return try $0.ask(.commit(reservation, parts: nil))
        },
        RefusalRow("renew a lease of a session", .malformed, ["SESSION KEEPALIVE"]) {
            let session = try $0.opened(ttl: 10)
            let lease = try $0.granted(
                .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
            )
            return try $0.ask(.renew(lease.reference, ttlMilliseconds: nil))
        },
        RefusalRow("renew a reservation", .malformed, ["reservation"]) {
            try $0.ask(.renew(reservation(&$0), ttlMilliseconds: nil))
        },
        RefusalRow("release a reservation", .malformed, ["CANCEL"]) {
            try $0.ask(.release(reservation(&$0), parts: nil))
        },
        RefusalRow("renew with a TTL out of bounds", .malformed, ["TTL 0"]) {
            try $0.ask(.renew(lease(&$0), ttlMilliseconds: 0))
        },
        RefusalRow("cancel a lease", .malformed, ["RELEASE"]) {
            try $0.ask(.cancel(lease(&$0)))
        },
        RefusalRow("commit what never was a reservation", .malformed, ["not a reservation"]) {
            try $0.ask(.commit(lease(&$0), parts: nil))
        },
        RefusalRow("cancel after commit", .malformed, ["RELEASE"]) {
            let reservation = try reservation(&$0)
            try $0.ask(.commit(reservation, parts: nil))
            return try $0.ask(.cancel(reservation))
        },
        RefusalRow("commit more than was reserved", .malformed, ["slots", "2"]) {
            let parts = [Part(resource: "slots", quantity: "3")]
            return try $0.ask(.commit(reservation(&$0), parts: parts))
        },
        RefusalRow("release more than is held", .malformed, ["slots", "1"]) {
            try $0.ask(.release(lease(&$0), parts: [Part(resource: "slots", quantity: "2")]))
        },
        RefusalRow("release nothing of it", .malformed, ["slot", "nothing"]) {
            let parts = [Part(resource: "slots", quantity: "0")]
            let answer = try $0.ask(.release(lease(&$0), parts: parts))
            return answer
        },
        RefusalRow("release of no part", .malformed, ["no part"]) {
            try $0.ask(.release(lease(&$0), parts: []))
        },
        RefusalRow("release of a part twice", .malformed, ["twice"]) {
            let part = Part(resource: "slots", quantity: "1")
            return try $0.ask(.release(lease(&$0), parts: [part, part]))
        },
        RefusalRow("release of a resource that it does not hold", .malformed, ["n0-cpu"]) {
            try $0.ask(.release(lease(&$0), parts: [Part(resource: "n0-cpu", quantity: "1")]))
        },
        RefusalRow("release of a resource that is none", .malformed, ["no such thing"]) {
            let parts = [Part(resource: "no such thing", quantity: "1")]
            return try $0.ask(.release(lease(&$0), parts: parts))
        },
        RefusalRow("revoke without a reason", .malformed, ["reason"]) {
            try $0.ask(.revoke(lease(&$0).lease, reason: ""))
        },
        RefusalRow("revoke for a reason of two lines", .malformed, ["reason"]) {
            try $0.ask(.revoke(lease(&$0).lease, reason: "a\nb"))
        },
        RefusalRow("a session that nothing would end", .malformed, ["TTL or PROCESS"]) {
            try $0.ask(.openSession(SessionRequest(holder: "job")))
        },
        RefusalRow("a session of TTL 0", .malformed, ["TTL"]) {
            try $0.ask(.openSession(SessionRequest(ttlMilliseconds: 0, process: process)))
        },
        RefusalRow("a session of a holder that is no name", .malformed, ["HOLDER"]) {
            try $0.ask(.openSession(SessionRequest(ttlMilliseconds: 1, holder: "a b")))
        },
        RefusalRow("a conflict of a request id of two lines", .conflict, ["r?1"]) {
            _ = try $0.granted(.of(1) { $0.requestID = "r\n1" })
            return try $0.ask(.acquire(.of(2) { $0.requestID = "r\n1" }))
        },
    ]

    /// What operators declare, and what is read.
    static let settings: [RefusalRow] = [
        RefusalRow("pool is no name", .malformed, ["POOL"]) {
            try $0.ask(.setPool(name: "-", settings: []))
        },
        RefusalRow("ttlMin above ttlDefault", .malformed, ["ttlMin", "ttlDefault"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMin(60_001)]))
        },
        RefusalRow("ttlMin 0", .malformed, ["ttlMin"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMin(0)]))
        },
        RefusalRow("ttlDefault above ttlMax", .malformed, ["ttlDefault", "ttlMax"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMax(59_999)]))
        },
        RefusalRow("ttlMax above ten years", .malformed, ["ttlMax"]) {
            try $0.ask(.setPool(name: "pool", settings: [.ttlMax(.max)]))
        },
        RefusalRow("maxLifetime above ten years", .malformed, ["maxLifetime"]) {
            try $0.ask(.setPool(name: "pool", settings: [.maxLifetime(.max)]))
        },
        RefusalRow("lockDelay above ten years", .malformed, ["lockDelay"]) {
            try $0.ask(.setPool(name: "pool", settings: [.lockDelay(.max)]))
        },
        RefusalRow("restartGrace above an hour", .malformed, ["restartGrace"]) {
            try $0.ask(.setPool(name: "pool", settings: [.restartGrace(3_600_001)]))
        },
        RefusalRow("delete a pool with resources", .malformed, ["9 resources"]) {
            try $0.ask(.deletePool(name: "pool"))
        },
        RefusalRow("delete a pool that is none", .notFound, ["pool none"]) {
            try $0.ask(.deletePool(name: "none"))
        },
        RefusalRow("resource is no name", .malformed, ["RESOURCE"]) {
            try $0.ask(.setResource(.init(name: "", pool: "pool", kind: .cpu, capacity: 1)))
        },
        RefusalRow("resource of no pool", .notFound, ["pool none"]) {
            try $0.ask(.setResource(.init(name: "r", pool: "none", kind: .cpu, capacity: 1)))
        },
        RefusalRow("node is no name", .malformed, ["NODE"]) {
            try $0.ask(
                .setResource(.init(name: "r", pool: "pool", kind: .cpu, capacity: 1, node: " "))
            )
        },
        RefusalRow("capacity above the limit", .malformed, ["CAPACITY"]) {
            try $0.ask(.setResource(.init(name: "r", pool: "pool", kind: .cpu, capacity: .max)))
        },
        RefusalRow("cost above the limit", .malformed, ["COST"]) {
            var request = ResourceRequest(name: "r", pool: "pool", kind: .cpu, capacity: 1)
            request.cost = .max
            return try $0.ask(.setResource(request))
        },
        RefusalRow("label twice", .malformed, ["LABEL"]) {
            var request = ResourceRequest(name: "r", pool: "pool", kind: .cpu, capacity: 1)
            request.labels = twice
            return try $0.ask(.setResource(request))
        },
        RefusalRow("another kind", .malformed, ["slots", "slot", "delete it"]) {
            try $0.ask(.setResource(.init(name: "slots", pool: "pool", kind: .cpu, capacity: 1)))
        },
        RefusalRow("another node", .malformed, ["n0-cpu", "n0"]) {
            try $0.ask(
                .setResource(
                    .init(name: "n0-cpu", pool: "pool", kind: .cpu, capacity: 8_000, node: "n1")
                )
            )
        },
        RefusalRow("capacity below use", .malformed, ["FORCE", "slots"]) {
            _ = try lease(&$0)
            return try $0.ask(
                .setResource(.init(name: "slots", pool: "pool", kind: .slot, capacity: 0))
            )
        },
        RefusalRow("cordon a resource that is none", .notFound, ["none"]) {
            try $0.ask(.setResourceState(name: "none", state: .cordoned))
        },
        RefusalRow("the breaker of the pool is open", .circuitOpen, ["pool", "BREAKER RESET"]) {
            try $0.ask(.setPool(name: "pool", settings: [.breakerRefusals(1)]))
            let record = RefusalRecord(
                tenant: "t",
                pool: "pool",
                code: .exhausted,
                limit: "",
                message: ""
            )
            try $0.ask(.housekeeping(.refused(record)))
            return try $0.ask(.acquire(.of(1, .cpu)))
        },
        RefusalRow("a breaker that is closed", .notFound, ["n0-g0", "closed"]) {
            try $0.ask(.resetBreaker(.resource("n0-g0")))
        },
        RefusalRow("the breaker of a resource that is none", .notFound, ["none"]) {
            try $0.ask(.resetBreaker(.resource("none")))
        },
        RefusalRow("the breaker of a pool that is none", .notFound, ["none"]) {
            try $0.ask(.resetBreaker(.pool("none")))
        },
        RefusalRow("breakers of no pool", .notFound, ["none"]) {
            try $0.ask(.query(.breakers(pool: "none", page: Page())))
        },
        RefusalRow("breakers that need too many failures", .malformed, ["breakerFailures", "64"]) {
            try $0.ask(.setPool(name: "pool", settings: [.breakerFailures(65)]))
        },
        RefusalRow("breakers without a window", .malformed, ["breakerWindow"]) {
            try $0.ask(.setPool(name: "pool", settings: [.breakerWindow(0)]))
        },
        RefusalRow("breakers that are open too long", .malformed, ["breakerOpen"]) {
            try $0.ask(.setPool(name: "pool", settings: [.breakerOpen(3_600_001)]))
        },
        RefusalRow("breakers without probes", .malformed, ["breakerProbes"]) {
            try $0.ask(.setPool(name: "pool", settings: [.breakerProbes(0)]))
        },
        RefusalRow("delete a resource that is none", .notFound, ["none"]) {
            try $0.ask(.deleteResource(name: "none"))
        },
        RefusalRow("delete a resource in use", .malformed, ["slots", "in use"]) {
            _ = try lease(&$0)
            return try $0.ask(.deleteResource(name: "slots"))
        },
        RefusalRow("quota of no path", .malformed, ["TENANT"]) {
            try $0.ask(.setQuota(tenant: "a//b", kind: .cpu, limit: 1))
        },
        RefusalRow("quota above the limit", .malformed, ["LIMIT"]) {
            try $0.ask(.setQuota(tenant: "a", kind: .cpu, limit: .max))
        },
        RefusalRow("a new quota without a limit", .malformed, ["LIMIT", "a ", "cpu"]) {
            try $0.ask(.setQuota(.init(tenant: "a", kind: .cpu)))
        },
        RefusalRow("a guarantee above the limit", .malformed, ["GUARANTEE 2", "LIMIT 1"]) {
            var request = QuotaRequest(tenant: "a", kind: .slot, limit: 1)
            request.guarantee = 2
            return try $0.ask(.setQuota(request))
        },
        RefusalRow("more lent than is guaranteed", .malformed, ["LEND 3", "GUARANTEE 2"]) {
            var request = QuotaRequest(tenant: "a", kind: .slot, limit: 9)
            request.guarantee = 2
            request.lending = .amount(3)
            return try $0.ask(.setQuota(request))
        },
        RefusalRow("a weight above the limit", .malformed, ["WEIGHT", "1000000"]) {
            var request = QuotaRequest(tenant: "a", kind: .slot, limit: 9)
            request.weight = 1_000_001
            return try $0.ask(.setQuota(request))
        },
        RefusalRow("delete a quota that is none", .notFound, ["quota"]) {
            try $0.ask(.deleteQuota(tenant: "a", kind: .cpu))
        },
        RefusalRow("a cursor that is none", .malformed, ["AFTER"]) {
            try $0.ask(.query(.leases(LeaseFilter(), page: Page(after: "-1"))))
        },
        RefusalRow("resources of no pool", .notFound, ["none"]) {
            try $0.ask(.query(.resources(pool: "none", page: Page())))
        },
        RefusalRow("usage of no path", .malformed, ["TENANT"]) {
            try $0.ask(.query(.usage(tenant: "/")))
        },
        RefusalRow("a lease that is not held", .notFound, ["lease"]) {
            try $0.ask(.query(.lease(LeaseID(rawValue: 1 << 48 | 1))))
        },
        RefusalRow("a session that is not open", .notFound, ["session"]) {
            try $0.ask(.query(.session(SessionID(rawValue: 1 << 48 | 1))))
        },
        RefusalRow("a request id without an answer", .notFound, ["r1", "default"]) {
            try $0.ask(.query(.request(id: "r1", tenant: "default")))
        },
        RefusalRow("a pool that is none", .notFound, ["none"]) {
            try $0.ask(.query(.pool("none")))
        },
        RefusalRow("a resource that is none", .notFound, ["none"]) {
            try $0.ask(.query(.resource("none")))
        },
        RefusalRow("a quota that is none", .notFound, ["quota"]) {
            try $0.ask(.query(.quota(tenant: "a", kind: .cpu)))
        },
        RefusalRow("more stored answers than are kept", .busy, ["kept"]) { _ in
            var facts = LedgerFacts()
            facts.storedAnswers = UInt64(Limits.storedAnswers)
            var full = World(facts: facts)
            return try full.ask(.acquire(.of(1) { $0.requestID = "r1" }))
        },
    ]
}

extension Opening {
    /// An opening at which the wall clock showed so many milliseconds since 1970.
    static func at(wallMilliseconds: UInt64) -> Opening {
        Opening(
            bootID: "boot",
            bootNanoseconds: 0,
            wallNanoseconds: wallMilliseconds * 1_000_000,
            pidNamespace: 1,
            recovery: "clean",
            version: "test",
            isEstimate: false
        )
    }
}
