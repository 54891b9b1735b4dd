// Documents as CSV (RFC 4180), for spreadsheets: a heading, then a line for each item.

package import TenureModel

/// Writes CSV.
package enum CSVText {
    /// A line of names, and one for each item with its fields of these names.
    package static func lines(_ names: [String], _ items: [Document]) -> [String] {
        [names.map(quoted).joined(separator: ",")]
            + items.map { item in
                names.map { quoted(text(item[$0] ?? .null)) }.joined(separator: ",")
            }
    }

    private static func text(_ document: Document) -> String {
        switch document {
        case .null: ""
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .id(let value): String(value)
        case .string(let value): value
        case .list, .map: JSONText.of(document)
        }
    }

    /// In quotes where it has to be, with what could move a cursor made visible.
    private static func quoted(_ text: String) -> String {
        let cell = Table.cell(text)
        guard cell.contains(where: { $0 == "," || $0 == "\"" }) else { return cell }
        return "\"" + cell.replacing("\"", with: "\"\"") + "\""
    }
}
