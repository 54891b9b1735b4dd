// What a process does once, early, because it is a daemon of ours and nothing else.

internal import CTenureSystem

/// The process as a whole.
package enum DaemonProcess {
    /// Bounds what the allocator keeps: the rows of a checkpoint are freed all at once.
    ///
    /// For a process of our own only: an embedding program decides that for itself.
    package static func boundHeap() {
        tenure_bound_heap()
    }
}
