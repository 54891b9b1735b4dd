// What one connection of a measurement sends, and what it notes about the answers.
//
// A driver lives in the event loop of its connection. It keeps the times of what is outstanding in
// the order of sending, which is the order of the answers.

internal import NIOCore
internal import Synchronization
internal import TenureClient
internal import TenureWire

/// What connections measured.
struct LoadResult: Sendable {
    var acquires = Latencies()
    var releases = Latencies()
    var renewals = Latencies()
    /// Commands that the daemon turned away because too many waited.
    var busy = 0
    /// Other answers that said no, and the first of them.
    var refused = 0
    var firstRefusal = ""
}

/// Where all connections note what they measure: one histogram of each sort, not one each.
final class LoadResults: Sendable {
    private let sum = Mutex(LoadResult())

    /// Notes how long something took.
    func record(_ duration: Duration, as sort: WritableKeyPath<LoadResult, Latencies>) {
        sum.withLock { $0[keyPath: sort].record(duration) }
    }

    /// Notes a command that was turned away.
    func turnAway() {
        sum.withLock { $0.busy += 1 }
    }

    /// Notes an answer that said no.
    func refuse(_ line: String) {
        sum.withLock { sum in
            sum.refused += 1
            if sum.firstRefusal.isEmpty { sum.firstRefusal = line }
        }
    }

    /// Everything that was noted.
    var total: LoadResult { sum.withLock { $0 } }
}

/// What is measured on every connection.
struct LoadTerms: Sendable {
    let mix: BenchLoad.Mix
    let pool: String
    let depth: Int
    /// Answers from here until the end count.
    let start: ContinuousClock.Instant
    /// From here on nothing is asked for any more.
    let end: ContinuousClock.Instant
}

/// A lease as the protocol names it.
private struct HeldLease {
    let lease: UInt64
    let token: UInt64

    init?(_ reply: LoadReply) {
        guard let lease = reply.integer("lease"), let token = reply.integer("token") else {
            return nil
        }
        self.lease = lease
        self.token = token
    }

    func write(_ verb: String, to output: inout ByteBuffer) {
        RequestEncoder.write([verb, String(lease), String(token)], to: &output)
    }
}

/// Asks until the time is over, then gives everything back.
final class LoopDriver: LoadDriver {
    private enum Sent {
        case acquire(ContinuousClock.Instant)
        case release(ContinuousClock.Instant, HeldLease)
        case renew(ContinuousClock.Instant, HeldLease)
    }

    private let terms: LoadTerms
    private let results: LoadResults
    private let acquire: ByteBuffer
    private let clock = ContinuousClock()
    private var sent = CircularBuffer<Sent>()
    /// Leases to which nothing is being done.
    private var idle = CircularBuffer<HeldLease>()
    private var asked = 0
    private var isOver = false

    init(_ terms: LoadTerms, results: LoadResults) {
        self.terms = terms
        self.results = results
        var buffer = ByteBuffer()
        RequestEncoder.write(["ACQUIRE", terms.pool, "slot=1"], to: &buffer)
        acquire = buffer
    }

    func next(_ output: inout ByteBuffer) -> Bool {
        let now = clock.now
        isOver = isOver || now >= terms.end
        if let lease = idle.first, terms.mix == .pairs || isOver {
            idle.removeFirst()
            lease.write("RELEASE", to: &output)
            sent.append(.release(now, lease))
            return true
        }
        if isOver { return false }
        // For renewals, one lease for each command that may be outstanding.
        if terms.mix == .pairs || asked < terms.depth {
            asked += 1
            output.writeImmutableBuffer(acquire)
            sent.append(.acquire(now))
            return true
        }
        guard let lease = idle.popFirst() else { return false }
        lease.write("RENEW", to: &output)
        sent.append(.renew(now, lease))
        return true
    }

    func received(_ reply: LoadReply) {
        guard let oldest = sent.popFirst() else { return }
        let now = clock.now
        let isBusy = reply.isError && reply.errorLine.hasPrefix("BUSY ")
        if isBusy {
            results.turnAway()
        } else if reply.isError {
            note(reply.errorLine)
        }
        let counts = now >= terms.start && now < terms.end && !reply.isError
        switch oldest {
        case .acquire(let began):
            if counts { results.record(now - began, as: \.acquires) }
            if let lease = HeldLease(reply) { idle.append(lease) }
            if isBusy { asked -= 1 }
        case .release(let began, let lease):
            if counts { results.record(now - began, as: \.releases) }
            if isBusy { idle.append(lease) }
        case .renew(let began, let lease):
            if counts { results.record(now - began, as: \.renewals) }
            if !reply.isError || isBusy { idle.append(lease) }
        }
    }

    /// A refusal measures nothing; asking on would only measure refusals.
    private func note(_ line: String) {
        results.refuse(line)
        isOver = true
    }
}

/// Acquires a number of leases that stay.
final class FillDriver: LoadDriver {
    private let results: LoadResults
    private let acquire: ByteBuffer
    private let clock = ContinuousClock()
    private var left: Int
    private var sent = CircularBuffer<ContinuousClock.Instant>()

    init(pool: String, ttl: UInt64, leases: Int, results: LoadResults) {
        self.results = results
        left = leases
        var buffer = ByteBuffer()
        RequestEncoder.write(["ACQUIRE", pool, "slot=1", "TTL", String(ttl)], to: &buffer)
        acquire = buffer
    }

    func next(_ output: inout ByteBuffer) -> Bool {
        guard left > 0 else { return false }
        left -= 1
        output.writeImmutableBuffer(acquire)
        sent.append(clock.now)
        return true
    }

    func received(_ reply: LoadReply) {
        guard let began = sent.popFirst() else { return }
        if reply.isError {
            results.refuse(reply.errorLine)
            left = 0
        } else {
            results.record(clock.now - began, as: \.acquires)
        }
    }
}
