// Commands of strangers, decided and applied: whatever they are, the invariants hold (I2, I3), and
// the events replayed from their bytes give the same rows (I6).
//
//   +1000          a second passes, and what is due is taken back
//   $0 %0          the id and the token of the first thing that was granted, anywhere in a line
//   anything else  a command as on the wire, words between spaces

import TenureLog
import TenureModel
import TenureStorage
import TenureWire

struct FuzzMachine {
    private static let linesMax = 64
    private static let ledger = LedgerID(high: 1, low: 2)

    private var state = LedgerState(resident: ResidentRows(), rows: NoRows())
    private var now = LedgerTime(nanoseconds: 1_000_000_000)
    private var frames: [(payload: [UInt8], time: LedgerTime)] = []
    /// What was granted or opened, in order.
    private var handles: [(id: UInt64, token: UInt64)] = []

    static func run(_ bytes: [UInt8]) throws {
        var machine = FuzzMachine()
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(separator: "\n").prefix(linesMax) {
            try machine.take(line)
        }
        try machine.replay()
    }

    private mutating func take(_ line: Substring) throws {
        if line.hasPrefix("+") {
            // At most ten years: ledger time is far from its end.
            let milliseconds = min(UInt64(line.dropFirst()) ?? 1, 315_360_000_000)
            now = now.advanced(byMilliseconds: milliseconds)
            // What is due is finite, and every turn takes some of it.
            for _ in 0..<100 where try ask(.housekeeping(.reclaim)) {}
            return
        }
        let words = line.split(separator: " ").map(word)
        switch CommandParser.parse(RequestArguments(words)) {
        case .ledger(.query(let query)): _ = try ask(.query(query))
        case .ledger(let command): _ = try ask(command)
        case .openSession(let request, _): _ = try ask(.openSession(request))
        case .connection, .refused: break
        }
    }

    /// A word with ids and tokens in place of their names.
    private func word(_ word: Substring) -> String {
        guard let sign = word.first, sign == "$" || sign == "%", !handles.isEmpty,
            let index = UInt64(word.dropFirst())
        else { return String(word) }
        let handle = handles[Int(index % UInt64(handles.count))]
        return sign == "$" ? "\(handle.id)" : "\(handle.token)"
    }

    /// Decides and applies one command.
    ///
    /// - Returns: Whether it changed something.
    private mutating func ask(_ command: Command) throws -> Bool {
        let caller = Caller(uid: 1000, isAdmin: false, generatedHolder: "made")
        let decision = try state.decide(command, caller: caller, now: now)
        note(decision.answer)
        guard !decision.events.isEmpty else { return false }
        if case .refused = decision.answer, decision.events.contains(where: \.isGrant) {
            throw BrokenRule("a request was refused and granted")
        }
        try state.apply(decision.events, at: state.position + 1, time: now)
        frames.append((EventCodec.encode(decision.events), now))
        now = now.advanced(byNanoseconds: 1)
        if let fault = try state.invariantFault() { throw BrokenRule(fault) }
        return true
    }

    private mutating func note(_ answer: Answer) {
        switch answer {
        case .grant(let grant): handles.append((grant.lease.rawValue, grant.token.rawValue))
        case .session(let view): handles.append((view.session.rawValue, view.token.rawValue))
        default: break
        }
    }

    /// I6: the same rows from the bytes of the events.
    private mutating func replay() throws {
        var replayed = LedgerState(resident: ResidentRows(), rows: NoRows())
        for (index, frame) in frames.enumerated() {
            let decoded = try EventCodec.decode(frame.payload)
            try replayed.apply(decoded.events, at: Position(index + 1), time: frame.time)
        }
        let (own, again) = (digests(of: state.freeze()), digests(of: replayed.freeze()))
        for table in RowTable.counted where own[table] != again[table] {
            throw BrokenRule("I6: other rows of \(table) when the log is replayed")
        }
    }

    private func digests(of rows: FrozenChanges) -> [RowTable: StateDigest] {
        StateDigest.tables(of: rows, ledger: Self.ledger).digests
    }
}

extension Event {
    fileprivate var isGrant: Bool {
        if case .granted = self { true } else { false }
    }
}
