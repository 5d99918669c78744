# Until the agent has a name, or there is no process to make itself one. systemd starts it in its own time.
tries=0
until [ -s "$root/home/agent/agent.json" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || break
    [ "$tries" -le 25 ] || alive || break
    nap
done
state
last_words 8 | while IFS= read -r line; do say word "$line"; done
