// Labels of resources, tags of leases, and the selectors that match them.

/// A named value on a resource or a lease.
public struct Label: Hashable, Comparable, Sendable {
    /// A name as `Names.isValid` has it.
    public let name: String
    /// Printable text of at most `Limits.labelValueBytes` bytes, without `,`.
    public let value: String

    /// A named value; whether both parts are allowed is checked where a command is decided.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// Orders by name, then value.
    public static func < (left: Label, right: Label) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }

    /// Whether `labels` holds every one of `selector`.
    ///
    /// A value of `a|b` in the selector stands for either.
    static func match(_ selector: [Label], in labels: [Label]) -> Bool {
        selector.allSatisfy { wanted in
            labels.contains { has in
                has.name == wanted.name && wanted.allows(has.value)
            }
        }
    }

    private func allows(_ candidate: String) -> Bool {
        if value == candidate { return true }
        guard value.utf8.contains(0x7c) else { return false }
        return value.split(separator: "|").contains { $0 == candidate }
    }
}

extension [Label] {
    /// The labels as a document: a map in their order.
    var document: Document {
        .map(map { Document.Field($0.name, .string($0.value)) })
    }
}
