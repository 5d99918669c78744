#!/usr/bin/env bash
# Installs what the tests on real networks take (tests/network): iproute2 makes the hosts' devices, faketime sets their clocks,
# OpenSSH reaches them. These tests need root anyway; without it they say that they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
command -v ip >/dev/null || missing+=(iproute2)
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=(faketime)
command -v ssh >/dev/null || missing+=(openssh-client)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
. scripts/need-apt.sh
need "${missing[@]}"
