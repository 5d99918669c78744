mkdir -p "$store" || fail "the folder $store cannot be made"
while read -r hash size; do
    have=0
    if [ -f "$store/$hash" ]; then
        [ "$(($(wc -c <"$store/$hash")))" -eq "$size" ] && continue
        rm -f "$store/$hash"
    fi
    part=$store/$hash.part
    if [ -f "$part" ]; then
        have=$(($(wc -c <"$part")))
        # A connection that was cut may have left somebody who still writes: the copy is nobody's but ours.
        if [ "$have" -gt "$size" ] || ! { cp "$part" "$part.$$" && mv -f "$part.$$" "$part"; }; then
            rm -f "$part" "$part.$$"
            have=0
        else
            have=$(($(wc -c <"$part")))
        fi
    fi
    say need "$hash $have"
done
