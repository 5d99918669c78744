#!/usr/bin/env bash
# Installs the mail server that the tests talk to (coordinator/tests/channels): Debian's exim4. The tests start it by themselves, a process
# for each connection and with files of their own; what the package would start as a service is kept from starting.
# Only as root, and only where no other mail server is installed, which apt would take away; else these tests say that they are skipped.
set -euo pipefail
export PATH="$PATH:/usr/sbin"
command -v exim4 >/dev/null && exit 0
if command -v sendmail >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: without exim4 some tests are skipped (sudo apt-get install exim4-daemon-light)" >&2
    exit 0
fi
echo "setup: installing exim4-daemon-light"
rule=/usr/sbin/policy-rc.d
if [ ! -e "$rule" ]; then
    trap 'rm -f "$rule"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$rule"
    chmod +x "$rule"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends exim4-daemon-light >/dev/null
