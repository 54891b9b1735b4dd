// INFO: the figures of daemon and ledger as `name:value` lines in sections.

internal import Glibc
internal import TenureModel

/// What INFO tells.
enum InfoText {
    /// The version of the daemon.
    static let version = "0.1.0"

    /// The named sections, or all, with what the ledger has told.
    static func make(
        _ sections: [String],
        _ ledger: Document,
        hub: LoopHub,
        commands: UInt64
    ) -> String {
        let everything: Set<String> = ["all", "default", "everything"]
        let wanted = Set(sections)
        let isAll = wanted.isEmpty || !wanted.isDisjoint(with: everything)
        var text = ""
        for (name, fields) in figures(ledger, hub, commands) {
            guard isAll || wanted.contains(name.lowercased()) else { continue }
            if !text.isEmpty { text += "\r\n" }
            text += "# \(name)\r\n"
            for field in fields { append(field.name, field.value, to: &text) }
        }
        return text
    }

    private static func figures(
        _ ledger: Document,
        _ hub: LoopHub,
        _ commands: UInt64
    ) -> [(name: String, fields: [Document.Field])] {
        let (now, accepted, refused) = hub.admission.figures
        var result: [(name: String, fields: [Document.Field])] = [
            (
                "Server",
                [
                    .init("tenure_version", .string(version)),
                    .init("server_mode", .string("standalone")),
                    .init("process_id", .count(UInt64(clamping: getpid()))),
                ]
            ),
            (
                "Clients",
                [
                    .init("connected_clients", .count(now)),
                    .init("maxclients", .count(hub.admission.limit)),
                ]
            ),
            (
                "Stats",
                [
                    .init("total_connections_received", .count(accepted)),
                    .init("rejected_connections", .count(refused)),
                    .init("total_commands_processed", .count(commands)),
                ]
            ),
        ]
        guard case .map(let fields) = ledger else { return result }
        // What the ledger groups becomes a section; the rest is the section Ledger.
        var plain: [Document.Field] = []
        var grouped: [(name: String, fields: [Document.Field])] = []
        for field in fields {
            if case .map(let members) = field.value {
                grouped.append(
                    (field.name.prefix(1).uppercased() + field.name.dropFirst(), members)
                )
            } else {
                plain.append(field)
            }
        }
        result.append(("Ledger", plain))
        return result + grouped
    }

    private static func append(_ name: String, _ value: Document, to text: inout String) {
        switch value {
        case .null: text += "\(name):\r\n"
        case .bool(let truth): text += "\(name):\(truth ? 1 : 0)\r\n"
        case .integer(let number): text += "\(name):\(number)\r\n"
        case .id(let number): text += "\(name):\(number)\r\n"
        case .string(let string):
            text +=
                "\(name):\(string.split(whereSeparator: \.isNewline).joined(separator: " "))\r\n"
        case .list(let items):
            for (index, item) in items.enumerated() { append("\(name)_\(index)", item, to: &text) }
        case .map(let fields):
            for field in fields { append("\(name)_\(field.name)", field.value, to: &text) }
        }
    }
}
