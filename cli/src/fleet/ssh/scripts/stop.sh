if ! alive; then
    if [ "$(launcher)" = systemd ]; then systemctl --user disable --now "$unit" >/dev/null 2>&1; fi
    say was gone
    exit 0
fi
say was running
: >"$run/stopped"
if [ "$(launcher)" = systemd ]; then
    systemctl --user disable "$unit" >/dev/null 2>&1
    if [ "$now" = yes ]; then
        # The agent asked twice kills what it runs.
        systemctl --user kill --kill-who=main -s TERM "$unit"
        nap
    fi
    systemctl --user stop --no-block "$unit" || fail 'systemd does not stop it'
else
    kill -TERM "$pid"
    if [ "$now" = yes ]; then
        nap
        kill -TERM "$pid" 2>/dev/null
    fi
fi
until=$(($(date +%s) + patience))
while alive; do
    [ "$(date +%s)" -lt "$until" ] || break
    nap
done
if alive; then say still running; fi
