// Windows: written the same way in events and in rows.
//
//   window   start u64 · end u64 · by ms optional u64 · node optional text · pool optional text
//            · reason optional text · has begun u8
//            · count · each: resource u32 · state before u8

package import TenureBase
package import TenureModel

extension FieldWriter {
    mutating func windowFields(of event: Event) {
        switch event {
        case .windowPlanned(let planned):
            u64(planned.id.rawValue)
            window(planned)
        case .windowBegan(let id): u64(id.rawValue)
        case .windowEnded(let end):
            u64(end.window.rawValue)
            u8(end.cause.rawValue)
            count(end.resources.count)
            for resource in end.resources { u32(resource.rawValue) }
        default: violated("E1: \(event.tag) is no event of a window")
        }
    }

    mutating func window(_ window: Window) {
        time(window.start)
        time(window.end)
        optionalU64(window.byMilliseconds)
        optionalText(window.node)
        optionalText(window.pool)
        optionalText(window.reason)
        bool(window.hasBegun)
        count(window.members.count)
        for member in window.members {
            u32(member.resource.rawValue)
            u8(member.before.rawValue)
        }
    }
}

extension ByteReader {
    mutating func windowEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        let id = WindowID(rawValue: try read())
        if tag == .windowPlanned { return .windowPlanned(try window(id)) }
        if tag == .windowBegan { return .windowBegan(id) }
        let cause = try coded(WindowEnd.Cause.init(rawValue:), "end of a window")
        var resources: [ResourceID] = []
        for _ in 0..<(try readCount()) { resources.append(ResourceID(rawValue: try read())) }
        return .windowEnded(WindowEnd(window: id, cause: cause, resources: resources))
    }

    mutating func window(_ id: WindowID) throws(DecodeError) -> Window {
        let start = try time()
        let end = try time()
        let by = try optionalU64()
        let node = try optionalText()
        let pool = try optionalText()
        let reason = try optionalText()
        let hasBegun = try bool()
        var members: [Window.Member] = []
        for _ in 0..<(try readCount()) {
            let resource = ResourceID(rawValue: try read())
            let state = try coded(ResourceState.init(rawValue:), "resource state")
            members.append(Window.Member(resource: resource, before: state))
        }
        return Window(
            id: id,
            start: start,
            end: end,
            byMilliseconds: by,
            node: node,
            pool: pool,
            reason: reason,
            members: members,
            hasBegun: hasBegun
        )
    }
}

extension WindowID: NumberKey {}

extension Window: StorableRow {
    package static var table: RowTable { .windows }

    package func writePayload(to writer: inout FieldWriter) { writer.window(self) }

    package static func read(
        _ key: WindowID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Window {
        try reader.window(key)
    }
}
