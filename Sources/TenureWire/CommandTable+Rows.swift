// The rows of the command table, by what they are for.

extension CommandTable {
    /// One row.
    static func row(
        _ word: CommandWord,
        _ operands: [String] = [],
        optional: [String] = [],
        isOpen: Bool = false,
        options: [OptionWord] = [],
        required: [OptionWord] = [],
        scope: CommandSpecification.Scope = .ledger,
        isAdmin: Bool = false,
        _ summary: String,
        _ example: String
    ) -> CommandSpecification {
        CommandSpecification(
            word: word,
            operands: operands,
            optionalOperands: optional,
            isOpen: isOpen,
            options: options,
            required: required,
            scope: scope,
            isAdmin: isAdmin,
            summary: summary,
            example: example
        )
    }

    private static let asking: [OptionWord] = [
        .tenant, .holder, .ttl, .session, .maxLifetime, .priority, .request, .strategy, .select,
        .within, .near, .away, .tag, .purpose, .maxCost,
    ]
    private static let waiting: [OptionWord] = [.wait, .queue]

    /// What asks for amounts.
    static let granting = [
        row(
            .acquire,
            ["pools", "claims"],
            options: asking + waiting + [.plan],
            "Grants a lease, all of its claims or nothing.",
            "ACQUIRE gpus gpu=1,memory=32Gi TENANT research TTL 60000 REQUEST 7f3a"
        ),
        row(
            .reserve,
            ["pools", "claims"],
            options: asking + waiting + [.hold, .plan],
            required: [.hold],
            "Holds amounts until COMMIT, CANCEL, or the end of HOLD.",
            "RESERVE gpus 4*gpu=2,cpu=8+cpu=2 HOLD 10000"
        ),
        row(
            .plan,
            ["pools", "claims"],
            options: asking + [.hold],
            "Tells what ACQUIRE would grant now and changes nothing.",
            "PLAN gpus gpu=1"
        ),
        row(
            .commit,
            ["reservation", "token"],
            optional: ["parts"],
            "Turns a reservation, or the named parts of it, into a lease.",
            "COMMIT 281474976710661 281474976710661 gpu0=1"
        ),
        row(
            .cancel,
            ["reservation", "token"],
            "Gives a reservation back.",
            "CANCEL 281474976710661 281474976710661"
        ),
        row(
            .queueCancel,
            ["ticket"],
            "Ends a queued request that was not granted yet.",
            "QUEUE CANCEL 281474976710671"
        ),
    ]

    /// What holders do with what they have.
    static let holding = [
        row(
            .renew,
            ["lease", "token"],
            options: [.ttl],
            "Moves the deadline of a lease, by its own TTL or the one given.",
            "RENEW 281474976710661 281474976710661 TTL 60000"
        ),
        row(
            .release,
            ["lease", "token"],
            optional: ["parts"],
            "Gives a lease, or the named parts of it, back.",
            "RELEASE 281474976710661 281474976710661 gpu0=1"
        ),
        row(
            .grow,
            ["lease", "token", "claims"],
            options: [.node, .select, .strategy, .wait, .request, .plan],
            "Adds amounts to a lease, all of them or nothing, and gives it a new token.",
            "GROW 281474976710661 281474976710661 memory=16Gi NODE box REQUEST 7f3b"
        ),
        row(
            .handOver,
            ["lease", "token"],
            options: [.holder, .ttl, .session, .request],
            "Gives a lease to another holder, with a new token; the old one is void.",
            "HANDOVER 281474976710661 281474976710661 HOLDER worker-2 TTL 60000"
        ),
        row(
            .sublease,
            ["lease", "token", "parts"],
            options: [.tenant, .holder, .ttl, .session, .request, .tag, .purpose],
            "Makes a part of a lease a lease of its own, which ends with it at the latest.",
            "SUBLEASE 281474976710661 281474976710661 gpu0=500m HOLDER task-7"
        ),
        row(
            .check,
            ["lease", "token"],
            "Tells whether the token is the current one of a valid lease.",
            "CHECK 281474976710661 281474976710661"
        ),
        row(
            .report,
            ["lease", "token", "ok|failed"],
            options: [.resource, .reason],
            "Says whether what a lease holds works, for the breakers of its pool.",
            "REPORT 281474976710661 281474976710661 FAILED RESOURCE gpu0 REASON xid-79"
        ),
        row(
            .sessionOpen,
            options: [.ttl, .process, .holder],
            "Opens a session: one keep-alive for many leases.",
            "SESSION OPEN TTL 30000 PROCESS peer"
        ),
        row(
            .sessionKeepAlive,
            ["session", "token"],
            "Moves the deadline of a session and of all its leases.",
            "SESSION KEEPALIVE 281474976710664 281474976710664"
        ),
        row(
            .sessionClose,
            ["session", "token"],
            "Ends a session and all its leases.",
            "SESSION CLOSE 281474976710664 281474976710664"
        ),
        row(
            .leaseRevoke,
            ["lease|all", "reason"],
            options: [.pool, .tenant, .holder, .node, .tag, .after, .dryRun],
            isAdmin: true,
            "Takes a lease from its holder, or all that are what the options say.",
            "LEASE REVOKE ALL \"node is on fire\" NODE host1 DRYRUN"
        ),
    ]

