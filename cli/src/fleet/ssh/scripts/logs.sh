[ -f "$run/launcher" ] || fail 'no agent was brought up here'
printf 'sweep:logs=\n'
if [ "$(launcher)" = systemd ]; then
    if [ "$follow" = yes ]; then exec journalctl --user -u "$unit" -n "$lines" -o cat --no-pager -f; fi
    exec journalctl --user -u "$unit" -n "$lines" -o cat --no-pager
fi
last_words "$lines"
if [ "$follow" = yes ]; then exec tail -n 0 -F "$run/agent.log" 2>/dev/null; fi
