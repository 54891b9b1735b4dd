// Taking over the rows of a checkpoint in slices, so that no request waits for all of them.

package import TenureModel

/// How far the rows of one checkpoint have been taken over.
package struct FrozenAbsorption: Sendable {
    private enum Stage {
        case leases(Dictionary<LeaseID, Changed<Lease>>.Index)
        case sessions(Dictionary<SessionID, Changed<Session>>.Index)
        case storedAnswers(Dictionary<RequestKey, Changed<StoredAnswer>>.Index)
        case usage(Dictionary<String, Changed<TenantUsage>>.Index)
        case done
    }

    /// The rows.
    package let changes: FrozenChanges
    private var stage: Stage

    /// Nothing of `changes` has been taken over yet.
    package init(_ changes: FrozenChanges) {
        self.changes = changes
        stage = .leases(changes.leases.startIndex)
    }

    /// The next row, until there is none.
    mutating func next() -> (CacheKey, CachedRow?, Int?)? {
        while true {
            switch stage {
            case .leases(let index):
                guard index < changes.leases.endIndex else {
                    stage = .sessions(changes.sessions.startIndex)
                    continue
                }
                stage = .leases(changes.leases.index(after: index))
                let (id, change) = changes.leases[index]
                return (.lease(id), change.value.map(CachedRow.lease), change.value?.cacheBytes)
            case .sessions(let index):
                guard index < changes.sessions.endIndex else {
                    stage = .storedAnswers(changes.storedAnswers.startIndex)
                    continue
                }
                stage = .sessions(changes.sessions.index(after: index))
                let (id, change) = changes.sessions[index]
                let row = change.value.map(CachedRow.session)
                return (.session(id), row, change.value?.cacheBytes)
            case .storedAnswers(let index):
                guard index < changes.storedAnswers.endIndex else {
                    stage = .usage(changes.usage.startIndex)
                    continue
                }
                stage = .storedAnswers(changes.storedAnswers.index(after: index))
                let (key, change) = changes.storedAnswers[index]
                let row = change.value.map(CachedRow.storedAnswer)
                return (.storedAnswer(key), row, change.value?.cacheBytes)
            case .usage(let index):
                guard index < changes.usage.endIndex else {
                    stage = .done
                    continue
                }
                stage = .usage(changes.usage.index(after: index))
                let (tenant, change) = changes.usage[index]
                return (.usage(tenant), change.value.map(CachedRow.usage), change.value?.cacheBytes)
            case .done: return nil
            }
        }
    }
}