    /// What reads.
    static let reading = [
        row(
            .sessionGet,
            ["session"],
            "Shows a session.",
            "SESSION GET 281474976710664"
        ),
        row(
            .leaseGet,
            ["lease"],
            "Shows a lease or a reservation.",
            "LEASE GET 281474976710661"
        ),
        row(
            .leaseList,
            options: [.pool, .tenant, .holder, .limit, .after],
            "Lists leases and reservations by age.",
            "LEASE LIST POOL gpus LIMIT 50"
        ),
        row(
            .requestGet,
            ["request"],
            options: [.tenant],
            "Shows the stored answer of a request id, or its place in the queue.",
            "REQUEST GET 7f3a TENANT research"
        ),
        row(
            .queueGet,
            ["ticket"],
            "Shows a queued request, or what became of it.",
            "QUEUE GET 281474976710671"
        ),
        row(
            .queueList,
            options: [.pool, .tenant, .limit, .after],
            "Lists queued requests by age.",
            "QUEUE LIST POOL gpus"
        ),
        row(
            .explain,
            ["lease|request"],
            options: [.tenant],
            scope: .connection,
            "Tells why a lease was granted where it was and how it ended, from the log.",
            "EXPLAIN 281474976710661"
        ),
        row(.usageGet, ["tenant"], "Shows what a tenant uses.", "USAGE GET research/vision"),
        row(
            .optimize,
            ["pool"],
            options: [.moves, .for, .after, .offer],
            isAdmin: true,
            "Proposes moves of leases whose holders consent, and changes nothing.",
            "OPTIMIZE gpus MOVES 5 FOR fragmentation OFFER"
        ),
        row(.status, [], "Shows the counts of the whole ledger.", "STATUS"),
        row(
            .watch,
            options: [.pool],
            scope: .connection,
            "Pushes every durable event to this connection; needs RESP3.",
            "WATCH POOL gpus"
        ),
        row(.unwatch, scope: .connection, "Ends WATCH.", "UNWATCH"),
    ]

