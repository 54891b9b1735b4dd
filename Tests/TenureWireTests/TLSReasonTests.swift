// The one word of what a library of TLS says.

import TenureWire
import Testing

@Suite("TLS reason")
struct TLSReasonTests {
    @Test(arguments: [
        (
            "handshakeFailed(Error: 1 error:1000007d:SSL routines:OPENSSL_internal:"
                + "CERTIFICATE_VERIFY_FAILED at /a/b/handshake.cc:320)", "CERTIFICATE_VERIFY_FAILED"
        ),
        ("OPENSSL_internal: OPENSSL_internal:TWO at x", "TWO"),
        ("OPENSSL_internal:", "OPENSSL_internal:"), ("", ""),
        ("eof\u{7}during handshake", "eof?during handshake"),
    ])
    func `is found, and else the text is shown without control characters`(
        text: String,
        word: String
    ) {
        #expect(TLSReason.word(in: text) == word)
    }

    @Test
    func `a long text is cut`() {
        #expect(TLSReason.word(in: String(repeating: "x", count: 10_000)).utf8.count == 200)
    }
}
