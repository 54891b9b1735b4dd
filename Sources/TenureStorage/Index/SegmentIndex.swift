// What the records of a sealed segment are about, in a file beside the archive's segments.
//
//   offset  bytes  field
//        0      4  magic "TIDX"
//        4      4  CRC-32C of bytes 8 to the end
//        8      2  format version, 3
//       10      6  zero
//       16     16  ledger id
//       32      8  segment id
//       40      8  first position
//       48      8  where the segment ends: offset of the group that would follow, in log/
//       56      8  number of that group
//       64      8  position of its first frame
//       72     32  the final seal
//      104         ids, then numbers of resources (IdentifierList.swift)
//                  tenants: count · each: text, in ascending order
//                  declared resources: count · each: number u32 · name text · kind text
//                  landmarks: count · each: position u64 · ledger time u64 · sort u8 · of an
//                    opening (1) or a wall clock that was set (3): what the clock shows u64 · of a
//                    gap (2): as in its event (EventCodec.swift)
//
// An index is derived: without it the segment is read, and whoever makes it anew makes the same
// bytes. It says where its segment ends, so that a reader which passes over that segment still
// checks that the one behind it is the next of the same history.

package import TenureBase
package import TenureLog
package import TenureModel

/// The index of one segment.
package struct SegmentIndex: Equatable, Sendable {
    /// A resource as a record of the segment declares it.
    package struct Declared: Equatable, Sendable {
        /// Its number in all other events.
        package let resource: ResourceID
        /// Its name.
        package let name: String
        /// What it is an amount of.
        package let kind: Kind
    }

    /// Something of the segment that is about the ledger as a whole.
    package struct Landmark: Equatable, Sendable {
        /// What it is.
        package enum Sort: Equatable, Sendable {
            /// The ledger was opened, and the wall clock showed so many nanoseconds since 1970.
            case opening(wall: UInt64)
            /// A gap, after which leases that were not due may be renewed for a while.
            case grace(Grace)
            /// The wall clock was set, and shows so many nanoseconds since 1970.
            case wallClock(UInt64)
        }

        /// The position of its record.
        package let position: Position
        /// The ledger time of its record.
        package let time: LedgerTime
        /// What it is.
        package let sort: Sort

        /// What an event says of the ledger as a whole; nothing where it does not.
        package init?(_ event: Event, at position: Position, time: LedgerTime) {
            (self.position, self.time) = (position, time)
            switch event {
            case .opened(let opening): sort = .opening(wall: opening.wallNanoseconds)
            case .grace(let grace): sort = .grace(grace)
            case .wallClockSet(let wall): sort = .wallClock(wall)
            default: return nil
            }
        }

        fileprivate init(reading reader: inout ByteReader) throws(DecodeError) {
            position = try reader.read()
            time = LedgerTime(nanoseconds: try reader.read())
            let offset = reader.offset
            switch try reader.read(UInt8.self) {
            case 1: sort = .opening(wall: try reader.read())
            case 2: sort = .grace(try reader.grace())
            case 3: sort = .wallClock(try reader.read())
            default: throw .invalid(offset: offset, field: "sort of landmark")
            }
        }

        fileprivate func write(to writer: inout FieldWriter) {
            writer.u64(position)
            writer.u64(time.nanoseconds)
            switch sort {
            case .opening(let wall):
                writer.u8(1)
                writer.u64(wall)
            case .grace(let grace):
                writer.u8(2)
                writer.grace(grace)
            case .wallClock(let wall):
                writer.u8(3)
                writer.u64(wall)
            }
        }
    }

    /// Bytes of the largest index that is read: more than the largest segment can have.
    static let byteMax = 512 << 20
    private static let magic: UInt32 = 0x5844_4954
    private static let format: UInt16 = 3
    private static let headBytes = 104

    /// The position of the first frame of the segment.
    package let firstPosition: Position
    /// Where the segment ends.
    package let end: GroupPlace
    /// The tenants that records are about, in ascending order.
    package let tenants: [String]
    /// The resources that records declare, in the order of the records.
    package let declared: [Declared]
    /// The openings, gaps and settings of the wall clock among the records, in their order.
    package let landmarks: [Landmark]
    private let ids: IdentifierList
    private let resources: IdentifierList

    /// The index of a segment whose records were collected.
    init(_ subjects: SegmentSubjects, from firstPosition: Position, to end: GroupPlace) {
        (self.firstPosition, self.end) = (firstPosition, end)
        ids = IdentifierList(subjects.ids)
        resources = IdentifierList(subjects.resources)
        tenants = subjects.tenants.sorted()
        declared = subjects.declared
        landmarks = subjects.landmarks
    }

    /// Whether a record of the segment is about `subject`; of a tenant, about exactly that one.
    package func contains(_ subject: Subject) -> Bool {
        switch subject {
        case .id(let id): ids.contains(id)
        case .resource(let resource): resources.contains(UInt64(resource.rawValue))
        case .name(let name): declared.contains { $0.name == name }
        case .tenant(let tenant): tenants.contains(tenant)
        }
    }

    /// The bytes of the file.
    package var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.u32(Self.magic)
        writer.u32(0)
        writer.u16(Self.format)
        writer.raw([UInt8](repeating: 0, count: 6))
        writer.raw(end.ledger.bytes)
        for number in [end.segment, firstPosition, end.offset, end.number, end.position] {
            writer.u64(number)
        }
        writer.raw(end.seal.bytes)
        ids.write(to: &writer)
        resources.write(to: &writer)
        writer.count(tenants.count)
        for tenant in tenants { writer.text(tenant) }
        writer.count(declared.count)
        for entry in declared {
            writer.u32(entry.resource.rawValue)
            writer.text(entry.name)
            writer.kind(entry.kind)
        }
        writer.count(landmarks.count)
        for landmark in landmarks { landmark.write(to: &writer) }
        writer.patch(Self.checksum(of: writer.bytes), at: 4)
        return writer.take()
    }

    /// Reads the bytes of a file.
    ///
    /// - Throws: where and why they are no index, also of a newer format.
    package init(_ bytes: [UInt8]) throws(DecodeError) {
        // SAFETY: bytes have no padding that could be read uninitialised.
        var reader = ByteReader(unsafe bytes.span.bytes)
        guard try reader.read(UInt32.self) == Self.magic else {
            throw .invalid(offset: 0, field: "magic")
        }
        guard try reader.read(UInt32.self) == Self.checksum(of: bytes) else {
            throw .invalid(offset: 4, field: "checksum")
        }
        guard try reader.read(UInt16.self) == Self.format else {
            throw .invalid(offset: 8, field: "format version")
        }
        _ = try reader.readRaw(6)
        guard let ledger = LedgerID(bytes: try reader.readRaw(16)) else {
            throw .invalid(offset: 16, field: "ledger id")
        }
        let segment: UInt64 = try reader.read()
        firstPosition = try reader.read()
        let offset: UInt64 = try reader.read()
        let number: UInt64 = try reader.read()
        let position: UInt64 = try reader.read()
        guard let seal = Seal(bytes: try reader.readRaw(Seal.byteCount)) else {
            throw .invalid(offset: 72, field: "seal")
        }
        end = GroupPlace(
            ledger: ledger,
            segment: segment,
            offset: offset,
            number: number,
            position: position,
            seal: seal
        )
        ids = try IdentifierList(reading: &reader)
        resources = try IdentifierList(reading: &reader)
        var tenants: [String] = []
        for _ in 0..<(try reader.readCount()) { tenants.append(try reader.readString()) }
        self.tenants = tenants
        var declared: [Declared] = []
        for _ in 0..<(try reader.readCount()) {
            let resource = ResourceID(rawValue: try reader.read())
            let name = try reader.readString()
            declared.append(Declared(resource: resource, name: name, kind: try reader.kind()))
        }
        self.declared = declared
        var landmarks: [Landmark] = []
        for _ in 0..<(try reader.readCount()) {
            landmarks.append(try Landmark(reading: &reader))
        }
        self.landmarks = landmarks
        try reader.finish()
    }

    /// Whether these are the bytes of an index that an earlier version of the program made.
    static func isEarlier(_ bytes: [UInt8]) -> Bool {
        // SAFETY: bytes have no padding that could be read uninitialised.
        var reader = ByteReader(unsafe bytes.span.bytes)
        guard let magic = try? reader.read(UInt32.self), magic == Self.magic,
            let checksum = try? reader.read(UInt32.self), checksum == Self.checksum(of: bytes),
            let format = try? reader.read(UInt16.self)
        else { return false }
        return format < Self.format
    }

    private static func checksum(of bytes: [UInt8]) -> UInt32 {
        var checksum = CRC32C()
        // SAFETY: bytes have no padding that could be read uninitialised.
        let all = unsafe bytes.span.bytes
        if all.byteCount > 8 { checksum.update(all.extracting(8..<all.byteCount)) }
        return checksum.value
    }
}