    /// What operators declare.
    static let settings = [
        row(
            .poolSet,
            ["name"],
            isOpen: true,
            isAdmin: true,
            "Creates a pool or changes settings of it.",
            "POOL SET gpus strategy best-fit ttlMax 3600000"
        ),
        row(.poolGet, ["name"], "Shows a pool with all its settings.", "POOL GET gpus"),
        row(.poolList, [], "Lists the pools.", "POOL LIST"),
        row(.poolDelete, ["name"], isAdmin: true, "Deletes an empty pool.", "POOL DEL gpus"),
        row(
            .resourceSet,
            ["name"],
            options: [.pool, .kind, .capacity, .node, .label, .cost, .force],
            required: [.pool, .kind, .capacity],
            isAdmin: true,
            "Declares a resource or changes it.",
            "RESOURCE SET gpu0 POOL gpus KIND gpu CAPACITY 1 NODE host1 LABEL model=h100"
        ),
        row(.resourceGet, ["name"], "Shows a resource and its use.", "RESOURCE GET gpu0"),
        row(
            .resourceList,
            options: [.pool, .limit, .after],
            "Lists resources by name.",
            "RESOURCE LIST POOL gpus"
        ),
        row(
            .resourceCordon,
            ["name"],
            isAdmin: true,
            "Stops new grants on a resource.",
            "RESOURCE CORDON gpu0"
        ),
        row(
            .resourceDrain,
            ["name"],
            options: [.by, .at, .for, .reason],
            isAdmin: true,
            "Stops new grants on a resource, at once or from AT on for FOR; what is left on it BY "
                + "then is taken back.",
            "RESOURCE DRAIN gpu0 BY 600000"
        ),
        row(
            .resourceUncordon,
            ["name"],
            isAdmin: true,
            "Allows new grants on a resource again.",
            "RESOURCE UNCORDON gpu0"
        ),
        row(
            .resourceDelete,
            ["name"],
            isAdmin: true,
            "Deletes a resource that is not in use.",
            "RESOURCE DEL gpu0"
        ),
        row(
            .breakerList,
            options: [.pool, .limit, .after],
            "Lists the breakers that are open, half-open, or have failures to count.",
            "BREAKER LIST POOL gpus"
        ),
        row(
            .breakerReset,
            ["pool|resource", "name"],
            isAdmin: true,
            "Closes a breaker.",
            "BREAKER RESET RESOURCE gpu0"
        ),
        row(
            .nodeCordon,
            ["node"],
            options: [.pool],
            isAdmin: true,
            "Stops new grants on all resources of a node, in one pool or in all.",
            "NODE CORDON host1"
        ),
        row(
            .nodeDrain,
            ["node"],
            options: [.pool, .by, .at, .for, .reason],
            isAdmin: true,
            "Stops new grants on all resources of a node, at once or from AT on for FOR; what is "
                + "left BY then is taken back.",
            "NODE DRAIN host1 AT 3600000 FOR 7200000 BY 600000"
        ),
        row(
            .nodeUncordon,
            ["node"],
            options: [.pool],
            isAdmin: true,
            "Allows new grants on all resources of a node again.",
            "NODE UNCORDON host1 POOL gpus"
        ),
        row(
            .quotaSet,
            ["tenant", "kind"],
            options: [.limit, .guarantee, .borrow, .lend, .weight],
            isAdmin: true,
            "Sets what a tenant and all below it may hold of a kind; what is not named stays.",
            "QUOTA SET research gpu LIMIT 8 GUARANTEE 4 LEND 2"
        ),
        row(
            .quotaGet,
            ["tenant", "kind"],
            "Shows a quota and its use.",
            "QUOTA GET research gpu"
        ),
        row(
            .quotaList,
            options: [.tenant],
            "Lists quotas with their use, of all tenants or at and below one.",
            "QUOTA LIST TENANT research"
        ),
        row(
            .quotaDelete,
            ["tenant", "kind"],
            isAdmin: true,
            "Deletes a quota.",
            "QUOTA DEL research gpu"
        ),
        row(
            .budgetSet,
            ["tenant"],
            options: [.limit, .window],
            isAdmin: true,
            "Sets what a tenant and all below it may spend in a span of time.",
            "BUDGET SET research LIMIT 250.5 WINDOW 86400000"
        ),
        row(
            .budgetGet,
            ["tenant"],
            "Shows a budget, what is spent and what is held.",
            "BUDGET GET research"
        ),
        row(
            .budgetList,
            options: [.tenant],
            "Lists budgets, of all tenants or at and below one.",
            "BUDGET LIST TENANT research"
        ),
        row(.budgetDelete, ["tenant"], isAdmin: true, "Deletes a budget.", "BUDGET DEL research"),
        row(
            .tenantSet,
            ["tenant"],
            options: [.leases, .rate, .burst],
            isAdmin: true,
            "Limits the leases at once and the grants per second of a tenant and all below it.",
            "TENANT SET research LEASES 100 RATE 50 BURST 20"
        ),
        row(.tenantGet, ["tenant"], "Shows the limits of a tenant.", "TENANT GET research"),
        row(
            .tenantList,
            options: [.tenant],
            "Lists limits of tenants, of all or at and below one.",
            "TENANT LIST TENANT research"
        ),
        row(
            .tenantDelete,
            ["tenant"],
            isAdmin: true,
            "Takes the limits of a tenant away, but not its quotas.",
            "TENANT DEL research"
        ),
    ]
}
