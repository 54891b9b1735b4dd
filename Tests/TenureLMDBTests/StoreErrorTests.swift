// The translation of return codes, through the only door that tests have: its sentences.

import SystemPackage
import TenureLMDB
import Testing

@Suite("Store errors")
struct StoreErrorTests {
    @Test(arguments: [
        StoreError.mapFull, .diskFullOrIO(.ioError), .system(.permissionDenied), .damaged("a"),
        .versionMismatch("b"), .transactionTooLarge, .readersFull, .environmentDead,
        .alreadyOpen(path: "/p"), .busy, .invalidKey(byteCount: 0), .noSuchTable("t"),
        .misuse(code: -30_780),
    ])
    func `every error is a sentence that repeats what it carries`(error: StoreError) {
        let sentence = error.description
        #expect(sentence.count > 15)
        switch error {
        case .damaged(let text), .versionMismatch(let text), .noSuchTable(let text),
            .alreadyOpen(let text):
            #expect(sentence.contains(text))
        case .misuse(let code):
            #expect(sentence.contains("\(code)"))
        default:
            break
        }
    }
}
