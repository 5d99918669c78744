#!/bin/sh
# Installs sweep on this machine from a checkout that was built (`make build`), as a program, or as a service of systemd.
#
#   deploy/install.sh                      the programs, for everybody here (as root) or for you (as yourself)
#   deploy/install.sh coordinator          and the coordinator as a service (root, systemd)
#   deploy/install.sh agent                and an agent as a service (root, systemd)
#   deploy/install.sh uninstall            takes programs and services away; what they kept stays
#
# Options: --prefix DIR (/usr/local as root, else ~/.local), --root DIR (install below DIR, for packages and images; starts nothing),
# --from DIR (the checkout; default: the one that this script lies in). Running it again replaces the programs and leaves settings
# and state alone. Exit codes: 0 done, 2 wrong usage or something is missing.
set -eu

die() { echo "install: $1" >&2; [ $# -lt 2 ] || echo "  $2" >&2; exit 2; }
say() { echo "install: $1"; }

from=$(cd "$(dirname "$0")/.." && pwd)
root="" prefix="" what=""
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix|--root|--from)
            [ $# -ge 2 ] || die "$1 needs a folder"
            case "$1" in --prefix) prefix=$2 ;; --root) root=${2%/} ;; --from) from=$2 ;; esac
            shift 2 ;;
        coordinator|agent|uninstall|programs)
            [ -z "$what" ] || die "one of coordinator, agent, uninstall"
            what=$1; shift ;;
        -h|--help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) die "what is $1?" "deploy/install.sh --help lists what there is" ;;
    esac
done
what=${what:-programs}
me=$(id -u)
if [ -z "$prefix" ]; then
    if [ "$me" = 0 ] || [ -n "$root" ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi
case "$prefix" in /*) ;; *) die "--prefix $prefix is no absolute path" ;; esac
lib=$prefix/lib/sweep
units=/etc/systemd/system
service() { [ "$1" = coordinator ] && echo sweep || echo sweep-agent; }
running() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

if [ "$what" = uninstall ]; then
    for unit in sweep sweep-agent; do
        [ -e "$root$units/$unit.service" ] || continue
        if running; then systemctl disable --now --quiet "$unit.service" || true; fi
        rm -f "$root$units/$unit.service"
        say "removed the service $unit; its settings in /etc/sweep and its state in /var/lib/$unit stay"
    done
    if running; then systemctl daemon-reload; fi
    rm -rf "$root$lib"
    for program in sweep sweep-runner; do
        link=$root$prefix/bin/$program
        if [ -L "$link" ]; then rm -f "$link"; fi
    done
    rm -rf "$root$prefix/share/doc/sweep"
    say "removed the programs from $prefix"
    exit 0
fi

# Everything is looked at before anything is changed.
[ "$(uname -s)" = Linux ] || die "sweep runs on Linux"
for program in sweep sweep-runner; do
    [ -x "$from/target/release/$program" ] || die "$from/target/release/$program is missing" "build it first: make -C $from build"
done
[ -e "$from/.libtorch/lib/libtorch_cpu.so" ] || die "libtorch is missing in $from/.libtorch" "make -C $from setup"
[ -e "$from/.onnxruntime/lib/libonnxruntime.so" ] || die "ONNX Runtime is missing in $from/.onnxruntime" "make -C $from setup"
if [ "$what" != programs ]; then
    [ "$me" = 0 ] || die "a service takes root" "sudo $0 $what; for you alone: $0, then systemd's user units (docs/operating.md)"
    # Units name /usr/local.
    [ "$prefix" = /usr/local ] || die "services are installed with the prefix /usr/local"
    [ -n "$root" ] || [ -d /run/systemd/system ] || die "systemd does not run on this machine" "start \`sweep serve\` or \`sweep agent\` by what does"
fi
mkdir -p "$root$lib.new" 2>/dev/null || die "$root$prefix cannot be written" "as root, or with --prefix to a folder of yours"

# Beside what is there, then in its place: who runs the old programs goes on with them.
trap 'rm -rf "$root$lib.new"' EXIT
mkdir -p "$root$lib.new/bin" "$root$lib.new/lib"
for program in sweep sweep-runner; do
    if command -v strip >/dev/null 2>&1; then
        strip -o "$root$lib.new/bin/$program" "$from/target/release/$program"
    else
        cp "$from/target/release/$program" "$root$lib.new/bin/$program"
    fi
done
cp -a "$from"/.libtorch/lib/. "$root$lib.new/lib/"
cp -a "$from"/.onnxruntime/lib/. "$root$lib.new/lib/"
chmod -R u=rwX,go=rX "$root$lib.new"
rm -rf "$root$lib.old"
if [ -e "$root$lib" ]; then mv "$root$lib" "$root$lib.old"; fi
mv "$root$lib.new" "$root$lib"
rm -rf "$root$lib.old"
trap - EXIT
mkdir -p "$root$prefix/bin" "$root$prefix/share/doc/sweep"
for program in sweep sweep-runner; do
    ln -sf "../lib/sweep/bin/$program" "$root$prefix/bin/$program"
done
cp "$from"/docs/*.md "$root$prefix/share/doc/sweep/"
say "sweep and sweep-runner are in $prefix/bin"
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) [ -n "$root" ] || say "$prefix/bin is not on your PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
[ "$what" != programs ] || exit 0

unit=$(service "$what")
mkdir -p "$root$units" "$root/etc/sweep"
if [ -z "$root" ] && ! id sweep >/dev/null 2>&1; then
    useradd --system --home-dir /var/lib/sweep --no-create-home --shell /usr/sbin/nologin sweep
    say "made the user sweep"
fi
if [ -z "$root" ]; then
    # Those whom some systems give the GPUs' devices to.
    for group in video render; do
        if getent group "$group" >/dev/null; then usermod --append --groups "$group" sweep; fi
    done
fi
install -m 644 "$from/deploy/systemd/$unit.service" "$root$units/$unit.service"
if [ "$what" = coordinator ]; then settings=sweep.toml; else settings=agent-service.toml; fi
if [ -e "$root/etc/sweep/$settings" ]; then
    say "left /etc/sweep/$settings as it is"
else
    install -m 644 "$from/deploy/config/$settings" "$root/etc/sweep/$settings"
    say "wrote /etc/sweep/$settings: look at it before the first start"
fi
running || exit 0
systemctl daemon-reload
if [ "$what" = coordinator ]; then
    systemctl enable --quiet sweep.service
    say "next: systemctl restart sweep; then sudo -u sweep SWEEP_HOME=/var/lib/sweep sweep agents invite"
else
    systemctl enable --quiet sweep-agent.service
    say "next: write the coordinator's address into /etc/sweep/$settings and the token of \`sweep agents invite\` into"
    say "/etc/sweep/join-token (mode 600, owner sweep), then systemctl restart sweep-agent"
fi
