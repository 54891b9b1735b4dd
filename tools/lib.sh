# Shared by the scripts in this folder; sourced, never run. Leaves the caller in the repository root.

set -euo pipefail
# A crashing process must end: the crash reporter may wait for ever on a busy machine.
export SWIFT_BACKTRACE=enable=no
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian packages that are missing are installed; apt is not called when none is.
need_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
            || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
    # The lists of a fresh machine are often empty: fetch them only when the first try fails.
    as_root "${install[@]}" </dev/null >&2 \
        || { as_root apt-get update -q </dev/null >&2 && as_root "${install[@]}" </dev/null >&2; }
}

# Toolchains are often unpacked to a place that is not on the PATH of a script.
need_swift() {
    local place
    for place in "" /opt/swift/usr/bin /usr/local/swift/usr/bin "${HOME:-/root}/.swiftly/bin"; do
        [ -z "$place" ] || PATH=$PATH:$place
        command -v swift >/dev/null && return
    done
    die "swift is not installed: https://www.swift.org/install/linux/"
}

# A Python that has the stock Redis client, which the kill campaign speaks through.
python_with_redis() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import redis' 2>/dev/null && { echo "$python"; return; }
    done
    need_packages python3 python3-redis
    echo /usr/bin/python3
}

lint() { swift format lint --strict --recursive --parallel Sources Tests tools Package.swift; }
