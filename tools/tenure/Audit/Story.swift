// The story of a lease, request, ticket or session as it is told.

internal import TenureModel

/// A story, for programs and for people.
struct Story {
    /// Everything, for programs.
    let document: Document
    /// What happened, in order, for people.
    let lines: [String]

    /// What people read: the facts, and below them what happened.
    var text: [String] {
        guard case .map(let fields) = document else { return lines }
        // What happened is told in order below.
        let told: Set<String> = [
            "heldBy", "granted", "events", "ended", "opened", "queued", "eventsLeftOut",
        ]
        var facts = Array(fields.prefix(2)) + owner
        facts += fields.dropFirst(2).filter { !told.contains($0.name) && !$0.value.isEmpty }
            .map { Document.Field($0.name, $0.value.without(told)) }
        return Rendering.lines(.map(facts)) + (lines.isEmpty ? [] : [""]) + lines
    }

    /// Whose it is, what for, and how it ended.
    private var owner: [Document.Field] {
        let asked = document["granted"] ?? document["queued"] ?? document["opened"]
        let names = ["pool", "tenant", "holder", "uid", "request", "purpose", "tags"]
        var fields = names.compactMap { name in
            // Who has it now, where it was handed over.
            (document["heldBy"]?[name] ?? asked?[name])
                .flatMap { $0.isEmpty ? nil : Document.Field(name, $0) }
        }
        if let ended = document["ended"], case .string(let how)? = ended["event"] {
            var words = [how]
            for name in ["wall", "evidence"] {
                if case .string(let text)? = ended[name] { words.append(text) }
            }
            fields.append(.init("how", .string(words.joined(separator: ", "))))
        }
        return fields
    }
}

extension Document {
    /// Whether it says nothing.
    var isEmpty: Bool {
        switch self {
        case .null, .list([]), .map([]), .string(""): true
        default: false
        }
    }
}
