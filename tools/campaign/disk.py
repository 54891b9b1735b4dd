# A file system of its own on a loop device, and the power cut that it can be given.
#
# `cut` is the ioctl that `xfs_io -x -c shutdown` sends: from that instant nothing that the file
# system still has in memory reaches the device, and all that is asked of it fails. `flush` writes
# the journal first (`shutdown -f`), so that names and sizes are there whose contents are not.
# What was submitted to the device survives; of that, recorder.c takes care.

import fcntl
import os
import struct
import subprocess
import time

GIB = 1 << 30
SHUTDOWN = 0x8004587D            # _IOR('X', 125, __u32), of XFS and of ext4
FLUSH_LOG, NO_FLUSH = 1, 2
KINDS = ("ext4", "xfs")
MAKE = {
    # Nothing is put off to a thread of the kernel, whose writes would come at any time.
    "ext4": ["mkfs.ext4", "-q", "-m", "0", "-E",
             "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-K"],
}
# Several images of one file system may be mounted at a time.
OPTIONS = {"ext4": "loop", "xfs": "loop,nouuid"}


class CannotMount(Exception):
    """There is no right, no tool or no driver for it here; the text says which."""


class Disk:
    """One image, and the place where it is mounted now and then."""

    def __init__(self, home, kind, image=None, size=GIB):
        self.home, self.kind, self.size = home, kind, size
        self.image, self.place = image or os.path.join(home, "image"), os.path.join(home, "disk")
        self.data = os.path.join(self.place, "data")
        self.mounted = False
        os.makedirs(self.place, exist_ok=True)

    def make(self):
        """A fresh file system, mounted, with nothing on it."""
        if not os.path.exists(self.image):
            with open(self.image, "wb") as image:
                image.truncate(self.size)
        try:
            run([*MAKE[self.kind], self.image])
            self.mount()
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotMount(complaint(error)) from None
        os.chmod(self.place, 0o700)
        self.sync()

    def mount(self):
        """Replays the journal, as after every power cut; `CalledProcessError` if it can not."""
        run(["mount", "-t", self.kind, "-o", OPTIONS[self.kind], self.image, self.place])
        self.mounted = True

    def unmount(self, limit=10.0):
        """A process that has just ended may hold it for a moment."""
        deadline = time.monotonic() + limit
        while self.mounted:
            try:
                run(["umount", self.place])
                self.mounted = False
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def remount(self):
        self.unmount()
        self.mount()

    def abandon(self):
        """Takes it away at the end of a campaign, whatever still holds it."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.place], capture_output=True, check=False)
            self.mounted = False

    def cut(self, flush):
        place = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(place, SHUTDOWN, struct.pack("I", FLUSH_LOG if flush else NO_FLUSH))
        finally:
            os.close(place)

    def usable(self):
        """Whether a new file can be made durable on it: after some errors it refuses everything."""
        path = os.path.join(self.place, "usable")
        try:
            with open(path, "wb") as file:
                file.write(b"?")
                file.flush()
                os.fsync(file.fileno())
            os.unlink(path)
        except OSError:
            return False
        return True

    def sync(self):
        """Everything that is on it now is on the device."""
        run(["sync", "--file-system", self.place])


def run(command):
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def complaint(error):
    """What a command said that failed, or why it could not be started."""
    said = (getattr(error, "stderr", None) or "").strip()
    return f"{error}{': ' + said if said else ''}"