/// What the records of a segment are about, as they are read.
struct SegmentSubjects {
    /// Ids, in any order and repeated.
    private(set) var ids: [UInt64] = []
    /// Numbers of resources, likewise.
    private(set) var resources: [UInt64] = []
    private(set) var tenants: Set<String> = []
    private(set) var declared: [SegmentIndex.Declared] = []
    private(set) var landmarks: [SegmentIndex.Landmark] = []

    /// Gives what was collected and begins anew, for the next segment.
    mutating func take() -> SegmentSubjects {
        let taken = self
        self = SegmentSubjects()
        return taken
    }

    /// Takes in what an event of a record is about.
    mutating func add(_ event: Event, at position: Position, time: LedgerTime) {
        if let landmark = SegmentIndex.Landmark(event, at: position, time: time) {
            landmarks.append(landmark)
        }
        event.forEachSubject { subject in
            switch subject {
            case .id(let id): if ids.last != id { ids.append(id) }
            case .resource(let resource):
                if resources.last != UInt64(resource.rawValue) {
                    resources.append(UInt64(resource.rawValue))
                }
            case .tenant(let tenant): tenants.insert(tenant)
            // Names come with the declaration, below.
            case .name: break
            }
        }
        guard case .resourceSet(let declaration) = event else { return }
        let (id, request) = (declaration.id, declaration.request)
        declared.append(
            SegmentIndex.Declared(resource: id, name: request.name, kind: request.kind)
        )
    }
}
