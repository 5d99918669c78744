#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
./startup.sh
./networks.sh
./noop.sh
./throughput.sh
