// Verbs on pools: named sets of resources with one policy.

internal import ArgumentParser
internal import TenureModel

struct PoolNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool",
        abstract: "Set, show and delete pools.",
        subcommands: [PoolSet.self, PoolGet.self, PoolList.self, PoolDelete.self]
    )
}

struct PoolSet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Create a pool or change settings of it.",
        discussion: """
            What is not named stays as it is, or has its default in a new pool. Times are \
            durations.

            KEYS
              strategy      which places are preferred: auto, first-fit, best-fit, \
            fair-price, fragmentation, spread, round-robin, cost, performance, balanced or \
            locality; auto
              ttlDefault    TTL of a request that states none; 1m
              ttlMin        the shortest TTL; 1ms
              ttlMax        the longest TTL; 30d
              maxLifetime   end of a life, renewals included; 0s for none
              lockDelay     quarantine after an unclean end; 0s
              restartGrace  the longest grace after a restart or stall; 10s
              tier          rank among pools for requests to '*', lower first; 0
              preemptionGap         how many classes above a lease a request takes its place; \
            0 for never
              preemptionMinRuntime  how long a lease has run before it may be preempted; 0s
              preemptionGrace       how long before a lease is told to leave; 0s
              reclaimBorrowed       1: who has a guarantee takes back what others borrow \
            of it; 0
              agingStep             how long a request waits for each class that it rises; 1h
              agingCap              the most classes that it rises, at most 4; 4
              starvationLimit       how long one waits before anything is promised to \
            it; 0s
              breakerFailures       leases that report a resource as failed open its \
            breaker; 0 for never
              breakerRefusals       requests refused as exhausted, without a grant in \
            between, open that of the pool; 0 for never
              breakerWindow         how far back both count; 1m
              breakerOpen           how long a breaker is open at first; 30s
              breakerProbes         leases at a time that find out whether a resource \
            works again; 1
              weightCost, weightPerformance, weightUtilisation
                                    what the objectives of balanced weigh, 0 to 1000; 1

            EXAMPLES
              tenure pool set gpus
              tenure pool set gpus strategy=best-fit ttlDefault=5m lockDelay=10s
            """
    )

    /// Keys whose value is a time.
    private static let durations = Set(
        PoolNumber.allCases.filter(\.isDuration).map { $0.rawValue.lowercased() }
    )

    @Argument(help: "Name of the pool.")
    var name: String

    @Argument(help: ArgumentHelp("Settings.", valueName: "key=value"))
    var settings: [String] = []

    @OptionGroup var options: GlobalOptions

    func request() throws -> [String] {
        var words = ["POOL", "SET", name]
        for setting in settings {
            guard let equals = setting.firstIndex(of: "=") else {
                throw ValidationError("'\(setting)' is no setting; say key=value, as ttlMax=7d")
            }
            let key = String(setting[..<equals])
            let value = String(setting[setting.index(after: equals)...])
            words += [key, try PoolSet.protocolValue(value, of: key)]
        }
        return words
    }

    private static func protocolValue(_ value: String, of key: String) throws -> String {
        guard durations.contains(key.lowercased()) else { return value }
        do {
            return String(try Durations.parse(value))
        } catch {
            throw ValidationError("'\(key)=\(value)': \(error)")
        }
    }
}

struct PoolGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a pool with all its settings.",
        discussion: """
            EXAMPLES
              tenure pool get gpus
            """
    )

    @Argument(help: "Name of the pool.")
    var name: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["POOL", "GET", name] }
}

struct PoolList: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List all pools.",
        discussion: """
            EXAMPLES
              tenure pool list --json
            """
    )

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["POOL", "LIST"] }
}

struct PoolDelete: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "del",
        abstract: "Delete a pool that has no resources.",
        discussion: """
            EXAMPLES
              tenure pool del gpus
            """
    )

    @Argument(help: "Name of the pool.")
    var name: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["POOL", "DEL", name] }
}
