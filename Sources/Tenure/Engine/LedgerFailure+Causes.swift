// What below the engine ends a ledger.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

extension LedgerFailure {
    init(_ fault: RowFault) {
        let error = StorageError(fault, in: "the ledger")
        self.init(sentence: error.description, exitCode: error.exitCode)
    }

    init(_ error: LogError) {
        let error = StorageError(error, in: "the ledger")
        self.init(sentence: error.description, exitCode: error.exitCode)
    }

    init(_ error: StorageError) {
        self.init(sentence: error.description, exitCode: error.exitCode)
    }
}
