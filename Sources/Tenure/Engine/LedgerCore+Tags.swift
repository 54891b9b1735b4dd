// Looking at all leases for their tags before a request is decided that is to be near some of them,
// or away from them: some with every group, so that nobody else waits for that.

internal import TenureModel

extension LedgerCore {
    /// Whether all leases were looked at for their tags; looks at some more, once in a group.
    func knowsTags() throws(LedgerFailure) -> Bool {
        do throws(RowFault) {
            let isKnown = try state.scanTags(atMost: scansTags ? EngineLimits.scannedLeases : 0)
            scansTags = false
            return isKnown
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// Has those looked at who waited for that, if all leases were.
    func markUntagged() throws(LedgerFailure) {
        guard waiting.awaitsTags, try knowsTags() else { return }
        waiting.markUntagged()
    }
}
