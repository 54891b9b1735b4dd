// Finding records of a subject by their bytes, so that the others need not be decoded.
//
// Ids and numbers have a fixed width in every event and texts are stored as they are
// (EventCodec.swift), so a record that is about a subject has its bytes somewhere. One that has
// them need not be about it.

internal import CTenureSystem
package import TenureModel

/// Says which records may be about some subjects.
package struct RecordFilter {
    /// So many are looked for; looking for more costs more than decoding does.
    package static let patternsMax = 16
    /// Admits every record.
    package static let all = RecordFilter(patterns: nil)

    /// The bytes that are looked for; nothing when that is not worth it.
    private let patterns: [[UInt8]]?

    private init(patterns: [[UInt8]]?) { self.patterns = patterns }

    /// Whether it passes over any record.
    package var isSelective: Bool { patterns != nil }

    /// A filter for records that are about one of these, or that declare a resource.
    package init(_ subjects: Set<Subject>) {
        patterns =
            subjects.count > Self.patternsMax
            ? nil
            : Set(subjects.map(\.bytes)).sorted {
                $0.count > $1.count
            }
    }

    /// Whether the record with this payload may be one of them.
    package func admits(_ payload: RawSpan) -> Bool {
        guard let patterns else { return true }
        // SAFETY: both buffers are read while the calls that lend them last.
        let isFound = unsafe payload.withUnsafeBytes { text in
            guard let start = text.baseAddress else { return false }
            return patterns.contains { pattern in
                unsafe pattern.withUnsafeBytes { bytes in
                    guard let sought = bytes.baseAddress else { return true }
                    return unsafe tenure_holds(start, text.count, sought, bytes.count) != 0
                }
            }
        }
        // The names that events are shown with come from declarations.
        return isFound || EventCodec.has(.resourceSet, in: payload)
    }
}

extension Subject {
    /// How it is written in events.
    fileprivate var bytes: [UInt8] {
        var writer = FieldWriter()
        switch self {
        case .id(let id): writer.u64(id)
        case .resource(let resource): writer.u32(resource.rawValue)
        case .name(let text), .tenant(let text): writer.rawText(text)
        }
        return writer.take()
    }
}
