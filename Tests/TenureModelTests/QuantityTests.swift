// Amounts, names and labels: what is one, what is none, and why.

import TenureModel
import Testing

@Suite("Quantities and names")
struct QuantityTests {
    struct Row: Sendable {
        let text: String
        let kind: Kind
        let amount: UInt64
    }

    @Test(arguments: [
        Row(text: "500m", kind: .cpu, amount: 500),
        Row(text: "2", kind: .gpu, amount: 2000),
        Row(text: "1.5", kind: .cpu, amount: 1500),
        Row(text: "0.001", kind: .cpu, amount: 1),
        Row(text: ".5", kind: .gpu, amount: 500),
        Row(text: "2.", kind: .gpu, amount: 2000),
        Row(text: "1k", kind: .cpu, amount: 1_000_000),
        Row(text: "32Gi", kind: .memory, amount: 32 << 30),
        Row(text: "1.5Gi", kind: .memory, amount: 3 << 29),
        Row(text: "1G", kind: .disk, amount: 1_000_000_000),
        Row(text: "1000m", kind: .memory, amount: 1),
        Row(text: "10G", kind: .network, amount: 10_000_000_000),
        Row(text: "3", kind: .slot, amount: 3),
        Row(text: "007", kind: .slot, amount: 7),
        Row(text: "1.000", kind: .slot, amount: 1),
        Row(text: "4Ei", kind: .memory, amount: 1 << 62),
        Row(text: "4611686018427387904", kind: .memory, amount: 1 << 62),
        Row(text: "4E", kind: .disk, amount: 4_000_000_000_000_000_000),
        Row(text: "0.001E", kind: .cpu, amount: 1_000_000_000_000_000_000),
    ])
    func `a quantity means an amount of base units`(row: Row) throws {
        #expect(try Quantity.parse(row.text, kind: row.kind) == row.amount)
        let shortest = Quantity.text(row.amount, kind: row.kind)
        #expect(try Quantity.parse(shortest, kind: row.kind) == row.amount)
    }

    struct Wrong: Sendable {
        let text: String
        let kind: Kind
        let fault: Quantity.Fault

        init(_ text: String, _ kind: Kind, _ fault: Quantity.Fault) {
            self.text = text
            self.kind = kind
            self.fault = fault
        }
    }

    @Test(arguments: [
        Wrong("", .cpu, .malformed), Wrong("m", .cpu, .malformed), Wrong(".", .cpu, .malformed),
        Wrong("-1", .cpu, .malformed), Wrong("+1", .cpu, .malformed),
        Wrong("1e400", .cpu, .malformed), Wrong("1e3", .cpu, .malformed),
        Wrong("1 ", .cpu, .malformed), Wrong("1..2", .cpu, .malformed),
        Wrong("1,5", .cpu, .malformed), Wrong("0x10", .cpu, .malformed),
        Wrong("1gi", .memory, .malformed), Wrong("1GiB", .memory, .malformed),
        Wrong("\u{661}", .cpu, .malformed), Wrong("1\u{0}", .cpu, .malformed),
        Wrong(String(repeating: "9", count: 41), .cpu, .malformed),
        Wrong("0", .cpu, .zero), Wrong("0.000Gi", .memory, .zero),
        Wrong("0.0001", .cpu, .finerThanBaseUnit), Wrong("1.0005", .gpu, .finerThanBaseUnit),
        Wrong("500m", .slot, .finerThanBaseUnit), Wrong("0.5", .slot, .finerThanBaseUnit),
        Wrong("1m", .memory, .finerThanBaseUnit), Wrong("0.3Ki", .memory, .finerThanBaseUnit),
        Wrong("9223372036854775808", .memory, .tooLarge),
        Wrong("4611686018427387905", .memory, .tooLarge),
        Wrong("18446744073709551616", .memory, .tooLarge),
        Wrong(String(repeating: "9", count: 40), .memory, .tooLarge),
        Wrong("16Ei", .memory, .tooLarge), Wrong("1E", .cpu, .tooLarge),
        Wrong("1Ei", .gpu, .tooLarge), Wrong("999999999999E", .gpu, .tooLarge),
    ])
    func `what is no quantity says why`(row: Wrong) {
        #expect(throws: row.fault) { try Quantity.parse(row.text, kind: row.kind) }
        #expect(row.fault.sentence(row.text, row.kind).contains("'"))
    }

    @Test(arguments: [
        "a", "A9", "gpu-0", "a.b_c:d/e", "9", String(repeating: "a", count: 128),
    ])
    func `a name is a name`(name: String) {
        #expect(Names.isValid(name))
    }

    @Test(arguments: [
        "", "-a", ".a", "/a", "_a", "a b", "a\u{0}", "a\n", "gr\u{fc}n", "\u{430}", "a,b", "a=b",
        "a+b", "a*b", String(repeating: "a", count: 129), String(repeating: "a", count: 4_096),
    ])
    func `a name of other bytes is none`(name: String) {
        #expect(!Names.isValid(name))
    }

    @Test(arguments: [
        ("a", true), ("a/b", true), ("a/b/c/d/e/f/g/h", true), ("a/b/c/d/e/f/g/h/i", false),
        ("a//b", false), ("../a", false), ("a/../b", false), ("a/.b", false), ("/a", false),
        ("a/", false), ("", false), (String(repeating: "a/", count: 10_000) + "a", false),
    ])
    func `a tenant is a path of names`(tenant: String, isOne: Bool) {
        #expect(Names.isValidTenant(tenant) == isOne)
    }

    @Test(arguments: [
        ("gpu", true), ("licence.v2", true), ("a/b", false), ("a:b", false), ("", false),
    ])
    func `a kind is a name without slash and colon`(name: String, isOne: Bool) {
        #expect((Kind(name) != nil) == isOne)
    }
}
