// Verbs that ask for amounts: acquire, reserve, plan.

internal import ArgumentParser
internal import TenureModel

/// What is asked for, by whom and how.
struct AcquireOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Pool that is to grant; repeated: asked next; '*': all, by tier.",
            valueName: "name"
        )
    )
    var pool: [String]

    @Option(
        help: ArgumentHelp(
            "Amounts in one place, [count*]kind=quantity[..most][,…]; repeated for a gang.",
            valueName: "claim"
        )
    )
    var claim: [String]

    @Option(help: ArgumentHelp("Who pays; a path; default: 'default'.", valueName: "path"))
    var tenant: String?

    @Option(help: ArgumentHelp("Who holds it; made up when absent.", valueName: "name"))
    var holder: String?

    @Option(
        help: ArgumentHelp(
            "How long without renewal, as 30s; default: the pool's.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @Option(help: ArgumentHelp("Session that keeps it alive instead.", valueName: "id"))
    var session: String?

    @Option(
        help: ArgumentHelp("Longest life, renewals included.", valueName: "duration"),
        transform: Durations.parse
    )
    var maxLifetime: UInt64?

    @Option(
        help: ArgumentHelp(
            "One of low, normal, high, critical: who waits before whom.",
            valueName: "class"
        ),
        transform: AcquireOptions.priority
    )
    var priority: Priority?

    @Option(help: ArgumentHelp("Makes repeating it safe; 1 to 64 bytes.", valueName: "id"))
    var request: String?

    @Option(
        help: ArgumentHelp("One of \(StrategyOption.names).", valueName: "name"),
        transform: StrategyOption.parse
    )
    var strategy: Strategy?

    @Option(
        help: ArgumentHelp("Label a place must have; a|b allows both.", valueName: "name=value")
    )
    var select: [String] = []

    @Option(
        help: ArgumentHelp("All in one numa, node, rack, zone or label.", valueName: "level")
    )
    var within: String?

    @Option(help: ArgumentHelp("Near leases with this tag.", valueName: "name=value[@level]"))
    var near: [String] = []

    @Option(help: ArgumentHelp("Away from leases with it.", valueName: "name=value[@level]"))
    var away: [String] = []

    @Option(help: ArgumentHelp("Label of the lease.", valueName: "name=value"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var purpose: String?

    @Option(help: ArgumentHelp("The most that an hour of it may cost.", valueName: "price"))
    var maxCost: String?

    func validate() throws {
        if ttl != nil, session != nil {
            throw ValidationError("--ttl and --session exclude each other")
        }
        for label in select + tag + near + away where !label.contains("=") || label.contains(",") {
            throw ValidationError("'\(label)' is no label; say name=value, once per option")
        }
    }

    /// A class by its name.
    static func priority(_ name: String) throws -> Priority {
        guard let priority = Priority(name: name) else {
            throw ValidationError("say low, normal, high or critical")
        }
        return priority
    }

    /// The command as the protocol has it, up to the options of the verb itself.
    func words(_ verb: String) -> Words {
        var words = Words(verb, pool.joined(separator: ","), claim.joined(separator: "+"))
        words.add("TENANT", tenant)
        words.add("HOLDER", holder)
        words.add("TTL", ttl)
        words.add("SESSION", session)
        words.add("MAXLIFETIME", maxLifetime)
        words.add("PRIORITY", priority?.name)
        words.add("REQUEST", request)
        words.add("STRATEGY", strategy?.rawValue)
        words.add("SELECT", joined: select)
        words.add("WITHIN", within)
        words.add("NEAR", joined: near)
        words.add("AWAY", joined: away)
        words.add("TAG", joined: tag)
        words.add("PURPOSE", purpose)
        words.add("MAXCOST", maxCost)
        return words
    }
}

/// How long is waited for what is asked.
struct WaitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Wait so long where not enough is free; default: not at all.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var wait: UInt64?

    @Option(
        help: ArgumentHelp(
            "Or queue it for so long, over restarts, and return at once.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var queue: UInt64?

    func validate() throws {
        if wait != nil, queue != nil {
            throw ValidationError("--wait and --queue exclude each other")
        }
    }

    /// Adds what was given.
    func add(to words: inout Words) {
        words.add("WAIT", wait)
        words.add("QUEUE", queue)
    }
}

/// A strategy by its name.
enum StrategyOption {
    static var names: String { Strategy.allCases.map(\.rawValue).joined(separator: ", ") }

    static func parse(_ name: String) throws -> Strategy {
        guard let strategy = Strategy(rawValue: name) else {
            throw ValidationError("say one of \(names)")
        }
        return strategy
    }
}

struct Acquire: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Get a lease on amounts of a pool, all of it or nothing.",
        discussion: """
            The lease is durable before it is printed. Keep its id and token: they are needed to \
            renew and release it. With --request, repeating the command returns the first answer \
            and never grants twice.

            With --wait it waits where capacity or quota is taken, behind those who asked before \
            it and those of a higher priority. When the time is over it ends with TIMEOUT and \
            exit code 1; interrupting it calls the wait off, unless it has a --request: then it \
            is queued, and asking again with the same --request takes up the wait.

            With --queue it gets a ticket instead of waiting: a place that survives restarts. \
            'tenure queue get' tells what becomes of it; it needs --request or --session.

            EXAMPLES
              tenure acquire --pool gpus --claim gpu=1,memory=32Gi --ttl 30s
              tenure acquire --pool gpus --claim 4*gpu=2,cpu=8 --claim cpu=2 --json
              tenure acquire --pool gpus --claim gpu=1 --tenant research --request 7f3a
              tenure acquire --pool gpus --claim gpu=500m --select 'model=A100|H100'
              tenure acquire --pool gpus --claim '4*gpu=8' --within rack
              tenure acquire --pool gpus --claim cpu=2 --tag app=web --away app=web@rack
              tenure acquire --pool gpus --claim gpu=8 --wait 30s --priority high
              tenure acquire --pool gpus --claim gpu=8 --queue 10m --request job-42
              tenure acquire --pool spot --pool gpus --claim gpu=1..4 --max-cost 9.50
            """
    )

    @OptionGroup var terms: AcquireOptions

    @Option(
        help: ArgumentHelp("Grant what this plan told, or nothing.", valueName: "version")
    )
    var plan: UInt64?

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = terms.words("ACQUIRE")
        words.add("PLAN", plan)
        waiting.add(to: &words)
        return words.list
    }
}

struct Reserve: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Hold amounts for a short while, to commit or cancel.",
        discussion: """
            A reservation counts in full until it is committed, cancelled, or its --hold is over. \
            With --wait it waits as acquire does; --hold counts from when it is granted.

            EXAMPLES
              tenure reserve --pool gpus --claim gpu=2 --hold 10s
              tenure reserve --pool gpus --claim 2*gpu=8 --hold 1m --request job-41
            """
    )

    @OptionGroup var terms: AcquireOptions

    @Option(
        help: ArgumentHelp("How long it is held without commit.", valueName: "duration"),
        transform: Durations.parse
    )
    var hold: UInt64

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = terms.words("RESERVE")
        words.add("HOLD", hold)
        waiting.add(to: &words)
        return words.list
    }
}

struct Plan: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Tell what acquire would grant now, and change nothing.",
        discussion: """
            The answer is what the ledger would decide at the position that it names; another \
            request may come first. Its version, given to acquire as --plan with the same request, \
            gets exactly that or CONFLICT. Exit code 1 with the reason where it would refuse.

            EXAMPLES
              tenure plan --pool gpus --claim gpu=4,cpu=32
              tenure plan --pool gpus --claim gpu=500m --strategy best-fit --json
            """
    )

    @OptionGroup var terms: AcquireOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { terms.words("PLAN").list }
}
