// What tests of the verbs of allocation say to a daemon, and what they read in its answers.

import Glibc
import TenureModel
import Testing

/// A lease or reservation as its holder knows it: its number and its token.
struct HeldLease: Equatable {
    let lease: String
    let token: String
}

extension TestDaemon {
    /// Sends one command, its words parted by spaces.
    @discardableResult
    func say(_ command: String) async throws -> Document {
        try await ask(command.split(separator: " ").map(String.init))
    }

    /// The code with which a command is refused; nothing when it is not.
    func refusal(_ command: String) async throws -> RefusalCode? {
        do {
            try await say(command)
            return nil
        } catch let refusal as Refusal {
            return refusal.code
        }
    }

    /// Sends a command that gives a lease, for ten minutes where it says nothing else.
    func lease(_ command: String) async throws -> HeldLease {
        let isTimed = command.contains("TTL ") || command.contains("QUEUE ")
        return try held(await say(isTimed ? command : command + " TTL 600000"))
    }

    /// The lease that an answer tells of.
    func held(_ answer: Document) throws -> HeldLease {
        try HeldLease(lease: number("lease", in: answer), token: number("token", in: answer))
    }

    /// A number of an answer, as it is said in a command.
    func number(_ name: String, in answer: Document) throws -> String {
        switch answer[name] {
        case .id(let number)?: return "\(number)"
        case .integer(let number)?: return "\(number)"
        default: throw TestFailure("no \(name) in \(answer)")
        }
    }

    /// What CHECK says of a lease: its status, or the code with which it is refused.
    func check(_ held: HeldLease) async throws -> String {
        do {
            let answer = try await say("CHECK \(held.lease) \(held.token)")
            guard case .string(let status)? = answer["status"] else { return "\(answer)" }
            return status
        } catch let refusal as Refusal {
            return refusal.code.rawValue
        }
    }

    /// What a lease or an answer holds: amounts by resource.
    func amounts(_ answer: Document) -> [String: Int64] {
        guard case .list(let placements)? = answer["placements"] else { return [:] }
        var amounts: [String: Int64] = [:]
        for placement in placements {
            guard case .string(let name)? = placement["resource"],
                case .integer(let amount)? = placement["amount"]
            else { continue }
            amounts[name, default: 0] += amount
        }
        return amounts
    }

    /// The items of a list.
    func items(_ command: String) async throws -> [Document] {
        guard case .list(let items)? = try await say(command)["items"] else { return [] }
        return items
    }

    /// Asks again until the answer is as wanted, for a minute at most.
    @discardableResult
    func wait(
        for command: String,
        until isWanted: (Document) -> Bool
    ) async throws -> Document {
        for _ in 0..<6_000 {
            let answer = try await say(command)
            if isWanted(answer) { return answer }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestFailure("\(command): \(try await say(command))")
    }

    /// Kills the daemon as the kernel does when memory is short, and starts it again.
    func killAndStart() async throws {
        signal(SIGKILL)
        #expect(try await end() == -SIGKILL)
        try await start()
    }

    /// Starts the daemon with one pool of eight seats.
    func startWithSeats(_ settings: String = "") async throws {
        try await start()
        try await say("POOL SET seats \(settings)")
        try await say("RESOURCE SET row POOL seats KIND seat CAPACITY 8 NODE hall")
    }
}
