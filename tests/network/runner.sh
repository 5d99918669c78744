#!/bin/sh
# A training in miniature, told as docs/your-own-script.md says: epochs, a checkpoint after each, and at the end a point.
#
#   runner.sh WORLD STAGE BYTES [ORDER…]
#
# What it does is said on the fifo WORLD/said. Each step is taken when the attempt's own fifo brings the order, after those on the
# command line, which every attempt obeys: `epoch` (its checkpoint has BYTES bytes), `light` (an epoch with a checkpoint of next to nothing), `fail`, `finish`,
# `bare` (the same without a file). STAGE only makes commands differ: equal ones would be one job. WORLD/alive.<attempt> is held open for as long as any process of the attempt lives.
set -eu
world=$1 bytes=$3
shift 3
orders=$world/orders.$SWEEP_ATTEMPT
alive=$world/alive.$SWEEP_ATTEMPT
epoch=0
: > trail

say() {
    echo "$1 $SWEEP_ATTEMPT $STORY_HOST${2:+ $2}" > "$world/said"
}

# train BYTES
train() {
    epoch=$((epoch + 1))
    echo "$epoch $SWEEP_ATTEMPT" >> trail
    mkdir -p "checkpoints/$epoch"
    cp trail "checkpoints/$epoch/trail"
    # Random, so that no two checkpoints are one blob.
    head -c "$1" /dev/urandom > "checkpoints/$epoch/weights"
    echo "{\"event\":\"epoch\",\"epoch\":$epoch,\"epochs\":9,\"metrics\":{\"loss\":0.5}}" >&3
    echo "{\"event\":\"checkpoint\",\"epoch\":$epoch,\"step\":$epoch,\"files\":[{\"name\":\"trail\",\"path\":\"checkpoints/$epoch/trail\"},{\"name\":\"weights\",\"path\":\"checkpoints/$epoch/weights\"}]}" >&3
    say epoch "$epoch"
}

obey() {
    case $1 in
    epoch) train "$bytes" ;;
    light) train 100 ;;
    fail)
        echo '{"event":"failed","class":"internal","message":"as it was told"}' >&3
        say failed
        exit 1
        ;;
    finish | bare)
        files='{"name":"trail","path":"trail"}'
        [ "$1" = finish ] || files=
        echo "{\"event\":\"point\",\"point\":\"main\",\"metrics\":{\"accuracy\":0.5},\"files\":[$files]}" >&3
        echo '{"event":"done"}' >&3
        say done
        exit 0
        ;;
    esac
}

# The checkpoint of the last epoch is written already.
trap 'exit 75' TERM
mkfifo "$orders" "$alive"
say began
exec 7<> "$orders" 9> "$alive"
if [ -f resume/0/trail ]; then
    cp resume/0/trail trail
    epoch=$(wc -l < trail)
    epoch=$((epoch))
    echo "{\"event\":\"resumed\",\"epoch\":$epoch,\"step\":$epoch}" >&3
    say resumed "$epoch"
fi
for order in "$@"; do
    obey "$order"
done
while read -r order <&7; do
    obey "$order"
done
