// The exponential function against the C library's, and at the ends of its range.

import Foundation
import Testing

@testable import TenureModel

@Suite("Exponential function")
struct ExponentialTests {
    @Test(arguments: [0.0, 1, -1, 0.346, -0.347, 3.7, -9.25, 100.5, -300.125, 700, -700])
    func `it is within a few parts in 10^15 of the true value`(x: Double) {
        let expected = Foundation.exp(x)
        #expect(abs(exponential(x) - expected) <= 4e-15 * expected)
    }

    @Test
    func `it ends in zero and infinity`() {
        #expect(exponential(-1e9) == 0)
        #expect(exponential(1e9) == .infinity)
        #expect(exponential(0) == 1)
    }
}
