// Which module may see which: arrows point down only.
//
// The manifest keeps targets of ours apart; what it can not forbid, Foundation and the modules that
// come along with a dependency, is forbidden here. A name that ends in `*` stands for all
// that begin so.

extension Rules {
    private static let above = [
        "Tenure", "TenureServer", "TenureClient", "TenureCommand", "TenureSimulation",
    ]

    /// By target, what must not be imported.
    static let forbiddenImports: [String: [String]] = [
        "TenureBase": ["*"],
        "TenureThreads": ["Foundation*", "Dispatch", "Tenure*"],
        "TenureModel": [
            "Foundation*", "Dispatch", "Glibc", "Synchronization", "SystemPackage", "NIO*",
            "Logging", "CLMDB", "CTenureSystem", "TenureThreads", "TenureLog", "TenureLMDB",
            "TenureStorage", "TenureWire",
        ] + above,
        "TenureLog": [
            "Foundation*", "NIO*", "CLMDB", "TenureModel", "TenureLMDB", "TenureStorage",
            "TenureWire",
        ] + above,
        "TenureLMDB": [
            "Foundation*", "NIO*", "TenureModel", "TenureLog", "TenureStorage", "TenureWire",
        ] + above,
        "TenureStorage": ["Foundation*", "NIO*", "CLMDB", "TenureWire"] + above,
        "Tenure": [
            "Foundation*", "NIO*", "CLMDB", "TenureLMDB", "TenureWire", "TenureServer",
            "TenureClient", "TenureSimulation",
        ],
        "TenureSimulation": [
            "Foundation*", "NIO*", "CLMDB", "TenureWire", "TenureServer", "TenureClient",
        ],
        "TenureWire": [
            "Foundation*", "NIOPosix", "NIOEmbedded", "CLMDB", "TenureLog", "TenureLMDB",
            "TenureStorage",
        ] + above,
        "TenureServer": [
            "CLMDB", "TenureLMDB", "TenureLog", "TenureStorage", "TenureClient",
            "TenureSimulation",
        ],
        "TenureClient": [
            "Foundation*", "CLMDB", "Tenure", "TenureServer", "TenureStorage", "TenureLog",
            "TenureLMDB",
        ],
        "tools/tenure": ["CLMDB", "TenureLMDB", "Foundation"],
    ]

    /// Imports that the target of the file must not have.
    static func imports(_ file: SourceFile) -> [Violation] {
        guard let forbidden = forbiddenImports[file.target] else {
            return file.path.hasPrefix("Sources/")
                ? [Violation(line: 1, what: "\(file.target) has no row of import rules")] : []
        }
        return file.lines.enumerated().compactMap { index, line in
            guard let module = line.importedModule,
                forbidden.contains(where: { module.matches($0) })
            else { return nil }
            return Violation(line: index + 1, what: "\(file.target) imports \(module)")
        }
    }
}

extension String {
    /// The module that the line imports, if it is an import.
    fileprivate var importedModule: String? {
        guard !isComment, indent == 0 else { return nil }
        let words = split(separator: " ")
        guard let index = words.firstIndex(of: "import"), index < 3, index + 1 < words.count else {
            return nil
        }
        let kinds: Set<Substring> = ["struct", "class", "enum", "func", "var", "let", "protocol"]
        let name = kinds.contains(words[index + 1]) ? words.last : words[index + 1]
        return name.map { String($0.prefix { $0 != "." }) }
    }

    fileprivate func matches(_ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? hasPrefix(pattern.dropLast()) : self == pattern
    }
}
