// What the manifest of a bundle tells people: where and when it was made, and what its log says of
// the ledger's starts.

internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import TenureLog
internal import TenureModel
internal import TenureStorage

extension BundleManifest {
    /// What a bundle was made of.
    enum Source: String {
        /// The directory itself, which nobody served.
        case stopped
        /// A copy of the log of a ledger that was served.
        case copy
    }

    /// All fields but the members.
    static func facts(
        of directory: DataDirectory,
        _ history: inout History,
        from source: Source
    ) throws -> [Document.Field] {
        var openings: [Document] = []
        var count: UInt64 = 0
        let log = try history.readRecords(
            from: 1,
            to: .max,
            passing: { index in
                !index.landmarks.contains { landmark in
                    if case .opening = landmark.sort { true } else { false }
                }
            },
            admitting: { EventCodec.has(.opened, in: $0) },
            { record in
                for event in record.events {
                    guard case .opened = event else { continue }
                    count += 1
                    if openings.count == BundleLimits.told { openings.removeFirst() }
                    openings.append(document(of: event, record))
                }
            }
        )
        return [
            .init("format", .count(format)), .init("ledger", .string("\(directory.ledger)")),
            .init("version", .string(TenureTool.configuration.version)),
            .init("made", .string(Date().formatted(.iso8601))),
            .init("source", .string(source.rawValue)), .init("host", host(directory)),
            .init("firstPosition", try history.firstPosition.map(Document.id) ?? .null),
            .init("lastPosition", .id(log.lastPosition)),
            .init("anchor", .string("\(LogAnchor(position: log.lastPosition, seal: log.seal))")),
            .init("openings", .count(count)), .init("lastOpenings", .list(openings)),
            .init("problems", .count(history.problems)),
            .init("firstProblems", .list(history.sentences.map(Document.string))),
        ]
    }

    private static func document(of event: Event, _ record: LoggedRecord) -> Document {
        var fields: [Document.Field] = [
            .init("position", .id(record.position)), .init("time", .id(record.time.nanoseconds)),
        ]
        if case .opened(let opening) = event {
            var clock = WallClock()
            clock.note(opening.wallNanoseconds, at: record.time)
            fields.append(.init("wall", .optional(clock.text(at: record.time))))
        }
        return .map(fields + event.fields)
    }

    private static func host(_ directory: DataDirectory) -> Document {
        var names = utsname()
        // SAFETY: the kernel fills a structure of ours.
        let isKnown = unsafe uname(&names) == 0
        func text<Field>(_ field: Field) -> Document {
            // SAFETY: the fields are arrays of characters that end in zero.
            let bytes = unsafe withUnsafeBytes(of: field) { unsafe Array($0.prefix { $0 != 0 }) }
            return isKnown ? .string(String(decoding: bytes, as: UTF8.self)) : .null
        }
        let boot = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id")
        return .map([
            .init("name", text(names.nodename)), .init("system", text(names.sysname)),
            .init("release", text(names.release)),
            .init("machine", text(names.machine)),
            .init(
                "bootID",
                .optional(boot.map { String(decoding: $0.prefix { $0 != 0x0a }, as: UTF8.self) })
            ),
            .init("fileSystem", .string(directory.fileSystem)),
            .init("freeBytes", (try? directory.disk.freeBytes()).map(Document.count) ?? .null),
        ])
    }
}
