// Every public and package declaration says what it is.
//
// Exempt, because a sentence there would only repeat another one:
//
//   - initializers: their parameters are the fields, which say what they are;
//   - package properties: rows and states of our own, told by their names and their type's comment
//     (public ones are not exempt: swift-format asks the same);
//   - what a protocol asks for: it is told there, once, for all who do it;
//   - cases of an enum have no access of their own and are not seen here.

extension Rules {
    private static let kinds: Set<String> = [
        "struct", "enum", "class", "actor", "protocol", "typealias", "func", "subscript", "var",
        "let",
    ]

    /// What the protocols of the standard library and of dependencies ask for.
    private static let knownRequirements: Set<String> = [
        "==", "<", "hash", "description", "next", "encode", "body", "rawValue", "configuration",
        "run", "validate", "decode", "decodeLast", "channelRead", "channelReadComplete",
        "channelActive", "channelInactive", "errorCaught", "handlerAdded", "handlerRemoved",
        "userInboundEventTriggered", "channelWritabilityChanged", "channelRegistered",
    ]

    /// The names of everything that a protocol of ours asks for.
    static func requirements(in files: [SourceFile]) -> Set<String> {
        var names = knownRequirements
        for file in files {
            var protocolIndent: Int?
            for line in file.lines where !line.isBlank {
                if let indent = protocolIndent {
                    if line.indent <= indent { protocolIndent = nil }
                    if let found = line.declaration(of: kinds) { names.insert(found.name) }
                } else if line.declares(["protocol"]) {
                    protocolIndent = line.indent
                }
            }
        }
        return names
    }

    /// Declarations without a comment that says what they are.
    static func documentation(_ file: SourceFile, requirements: Set<String>) -> [Violation] {
        file.lines.indices.compactMap { index in
            guard let found = file.lines[index].declaration(of: kinds),
                found.access == "public" || found.access == "package",
                !isExempt(found, requirements), !isDocumented(index, in: file.lines)
            else { return nil }
            return Violation(line: index + 1, what: "\(found.kind) \(found.name) is not documented")
        }
    }

    private static func isExempt(
        _ found: (kind: String, name: String, access: String),
        _ requirements: Set<String>
    ) -> Bool {
        if requirements.contains(found.name) { return true }
        return found.access == "package" && (found.kind == "var" || found.kind == "let")
    }

    private static func isDocumented(_ index: Int, in lines: [String]) -> Bool {
        var above = index - 1
        while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
        return above >= 0 && lines[above].drop { $0 == " " }.hasPrefix("///")
    }
}
