// What a library of TLS says, in the one word of it that helps.

/// Shortens what went wrong with TLS.
package enum TLSReason {
    /// The reason in the description of an error: `CERTIFICATE_VERIFY_FAILED` rather than all of it
    /// with the place in the library's source.
    ///
    /// - Returns: the description itself, cut, where it has no such word.
    package static func word(in description: String) -> String {
        let mark = "OPENSSL_internal:"
        var rest = Substring(description)
        while let first = rest.firstRange(of: mark) {
            rest = rest[first.upperBound...]
            let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            if !word.isEmpty { return String(word) }
        }
        return Printable.text(String(description.prefix(bytesMax)))
    }

    private static let bytesMax = 200
}
