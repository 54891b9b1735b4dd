// Amounts and claims: `[count*]kind=quantity[,kind=quantity…]`, several joined by `+`.

internal import TenureModel

extension Grammar {
    /// An amount of `kind`, from 1, or from 0 where `orZero` allows it.
    static func amount(
        _ text: Substring,
        of kind: Kind,
        orZero: Bool = false
    ) throws(Refusal) -> UInt64 {
        if let amount = wholeAmount(text, of: kind), amount > 0 || orZero { return amount }
        do {
            return try Quantity.parse(String(text), kind: kind)
        } catch .zero where orZero {
            return 0
        } catch {
            throw amountFault(error, text, of: kind)
        }
    }

    /// The common case, digits alone, without an allocation.
    private static func wholeAmount(_ text: Substring, of kind: Kind) -> UInt64? {
        guard !text.isEmpty, text.utf8.count <= 15 else { return nil }
        var value: UInt64 = 0
        for byte in text.utf8 {
            let digit = byte &- 0x30
            guard digit <= 9 else { return nil }
            value = value * 10 + UInt64(digit)
        }
        // At most 10^15, so that a thousand of it is below 2^62.
        return kind.baseUnit == .milli ? value * 1_000 : value
    }

    private static func amountFault(
        _ fault: Quantity.Fault,
        _ text: Substring,
        of kind: Kind
    ) -> Refusal {
        let what = "the quantity \(quoted(text)) of \(kind.name)"
        return switch fault {
        case .malformed:
            self.fault(
                "\(what) is not a number such as 500m, 2, 1.5 or 32Gi, without sign or exponent"
            )
        case .finerThanBaseUnit:
            self.fault("\(what) is finer than its base unit, \(kind.baseUnit.rawValue)")
        case .tooLarge:
            self.fault("\(what) is more than \(Limits.amountMax) \(kind.baseUnit.rawValue)")
        case .zero:
            self.fault("\(what) asks for nothing; leave it out or ask for more")
        }
    }

    /// A price in thousandths: a decimal with at most three places.
    static func price(_ text: String, _ what: String) throws(Refusal) -> UInt64 {
        // Thousandths of a price are read like thousandths of a CPU.
        do {
            return try amount(text[...], of: .cpu, orZero: true)
        } catch {
            throw fault("\(what) \(quoted(text)) is not a price with at most three decimal places")
        }
    }

    /// The claims of a request.
    static func claims(_ text: String) throws(Refusal) -> [Claim] {
        var claims: [Claim] = []
        var places = 0
        for part in split(text[...], at: 0x2b) {
            guard claims.count < Limits.claims else {
                throw fault("there are more than \(Limits.claims) claims, which is the limit")
            }
            let claim = try claim(part)
            places += claim.places
            guard places <= Limits.places else {
                throw fault("the claims are for more than \(Limits.places) places, the limit")
            }
            claims.append(claim)
        }
        try checkSums(of: claims)
        return claims
    }

    private static func claim(_ text: Substring) throws(Refusal) -> Claim {
        var rest = text
        var places = 1
        if let star = text.utf8.firstIndex(of: 0x2a) {
            places = try count(text[..<star], of: text)
            rest = text[text.utf8.index(after: star)...]
        }
        var amounts: [ClaimAmount] = []
        for part in split(rest, at: 0x2c) {
            guard amounts.count < Limits.kindsPerClaim else {
                throw fault(
                    "the claim \(quoted(text)) has more than \(Limits.kindsPerClaim) kinds"
                )
            }
            guard let equals = part.utf8.firstIndex(of: 0x3d) else {
                throw fault(
                    "the claim \(quoted(text)) is not [count*]kind=quantity[,kind=quantity…]"
                )
            }
            let kind = try kind(part[..<equals])
            guard !amounts.contains(where: { $0.kind == kind }) else {
                throw fault("the claim \(quoted(text)) names the kind \(kind.name) twice")
            }
            amounts.append(try range(part[part.utf8.index(after: equals)...], of: kind))
        }
        return Claim(places: places, amounts: amounts)
    }

    /// An amount, or the least and the most of it with `..` between.
    private static func range(_ text: Substring, of kind: Kind) throws(Refusal) -> ClaimAmount {
        if let amount = wholeAmount(text, of: kind), amount > 0 {
            return ClaimAmount(kind: kind, amount: amount)
        }
        let bytes = text.utf8
        let dots = bytes.indices.first { index in
            bytes[index...].starts(with: [0x2e, 0x2e])
        }
        guard let dots else { return ClaimAmount(kind: kind, amount: try amount(text, of: kind)) }
        let least = try amount(text[..<dots], of: kind)
        let most = try amount(text[bytes.index(dots, offsetBy: 2)...], of: kind)
        guard most >= least else {
            throw fault("the range \(quoted(text)) of \(kind.name) ends below its beginning")
        }
        return ClaimAmount(kind: kind, amount: least, most: most == least ? nil : most)
    }

    private static func count(_ text: Substring, of claim: Substring) throws(Refusal) -> Int {
        guard text.utf8.first != 0x30, text.utf8.first != 0x2b,
            let places = Int(text), (1...Limits.places).contains(places)
        else {
            throw fault(
                "the claim \(quoted(claim)) is for \(quoted(text)) places; "
                    + "the count is from 1 to \(Limits.places)"
            )
        }
        return places
    }

    /// Refuses a gang whose claims fit one by one and not together.
    private static func checkSums(of claims: [Claim]) throws(Refusal) {
        if claims.count == 1, claims[0].places == 1 { return }
        var sums: [(kind: Kind, amount: UInt64)] = []
        for claim in claims {
            for part in claim.amounts {
                let (product, overflow) =
                    (part.most ?? part.amount)
                    .multipliedReportingOverflow(by: UInt64(claim.places))
                let index = sums.firstIndex { $0.kind == part.kind } ?? sums.endIndex
                if index == sums.endIndex { sums.append((part.kind, 0)) }
                let (sum, carry) = sums[index].amount.addingReportingOverflow(product)
                guard !overflow, !carry, sum <= Limits.amountMax else {
                    throw fault(
                        "the claims ask together for more than \(Limits.amountMax) "
                            + "\(part.kind.baseUnit.rawValue) of \(part.kind.name)"
                    )
                }
                sums[index].amount = sum
            }
        }
    }
}
