#!/usr/bin/env bash
# Installs the Slurm that the tests start (tests/slurm): Debian's controller, node daemon and commands, with munge, by which they know each
# other. The tests start them by themselves, in a network and with files of their own. They need root anyway; without it they say that they
# are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin"
missing=()
command -v slurmctld >/dev/null || missing+=(slurmctld)
command -v slurmd >/dev/null || missing+=(slurmd)
command -v sbatch >/dev/null || missing+=(slurm-client)
command -v munged >/dev/null || missing+=(munge)
command -v ip >/dev/null || missing+=(iproute2)
. scripts/need-apt.sh
need "${missing[@]}"
