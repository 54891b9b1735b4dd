// Every bound of the daemon's front, each with its unit and its reason.
//
// What may be sent is bounded in TenureWire's WireLimits; what may be meant, in TenureModel's
// Limits.

internal import NIOCore

/// The bounds of listeners and connections.
package enum ServerLimits {
    /// How many event loops there may be; the writer, not they, is what a ledger's speed ends at.
    static let threads = 1...64
    /// The most connections in all: each costs a descriptor and about 4 KiB.
    package static let connections = 4_096
    /// One user can have all but so large a part of the connections, at least one: on the usual
    /// machine one user runs the orchestrator and everything else, and yet others can still ask.
    package static let keptForOthers = 16
    /// The most connections of one user while it has no role in the policy: enough to be told so.
    package static let connectionsWithoutRole = 16
    /// All users without a role have so large a part of the connections: a host can have 65,536
    /// users that one of them made, each with connections of its own.
    static let shareWithoutRole = 16
    /// The most connections over TCP that have not authenticated.
    package static let strangers = 16
    /// How long a connection over TCP may take to authenticate, and to try again.
    static let strangerTime = TimeAmount.seconds(10)
    /// How many wrong passwords end a connection.
    static let passwordAttempts = 3
    /// How many wrong secrets of all connections together are looked at in a window.
    ///
    /// Past it AUTH is `BUSY` for secrets that have not been right before. A guess a second finds
    /// no secret that is not guessed at once, and costs a quarter of one core at the most; who has
    /// authenticated, or uses the socket, does not notice.
    static let failuresPerWindow = 60
    /// How many of those may be for one account.
    static let failuresPerAccount = 20
    /// How many may come from one address; past it no secret from there is looked at.
    static let failuresPerPeer = 10
    /// How many addresses are counted each on its own; the rest are counted as one.
    static let failingPeers = 4_096
    /// The most secrets that wait to be looked at; past it AUTH is `BUSY`.
    static let secretsWaiting = 32
    /// How many of those may come from one address: all strangers that there can be.
    static let secretsWaitingPerPeer = 16
    /// How many secrets that were right are known again without scrypt.
    static let secretsKnown = 4_096
    /// How long that window is, in seconds.
    static let failureWindowSeconds: Int64 = 60
    /// The longest file of certificates or of a key, in bytes: a bundle of authorities has 256 KiB.
    static let certificateBytes = 1 << 20
    /// The longest policy, in bytes: about 10,000 entries.
    package static let policyBytes = 1 << 20
    /// The most users, groups or accounts of a policy.
    static let policyEntries = 10_000
    /// The most tenants, or certificates, of one entry: each is looked at for each command.
    static let policyNames = 256
    /// The most secrets of one account: the old one and the new one.
    static let secretsPerAccount = 2
    /// How many groups of a user count: more than any usual directory gives one.
    static let peerGroups = 1_024
    /// Descriptors that the daemon needs besides connections: log, state, listeners, pidfds.
    static let descriptorsKept = 512
    /// How many it needs at the least, where it may have few in all.
    static let descriptorsKeptMin = 48
    /// The most connections that were turned away and are still being told why.
    ///
    /// Past it they are closed without a word: they take descriptors that the ledger's files need.
    static let refusedLingering = 8
    /// How long nothing is accepted after the kernel had no descriptor or no memory for it.
    static let acceptPause = TimeAmount.seconds(1)

    /// The most commands of one connection that wait for their answers.
    package static let outstanding = 1_000
    /// What a list counts for among the outstanding: its answer is that much longer than a grant's.
    static let listWeight = 64
    /// The most bytes of answers that wait for a client to read before its reading is stopped.
    package static let pendingOutputBytes = 1 << 20
    /// Where reading begins again.
    static let pendingOutputLowBytes = 256 << 10
    /// The same two for a user without a role, who has nothing long to read.
    static let pendingOutputBytesWithoutRole = 64 << 10
    static let pendingOutputLowBytesWithoutRole = 16 << 10
    /// What all connections may hold together: requests that are not whole, answers not read.
    ///
    /// Far more than a host full of clients that read needs, far less than hosts have; see
    /// MemoryHigh in the unit.
    static let heldBytes = 256 << 20
    /// What a connection may hold whatever the others do.
    static let heldBytesKept = 64 << 10
    /// How much more or less is worth to be told to the sum of all.
    static let heldBytesStep = 4 << 10
    /// How long a client may take nothing of its answers: a process that is stopped for so long is
    /// gone for whom it works.
    static let stalledTime = TimeAmount.seconds(60)
    /// The same while there is no room for others.
    static let stalledTimeInNeed = TimeAmount.seconds(5)
    /// The most commands of one connection in one turn of the event loop, for fairness.
    static let commandsPerTurn = 1_000
    /// Room for most answers at once: a buffer that grows from nothing is copied several times.
    static let replyBytes = 512
    /// How many bytes of answers are gathered before they are written.
    static let outputChunkBytes = 64 << 10
    /// How long a request may take from its first byte to its last.
    static let requestTime = TimeAmount.seconds(30)
    /// How long a connection that was told to end may take to read that.
    static let farewellTime = TimeAmount.seconds(10)
    /// The same for a daemon that stops, from when its last bytes were written: nobody waits longer
    /// for the end of a client that is idle.
    static let stopFarewellTime = TimeAmount.seconds(1)
    /// How often a service manager gets a sign of life, where it does not want more.
    static let aliveInterval = TimeAmount.seconds(1)
    /// How often these times are looked at.
    static let sweepInterval = TimeAmount.seconds(1)
    /// How many lines about clients the log takes in a second: a client can not fill a disk.
    static let linesPerSecond = 20
    /// How many of one user: one can not hide what another did.
    static let linesPerUser = 5
    /// How many users' first lines are taken beside these.
    static let firstLines = 16
    /// Of how many users it is told how many lines were left out; the rest are counted together.
    static let leftOutUsers = 64
    /// The most leases of one connection whose loss is pushed to it.
    package static let watchedLeases = 10_000

    /// The most connections that wait to be accepted.
    static let backlog: Int32 = 1_024
    /// How many connections are accepted in one turn of the event loop, at the most.
    static let acceptsPerTurn: UInt = 64
    /// The longest path of a Unix socket, in bytes: `sun_path` and its zero byte.
    package static let socketPathBytes = 107
    /// The shortest password for TCP, in bytes.
    package static let passwordBytesMin = 16
    /// The longest password for TCP, in bytes.
    package static let passwordBytesMax = 1_024

    /// A time as a sentence names it.
    static func seconds(_ time: TimeAmount) -> Int64 {
        time.nanoseconds / TimeAmount.seconds(1).nanoseconds
    }
}
