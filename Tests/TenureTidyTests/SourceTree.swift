// The files of the tree, as the rules read them.

import Foundation
import Testing

/// One file, by its path from the top of the tree.
struct SourceFile: Sendable, CustomTestStringConvertible {
    let path: String
    let lines: [String]

    init(path: String, text: String) {
        self.path = path
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
    }

    var testDescription: String { path }

    /// The target that the file belongs to: `TenureModel` or `tools/tenure`.
    var target: String {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count > 1 else { return path }
        return parts[0] == "Sources" ? parts[1] : parts[0] + "/" + parts[1]
    }
}

/// The tree that this test is part of.
enum SourceTree {
    /// The top of the tree, found from this file; a folder that is reached by a link counts where
    /// it is.
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift file below one of `folders`, by path.
    static func swiftFiles(below folders: String...) -> [SourceFile] {
        folders.flatMap { files(below: $0) { $0.hasSuffix(".swift") } }
    }

    /// Every text file of the tree that is read by people or by programs.
    static let texts: [SourceFile] = {
        let endings = [".swift", ".md", ".c", ".h", ".modulemap", ".py", ".sh", ".json"]
        let plain = ["Sources", "Tests", "tools", ".ci"].flatMap { folder in
            files(below: folder) { name in
                !name.contains(".") || endings.contains { name.hasSuffix($0) }
            }
        }
        return plain + ["README.md", "Package.swift"].compactMap { read($0) }
    }()

    private static func files(
        below folder: String,
        where include: (String) -> Bool
    ) -> [SourceFile] {
        let top = root.appendingPathComponent(folder).path
        let names = FileManager.default.enumerator(atPath: top)?.allObjects ?? []
        return names.compactMap { $0 as? String }.filter(include).sorted()
            .compactMap { read(folder + "/" + $0) }
    }

    private static func read(_ path: String) -> SourceFile? {
        let url = root.appendingPathComponent(path)
        guard let data = try? Data(contentsOf: url), data.count < 1 << 20,
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        return SourceFile(path: path, text: text)
    }
}
