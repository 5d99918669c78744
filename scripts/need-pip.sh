# Sourced: sees to it that `python3 -m pip` works, installing Debian's package where that is possible.
command -v python3 >/dev/null || { echo "setup: python3 is needed (apt-get install python3 python3-pip)" >&2; exit 2; }
if ! python3 -m pip --version >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: python3 has no pip; installing Debian's python3-pip"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-pip >/dev/null
    else
        echo "setup: python3 has no pip, which fetches libtorch; install it: sudo apt-get install python3-pip" >&2
        exit 2
    fi
fi
