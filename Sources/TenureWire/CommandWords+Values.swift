// The values of operands and options, each read as what it must be.

internal import TenureModel

extension CommandWords {
    /// The text of `option`, when it was given.
    func text(_ option: OptionWord) throws(Refusal) -> String? {
        guard let place = self[option] else { return nil }
        return try arguments.text(place)
    }

    /// The text of operand number `index`.
    func text(operand index: Int) throws(Refusal) -> String {
        try arguments.text(operand(index))
    }

    /// The name in operand number `index`.
    func name(operand index: Int) throws(Refusal) -> String {
        try Grammar.name(try text(operand: index), "the \(row.operands[index])")
    }

    /// The name in `option`, when it was given.
    func name(_ option: OptionWord) throws(Refusal) -> String? {
        guard let text = try text(option) else { return nil }
        return try Grammar.name(text, option.word)
    }

    /// The tenant in `option`, when it was given.
    func tenant() throws(Refusal) -> String? {
        guard let text = try text(.tenant) else { return nil }
        return try Grammar.tenant(text)
    }

    /// The id or token in operand number `index`.
    func id(operand index: Int) throws(Refusal) -> UInt64 {
        try id(at: operand(index), row.operands[index])
    }

    /// The session in its option, when it was given.
    func session() throws(Refusal) -> SessionID? {
        guard let place = self[.session] else { return nil }
        return SessionID(rawValue: try id(at: place, "session"))
    }

    private func id(at place: Int, _ what: String) throws(Refusal) -> UInt64 {
        if let value = arguments.unsigned(place), value > 0 { return value }
        throw Grammar.fault(
            "the \(what) \(arguments.quoted(place)) is not a number as the grant told it"
        )
    }

    /// The milliseconds in `option`, from 1, when it was given.
    func milliseconds(_ option: OptionWord) throws(Refusal) -> UInt64? {
        guard let place = self[option] else { return nil }
        guard let value = arguments.unsigned(place), (1...Limits.millisecondsMax).contains(value)
        else {
            throw Grammar.fault(
                "\(option.word) \(arguments.quoted(place)) is not a whole number of milliseconds "
                    + "from 1 to \(Limits.millisecondsMax)"
            )
        }
        return value
    }

    /// The number in `option`, from 0 to `most`, when it was given.
    func count(_ option: OptionWord, upTo most: UInt64) throws(Refusal) -> UInt64? {
        guard let place = self[option] else { return nil }
        guard let value = arguments.unsigned(place), value <= most else {
            throw Grammar.fault(
                "\(option.word) \(arguments.quoted(place)) is not a whole number from 0 to \(most)"
            )
        }
        return value
    }

    /// The version of a plan, when it was given.
    func planVersion() throws(Refusal) -> Position? {
        guard let place = self[.plan] else { return nil }
        if let version = arguments.unsigned(place) { return version }
        throw Grammar.fault("PLAN \(arguments.quoted(place)) is not the version that a plan told")
    }

    /// The lease or reservation and its token, the first two operands.
    func leaseReference() throws(Refusal) -> LeaseReference {
        LeaseReference(
            lease: LeaseID(rawValue: try id(operand: 0)),
            token: Token(rawValue: try id(operand: 1))
        )
    }

    /// The session and its token, the first two operands.
    func sessionReference() throws(Refusal) -> SessionReference {
        SessionReference(
            session: SessionID(rawValue: try id(operand: 0)),
            token: Token(rawValue: try id(operand: 1))
        )
    }

    /// Which part of a list is asked for.
    func page() throws(Refusal) -> Page {
        var page = Page()
        if let place = self[.limit] {
            guard let limit = arguments.unsigned(place),
                (1...UInt64(Limits.pageItems)).contains(limit)
            else {
                throw Grammar.fault(
                    "LIMIT \(arguments.quoted(place)) is not a number from 1 to \(Limits.pageItems)"
                )
            }
            page.limit = Int(limit)
        }
        if let after = try text(.after) {
            page.after = try Grammar.freeText(after, "AFTER")
        }
        return page
    }
}
