# Sourced: `need PACKAGE…` installs Debian's packages where that is possible, else says that tests are skipped without them. What they would
# start as services is kept from starting: the tests start what they take by themselves.
need() {
    [ $# -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "setup: without $* some tests are skipped (sudo apt-get install $*)" >&2
        return 0
    fi
    echo "setup: installing $*"
    (
        rule=/usr/sbin/policy-rc.d
        if [ ! -e "$rule" ]; then
            trap 'rm -f "$rule"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$rule"
            chmod +x "$rule"
        fi
        apt-get -o Acquire::Retries=3 update -qq
        DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -qq -y --no-install-recommends "$@" >/dev/null
    )
}
