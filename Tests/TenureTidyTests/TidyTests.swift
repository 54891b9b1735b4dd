// The tree keeps its own rules: a test for each, over every file.

import Testing

@Suite("Tidy")
struct TidyTests {
    static let sources = SourceTree.swiftFiles(below: "Sources", "tools")
    static let tests = SourceTree.swiftFiles(below: "Tests")

    @Test
    func `the tree is found`() {
        #expect(Self.sources.count > 100)
        #expect(Self.tests.contains { $0.path == "Tests/TenureTidyTests/TidyTests.swift" })
        for folder in Rules.forbiddenImports.keys {
            #expect(Self.sources.contains { $0.target == folder }, "\(folder)")
        }
        for path in Rules.longFiles {
            let file = (Self.sources + Self.tests).first { $0.path == path }
            // What is short again leaves the list.
            #expect((file?.lines.count ?? 0) > Rules.fileLinesMax, "\(path)")
        }
    }

    private static func expectNone(
        _ files: [SourceFile],
        _ rule: (SourceFile) -> [Violation],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for file in files {
            let violations = rule(file)
            #expect(violations.isEmpty, "\(file.path)", sourceLocation: sourceLocation)
        }
    }

    @Test
    func `every file says what it is`() {
        Self.expectNone(Self.sources + Self.tests, Rules.header)
    }

    @Test
    func `no line is wider than 100 columns`() {
        Self.expectNone(Self.sources + Self.tests, Rules.columns)
    }

    @Test
    func `no file has more than 400 lines, but for a few tables`() {
        Self.expectNone(Self.sources + Self.tests, Rules.fileLength)
    }

    @Test
    func `no function has more than 60 lines`() {
        Self.expectNone(Self.sources + Self.tests, Rules.functionLength)
    }

    @Test
    func `nothing hides a failure, prints by itself, or is left for later`() {
        Self.expectNone(Self.sources + Self.tests, Rules.words)
    }

    @Test
    func `modules see only those below them`() {
        Self.expectNone(Self.sources, Rules.imports)
    }

    @Test
    func `what others call is documented`() {
        let requirements = Rules.requirements(in: Self.sources)
        Self.expectNone(Self.sources) { Rules.documentation($0, requirements: requirements) }
    }

    @Test
    func `what the compiler does not check says why it is sound`() {
        Self.expectNone(Self.sources, Rules.uncheckedSendable)
    }

    @Test
    func `no text names a machine`() {
        Self.expectNone(SourceTree.texts, Rules.machinePaths)
    }
}
