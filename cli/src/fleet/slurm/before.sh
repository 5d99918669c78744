set +eu

allocation=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
say() { echo "[$(date '+%F %T') ${SLURMD_NODENAME:-$HOSTNAME}] $*"; }
umask 077

# How this allocation is to end: "limit", "stop" or "told"; empty while it goes on.
ending=
agent=
# Once: the second signal would stop the agent without waiting for checkpoints.
told=
tell() {
    if [ -n "$agent" ] && [ -z "$told" ]; then
        told=yes
        kill -TERM "$agent" 2>/dev/null
    fi
}
trap 'ending=limit; due=$((SECONDS + lead * 2 / 3)); say "the time limit is near (or sweep agents upgrade): jobs write checkpoints"; tell' USR1
trap 'ending=stop; say "told to stop by sweep agents stop: jobs write checkpoints"; tell' USR2
# scancel, preemption and scontrol requeue signal every process of the job, so the agent knows already. Whether the job
# comes back is Slurm's decision then. So does the time limit itself, where checkpoints took until then; that changes nothing.
trap 'if [ "$ending" != limit ] || [ "$SECONDS" -lt "$due" ]; then ending=told; say "Slurm ends this allocation: jobs write checkpoints"; fi' TERM

say "allocation $allocation, start $((${SLURM_RESTART_COUNT:-0} + 1))"
if [ ! -x "$sweep" ]; then
    say "error: there is no program $sweep on this machine: it has to lie on a disk that the nodes share (sweep=PATH names it)"
    exit 2
fi
export SWEEP_HOME=$folder/agents/$allocation
mkdir -p "$SWEEP_HOME" || exit 2
if [ -n "$scratch" ]; then
    if SWEEP_SCRATCH=$(mktemp -d "$scratch/sweep-XXXXXXXX"); then
        export SWEEP_SCRATCH
        trap 'rm -rf -- "$SWEEP_SCRATCH"' EXIT
    else
        unset SWEEP_SCRATCH
        say "warning: nothing can be written in $scratch: jobs run in $SWEEP_HOME"
    fi
fi

# One that is killed or crashes is started again, a few times: its jobs go on from their checkpoints.
for try in 1 2 3 4 5; do
    if [ -n "$ending" ]; then break; fi
