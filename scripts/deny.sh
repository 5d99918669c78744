#!/bin/sh
# Checks the dependencies with cargo-deny: licences, forbidden crates, sources, known vulnerabilities (deny.toml). Installs cargo-deny
# into .tools, of this very version and built quickly rather than well, unless there is one already.
set -eu
cd "$(dirname "$0")/.."
version=0.20.2

deny=.tools/bin/cargo-deny
if command -v cargo-deny >/dev/null && cargo-deny --version | grep -q "$version"; then
    deny=$(command -v cargo-deny)
elif ! { [ -x "$deny" ] && "$deny" --version | grep -q "$version"; }; then
    echo "installing cargo-deny $version into .tools (once, some minutes)"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 \
        CARGO_TARGET_DIR=.tools/target cargo install --quiet cargo-deny --version "$version" --locked --root .tools
    rm -rf .tools/target
fi

"$deny" --manifest-path "$PWD/Cargo.toml" check licenses bans sources

# Where the database of advisories cannot be had, that is said, and is no failure: it says nothing of this commit.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if "$deny" --manifest-path "$PWD/Cargo.toml" fetch db >"$log" 2>&1; then
    "$deny" --manifest-path "$PWD/Cargo.toml" check --disable-fetch advisories
else
    echo "advisories: skipped: the advisory database cannot be fetched: $(grep -iE 'fatal|error' "$log" | tail -n 1)"
fi
