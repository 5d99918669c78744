say system "$(uname -s)"
say arch "$(uname -m)"
say kernel "$(uname -r)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
say time "$(date +%s)"
say user "$(id -un)"
say peer "${SSH_CONNECTION%% *}"
[ -z "$coordinator_host" ] || say resolved "$(getent hosts "$coordinator_host" 2>/dev/null | sed -n '1s/ .*//p')"
for program in sha256sum awk sed cksum mkdir ln mv tail; do
    command -v "$program" >/dev/null 2>&1 || say lacking "$program"
done
say root "$root"
if mkdir -p "$root" "$run" "$store" 2>/dev/null && [ -w "$root" ]; then
    say writable yes
    chmod 700 "$root"
    say disk "$(stat -f -c %T "$root" 2>/dev/null)"
    say free_kib "$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print $4 }')"
fi
if [ -r /proc/driver/nvidia/version ]; then say driver "$(head -n 1 /proc/driver/nvidia/version)"; fi
# A torch of its own, found without loading it: the given one, or that of the Pythons where people have one.
torch() {
    version=$(sed -n "s/^__version__ = ['\"]\(.*\)['\"].*/\1/p" "$1/version.py" 2>/dev/null)
    [ -n "$version" ] || return 1
    kind=cpu
    [ -f "$1/lib/libtorch_cuda.so" ] && kind=cuda
    say torch "$version $kind $1/lib"
    find "$1/../nvidia" -maxdepth 3 -type d -name lib 2>/dev/null | while read -r folder; do say "nvidia:$1/lib" "$folder"; done
}
of_python() {
    command -v "$1" >/dev/null 2>&1 || return 1
    folder=$("$1" -c 'import importlib.util as u; s = u.find_spec("torch"); print(list(s.submodule_search_locations)[0] if s else "")' 2>/dev/null)
    [ -n "$folder" ] && torch "$folder"
}
case $given_torch in
'~/'*) given_torch=$HOME/${given_torch#??} ;;
esac
if [ -n "$given_torch" ]; then
    if [ -d "$given_torch" ]; then
        torch "$given_torch" || torch "${given_torch%/lib}" || of_python "$given_torch/bin/python3"
    else
        of_python "$given_torch"
    fi
else
    for python in python3 "$HOME"/*conda3/bin/python "$HOME"/miniforge3/bin/python "$HOME"/.venv/bin/python /opt/conda/bin/python; do
        of_python "$python"
    done
fi
if [ -d /run/systemd/system ] && systemctl --user show-environment >/dev/null 2>&1; then
    say systemd yes
    linger=$(loginctl show-user "$(id -un)" -p Linger 2>/dev/null)
    if [ "$linger" != Linger=yes ] && loginctl --no-ask-password enable-linger >/dev/null 2>&1; then
        linger=Linger=yes
    fi
    [ "$linger" != Linger=yes ] || say linger yes
fi
[ ! -e "$root/home/agent/tls/agent.pem" ] || say joined yes
state
