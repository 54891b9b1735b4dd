// The answers of one connection in the order of its requests.
//
// A request that the ledger answers opens a slot; an answer that is there at once waits behind it
// when slots are open. Whatever order answers come in, they leave in the order of requests.

internal import NIOCore
internal import TenureModel
internal import TenureWire

/// What waits to be written on one connection, in order.
struct ReplySlots {
    private enum Slot {
        case waiting(RESPVersion)
        case answered(Answer, RESPVersion)
        case bytes(ByteBuffer)
    }

    private var slots = CircularBuffer<Slot>()
    /// The sequence number of the first slot.
    private var first: UInt64 = 0
    /// How many slots wait for the ledger.
    private(set) var waiting = 0
    /// Bytes that are held back by slots before them.
    private(set) var heldBytes = 0

    /// The number of bits that a sequence number has in a ticket.
    static let sequenceBits: UInt64 = 24

    /// Whether everything has left.
    var isEmpty: Bool { slots.isEmpty }

    /// Opens a slot for an answer to come; its sequence number.
    mutating func open(_ version: RESPVersion) -> UInt64 {
        slots.append(.waiting(version))
        waiting += 1
        return (first &+ UInt64(slots.count - 1)) & Self.mask
    }

    private static let mask: UInt64 = (1 << sequenceBits) - 1

    /// Puts bytes behind everything that is open.
    mutating func append(_ bytes: ByteBuffer) {
        heldBytes += bytes.readableBytes
        slots.append(.bytes(bytes))
    }

    /// Fills the slot with number `sequence`; false when it does not wait.
    mutating func settle(_ sequence: UInt64, _ answer: Answer) -> Bool {
        let offset = Int(truncatingIfNeeded: (sequence &- first) & Self.mask)
        guard offset < slots.count else { return false }
        let index = slots.index(slots.startIndex, offsetBy: offset)
        guard case .waiting(let version) = slots[index] else { return false }
        slots[index] = .answered(answer, version)
        waiting -= 1
        return true
    }

    /// Fills every slot that waits.
    mutating func settleAll(_ answer: Answer) {
        for index in slots.indices {
            guard case .waiting(let version) = slots[index] else { continue }
            slots[index] = .answered(answer, version)
        }
        waiting = 0
    }

    /// Writes what no open slot holds back.
    mutating func takeReady(into output: inout ByteBuffer) {
        while let slot = slots.first {
            switch slot {
            case .waiting: return
            case .answered(let answer, let version):
                if output.readableBytes == 0 {
                    output.reserveCapacity(minimumWritableBytes: ServerLimits.replyBytes)
                }
                ReplyEncoder.write(answer, to: &output, version)
            case .bytes(var bytes):
                heldBytes -= bytes.readableBytes
                output.writeBuffer(&bytes)
            }
            slots.removeFirst()
            first &+= 1
        }
    }
}
