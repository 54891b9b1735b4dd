// How a connection over TCP says who it is: the one password, or an account and its secret.
//
// The secret of an account is looked at on another thread, because that takes long on purpose;
// until then nothing more of the connection is decoded, so that answers stay in order.

internal import Logging
internal import NIOCore
internal import NIOSSL
internal import TenureModel
internal import TenureWire

extension Connection {
    /// Goes on with `then` when the credentials are right; answers itself when they are wrong.
    func authenticate(_ credentials: Credentials, _ then: @escaping (Connection) -> Void) {
        let policy = hub.policies.policy
        guard !isLocal, hub.password != nil || policy != nil else {
            // The kernel has said who it is, so there is nothing to check a password against.
            return reply(
                Refusal(
                    .malformed,
                    "AUTH called without any password configured: the socket knows its user"
                )
            )
        }
        // Where there is nothing to guess nothing is counted: that would close the door to others
        // for free.
        let isPassword = credentials.user == "default"
        guard isPassword ? hub.password != nil : policy != nil else { return reject() }
        let attempt = SecretVerifier.Attempt(
            account: credentials.user,
            secret: credentials.password,
            peer: origin,
            now: WallClock.monotonicSeconds,
            date: WallClock.seconds
        )
        if isPassword, let password = hub.password {
            return take(hub.verifier.check(attempt, against: password), then)
        }
        isVerifying = true
        afterVerifying = then
        let account = policy?.accounts[credentials.user]
        hub.verifier.verify(attempt, of: account) { [hub, number] outcome in
            hub.tell { hub.state.value.settle(outcome, of: number) }
        }
    }

    /// Takes what became of a secret, and goes on.
    func settle(_ outcome: SecretVerifier.Outcome) {
        let then = afterVerifying
        isVerifying = false
        afterVerifying = nil
        // How long we take is not its fault; how often it may try is bounded.
        strangerSince = .now()
        guard isOpen else { return }
        take(outcome) { then?($0) }
        proceed()
    }

    private func take(_ outcome: SecretVerifier.Outcome, _ then: (Connection) -> Void) {
        switch outcome {
        case .right(let identity):
            if introduce(identity) { then(self) }
        case .wrong: reject()
        case .closed(let bound): rejectForNow(Self.sentence(bound))
        case .busy:
            rejectForNow(
                "\(ServerLimits.secretsWaiting) passwords wait to be looked at, or "
                    + "\(ServerLimits.secretsWaitingPerPeer) of one address, the limit"
            )
        }
    }

    /// Takes whom the client's certificate names, which has been verified when this is called.
    ///
    /// One that opens no account leaves a stranger, who can still say a secret.
    func takeCertificate() {
        guard isOpen, let policy = hub.policies.policy,
            let handler = try? context?.pipeline.syncOperations
                .handler(type: NIOSSLServerHandler.self),
            let shown = handler.peerCertificate, let certificate = ClientCertificate(shown),
            let account = policy.account(forCertificateNames: certificate.names)
        else { return }
        let identity = Identity.certificate(
            account: account.name,
            names: certificate.names,
            expires: certificate.expires
        )
        if !introduce(identity) { proceed() }
    }

    private func reject() {
        passwordAttempts += 1
        warn("a wrong password")
        reply {
            $0.writeError(code: "WRONGPASS", "invalid username-password pair or user is disabled.")
        }
        if passwordAttempts >= ServerLimits.passwordAttempts { finish() }
    }

    private func rejectForNow(_ sentence: String) {
        warn("no password is looked at", ["reason": "\(sentence)"])
        reply {
            $0.writeError(
                code: RefusalCode.busy.rawValue,
                sentence + "; try again later, or use the Unix socket"
            )
        }
        finish()
    }

    private static func sentence(_ bound: FailureWindows.Bound) -> String {
        let (count, whose) =
            switch bound {
            case .peer: (ServerLimits.failuresPerPeer, "one address")
            case .account: (ServerLimits.failuresPerAccount, "one account")
            case .all: (ServerLimits.failuresPerWindow, "all connections together")
            }
        return "\(count) wrong passwords within \(ServerLimits.failureWindowSeconds) s, the limit "
            + "of \(whose)"
    }
}
