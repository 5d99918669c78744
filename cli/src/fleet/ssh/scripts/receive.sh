part=$store/$hash.part
if [ "$offset" -eq 0 ]; then : >"$part" || fail "the file $part cannot be written"; fi
cat >>"$part" || fail "it cannot be written to $store (is the disk full?)"
have=$(($(wc -c <"$part")))
# What came is kept for the next try.
[ "$have" -ge "$size" ] || { say short "$have"; exit 0; }
sum=$(sha256sum "$part")
if [ "${sum%% *}" != "$hash" ]; then
    rm -f "$part"
    say damaged "$hash"
    exit 0
fi
chmod 500 "$part" && mv -f "$part" "$store/$hash" || fail "the file $store/$hash cannot be written"
say stored "$hash"
