// Columns and pairs of text, aligned.
//
// Widths are counted in characters. Cells never contain line ends or control characters:
// `Table.cell` makes them visible, so that a name from outside can not draw on the terminal.

/// Rows of cells under headings.
package struct Table {
    /// One heading per column.
    package let headings: [String]
    /// Whether a column holds numbers, which align at the right.
    package let isNumeric: [Bool]
    /// One cell per column each.
    package private(set) var rows: [[String]] = []

    /// An empty table; columns at `numeric` align at the right.
    package init(_ headings: [String], numeric: Set<Int> = []) {
        self.headings = headings
        isNumeric = headings.indices.map { numeric.contains($0) }
    }

    /// Adds a row; missing cells are empty and surplus ones are left out.
    package mutating func add(_ cells: [String]) {
        var row = cells.prefix(headings.count).map(Table.cell)
        while row.count < headings.count { row.append("") }
        rows.append(row)
    }

    /// The lines, headings first, without trailing blanks.
    package var lines: [String] {
        let all = [headings] + rows
        let widths = headings.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        return all.map { row in
            let cells = zip(row.indices, row).map { column, cell in
                Table.pad(cell, to: widths[column], right: isNumeric[column])
            }
            return Table.trimmed(cells.joined(separator: "  "))
        }
    }

    /// Names and values, the values starting in one column.
    package static func pairs(_ pairs: [(name: String, value: String)]) -> [String] {
        let width = pairs.map(\.name.count).max() ?? 0
        return pairs.map { pair in
            trimmed(pad(pair.name, to: width, right: false) + "  " + cell(pair.value))
        }
    }

    /// The text with everything that would move a terminal's cursor made visible.
    package static func cell(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    private static func pad(_ text: String, to width: Int, right: Bool) -> String {
        let blanks = String(repeating: " ", count: max(width - text.count, 0))
        return right ? blanks + text : text + blanks
    }

    private static func trimmed(_ line: String) -> String {
        var line = Substring(line)
        while line.last == " " { line = line.dropLast() }
        return String(line)
    }
}
