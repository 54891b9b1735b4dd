// The next segment, zero-filled and synced before it is needed.
//
// A sync of a group moves no metadata only if every block of the file has been written before;
// and a disk that is full can not refuse blocks that it has given. The file is `log/spare.tmp`
// until a rotation gives it its name. One that a crash left behind is used again only after it
// was synced and read back past the page cache as zeros; otherwise it is made anew.
//
//   L5  A spare that was waited for is ready or has failed.

import Synchronization
import TenureBase
import TenureThreads

/// The file `log/spare.tmp` and the thread that fills it.
final class SpareSegment {
    private enum State {
        case none
        case preparing(Preparation, thread: SystemThread)
        case ready
        case failed(DiskError)
    }

    private let disk: any Disk
    private let configuration: LogConfiguration
    private var state = State.none

    init(_ disk: any Disk, _ configuration: LogConfiguration) {
        self.disk = disk
        self.configuration = configuration
    }

    deinit {
        if case .preparing(let preparation, let thread) = state {
            preparation.cancel()
            thread.join()
        }
    }

    /// Whether a rotation would find a whole segment now.
    var isReady: Bool {
        switch state {
        case .ready: true
        case .preparing(let preparation, _): preparation.hasSucceeded
        case .none, .failed: false
        }
    }

    /// Starts to prepare, on another thread where the configuration says so.
    func begin() {
        collect(wait: false)
        switch state {
        case .preparing, .ready: return
        case .failed(let error) where !error.isFull: return
        case .none, .failed: break
        }
        let preparation = Preparation(disk, byteCount: configuration.segmentBytes)
        guard configuration.spare == .background else { return finish(preparation) }
        do {
            let thread = try SystemThread.start("tenure-spare", niceness: LogLimits.niceness) {
                preparation.run()
            }
            state = .preparing(preparation, thread: thread)
        } catch {
            finish(preparation)
        }
    }

    /// Waits until the spare is ready; makes one now if there is none.
    func require() throws(LogError) {
        collect(wait: true)
        if case .none = state { begin() }
        if case .failed(let error) = state, error.isFull {
            state = .none
            begin()
        }
        collect(wait: true)
        switch state {
        case .ready: return
        case .failed(let error): throw error.isFull ? .full : .device(error)
        case .none, .preparing: violated("L5: a spare that was waited for is ready or has failed")
        }
    }

    /// The spare has become a segment; there is none any more.
    func taken() {
        state = .none
    }

    private func finish(_ preparation: Preparation) {
        preparation.hurry()
        preparation.run()
        state = preparation.failure.map { .failed($0) } ?? .ready
    }

    private func collect(wait: Bool) {
        guard case .preparing(let preparation, let thread) = state,
            wait || preparation.isFinished
        else { return }
        preparation.hurry()
        thread.join()
        state = preparation.failure.map { .failed($0) } ?? .ready
    }
}

/// One attempt to make a spare segment.
private final class Preparation: Sendable {
    private enum Outcome {
        case running
        case succeeded
        case failed(DiskError)
    }

    private let disk: any Disk
    private let byteCount: Int
    private let outcome = Mutex(Outcome.running)
    private let isCancelled = Atomic(false)
    private let isAwaited = Atomic(false)

    init(_ disk: any Disk, byteCount: Int) {
        self.disk = disk
        self.byteCount = byteCount
    }

    var isFinished: Bool {
        outcome.withLock { if case .running = $0 { false } else { true } }
    }

    var hasSucceeded: Bool {
        outcome.withLock { if case .succeeded = $0 { true } else { false } }
    }

    var failure: DiskError? {
        outcome.withLock { if case .failed(let error) = $0 { error } else { nil } }
    }

    func cancel() {
        isCancelled.store(true, ordering: .relaxed)
    }

    /// Someone waits: from now on without pauses.
    func hurry() {
        isAwaited.store(true, ordering: .relaxed)
    }

    func run() {
        let result: Outcome
        do throws(DiskError) {
            if try !isUsable() { try make() }
            result = .succeeded
        } catch {
            // What was written so far would keep room that a full disk needs.
            try? disk.unlink(LogPath.spare)
            result = .failed(error)
        }
        outcome.withLock { $0 = result }
    }

    /// Whether a spare left behind is whole: the right size, and zero behind the header's block.
    private func isUsable() throws(DiskError) -> Bool {
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(LogPath.spare, .readWrite)
        } catch {
            if error.isMissing { return false }
            throw error
        }
        guard try file.size() == UInt64(byteCount) else { return false }
        try file.sync()
        try file.dropCache()
        file.close()
        let stored = try disk.openDirect(LogPath.spare)
        var chunk = AlignedBuffer(byteCount: min(LogLimits.chunk, byteCount))
        var offset = LogLimits.block
        while offset < byteCount {
            let count = min(chunk.byteCount, byteCount - offset)
            var room = chunk.mutableBytes
            guard try stored.read(into: &room, at: UInt64(offset)) == count else { return false }
            guard chunk.bytes.extracting(0..<count).countWithoutZeros == 0 else { return false }
            offset += count
        }
        return true
    }

    private func make() throws(DiskError) {
        try disk.unlinkIfPresent(LogPath.spare)
        let file = try disk.create(LogPath.spare)
        let zeros = AlignedBuffer(byteCount: min(LogLimits.piece, byteCount))
        var offset = 0
        while offset < byteCount {
            if isCancelled.load(ordering: .relaxed) { throw .stopped }
            if offset > 0 {
                try file.finishPiece(isAwaited.load(ordering: .relaxed) ? .immediate : .gentle)
            }
            let count = min(zeros.byteCount, byteCount - offset)
            try file.write(zeros.bytes.extracting(0..<count), at: UInt64(offset))
            offset += count
        }
        try file.sync()
    }
}
