// Circuit breakers: what they guard, and where each of them stands.

/// What a breaker guards.
package enum BreakerSubject: Hashable, Comparable, Sendable {
    case pool(String)
    case resource(ResourceID)

    package static func < (left: BreakerSubject, right: BreakerSubject) -> Bool {
        switch (left, right) {
        case (.pool(let left), .pool(let right)): left < right
        case (.resource(let left), .resource(let right)): left < right
        case (.pool, .resource): true
        case (.resource, .pool): false
        }
    }
}

/// A breaker that has something to remember; one without a row is closed.
package struct Breaker: Hashable, Sendable {
    /// Where it stands.
    package enum State: UInt8, CaseIterable, Sendable {
        /// Everything is granted; what counts against it is in `failures`.
        case closed = 0
        /// Nothing is granted until `until`.
        case open = 1
        /// Some is granted to find out: of a resource to `probes`, of a pool once.
        case halfOpen = 2

        /// The name in answers.
        package var name: String {
            switch self {
            case .closed: "closed"
            case .open: "open"
            case .halfOpen: "half-open"
            }
        }
    }

    /// What counts against it.
    package struct Failure: Hashable, Sendable {
        package let time: LedgerTime
        /// The lease that reported it; 0 for refusals of a pool.
        package let lease: LeaseID
        /// How many refusals; 1 for a report.
        package var count: UInt64

        package init(time: LedgerTime, lease: LeaseID, count: UInt64) {
            self.time = time
            self.lease = lease
            self.count = count
        }
    }

    package let subject: BreakerSubject
    package var state: State
    /// Why it opened last, or what counts against it.
    package var cause: String
    /// When the trouble began: the first opening in a row.
    package var since: LedgerTime
    /// Until when it stays open; `never` unless it is open.
    package var until: LedgerTime
    /// How often in a row it opened; each time it stays open twice as long.
    package var openings: UInt32
    /// The number of its entry among what falls due: the resource, or one of the opening.
    package var number: UInt64
    /// How many leases may find out whether it works again.
    package var probesMax: UInt16
    /// Within the pool's window, oldest first; none unless it is closed.
    package var failures: [Failure]
    /// The leases that find out.
    package var probes: [LeaseID]

    package init(
        subject: BreakerSubject,
        state: State,
        cause: String,
        since: LedgerTime,
        until: LedgerTime,
        openings: UInt32,
        number: UInt64,
        probesMax: UInt16,
        failures: [Failure] = [],
        probes: [LeaseID] = []
    ) {
        self.subject = subject
        self.state = state
        self.cause = cause
        self.since = since
        self.until = until
        self.openings = openings
        self.number = number
        self.probesMax = probesMax
        self.failures = failures
        self.probes = probes
    }

    /// Whether nothing is granted on its resource, or in its pool.
    package var holdsBack: Bool {
        switch state {
        case .closed: false
        case .open: true
        case .halfOpen: probes.count >= Int(probesMax)
        }
    }
}
