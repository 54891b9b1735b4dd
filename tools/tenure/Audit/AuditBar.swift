// How far an audit is, on a terminal: the position that it has come to, of the last one.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// The bar of one reading of a log; nothing where nobody looks.
final class AuditBar {
    /// Positions between two looks at the clock.
    private static let step: Position = 256

    private var bar: ProgressBar
    private let last: Position
    private var next: Position = 0

    /// A bar up to a position, or up to the end of the log.
    ///
    /// Where lines of data are written meanwhile (`isBesideData`), there is none if they go to the
    /// same terminal.
    init?(
        _ title: String,
        of directory: DataDirectory,
        to last: Position = .max,
        isBesideData: Bool = false
    ) {
        guard Terminal.isInteractive, !(isBesideData && Terminal.showsData) else { return nil }
        // What is wrong with the end of the log, who reads it tells.
        guard let end = try? directory.anchor.position else { return nil }
        self.last = min(last, max(end, 1))
        bar = ProgressBar(title)
    }

    /// The reading has come to a position.
    func note(_ position: Position) {
        guard position >= next else { return }
        next = position + Self.step
        bar.show(Int(clamping: min(position, last)), of: Int(clamping: last))
    }

    /// Removes it, before anything else is said.
    func clear() { bar.clear() }
}
