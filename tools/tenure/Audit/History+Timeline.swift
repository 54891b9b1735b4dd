// Reading the events that are about one subject, and passing over all others.

internal import TenureModel
internal import TenureStorage

extension History {
    /// Calls `body` with every event that is about the subject of a timeline, in order.
    ///
    /// Only segments are read that have no index or one in which the subject is.
    mutating func read(
        about timeline: Timeline,
        _ body: (HistoryEntry) throws -> Void
    ) throws {
        var timeline = timeline
        if let lease = try leaseOfLaterToken(timeline.number) { timeline.learn(lease) }
        try before.tell(&timeline)
        try requireHistory(from: timeline.since)
        var filter = timeline.filter
        try read(
            passing: { !timeline.isPart(of: $0) },
            admitting: { filter.admits($0) },
            { entry in
                let additions = timeline.additions
                guard timeline.concerns(entry.event) else { return }
                // Once there is too much to look for, all is decoded to the end.
                if timeline.additions != additions, filter.isSelective { filter = timeline.filter }
                try body(entry)
            }
        )
    }

    /// The lease that got this number as its token when it grew or was handed over.
    private mutating func leaseOfLaterToken(_ number: UInt64?) throws -> LeaseID? {
        guard let number, Token(rawValue: number).epoch > 0 else { return nil }
        let position = Token(rawValue: number).position
        guard position > 0, try firstPosition.map({ $0 <= position }) ?? false else { return nil }
        var found: LeaseID?
        try readRecords(
            from: position,
            to: position,
            passing: { _ in false },
            admitting: { _ in found == nil },
            { record in
                guard record.position == position else { return }
                for event in record.events {
                    switch event {
                    case .grown(let growth) where growth.token.rawValue == number:
                        found = growth.lease
                    case .handedOver(let change) where change.token.rawValue == number:
                        found = change.lease
                    default: break
                    }
                }
            }
        )
        return found
    }
}

extension Timeline {
    /// Whether records of a segment may be about the subject as it is known by now.
    fileprivate func isPart(of index: SegmentIndex) -> Bool {
        index.tenants.contains { follows(.tenant($0)) } || contains { index.contains($0) }
    }

    /// Passes over records that can not be about the subject as it is known by now.
    fileprivate var filter: RecordFilter {
        guard count < RecordFilter.patternsMax else { return .all }
        return RecordFilter(followed.union(tenant.map { [.tenant($0)] } ?? []))
    }
}
