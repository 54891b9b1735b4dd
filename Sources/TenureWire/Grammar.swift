// The small languages inside one argument: claims, parts, labels, times, amounts.
//
// Every function either returns a value within the model's limits or throws the refusal that names
// the word, the limit and what is expected. Sums are checked; nothing here traps on any input.

internal import TenureModel

/// The small languages inside one argument.
enum Grammar {
    /// The refusal of something malformed.
    static func fault(_ message: String) -> Refusal {
        Refusal(.malformed, message)
    }

    /// The parts of `text` between `separator` bytes, empty ones included.
    ///
    /// By bytes, not by characters: finding character borders costs more than all the rest.
    static func split(_ text: Substring, at separator: UInt8) -> [Substring] {
        var parts: [Substring] = []
        var rest = text
        while let index = rest.utf8.firstIndex(of: separator) {
            parts.append(rest[..<index])
            rest = rest[rest.utf8.index(after: index)...]
        }
        parts.append(rest)
        return parts
    }

    /// `text` as an error may repeat it.
    static func quoted(_ text: Substring) -> String {
        let part = text.prefix(WireLimits.quotedBytes)
        return "'\(Printable.text(String(part)))\(part.endIndex < text.endIndex ? "…" : "")'"
    }

    /// `text` as an error may repeat it.
    static func quoted(_ text: String) -> String { quoted(text[...]) }

    /// A name, as `Names.isValid` has it.
    static func name(_ text: String, _ what: String) throws(Refusal) -> String {
        if Names.isValid(text) { return text }
        throw fault(
            "\(what) \(quoted(text)) is not a name: 1 to \(Names.bytesMax) of A-Z a-z 0-9 "
                + ". _ : / -, the first a letter or digit"
        )
    }

    /// A request for `claims` from `pool[,pool…]`, or from all with `*`.
    static func pools(_ text: String, claims: [Claim]) throws(Refusal) -> AcquireRequest {
        if text == AcquireRequest.allPools { return AcquireRequest(pool: text, claims: claims) }
        guard text.utf8.contains(UInt8(ascii: ",")) else {
            return AcquireRequest(pool: try name(text, "the pool"), claims: claims)
        }
        var names: [String] = []
        for part in split(text[...], at: 0x2c) {
            guard names.count < Limits.poolsPerRequest else {
                throw fault("there are more than \(Limits.poolsPerRequest) pools, the limit")
            }
            let name = try name(String(part), "the pool")
            guard !names.contains(name) else { throw fault("the pool \(name) is named twice") }
            names.append(name)
        }
        var request = AcquireRequest(pool: names[0], claims: claims)
        request.fallbackPools = Array(names.dropFirst())
        return request
    }

    /// A tenant: a path of names.
    static func tenant(_ text: String) throws(Refusal) -> String {
        if Names.isValidTenant(text) { return text }
        throw fault(
            "tenant \(quoted(text)) is not a path such as research/vision: at most "
                + "\(Limits.tenantLevels) names, none empty, none beginning with a dot"
        )
    }

    /// A kind.
    static func kind(_ text: Substring) throws(Refusal) -> Kind {
        switch text {
        case "gpu": return .gpu
        case "cpu": return .cpu
        case "memory": return .memory
        case "disk": return .disk
        case "network": return .network
        default: break
        }
        if let kind = Kind(String(text)) { return kind }
        throw fault(
            "\(quoted(text)) is not a kind: cpu, memory, disk, network, gpu, or a name of its own "
                + "without / and :"
        )
    }

    /// Free text: short, without control characters.
    static func freeText(_ text: String, _ what: String) throws(Refusal) -> String {
        guard text.utf8.count <= Limits.textBytes else {
            throw fault(
                "\(what) has \(text.utf8.count) bytes; the limit is \(Limits.textBytes)"
            )
        }
        guard Printable.isClean(text) else {
            throw fault("\(what) has a control character; send printable text")
        }
        return text
    }

    /// A request id.
    static func requestID(_ text: String) throws(Refusal) -> String {
        guard (1...Limits.requestIDBytes).contains(text.utf8.count) else {
            throw fault(
                "a request id has 1 to \(Limits.requestIDBytes) bytes, this one \(text.utf8.count)"
            )
        }
        guard Printable.isClean(text) else {
            throw fault("the request id has a control character; send printable text")
        }
        return text
    }

    /// Labels: `k=v,…`.
    static func labels(_ text: String, _ what: String) throws(Refusal) -> [Label] {
        var labels: [Label] = []
        for part in split(text[...], at: 0x2c) {
            guard labels.count < Limits.labels else {
                throw fault("\(what) has more than \(Limits.labels) labels, which is the limit")
            }
            guard let equals = part.utf8.firstIndex(of: 0x3d) else {
                throw fault("\(what) \(quoted(part)) is not name=value")
            }
            let name = try name(String(part[..<equals]), "the label")
            let value = String(part[part.utf8.index(after: equals)...])
            guard value.utf8.count <= Limits.labelValueBytes, Printable.isClean(value) else {
                throw fault(
                    "the value of label \(name) in \(what) is not printable text of at most "
                        + "\(Limits.labelValueBytes) bytes"
                )
            }
            guard !labels.contains(where: { $0.name == name }) else {
                throw fault("\(what) names the label \(name) twice")
            }
            labels.append(Label(name: name, value: value))
        }
        return labels
    }

    /// Parts: `resource=quantity[,…]`.
    static func parts(_ text: String) throws(Refusal) -> [Part] {
        var parts: [Part] = []
        var names: Set<String> = []
        for part in split(text[...], at: 0x2c) {
            guard parts.count < Limits.partsPerLease else {
                throw fault("there are more than \(Limits.partsPerLease) parts, which is the limit")
            }
            guard let equals = part.utf8.lastIndex(of: 0x3d) else {
                throw fault("the part \(quoted(part)) is not resource=quantity")
            }
            let name = try name(String(part[..<equals]), "the resource")
            let quantity = part[part.utf8.index(after: equals)...]
            guard isQuantityShaped(quantity) else {
                throw fault("the part \(quoted(part)) has no quantity such as 500m, 2 or 32Gi")
            }
            guard names.insert(name).inserted else {
                throw fault("the resource \(name) is named twice in the parts")
            }
            parts.append(Part(resource: name, quantity: String(quantity)))
        }
        return parts
    }

    /// Whether `text` could be a quantity of some kind; which one only the ledger knows.
    private static func isQuantityShaped(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 40 else { return false }
        return ((0x30...0x39).contains(first) || first == 0x2e)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || byte == 0x2e || (0x41...0x5a).contains(byte)
                    || (0x61...0x7a).contains(byte)
            }
    }
}
