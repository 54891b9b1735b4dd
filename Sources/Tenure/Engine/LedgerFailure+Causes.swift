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
        self.init(StorageError(error, in: "the ledger"))
    }

    /// A file system that was writable and is not any more has failed: nobody has to allow
    /// anything.
    init(_ error: StorageError) {
        var error = error
        if case .notPermitted(let trouble) = error { error = .device(trouble) }
        self.init(sentence: error.description, exitCode: error.exitCode)
    }
}
