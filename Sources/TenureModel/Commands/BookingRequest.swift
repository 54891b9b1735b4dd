// What is asked for when amounts are wanted from a later time on.

internal import TenureBase

/// Amounts of one pool from a time to a time, all of them or nothing.
public struct BookingRequest: Hashable, Sendable {
    /// What is wanted, and for whom.
    ///
    /// Pool, claims, tenant, holder, TTL, priority, request id, selector, tags and purpose count;
    /// anything else that is set is refused. Without a TTL the lease needs no renewal before the
    /// end of the booking, as far as the pool allows.
    public var request: AcquireRequest
    /// When it begins, in milliseconds of ledger time from now: 1 to `Limits.millisecondsMax`.
    public var startMilliseconds: UInt64
    /// How long it lasts, in milliseconds of ledger time: 1 to `Limits.millisecondsMax`.
    public var lengthMilliseconds: UInt64
    /// What comes back to resources of the pool before it begins.
    package var freed: [ResourceID: UInt64] = [:]
    /// What is promised to others who wait before it, and may live into it.
    package var promised: [ResourceID: UInt64] = [:]

    /// A booking of what `request` asks for, from so many milliseconds on for so many.
    public init(
        _ request: AcquireRequest,
        startMilliseconds: UInt64,
        lengthMilliseconds: UInt64
    ) {
        self.request = request
        self.startMilliseconds = startMilliseconds
        self.lengthMilliseconds = lengthMilliseconds
    }

    /// The first thing that is malformed, as a sentence; nothing when all is well.
    var fault: String? {
        for (word, milliseconds) in [("AT", startMilliseconds), ("FOR", lengthMilliseconds)]
        where milliseconds == 0 || milliseconds > Limits.millisecondsMax {
            return "\(word) must be 1 to \(Limits.millisecondsMax) ms"
        }
        if request.asksSeveralPools { return "BOOK takes one pool" }
        if request.isRanged { return "BOOK takes exact amounts; give one amount, no range" }
        let isMore =
            request.session != nil || request.maxLifetimeMilliseconds != nil
            || request.holdMilliseconds != nil || request.waits || request.planOnly
            || request.plan != nil || request.strategy != nil || request.within != nil
            || !request.near.isEmpty || !request.away.isEmpty || request.maxCost != nil
        if isMore {
            return "BOOK takes TENANT, HOLDER, TTL, PRIORITY, REQUEST, SELECT, TAG and PURPOSE; "
                + "leave anything else out"
        }
        return request.fault
    }

    /// What was asked for, every field of it in a fixed order.
    ///
    /// Not the body of another sort of request: that of a new lease has no field 51.
    var canonicalBytes: [UInt8] {
        var writer = ByteWriter(capacity: 96)
        for byte in request.canonicalBytes { writer.write(byte) }
        writer.write(UInt8(51))
        writer.writeVarint(startMilliseconds)
        writer.writeVarint(lengthMilliseconds)
        return writer.bytes
    }
}
