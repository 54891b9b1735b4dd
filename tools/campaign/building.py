# The two programs in C that campaigns need, built where they run: the recorder and the canaries.

import os
import shlex
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CANARIES = ("no-sync", "some-syncs", "in-memory", "cached-tail", "cached-state")


class CannotBuild(Exception):
    """There is no compiler or no library here; the text is what the compiler said."""


def build(name, home, *flags):
    """Compiles `name`.c into `home`; the path of what came out."""
    output = os.path.join(home, name)
    command = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", output,
               os.path.join(HERE, f"{name}.c"), *flags]
    made = run(command)
    if made.returncode:
        raise CannotBuild(made.stderr.strip())
    return output


def recorder(home):
    found = run(["pkg-config", "--cflags", "--libs", "fuse3"])
    if found.returncode:
        raise CannotBuild(f"no libfuse3: {found.stderr.strip()}")
    return build("recorder", home, *shlex.split(found.stdout))


def canary(home, promise):
    """The environment of a daemon that breaks `promise`."""
    if promise not in CANARIES:
        raise ValueError(promise)
    library = build("canary", home, "-shared", "-fPIC", "-ldl")
    return {"LD_PRELOAD": library, "TENURE_CANARY": promise}


def run(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except OSError as error:
        raise CannotBuild(str(error)) from None
