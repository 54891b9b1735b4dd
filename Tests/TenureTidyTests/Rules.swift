// The rules that the tree keeps, each a function from a file to what breaks it.
//
// They rely on the layout that swift-format gives: a declaration ends at the brace that stands
// under its first word.

/// A place that breaks a rule.
struct Violation: Equatable, CustomStringConvertible {
    let line: Int
    let what: String

    var description: String { "line \(line): \(what)" }
}

enum Rules {
    static let columnsMax = 100
    static let functionLinesMax = 60
    static let fileLinesMax = 400
    static let longFileLinesMax = 600
    /// Files that may have up to 600 lines, because they are one table or one format.
    static let longFiles: Set<String> = [
        // Every row of the state, each a plain struct.
        "Sources/TenureModel/Rows/Rows.swift",
        // What a row of every table is as bytes.
        "Sources/TenureStorage/Codec/StorableRow.swift",
        // One event of every tag, drawn and fixed.
        "Tests/TenureStorageTests/Support/SampleEvents.swift",
        // One row per refusal.
        "Tests/TenureModelTests/RefusalRows.swift",
    ]

    /// A file says what it is before any code.
    static func header(_ file: SourceFile) -> [Violation] {
        let first = file.lines.first ?? ""
        let opens = first.hasPrefix("// ") && !first.hasPrefix("// swift-tools-version")
        return opens ? [] : [Violation(line: 1, what: "no header that says what the file is")]
    }

    /// No line is wider than the page, but for those of a text that is data.
    static func columns(_ file: SourceFile) -> [Violation] {
        var isText = false
        return file.lines.enumerated().compactMap { index, line in
            if line.contains(textQuotes) { isText.toggle() }
            guard line.count > columnsMax, !isText else { return nil }
            return Violation(line: index + 1, what: "\(line.count) columns")
        }
    }

    private static let textQuotes = String(repeating: "\"", count: 3)

    /// No file is longer than what can be read at once.
    static func fileLength(_ file: SourceFile) -> [Violation] {
        let limit = longFiles.contains(file.path) ? longFileLinesMax : fileLinesMax
        guard file.lines.count > limit else { return [] }
        return [Violation(line: limit, what: "\(file.lines.count) lines in one file")]
    }

    /// A function fits on a screen.
    static func functionLength(_ file: SourceFile) -> [Violation] {
        file.lines.indices.compactMap { index in
            guard file.lines[index].declares(["func", "init", "deinit", "subscript"]),
                let end = end(of: index, in: file.lines)
            else { return nil }
            let length = end - index + 1
            guard length > functionLinesMax else { return nil }
            return Violation(line: index + 1, what: "a function of \(length) lines")
        }
    }

    /// The last line of the declaration that begins at `start`; nothing when it has no body.
    private static func end(of start: Int, in lines: [String]) -> Int? {
        let indent = lines[start].indent
        if lines[start].hasSuffix("}") { return start }
        for index in (start + 1)..<max(start + 1, lines.count) where !lines[index].isBlank {
            guard lines[index].indent <= indent else { continue }
            let text = lines[index].drop { $0 == " " }
            if text.first == "}" { return index }
            // What ends the parameters, or begins the body, of a declaration over many lines.
            if text.first == ")" || text.first == "{" || text.hasPrefix("where ") {
                if text.hasSuffix("}") { return index }
                continue
            }
            return nil
        }
        return nil
    }

    /// Nothing that hides a failure, prints past the output, or was left for later.
    static func words(_ file: SourceFile) -> [Violation] {
        var banned = ["try" + "!", "TO" + "DO", "FIX" + "ME"]
        if file.path.hasPrefix("Sources/") { banned += ["print(", "debugPrint(", "dump("] }
        return file.lines.enumerated().flatMap { index, line in
            banned.filter { line.hasWord($0) }.map { Violation(line: index + 1, what: $0) }
        }
    }

    /// No path of a machine that someone worked on.
    static func machinePaths(_ file: SourceFile) -> [Violation] {
        let banned = ["/wo" + "rk/", "/ro" + "ot/", "/Us" + "ers/", "../sha" + "red"]
        return file.lines.enumerated().flatMap { index, line in
            banned.filter { line.contains($0) }.map { Violation(line: index + 1, what: $0) }
        }
    }

    /// What skips a check of the compiler says why it is sound.
    static func uncheckedSendable(_ file: SourceFile) -> [Violation] {
        file.lines.enumerated().compactMap { index, line in
            guard line.contains("@unchecked " + "Sendable"), !line.isComment else { return nil }
            let around = file.lines[max(0, index - 12)..<min(index + 3, file.lines.count)]
            if around.contains(where: { $0.contains("SAFETY:") }) { return nil }
            return Violation(line: index + 1, what: "unchecked without a SAFETY comment")
        }
    }
}

extension String {
    /// How far the first character is from the margin.
    var indent: Int { prefix { $0 == " " }.count }

    var isBlank: Bool { allSatisfy { $0 == " " } }

    var isComment: Bool { drop { $0 == " " }.hasPrefix("//") }

    /// Whether the line contains `word` and the character before is not part of a name.
    func hasWord(_ word: String) -> Bool {
        var rest = self[...]
        while let start = rest.firstRange(of: word)?.lowerBound {
            let before = start == startIndex ? nil : self[index(before: start)]
            if !(before.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false) { return true }
            rest = rest[index(after: start)...]
        }
        return false
    }

    /// The words before the first one of a declaration's own, attributes left out.
    private var declarationWords: [Substring] {
        guard !isComment else { return [] }
        let words = split(whereSeparator: { $0 == " " || $0 == "(" || $0 == ":" })
        return words.filter { !$0.hasPrefix("@") && $0 != "set)" }
    }

    /// Whether the line begins a declaration of one of `kinds`.
    func declares(_ kinds: Set<String>) -> Bool { declaration(of: kinds) != nil }

    /// The kind, name and access of the declaration that the line begins, if of one of `kinds`.
    func declaration(of kinds: Set<String>) -> (kind: String, name: String, access: String)? {
        let modifiers: Set<String> = [
            "public", "package", "internal", "fileprivate", "private", "static", "class", "final",
            "mutating", "nonmutating", "consuming", "borrowing", "convenience", "override",
            "indirect", "nonisolated", "isolated", "distributed", "required", "lazy", "weak",
            "unsafe", "dynamic", "optional", "prefix", "postfix",
        ]
        var access = "internal"
        let words = declarationWords
        for (index, word) in words.enumerated() {
            let word = String(word.prefix { $0 != "?" && $0 != "{" })
            if kinds.contains(word), word != "class" || words[(index + 1)...].first != "func" {
                let name = index + 1 < words.count ? words[index + 1] : words[index]
                // Without what is generic; an operator may begin with the same character.
                let plain = name.first == "<" ? name : name.prefix { $0 != "<" }
                return (word, String(plain), access)
            }
            guard modifiers.contains(word) else { return nil }
            if index == 0 || access == "internal",
                ["public", "package", "private", "fileprivate"].contains(word)
            {
                access = word
            }
        }
        return nil
    }
}
