#!/bin/sh
# Writes .sqlx/, the descriptions against which SQL is checked when no database is at hand. Run it after changing a query
# or a migration. Needs python3, no sqlx-cli: the macros write the descriptions themselves, given a database and a folder.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 - "$scratch/schema.db" migrations/*.sql <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for path in sys.argv[2:]:
    with open(path) as migration:
        database.executescript(migration.read())
PYTHON

fresh="$scratch/sqlx"
mkdir "$fresh"
# The macros run only when the crate is compiled: make it look changed.
touch coordinator/src/lib.rs
DATABASE_URL="sqlite:$scratch/schema.db" SQLX_OFFLINE_DIR="$fresh" cargo check -q -p sweep-coordinator --all-targets
rm -rf .sqlx
mv "$fresh" .sqlx
touch coordinator/src/lib.rs
echo "$(ls .sqlx | wc -l) queries described in .sqlx/"
