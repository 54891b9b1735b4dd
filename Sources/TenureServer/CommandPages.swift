// COMMAND, COMMAND LIST and COMMAND DOCS, in the shapes that clients of Redis expect.

internal import NIOCore
internal import TenureModel
internal import TenureWire

/// What COMMAND tells.
enum CommandPages {
    /// A first word with everything that begins with it.
    private struct Family {
        let name: String
        var alone: CommandSpecification?
        var members: [CommandSpecification] = []
    }

    /// The first words of what this version has, in the order of the table.
    private static let families: [Family] = {
        var families: [Family] = []
        for row in CommandTable.all {
            let name = String(row.word.rawValue.prefix { $0 != " " })
            var index = families.firstIndex { $0.name == name }
            if index == nil {
                families.append(Family(name: name))
                index = families.indices.last
            }
            guard let index else { continue }
            if row.nameWords == 1 {
                families[index].alone = row
            } else {
                families[index].members.append(row)
            }
        }
        return families
    }()

    /// How many first words there are.
    static var count: Int { families.count }

    /// The names of all commands.
    static func list(to buffer: inout ByteBuffer, _ version: RESPVersion) {
        let names = families.map { Document.string($0.name.lowercased()) }
        ReplyEncoder.write(.list(names), to: &buffer, version)
    }

    /// COMMAND and COMMAND INFO.
    static func describe(_ names: [String]?, to buffer: inout ByteBuffer, _ version: RESPVersion) {
        let pages: [Document] =
            if let names {
                names.map { name in entry(named: name) ?? .null }
            } else {
                families.map(entry)
            }
        ReplyEncoder.write(.list(pages), to: &buffer, version)
    }

    private static func entry(named name: String) -> Document? {
        if let family = families.first(where: { $0.name == name.uppercased() }) {
            return entry(family)
        }
        return CommandTable.specification(named: name).map { entry($0) }
    }

    private static func entry(_ family: Family) -> Document {
        entry(
            name: family.name.lowercased(),
            arity: family.alone?.arity ?? -2,
            scope: family.alone?.scope ?? family.members.first?.scope ?? .connection,
            subcommands: family.members.map { entry($0) }
        )
    }

    private static func entry(_ row: CommandSpecification) -> Document {
        entry(name: key(row), arity: row.arity, scope: row.scope, subcommands: [])
    }

    /// Ten places, as Redis 7 has them: no command of ours has keys.
    private static func entry(
        name: String,
        arity: Int,
        scope: CommandSpecification.Scope,
        subcommands: [Document]
    ) -> Document {
        .list([
            .string(name), .count(arity),
            .list(scope == .connection ? [.string("loading"), .string("fast")] : []),
            .count(0), .count(0), .count(0),
            .list([.string(scope == .connection ? "@connection" : "@slow")]),
            .list([]), .list([]), .list(subcommands),
        ])
    }

    private static func key(_ row: CommandSpecification) -> String {
        row.word.rawValue.lowercased().split(separator: " ").joined(separator: "|")
    }

    /// COMMAND DOCS.
    static func document(_ names: [String], to buffer: inout ByteBuffer, _ version: RESPVersion) {
        let wanted = Set(names.map { $0.uppercased() })
        let shown = wanted.isEmpty ? families : families.filter { wanted.contains($0.name) }
        let fields = shown.map { family in
            Document.Field(family.name.lowercased(), page(family))
        }
        ReplyEncoder.write(.map(fields), to: &buffer, version)
    }

    private static func page(_ family: Family) -> Document {
        let summary = family.alone?.summary ?? "A container of commands."
        var fields = page(summary, family.alone?.scope ?? .ledger, family.alone?.syntax)
        if !family.members.isEmpty {
            let members = family.members.map { row in
                Document.Field(key(row), .map(page(row.summary, row.scope, row.syntax)))
            }
            fields.append(.init("subcommands", .map(members)))
        }
        return .map(fields)
    }

    private static func page(
        _ summary: String,
        _ scope: CommandSpecification.Scope,
        _ syntax: String?
    ) -> [Document.Field] {
        var fields: [Document.Field] = [
            .init("summary", .string(summary)), .init("since", .string(InfoText.version)),
            .init("group", .string(scope == .connection ? "connection" : "ledger")),
        ]
        if let syntax { fields.append(.init("syntax", .string(syntax))) }
        return fields
    }
}
