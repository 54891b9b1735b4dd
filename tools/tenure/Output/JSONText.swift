// Documents as JSON, one line each.
//
// Tokens, lease ids and positions are strings, because readers of JSON that keep numbers as
// doubles would round them. Everything else is what it looks like.

package import TenureModel

/// Writes JSON.
package enum JSONText {
    /// The document as one line of JSON without its line end.
    package static func of(_ document: Document) -> String {
        var text = ""
        append(document, to: &text)
        return text
    }

    private static func append(_ document: Document, to text: inout String) {
        switch document {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .id(let value): text += "\"\(value)\""
        case .string(let value): appendQuoted(value, to: &text)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                append(value, to: &text)
            }
            text += "]"
        case .map(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += "," }
                appendQuoted(field.name, to: &text)
                text += ":"
                append(field.value, to: &text)
            }
            text += "}"
        }
    }

    private static func appendQuoted(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x22: text += "\\\""
            case 0x5c: text += "\\\\"
            case 0x0a: text += "\\n"
            case 0x0d: text += "\\r"
            case 0x09: text += "\\t"
            case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069:
                // Control and direction characters could make a terminal show something else.
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
