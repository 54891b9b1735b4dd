// What quotas, budgets and limits of tenants are set to.

internal import TenureModel

extension CommandParser {
    /// The quota that QUOTA SET asks for.
    static func quota(_ words: CommandWords) throws(Refusal) -> QuotaRequest {
        let (tenant, kind) = try tenantAndKind(words)
        var request = QuotaRequest(tenant: tenant, kind: kind)
        request.limit = try amount(words, .limit, of: kind)
        request.guarantee = try amount(words, .guarantee, of: kind)
        request.borrowing = try bound(words, .borrow, of: kind, without: "unlimited")
        request.lending = try bound(words, .lend, of: kind, without: "all")
        request.weight = try words.count(.weight, upTo: Limits.quotaWeightMax)
        return request
    }

    /// The budget that BUDGET SET asks for.
    static func budget(_ words: CommandWords) throws(Refusal) -> BudgetRequest {
        var request = BudgetRequest(tenant: try Grammar.tenant(try words.text(operand: 0)))
        if let text = try words.text(.limit) { request.limit = try Grammar.price(text, "LIMIT") }
        request.windowMilliseconds = try words.milliseconds(.window)
        return request
    }

    /// The limits that TENANT SET asks for.
    static func tenant(_ words: CommandWords) throws(Refusal) -> TenantRequest {
        var request = TenantRequest(tenant: try Grammar.tenant(try words.text(operand: 0)))
        request.leases = try bound(words, .leases, upTo: Limits.amountMax)
        request.rate = try bound(words, .rate, upTo: Limits.grantRateMax)
        request.burst = try words.count(.burst, upTo: Limits.grantBurstMax)
        return request
    }

    private static func bound(
        _ words: CommandWords,
        _ option: OptionWord,
        upTo most: UInt64
    ) throws(Refusal) -> QuotaBound? {
        if try words.text(option)?.lowercased() == "unlimited" { return .unlimited }
        return try words.count(option, upTo: most).map(QuotaBound.amount)
    }

    /// The tenant and the kind that a command about a quota names.
    static func tenantAndKind(
        _ words: CommandWords
    ) throws(Refusal) -> (tenant: String, kind: Kind) {
        (
            try Grammar.tenant(try words.text(operand: 0)),
            try Grammar.kind((try words.text(operand: 1))[...])
        )
    }

    private static func amount(
        _ words: CommandWords,
        _ option: OptionWord,
        of kind: Kind
    ) throws(Refusal) -> UInt64? {
        guard let text = try words.text(option) else { return nil }
        return try Grammar.amount(text[...], of: kind, orZero: true)
    }

    /// An amount, or the word that takes the bound away.
    private static func bound(
        _ words: CommandWords,
        _ option: OptionWord,
        of kind: Kind,
        without word: String
    ) throws(Refusal) -> QuotaBound? {
        if try words.text(option)?.lowercased() == word { return .unlimited }
        return try amount(words, option, of: kind).map(QuotaBound.amount)
    }
}
