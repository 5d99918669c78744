    agent=$!
    # A signal may have come before there was anybody to tell.
    if [ -n "$ending" ]; then tell; fi
    # Signals interrupt the waiting.
    while :; do
        wait "$agent"
        code=$?
        kill -0 "$agent" 2>/dev/null || break
    done
    agent=
    if [ -n "$ending" ] || [ "$code" -lt 128 ]; then break; fi
    say "the agent ended unexpectedly (status $code, time $try)"
    sleep "$try"
done

case $ending in
limit)
    if [ -n "${SWEEP_SCRATCH:-}" ]; then rm -rf -- "$SWEEP_SCRATCH"; fi
    say "back to the queue"
    scontrol requeue "$SLURM_JOB_ID" && exit 0
    say "error: Slurm does not take this job back; sweep agents launch --slurm starts another"
    exit 1
    ;;
stop | told) exit 0 ;;
esac
if [ "$code" = 0 ]; then
    say "the agent has left: it was sent away, or there was nothing to do"
else
    say "error: the agent ended with status $code; why, it says above"
fi
exit "$code"
