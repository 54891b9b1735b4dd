// How far a long run is, on stderr and only on a terminal.

/// A line that is drawn over itself, at most ten times a second.
package struct ProgressBar {
    /// What is counted.
    package enum Unit: Sendable {
        /// Things of which the title says what they are.
        case things
        /// Bytes, shown as MiB.
        case bytes
    }

    private let title: String
    private let unit: Unit
    private let isShown: Bool
    private let clock = ContinuousClock()
    private let began: ContinuousClock.Instant
    private var drawn: ContinuousClock.Instant?

    private static let width = 30

    /// A bar that is not drawn yet.
    package init(
        _ title: String,
        unit: Unit = .things,
        isShown: Bool = Terminal.isInteractive
    ) {
        self.title = title
        self.unit = unit
        self.isShown = isShown
        began = clock.now
    }

    /// Draws it, unless that was done a moment ago.
    package mutating func show(_ done: Int, of total: Int) {
        guard isShown else { return }
        let now = clock.now
        if let drawn, now - drawn < .milliseconds(100), done < total { return }
        drawn = now
        Terminal.overwrite(line(done, of: total, after: now - began))
    }

    /// Removes it.
    package func clear() {
        if isShown { Terminal.overwrite("") }
    }

    /// The bar as text.
    package func line(_ done: Int, of total: Int, after elapsed: Duration) -> String {
        let share = total > 0 ? Double(done) / Double(total) : 0
        let filled = min(Int(share * Double(ProgressBar.width)), ProgressBar.width)
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: ProgressBar.width - filled)
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Int(Double(done) / seconds) : 0
        return switch unit {
        case .things: "\(title) [\(bar)] \(done)/\(total), \(rate)/s"
        case .bytes: "\(title) [\(bar)] \(done >> 20)/\(total >> 20) MiB, \(rate >> 20) MiB/s"
        }
    }
}
