// What a newcomer reads when there is no daemon: what, where, and what to do.

import TenureClient
import TenureCommand
import Testing

@Suite("Failures")
struct FailureTests {
    /// One row per reason: the code is the documented one, the sentence names place and remedy.
    @Test(arguments: [
        (ConnectFault.absent, 69, "there is no such socket; is it running? Start one with"),
        (.nobodyListens, 69, "nobody listens there; is it running? Start one with"),
        (.forbidden, 77, "this user may not use it; ask as its user, as root, or"),
        (.unknownHost, 69, "the host is not known; correct --tcp"),
        (.full, 69, "too many connections wait to be accepted; try again"),
        (.other("no route to host"), 69, "no route to host; look at the daemon's log"),
    ])
    func `no connection is told with its reason, place and remedy`(
        reason: ConnectFault,
        code: Int32,
        sentence: String
    ) {
        let failure = Failure(.unreachable(endpoint: "/srv/tenure.sock", reason: reason))
        #expect(failure.status == code)
        #expect(
            failure.sentence.hasPrefix("no daemon answers at /srv/tenure.sock: " + sentence),
            "\(failure.sentence)"
        )
    }
}
