// Identifiers in ascending order, small and searchable without reading all of them.
//
//   count · blocks of 128 identifiers, the last one shorter, each:
//     first u64 · length u32 of what follows · each further one as the LEB128 of its distance from
//     the one before
//
// Identifiers are tokens, and those of one segment lie close to each other: most take one byte.

internal import TenureBase

/// A set of identifiers that was written once.
struct IdentifierList: Equatable, Sendable {
    /// Identifiers of a block: a search reads one of them.
    private static let blockCount = 128

    /// How many identifiers there are.
    private(set) var count = 0
    /// The first identifier of each block.
    private var firsts: [UInt64] = []
    /// The others of each block, encoded.
    private var blocks: [[UInt8]] = []

    /// The identifiers among `values`, which may be in any order and repeat.
    init(_ values: [UInt64]) {
        var writer = FieldWriter()
        var before: UInt64?
        for value in values.sorted() where value != before {
            if count.isMultiple(of: Self.blockCount) {
                if !firsts.isEmpty { blocks.append(writer.bytes) }
                writer.removeAll()
                firsts.append(value)
            } else if let before {
                writer.varint(value - before)
            }
            before = value
            count += 1
        }
        if !firsts.isEmpty { blocks.append(writer.bytes) }
    }

    /// Whether `value` is among them: O(log count).
    func contains(_ value: UInt64) -> Bool {
        var (low, high) = (0, firsts.count)
        while low < high {
            let middle = (low + high) / 2
            if firsts[middle] <= value { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return false }
        var at = firsts[low - 1]
        let block = blocks[low - 1]
        // SAFETY: bytes have no padding that could be read uninitialised.
        var reader = ByteReader(unsafe block.span.bytes)
        while at < value, let step = try? reader.readVarint() {
            let (next, overflow) = at.addingReportingOverflow(step)
            guard !overflow else { return false }
            at = next
        }
        return at == value
    }

    /// Appends them to the fields of an index.
    func write(to writer: inout FieldWriter) {
        writer.count(count)
        for (first, block) in zip(firsts, blocks) {
            writer.u64(first)
            writer.u32(UInt32(block.count))
            writer.raw(block)
        }
    }

    /// Reads what `write` wrote.
    init(reading reader: inout ByteReader) throws(DecodeError) {
        count = try reader.readCount()
        for _ in 0..<((count + Self.blockCount - 1) / Self.blockCount) {
            firsts.append(try reader.read())
            blocks.append(try reader.readRaw(Int(try reader.read(UInt32.self))))
        }
    }
}
