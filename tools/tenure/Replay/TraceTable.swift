// A strict reader of comma-separated files: plain fields, one header, no quotes.
//
// Whatever is not as expected is an error with file, line and column; nothing is guessed and no
// line is skipped, because a trace that is read half is worse than one that is not read.

internal import FoundationEssentials

/// Why a file of a trace can not be used.
package struct TraceFault: Error, Equatable, CustomStringConvertible {
    /// The path as it was given.
    package let file: String
    /// From 1, the header; 0 when it is about the whole file.
    package let line: Int
    /// The name of the column, when it is about one.
    package let column: String?
    /// What is wrong.
    package let sentence: String

    /// What is wrong with a file, a line of it, or a column of that.
    package init(file: String, line: Int = 0, column: String? = nil, sentence: String) {
        self.file = file
        self.line = line
        self.column = column
        self.sentence = sentence
    }

    package var description: String {
        let place = line > 0 ? "\(file):\(line)" : file
        let column = column.map { ", column '\($0)'" } ?? ""
        return place + column + ": " + Table.cell(sentence)
    }
}

/// The rows of one file with the columns that were asked for.
package struct TraceTable {
    /// A line of the file.
    package struct Row {
        fileprivate let file: String
        fileprivate let line: Int
        fileprivate let columns: [String]
        fileprivate let cells: [Substring]

        /// The text in the column that was asked for as number `index`.
        package func text(_ index: Int) -> String { String(cells[index]) }

        /// A decimal integer of at most `limit` in that column.
        package func number(_ index: Int, limit: UInt64) throws -> UInt64 {
            let cell = cells[index]
            guard let number = UInt64(cell), cell.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
            else { throw fault(index, "'\(cell)' is no whole number") }
            guard number <= limit else { throw fault(index, "\(number) is above \(limit)") }
            return number
        }

        /// What is wrong with one of the columns that were asked for.
        package func fault(_ index: Int, _ sentence: String) -> TraceFault {
            TraceFault(file: file, line: line, column: columns[index], sentence: sentence)
        }
    }

    /// All rows in the order of the file.
    package let rows: [Row]

    /// The largest file that is read, in bytes.
    private static let fileBytes = 256 << 20

    /// Reads `columns` of the file at `path`, and behind them those of `optional`, empty where the
    /// file has none.
    package init(path: String, columns: [String], optional: [String] = []) throws {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw TraceFault(file: path, sentence: "can not be read: \(error)")
        }
        guard data.count <= TraceTable.fileBytes else {
            throw TraceFault(file: path, sentence: "is larger than 256 MiB")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw TraceFault(file: path, sentence: "is not UTF-8")
        }
        try self.init(text: text, file: path, columns: columns, optional: optional)
    }

    /// Reads `columns` of `text`, which came from `file`, and those of `optional`.
    package init(
        text: String,
        file: String,
        columns: [String],
        optional: [String] = []
    ) throws {
        var lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
        if lines.last?.isEmpty == true { lines = lines.dropLast() }
        guard let header = lines.popFirst() else {
            throw TraceFault(file: file, sentence: "is empty")
        }
        let names = try TraceTable.cells(header, file: file, line: 1)
        var places: [Int?] = []
        for column in columns + optional {
            let matches = names.indices.filter { names[$0] == column }
            if matches.isEmpty, optional.contains(column) {
                places.append(nil)
                continue
            }
            guard let place = matches.first, matches.count == 1 else {
                throw TraceFault(
                    file: file,
                    line: 1,
                    column: column,
                    sentence: matches.isEmpty ? "is missing" : "is there twice"
                )
            }
            places.append(place)
        }
        rows = try lines.enumerated().map { offset, line in
            let cells = try TraceTable.cells(line, file: file, line: offset + 2)
            guard cells.count == names.count else {
                throw TraceFault(
                    file: file,
                    line: offset + 2,
                    sentence: "has \(cells.count) fields where the header has \(names.count)"
                )
            }
            return Row(
                file: file,
                line: offset + 2,
                columns: columns + optional,
                cells: places.map { place in place.map { cells[$0] } ?? "" }
            )
        }
    }

    private static func cells(
        _ line: Substring.UTF8View,
        file: String,
        line number: Int
    ) throws -> [Substring] {
        let line = line.last == 0x0d ? line.dropLast() : line
        guard !line.contains(0x22) else {
            throw TraceFault(file: file, line: number, sentence: "quoted fields are not read")
        }
        return line.split(separator: 0x2c, omittingEmptySubsequences: false).map { Substring($0) }
    }
}
