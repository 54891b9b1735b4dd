// The rules find what they are there for: a rule that can not fail would keep nothing.

import Testing

@Suite("Tidy rules")
struct RuleTests {
    /// A rule, a text, and the lines that break the rule.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rule: @Sendable (SourceFile) -> [Violation]
        var path = "Sources/TenureModel/A.swift"
        let text: String
        let lines: [Int]
    }

    private static let documented: @Sendable (SourceFile) -> [Violation] = {
        Rules.documentation($0, requirements: Rules.requirements(in: [$0]))
    }

    private static func function(lines: Int) -> String {
        "struct A {\n    func f(\n        a: Int\n    ) -> Int {\n"
            + String(repeating: "        a()\n", count: lines - 4) + "    }\n\n    func g() {}\n}\n"
    }

    static let rows: [Row] = [
        Row(testDescription: "header", rule: Rules.header, text: "// Says.\n", lines: []),
        Row(testDescription: "no header", rule: Rules.header, text: "import A\n", lines: [1]),
        Row(testDescription: "empty file", rule: Rules.header, text: "", lines: [1]),
        Row(testDescription: "doc for header", rule: Rules.header, text: "/// A.\n", lines: [1]),
        Row(
            testDescription: "columns",
            rule: Rules.columns,
            text: String(repeating: "a", count: 100) + "\n" + String(repeating: "b", count: 101),
            lines: [2]
        ),
        Row(
            testDescription: "file length",
            rule: Rules.fileLength,
            text: String(repeating: "a\n", count: 401),
            lines: [400]
        ),
        Row(
            testDescription: "file of 400 lines",
            rule: Rules.fileLength,
            text: String(repeating: "a\n", count: 400),
            lines: []
        ),
        Row(
            testDescription: "long file",
            rule: Rules.fileLength,
            path: "Sources/TenureModel/Rows/Rows.swift",
            text: String(repeating: "a\n", count: 601),
            lines: [600]
        ),
        Row(
            testDescription: "function of 60 lines",
            rule: Rules.functionLength,
            text: function(lines: 60),
            lines: []
        ),
        Row(
            testDescription: "function of 61 lines",
            rule: Rules.functionLength,
            text: function(lines: 61),
            lines: [2]
        ),
        Row(
            testDescription: "words",
            rule: Rules.words,
            text: "a = try" + "! b()\n// TO" + "DO\nprint(a)\nfingerprint(a)\n",
            lines: [1, 2, 3]
        ),
        Row(
            testDescription: "print in a tool",
            rule: Rules.words,
            path: "tools/tenure/A.swift",
            text: "print(a)\n",
            lines: []
        ),
        Row(
            testDescription: "imports",
            rule: Rules.imports,
            text:
                "internal import TenureBase\npackage import TenureLog\nimport FoundationXML\n",
            lines: [2, 3]
        ),
        Row(
            testDescription: "imports of Base",
            rule: Rules.imports,
            path: "Sources/TenureBase/A.swift",
            text: "import Synchronization\n",
            lines: [1]
        ),
        Row(
            testDescription: "target without rules",
            rule: Rules.imports,
            path: "Sources/TenureNew/A.swift",
            text: "",
            lines: [1]
        ),
        Row(
            testDescription: "documentation",
            rule: documented,
            text: """
                /// Is.
                package struct A {
                    package var a: Int
                    public var b: Int
                    package init() {}
                    package static func c() {}
                    func d() {}
                    /// Does.
                    @inlinable
                    package func e() {}
                    package private(set) var f = 1
                }
                public enum G {}
                /// Asks.
                package protocol H {
                    func asked()
                }
                package func asked() {}
                package final class I {}
                """,
            lines: [4, 6, 13, 19]
        ),
        Row(
            testDescription: "unchecked",
            rule: Rules.uncheckedSendable,
            text: "// SAFETY: one writer.\nclass A: @unchecked " + "Sendable {}\n"
                + String(repeating: "\n", count: 12) + "class B: @unchecked " + "Sendable {}\n",
            lines: [15]
        ),
        Row(
            testDescription: "machine paths",
            rule: Rules.machinePaths,
            text: "a\n// see /wo" + "rk/main\nframework/a\n/home/a\n",
            lines: [2]
        ),
    ]

    @Test(arguments: rows)
    func `a rule finds what breaks it and nothing else`(row: Row) {
        let found = row.rule(SourceFile(path: row.path, text: row.text))
        #expect(found.map(\.line) == row.lines, "\(found)")
    }
}
