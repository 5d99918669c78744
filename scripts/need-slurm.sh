#!/usr/bin/env bash
# Installs the Slurm that the tests start (tests/slurm): Debian's controller, node daemon and commands, with munge, by which they know each
# other. The tests start them by themselves, in a network and with files of their own; what the packages would start as services is kept
# from starting. Only as root, which these tests need anyway; without it they say that they are skipped.
set -euo pipefail
export PATH="$PATH:/usr/sbin"
missing=""
command -v slurmctld >/dev/null || missing="$missing slurmctld"
command -v slurmd >/dev/null || missing="$missing slurmd"
command -v sbatch >/dev/null || missing="$missing slurm-client"
command -v munged >/dev/null || missing="$missing munge"
command -v ip >/dev/null || missing="$missing iproute2"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: without$missing some tests are skipped (sudo apt-get install$missing)" >&2
    exit 0
fi
echo "setup: installing$missing"
rule=/usr/sbin/policy-rc.d
if [ ! -e "$rule" ]; then
    trap 'rm -f "$rule"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$rule"
    chmod +x "$rule"
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
