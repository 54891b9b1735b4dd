# What each cell must keep to, from its trace and its exit status. Pure.

import signal

NAMED = {71, 73, 74}  # no room for a thread or descriptor, a thing not made, a device that failed
WRITING = {"pwrite64", "pwritev", "writev", "fdatasync", "fsync"}
MEMORY = {"ENOMEM", "EAGAIN"}
# By which libdispatch and SwiftNIO get their loops and threads; refused, they end the process.
LOOPS = {"epoll_create", "epoll_create1", "epoll_ctl", "eventfd2", "timerfd_create", "clone",
         "clone3"}
LOADER = "error while loading shared libraries"


def signal_name(status):
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def told(last_words):
    """What it said of its end."""
    lines = last_words.splitlines()
    fatal = [line for line in lines if "atal error" in line]
    plain = [line for line in lines if " 0x0000" not in line]
    return " ".join(fatal[-1:] or plain[-1:])[-400:]


def on_log(call):
    return call.path.endswith(".seg")


def judge_cell(cell, calls, status, served, asked, progress, losses, last_words):
    """(whether it died because a library got nothing, [(rule, sentence)]): memory, or, before the
    daemon served, a loop or a thread.

    `status` is nothing for a daemon that served on, and `asked` says that it was told to stop.
    """
    injected = [call for call in calls if call.injected]
    memory = bool(injected) and cell.fault in MEMORY \
        and all(call.is_anonymous for call in injected)
    memory |= not served and bool(injected) and status == -signal.SIGILL \
        and all(call.name in LOOPS for call in injected)
    faults = judge_exit(cell, status, asked, memory, last_words)
    faults += judge_syncs(cell, calls, injected, status)
    faults += judge_reads(cell, injected, status)
    faults += judge_silence(injected, status)
    if cell.call == "accept4" and injected:
        if losses or status is not None:
            faults.append(("accept", f"{losses} connections that were served ended, "
                           f"exit {status}"))
        if not progress:
            faults.append(("accept", "nobody who was connected was served meanwhile"))
    return memory and status is not None and status < 0, faults


def judge_exit(cell, status, asked, memory, last_words):
    """Named codes only; never a signal but the one that was sent."""
    if status is None:
        return []
    if status < 0:
        if cell.is_kill and status == -signal.SIGKILL:
            return []
        # The language has no way to go on where it gets no memory: as good as a kill.
        if memory:
            return []
        return [("trap", f"{signal_name(status)}: {told(last_words)}")]
    if status == 0:
        return [] if asked else [("exit", "it ended with 0 and was not told to stop")]
    if status not in NAMED:
        return [("exit", f"it ended with {status}: {told(last_words)}")]
    return []


def judge_syncs(cell, calls, injected, status):
    """After a sync of the log that failed nothing is synced or acknowledged any more."""
    failed = [call for call in injected
              if call.name == "fdatasync" and call.error and on_log(call)]
    if not failed:
        return []
    first = failed[0]
    faults = []
    if status != 74:
        faults.append(("L4", f"{first.error} from fdatasync of the log, but exit {status}, not 74"))
    again = [call for call in calls if call.name == "fdatasync" and call.path == first.path
             and call.entered > first.returned]
    if again:
        faults.append(("L4", f"{len(again)} syncs of {first.path} after the one that failed"))
    return faults


def judge_reads(cell, injected, status):
    """What can not be read is never taken for the end of the log."""
    failed = [call for call in injected
              if call.name == "pread64" and call.error == "EIO" and on_log(call)]
    if failed and status != 74:
        return [("T5", f"EIO from pread64 of the log, but exit {status}, not 74")]
    return []


def judge_silence(injected, status):
    """A daemon that could not write what a stop is to leave behind does not say that it did."""
    failed = [call for call in injected if call.name in WRITING and call.error == "EIO"
              and (on_log(call) or call.path.endswith("/data.mdb"))]
    if failed and status == 0:
        return [("exit", f"EIO from {failed[0].name} of {failed[0].path}, and it ended with 0")]
    return []
