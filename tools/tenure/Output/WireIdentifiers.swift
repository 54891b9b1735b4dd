// Identifiers in answers that came over the wire.
//
// RESP has one kind of integer; which of them name something is known by the field. They become
// identifiers again here, so that JSON carries them as strings.

package import TenureModel

/// Tells identifiers from amounts.
package enum WireIdentifiers {
    /// Fields whose integer names something.
    private static let single: Set<String> = [
        "lease", "reservation", "session", "ticket", "token", "position",
    ]

    /// Fields whose list of integers names things; as integers they are counts.
    private static let listed: Set<String> = ["leases", "sessions"]

    /// The answer with its identifiers marked as such.
    package static func marked(_ answer: Document) -> Document {
        switch answer {
        case .map(let fields): .map(fields.map { .init($0.name, marked($0)) })
        case .list(let items): .list(items.map(marked))
        default: answer
        }
    }

    private static func marked(_ field: Document.Field) -> Document {
        switch field.value {
        case .integer(let number) where number >= 0 && single.contains(field.name):
            .id(UInt64(number))
        case .list(let items) where listed.contains(field.name):
            .list(items.map { marked(.init("lease", $0)) })
        default: marked(field.value)
        }
    }
}
