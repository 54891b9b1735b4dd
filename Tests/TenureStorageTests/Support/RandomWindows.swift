// Windows drawn from a seed.

import TenureModel
import TenureStorage

extension RandomValues {
    /// A window of some resources, that has begun or not.
    mutating func window() -> Window {
        Window(
            id: WindowID(rawValue: u64()),
            start: time(),
            end: time(),
            byMilliseconds: maybe { $0.u64() },
            node: maybe { $0.name() },
            pool: maybe { $0.name() },
            reason: maybe { $0.text() },
            members: list { values in
                Window.Member(
                    resource: ResourceID(rawValue: values.u32()),
                    before: values.pick(ResourceState.allCases)
                )
            },
            hasBegun: bool()
        )
    }

    /// An event of a window.
    mutating func windowEvent(_ tag: EventTag) -> Event {
        switch tag {
        case .windowPlanned: .windowPlanned(window())
        case .windowBegan: .windowBegan(WindowID(rawValue: u64()))
        default: .windowEnded(windowEnd())
        }
    }

    /// An end of a window, of all of it or of some resources.
    mutating func windowEnd() -> WindowEnd {
        WindowEnd(
            window: WindowID(rawValue: u64()),
            cause: pick(WindowEnd.Cause.allCases),
            resources: list { ResourceID(rawValue: $0.u32()) }
        )
    }
}
