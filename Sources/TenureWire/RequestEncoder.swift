// Requests as bytes: an array of bulk strings.

package import NIOCore

/// Writes requests.
package enum RequestEncoder {
    /// Appends the request made of `words`.
    package static func write(_ words: [String], to buffer: inout ByteBuffer) {
        buffer.writeArrayHeader(words.count)
        for word in words { buffer.writeBulk(word) }
    }
}
