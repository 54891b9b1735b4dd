// The entry of libFuzzer: one target, chosen by TENURE_FUZZ_TARGET, with coverage of all modules.

import Glibc
import TenureFuzzing

/// The target of this process.
private let target: FuzzTarget = {
    // SAFETY: the environment is not changed while the process runs.
    let name = unsafe getenv("TENURE_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
        print("TENURE_FUZZ_TARGET must be one of: \(names)")
        exit(64)
    }
    return target
}()

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer lends `count` bytes for the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    do {
        try target.run(bytes)
    } catch {
        fatalError("\(error)")
    }
    return 0
}
