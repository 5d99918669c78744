LC_ALL=C
export LC_ALL
umask 077
say() { printf 'sweep:%s=%s\n' "$1" "$(printf %s "$2" | tr '\n\r' '  ')"; }
fail() { say failed "$1"; exit 1; }
case $place in
'') root=${XDG_DATA_HOME:-$HOME/.local/share}/sweep-agent unit=sweep-agent.service ;;
'~') root=$HOME ;;
'~/'*) root=$HOME/${place#??} ;;
*) root=$place ;;
esac
[ -n "${unit:-}" ] || unit=sweep-agent-$(printf %s "$root" | cksum | cut -d ' ' -f 1).service
store=$root/store run=$root/run
# So that systemctl finds the user's manager where the session was not told of it.
if [ -z "${XDG_RUNTIME_DIR:-}" ] && [ -d "/run/user/$(id -u)" ]; then
    XDG_RUNTIME_DIR=/run/user/$(id -u)
    export XDG_RUNTIME_DIR
fi
launcher() { cat "$run/launcher" 2>/dev/null; }
property() { systemctl --user show "$unit" -p "$1" 2>/dev/null | cut -d = -f 2-; }
# A process is known by its pid and its start, in ticks since the boot: a number that is used again is somebody else's.
alive() {
    if [ "$(launcher)" = systemd ]; then
        pid=$(property MainPID)
        [ "${pid:-0}" -gt 0 ]
        return
    fi
    { read -r pid began since; } 2>/dev/null <"$run/pid" || return 1
    line=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086
    set -- ${line##*) }
    [ "$1" != Z ] && [ "${20}" = "$began" ]
}
state() {
    say launcher "$(launcher)"
    if alive; then
        say process running
        say pid "$pid"
        if [ "$(launcher)" = systemd ]; then
            say since "$(date -d "$(property ActiveEnterTimestamp)" +%s 2>/dev/null)"
            say restarts "$(property NRestarts)"
        else
            say since "$since"
            say restarts "$(cat "$run/restarts" 2>/dev/null)"
        fi
    elif [ -f "$run/stopped" ]; then
        say process stopped
    elif [ -f "$run/launcher" ]; then
        say process gone
    fi
    say as "$(cat "$run/as" 2>/dev/null)"
    say version "$(cat "$run/version" 2>/dev/null)"
    say agent "$(sed -n 's/.*"agent":"\([^"]*\)".*/\1/p' "$root/home/agent/agent.json" 2>/dev/null)"
}
nap() { sleep 0.2 2>/dev/null || sleep 1; }
last_words() {
    if [ "$(launcher)" = systemd ]; then
        journalctl --user -u "$unit" -n "$1" -o cat --no-pager 2>/dev/null
    else
        cat "$run/agent.log.old" "$run/agent.log" 2>/dev/null | tail -n "$1"
    fi
}
