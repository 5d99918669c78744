#!/usr/bin/env bash
# Installs the mail server that the tests talk to (coordinator/tests/channels): Debian's exim4. The tests start it by themselves, a process
# for each connection and with files of their own.
# Only where no other mail server is installed, which apt would take away; else these tests say that they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin"
command -v exim4 >/dev/null && exit 0
if command -v sendmail >/dev/null; then
    echo "setup: without exim4 some tests are skipped (sudo apt-get install exim4-daemon-light)" >&2
    exit 0
fi
. scripts/need-apt.sh
need exim4-daemon-light
