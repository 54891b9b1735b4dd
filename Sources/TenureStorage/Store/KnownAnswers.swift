// Which stored answers the state has, so that a new request id is known to be new in memory.
//
// Nearly every lookup of an answer is for an id that was never used. What is kept is a hash per
// answer, learned from the checkpoints alone: nothing is scanned, and the store is not trusted.
//
//   K1  Each hash is that of an answer that is stored, and of one that no other answer has here.
//   K2  So when there are as many hashes as stored answers, every stored answer has its hash, and
//       what has none is not stored. Otherwise nothing is proved.
//
// Two answers with one hash make fewer hashes than answers, and so no proof, never a wrong one.
// Answers from before the opening are not known; the proofs begin when the last of them is gone.

internal import TenureModel

/// Hashes of the stored answers, as far as they are known.
struct KnownAnswers {
    /// What one hash costs in a half-full set, by estimate.
    static let bytesPerAnswer = 16

    private var hashes: Set<UInt64> = []
    private let hashesMax: Int
    /// Whether there was no room for all; nothing is learned until the store has none again.
    private var isGivenUp = false
    /// Whether every stored answer has its hash.
    private(set) var isComplete = false

    /// Nothing is known yet; at most `bytes` will be used.
    init(bytes: Int) {
        hashesMax = max(bytes, 0) / Self.bytesPerAnswer
    }

    /// Bytes held, by estimate.
    var bytes: Int { hashes.count * Self.bytesPerAnswer }

    /// Whether no answer of `key` can be in the store.
    func provesAbsence(of key: RequestKey) -> Bool {
        isComplete && !hashes.contains(Self.hash(of: key))
    }

    /// Begins to take over a checkpoint: what it changes is the overlay's to tell until it is done.
    mutating func begin() {
        isComplete = false
    }

    /// Learns that an answer is stored, or is no more.
    mutating func learn(_ key: RequestKey, isStored: Bool) {
        guard !isGivenUp else { return }
        let hash = Self.hash(of: key)
        guard isStored else {
            hashes.remove(hash)
            return
        }
        hashes.insert(hash)
        if hashes.count > hashesMax {
            hashes = []
            isGivenUp = true
        }
    }

    /// Ends taking over a checkpoint, after which the store has `count` answers.
    mutating func finish(stored count: UInt64) {
        if count == 0 { isGivenUp = false }
        isComplete = !isGivenUp && hashesMax > 0 && UInt64(hashes.count) == count
    }

    /// A hash that only this process understands, so that nobody can choose ids that collide.
    private static func hash(of key: RequestKey) -> UInt64 {
        UInt64(bitPattern: Int64(key.hashValue))
    }
}
