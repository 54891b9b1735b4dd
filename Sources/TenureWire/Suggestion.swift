// "Did you mean": the known word that is the fewest edits away from an unknown one.

/// Finds what somebody may have meant.
enum Suggestion {
    /// The first of `candidates` that is at most two edits, and less than half of it, away.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let wanted = Array(word.uppercased().utf8.prefix(32))
        var best: (distance: Int, word: String)?
        for candidate in candidates {
            let distance = distance(wanted, Array(candidate.uppercased().utf8))
            guard distance <= 2, distance * 2 < max(candidate.utf8.count, 3) else { continue }
            if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
        }
        return best?.word
    }

    /// "; did you mean 'X'?" or nothing.
    static func sentence(for word: String, in candidates: [String]) -> String {
        nearest(to: word, in: candidates).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make `left` of `right`.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(previous[column + 1] + 1, current[column] + 1, replaced)
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    cost = min(cost, before[column - 1] + 1)
                }
                current.append(cost)
            }
            before = previous
            previous = current
        }
        return previous[right.count]
    }
}
