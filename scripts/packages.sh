#!/bin/sh
# Makes sure that this machine has what the demo or the tests need.
# usage: scripts/packages.sh demo|test
# As root, missing Debian packages are installed; otherwise the exact command is named.
set -eu
PYTHON="${PYTHON:-python3}"
purpose="${1:?usage: scripts/packages.sh demo|test}"
missing=""
optional=""

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need "$PYTHON" python3
need git git
"$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
if [ "$purpose" = test ]; then
    need bwrap bubblewrap
    need npm npm
else
    command -v bwrap >/dev/null 2>&1 || optional="bubblewrap"
fi
[ -n "$missing$optional" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian packages:$missing $optional"
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing $optional >/dev/null
    exit 0
fi
if [ -n "$missing" ]; then
    echo "This needs more programs. Install them with:" >&2
    echo "    sudo apt-get install -y --no-install-recommends$missing $optional" >&2
    exit 1
fi
echo "bubblewrap is not installed, so the demo's agent will run unconfined. To see it confined:"
echo "    sudo apt-get install -y --no-install-recommends $optional"
