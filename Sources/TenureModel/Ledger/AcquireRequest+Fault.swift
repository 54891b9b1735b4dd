// What can be wrong with a request whatever the state is.

extension AcquireRequest {
    /// The first thing that is malformed, as a sentence; nothing when all is well.
    var fault: String? {
        if let fault = poolsFault { return fault }
        if !Names.isValidTenant(tenant) {
            return "TENANT '\(tenant.printable)' is no path of at most \(Limits.tenantLevels) names"
        }
        if let holder, !Names.isValid(holder) { return "HOLDER '\(holder.printable)' is no name" }
        if let id = requestID, id.isEmpty || id.utf8.count > Limits.requestIDBytes {
            return "REQUEST must have 1 to \(Limits.requestIDBytes) bytes"
        }
        return claimsFault ?? durationFault ?? labelFault ?? withinFault ?? affinityFault
    }

    /// Amounts in all, by kind, in the order of first mention.
    ///
    /// Only after `fault` said nothing.
    var totals: [ClaimAmount] { claims.totals }

    private var poolsFault: String? {
        let isAll = pool == Self.allPools && fallbackPools.isEmpty
        if !isAll, !Names.isValid(pool) { return "POOL '\(pool.printable)' is no name" }
        if let name = fallbackPools.first(where: { !Names.isValid($0) }) {
            return "POOL '\(name.printable)' is no name"
        }
        guard asksSeveralPools else { return nil }
        if fallbackPools.count >= Limits.poolsPerRequest {
            return "a request names at most \(Limits.poolsPerRequest) pools"
        }
        if Set([pool] + fallbackPools).count <= fallbackPools.count {
            return "a pool is named twice"
        }
        return nil
    }

    private var claimsFault: String? {
        if claims.isEmpty || claims.count > Limits.claims {
            return "a request has 1 to \(Limits.claims) claims"
        }
        var places = 0
        for claim in claims {
            guard claim.places >= 1, claim.places <= Limits.places else {
                return "a claim asks for 1 to \(Limits.places) places"
            }
            places += claim.places
            if let fault = claim.fault { return fault }
        }
        if places > Limits.places {
            return "a request asks for at most \(Limits.places) places"
        }
        return sumsFault
    }

    /// What adds up to more than can be counted; only of claims that are each well formed.
    private var sumsFault: String? {
        // One claim in one place has no kind twice.
        if claims.count == 1, claims[0].places == 1 { return nil }
        // At most 2^62 times the most places, so that no sum leaves 128 bits.
        var sums: [(kind: Kind, amount: UInt128)] = []
        for claim in claims {
            for amount in claim.amounts {
                let most = UInt128(amount.most ?? amount.amount) * UInt128(claim.places)
                let index = sums.firstIndex { $0.kind == amount.kind } ?? sums.count
                if index == sums.count { sums.append((amount.kind, 0)) }
                sums[index].amount += most
            }
        }
        guard let kind = sums.first(where: { $0.amount > Limits.amountMax })?.kind else {
            return nil
        }
        return "the amounts of \(kind.name) add up to more than \(Limits.amountMax) "
            + kind.baseUnit.rawValue
    }

    private var durationFault: String? {
        if session != nil, ttlMilliseconds != nil {
            return "a lease in a SESSION has no TTL of its own; leave TTL out"
        }
        if planOnly, plan != nil {
            return "a plan is made of what is free now; it takes no PLAN"
        }
        if plan != nil, waits {
            return "what was planned is granted now or not at all; leave WAIT and QUEUE out"
        }
        if let maxCost, maxCost > Limits.amountMax {
            return "MAXCOST is above \(Limits.amountMax)"
        }
        if planOnly, waitMilliseconds != nil {
            return "a plan is what would be granted now; leave WAIT out"
        }
        if queueMilliseconds != nil {
            if planOnly { return "a plan is what would be granted now; leave QUEUE out" }
            if waitMilliseconds != nil {
                return "WAIT and QUEUE exclude each other: one blocks, the other answers at once"
            }
            if requestID == nil, session == nil {
                return "QUEUE needs REQUEST or SESSION, by which to ask what became of it"
            }
        }
        return Self.fault(of: "TTL", ttlMilliseconds) ?? Self.fault(of: "HOLD", holdMilliseconds)
            ?? Self.fault(of: "MAXLIFETIME", maxLifetimeMilliseconds)
            ?? Self.fault(of: "WAIT", waitMilliseconds)
            ?? Self.fault(of: "QUEUE", queueMilliseconds)
    }

