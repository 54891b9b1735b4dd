// By what those who wait are found: who asked, when they give up, when their class rises.

internal import TenureModel

/// The name of one who asked: who takes the answer, and under what number.
struct PartyName: Hashable {
    let sink: ObjectIdentifier
    let ticket: UInt64

    init(_ sink: any AnswerSink, _ ticket: UInt64) {
        self.sink = ObjectIdentifier(sink)
        self.ticket = ticket
    }
}

/// When somebody gives up: a party, or the ticket itself.
struct Deadline: Comparable {
    let time: LedgerTime
    let age: WaitAge
    /// The number of the party; 0 for the ticket, which is before its parties.
    let party: UInt64

    static func < (left: Deadline, right: Deadline) -> Bool {
        if left.time != right.time { return left.time < right.time }
        return left.age != right.age ? left.age < right.age : left.party < right.party
    }
}

/// When a class rises.
struct Rise: Comparable {
    let time: LedgerTime
    let age: WaitAge

    static func < (left: Rise, right: Rise) -> Bool {
        left.time != right.time ? left.time < right.time : left.age < right.age
    }
}
