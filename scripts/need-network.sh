#!/usr/bin/env bash
# Installs what the tests on real networks take (tests/network): iproute2 makes the hosts' devices, faketime sets their clocks,
# OpenSSH reaches them.
# Only as root, which these tests need anyway; without it they say that they are skipped.
set -euo pipefail
missing=""
command -v ip >/dev/null || missing="$missing iproute2"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing faketime"
command -v ssh >/dev/null || missing="$missing openssh-client"
[ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: without$missing some tests are skipped (sudo apt-get install$missing)" >&2
    exit 0
fi
echo "setup: installing$missing"
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