    private static func fault(of option: StaticString, _ milliseconds: UInt64?) -> String? {
        guard let milliseconds, milliseconds == 0 || milliseconds > Limits.millisecondsMax else {
            return nil
        }
        return "\(option) must be 1 to \(Limits.millisecondsMax) ms"
    }

    private var withinFault: String? {
        guard let within else { return nil }
        if !Names.isValid(within) { return "WITHIN '\(within.printable)' is no name of a label" }
        if let strategy, strategy != .locality {
            return "WITHIN places parts by locality; leave STRATEGY \(strategy.rawValue) out"
        }
        return nil
    }

    private var labelFault: String? {
        if let fault = selector.fault(of: "SELECT") ?? tags.fault(of: "TAG") { return fault }
        if let purpose, !purpose.isPlainText {
            return "PURPOSE must be at most \(Limits.textBytes) bytes without control characters"
        }
        return nil
    }
}

extension [Claim] {
    /// Amounts in all, by kind, in the order of first mention.
    ///
    /// Only of claims that are well formed, so that no sum is too large.
    var totals: [ClaimAmount] {
        var totals: [ClaimAmount] = []
        for claim in self {
            for amount in claim.amounts {
                let sum = amount.amount &* UInt64(claim.places)
                if let index = totals.firstIndex(where: { $0.kind == amount.kind }) {
                    totals[index].amount &+= sum
                } else {
                    totals.append(ClaimAmount(kind: amount.kind, amount: sum))
                }
            }
        }
        return totals
    }
}

extension Claim {
    fileprivate var fault: String? {
        if amounts.isEmpty || amounts.count > Limits.kindsPerClaim {
            return "a claim names 1 to \(Limits.kindsPerClaim) kinds"
        }
        for (index, amount) in amounts.enumerated() {
            if amount.amount == 0 || amount.amount > Limits.amountMax {
                return "\(amount.kind.name) must be 1 to \(Limits.amountMax) "
                    + amount.kind.baseUnit.rawValue
            }
            if let most = amount.most, most <= amount.amount || most > Limits.amountMax {
                return "the most of \(amount.kind.name) must be above the least, and at most "
                    + "\(Limits.amountMax) \(amount.kind.baseUnit.rawValue)"
            }
            if amounts[..<index].contains(where: { $0.kind == amount.kind }) {
                return "\(amount.kind.name) is asked for twice in one claim; add it up"
            }
        }
        return nil
    }
}

extension [Label] {
    /// What is malformed about labels that were given as `option`.
    func fault(of option: String) -> String? {
        if count > Limits.labels { return "\(option) has more than \(Limits.labels) labels" }
        for (index, label) in enumerated() {
            if !Names.isValid(label.name) {
                return "\(option) '\(label.name.printable)' is no name of a label"
            }
            if label.value.utf8.count > Limits.labelValueBytes || !label.value.isPlainText {
                return "\(option) \(label.name) must have at most \(Limits.labelValueBytes) bytes "
                    + "without control characters"
            }
            if self[..<index].contains(where: { $0.name == label.name }) {
                return "\(option) \(label.name) is given twice"
            }
        }
        return nil
    }
}

extension String {
    /// Whether it is short and without control characters, bidirectional ones included.
    var isPlainText: Bool {
        utf8.count <= Limits.textBytes
            && unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator: false
                default: true
                }
            }
    }

    /// The text, shortened and with control characters replaced, fit for a message.
    var printable: String {
        var result = ""
        for scalar in unicodeScalars.prefix(80) {
            let isPlain = String(scalar).isPlainText
            result.unicodeScalars.append(isPlain ? scalar : "?")
        }
        return result
    }
}
