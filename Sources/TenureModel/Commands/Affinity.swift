// Other leases that the parts of a request are to be near, or away from.

/// Leases that carry a tag, and what of a place tells whether it is near them.
public struct Affinity: Hashable, Sendable {
    /// The tag that they carry.
    public var tag: Label
    /// `node`, or the name of a label of resources: near is what has the same value.
    ///
    /// Of `rack` the same `zone` as well. Not `numa`.
    public var level: String

    /// Leases with this tag, in the same node or with the same value of a label.
    public init(_ tag: Label, level: String = "node") {
        self.tag = tag
        self.level = level
    }

    /// As it is written: `app=web@rack`, without a level for `node`.
    public var text: String {
        // What follows the last @ is a level.
        let isPlain = level == "node" && !tag.value.utf8.contains(0x40)
        return "\(tag.name)=\(tag.value)" + (isPlain ? "" : "@\(level)")
    }
}

extension Command {
    /// Whether other leases decide where what is asked for may be.
    package var hasAffinities: Bool {
        if case .acquire(let request) = self { request.hasAffinities } else { false }
    }
}

extension AcquireRequest {
    /// Whether other leases decide where it may be.
    package var hasAffinities: Bool { !near.isEmpty || !away.isEmpty }

    /// Its rules about other leases as they are written, NEAR before AWAY.
    package var affinityTexts: [String] {
        guard hasAffinities else { return [] }
        return near.map { "NEAR \($0.text)" } + away.map { "AWAY \($0.text)" }
    }

    /// Those that take others: being near leases of its own tag does not, which it may begin.
    var othersNeeded: [String] {
        guard hasAffinities else { return [] }
        var rules = self
        rules.near.removeAll { tags.contains($0.tag) }
        return rules.affinityTexts
    }

    /// What is malformed about them.
    var affinityFault: String? {
        guard hasAffinities else { return nil }
        for (word, rules) in [("NEAR", near), ("AWAY", away)] {
            if rules.count > Limits.affinities {
                return "\(word) has more than \(Limits.affinities) tags"
            }
            if Set(rules).count < rules.count { return "\(word) says the same twice" }
            for rule in rules {
                if let fault = [rule.tag].fault(of: word) { return fault }
                guard Names.isValid(rule.level), rule.level != "numa" else {
                    return "\(word) \(rule.tag.name) takes @node or @label, the name of a label of "
                        + "places, not '\(rule.level.printable)'"
                }
            }
        }
        return nil
    }
}
