// Why a grant was made where it was, as a document.

extension PassedOver.Place {
    fileprivate var document: Document {
        .map([.init("node", .string(name)), .init("reason", .string(reason.name))])
    }
}

extension Candidate {
    fileprivate var document: Document {
        .map([.init("node", .string(place)), .init("score", .integer(score))])
    }
}

extension GrantReason {
    var fields: [Document.Field] {
        [
            .init("strategy", .string(strategy.rawValue)),
            .init("policyVersion", .count(UInt64(policyVersion))),
            .init("learntVersion", .count(UInt64(learntVersion))),
            .init("considered", .count(UInt64(considered))),
            .init("withoutRoom", .count(UInt64(passedOver.room))),
            .init("withoutLabels", .count(UInt64(passedOver.labels))),
            .init("withoutAffinity", .count(UInt64(passedOver.affinity))),
            .init("affinity", .list(affinities.map(Document.string))),
            .init("passedOver", .list(passedOver.first.map(\.document))),
            .init("candidates", .list(candidates.map(\.document))),
        ]
    }
}
