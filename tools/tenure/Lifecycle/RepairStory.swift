// What a repair has found and would do, in sentences and as a document.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// Tells a plan of repair.
struct RepairStory {
    private let plan: RepairPlan

    init(_ plan: RepairPlan) {
        self.plan = plan
    }

    /// How many leases that are forgotten are shown; the report that is kept has more.
    private static let shownMax = 20

    /// Everything, in lines, for the report beside the evidence.
    var lines: [String] {
        steps + losses + (plan.lost.map(Self.leases) ?? []) + [remedy].compactMap(\.self)
    }

    /// The plan for people.
    func text(of path: String) -> [String] {
        func listed(_ title: String, _ sentences: [String]) -> [String] {
            sentences.isEmpty ? [] : [title] + sentences.map { "  - \($0)" }
        }
        var lines = plan.isSound ? ["'\(path)' is sound"] : listed("to be done:", steps)
        lines += listed("given up:", losses)
        if let lost = plan.lost, lost.granted > 0 {
            let shown = lost.grants.prefix(Self.shownMax).map(\.document)
            lines += Rendering.lines(.map([.init("forgotten", .list(shown))])).filter {
                !$0.isEmpty
            }
        }
        lines += listed("history that audits do not have:", gaps)
        lines += listed("then:", [remedy].compactMap(\.self))
        return lines.map(Table.cell)
    }

    /// The plan as an answer.
    func document(verdict: String, kept: [String]) -> Document {
        var fields: [Document.Field] = [.init("verdict", .string(verdict))]
        let lists = [("steps", steps), ("losses", losses), ("gaps", gaps), ("kept", kept)]
        for (name, sentences) in lists where !sentences.isEmpty {
            fields.append(.init(name, .list(sentences.map(Document.string))))
        }
        if let lost = plan.lost, lost.granted > 0 {
            let shown = lost.grants.prefix(Self.shownMax).map(\.document)
            fields.append(.init("forgotten", .list(shown)))
        }
        if let remedy { fields.append(.init("remedy", .string(remedy))) }
        return .map(fields)
    }

    /// What is done, one sentence each.
    private var steps: [String] {
        var steps = plan.log.mended.map(Self.step)
        for gap in plan.log.setAside {
            steps.append(
                "\(gap.segment.fileName) is taken out of log/: it is damaged (\(gap.fault)), and "
                    + "no start needs it"
            )
        }
        if let continuation = plan.continuation {
            let position = continuation.checkpoint.position
            let broken =
                plan.log.cut.map { "is damaged at position \($0.position) (\($0.fault))" }
                ?? "ends at position \(plan.log.lastPosition)"
            steps.append(
                "the log \(broken); the state has everything up to position \(position), and the "
                    + "log is begun anew behind it with the \(continuation.records) records that "
                    + "follow; what was before is kept, and audits begin there"
            )
        }
        if let cut = plan.cut {
            steps.append(
                "the log is cut before position \(cut.position), where it is damaged "
                    + "(\(cut.fault)) and nothing mends it"
            )
        }
        switch plan.state {
        case .sound: break
        case .remade(let why): steps.append("the state is made anew from the log: \(why)")
        case .lost(let why): steps.append("the state can not be used: \(why)")
        }
        return steps
    }

    /// What is given up, one sentence each.
    private var losses: [String] {
        guard let cut = plan.cut else { return [] }
        guard let lost = plan.lost, let last = lost.last else {
            return ["what the log had from position \(cut.position) on, of which nothing is left"]
        }
        return [
            "\(lost.records) records that can be read up to position \(last), and those between "
                + "that can not",
            "\(lost.granted) leases that were granted there: their holders are told that they are "
                + "fenced off, and what they have is granted again",
            "the end of \(lost.endings) leases, which are there again until they expire",
        ]
    }

    /// Where audits find no history, though it is of no need to serve.
    private var gaps: [String] {
        plan.log.gaps.map { gap in
            "history is damaged from position \(gap.position) to the end of "
                + "\(gap.segment.fileName) (\(gap.fault)); serving does not need it, audits do: a "
                + "backup that has it mends it, see --from"
        }
    }

    /// What to do next.
    private var remedy: String? {
        switch plan.state {
        case .lost:
            "restore a backup, or name one with --from: neither the state nor a log from the first "
                + "record on is there to go on from"
        case .remade where plan.isSound == false, .sound where plan.cut != nil:
            "the ledger then goes on in a new epoch, so that no token is given out twice"
        case .remade, .sound: nil
        }
    }

    private static func step(_ segment: MendedSegment) -> String {
        let name = segment.name.fileName
        if segment.isMissing { return "\(name) is missing, and taken from the copy" }
        let parts = segment.mendings.map { mending in
            switch mending.mending {
            case .copied: "position \(mending.position): taken from the copy"
            case .bit:
                "position \(mending.position): one flipped bit is turned back, as its "
                    + "checksum and its seal prove"
            case .header: "its header is made from the segment before"
            case .rest: "zeros behind its last group"
            }
        }
        return "\(name) is mended, with nothing lost: " + parts.joined(separator: ", ")
    }

    private static func leases(_ lost: LostHistory) -> [String] {
        lost.grants.map { grant in
            "forgotten: lease \(grant.lease.rawValue) of \(grant.holder), tenant \(grant.tenant), "
                + "granted at position \(grant.position)"
        } + lost.ended.map { "there again: lease \($0.rawValue)" }
    }
}

extension LostHistory.Grant {
    /// As one row of a table.
    fileprivate var document: Document {
        .map([
            .init("lease", .id(lease.rawValue)), .init("position", .id(position)),
            .init("tenant", .string(tenant)), .init("holder", .string(holder)),
        ])
    }
}
