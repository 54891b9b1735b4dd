// Tags of other leases: what NEAR and AWAY take.

internal import TenureModel

extension Grammar {
    /// Tags with the level at which they count: `name=value[@level],…`.
    ///
    /// What follows the last `@` is the level; a value with one in it is followed by another.
    static func affinities(_ text: String, _ what: String) throws(Refusal) -> [Affinity] {
        var rules: [Affinity] = []
        for part in split(text[...], at: 0x2c) {
            guard rules.count < Limits.affinities else {
                throw fault("\(what) has more than \(Limits.affinities) tags, which is the limit")
            }
            let (tag, level): (Substring, String)
            if let at = part.utf8.lastIndex(of: 0x40) {
                tag = part[..<at]
                level = try name(String(part[part.utf8.index(after: at)...]), "the level")
            } else {
                (tag, level) = (part, "node")
            }
            let labels = try labels(String(tag), what)
            rules += labels.map { Affinity($0, level: level) }
        }
        return rules
    }
}
