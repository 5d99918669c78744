if alive; then
    state
    exit 0
fi
release=$root/releases/$release_id
if [ ! -d "$release" ]; then
    rm -rf "$release.new"
    mkdir -p "$release.new/bin" "$release.new/lib" "$root/home" "$run" || fail "the folder $release cannot be made"
    while read -r hash path; do
        ln "$store/$hash" "$release.new/$path" 2>/dev/null || cp "$store/$hash" "$release.new/$path" ||
            fail "the file $release/$path cannot be written"
    done
    mv "$release.new" "$release" || fail "the folder $release cannot be made"
fi
before=$(readlink "$root/current" 2>/dev/null)
put() { printf %s "$2" >"$1.new" && chmod "$3" "$1.new" && mv -f "$1.new" "$1" || fail "the file $1 cannot be written"; }
mkdir -p "$root/home" "$run"
rm -f "$run/stopped"
rm -f "$root/current.new"
ln -s "releases/$release_id" "$root/current.new" && mv -f -T "$root/current.new" "$root/current" || fail "$root/current cannot be set"
put "$root/agent" "$agent_script" 700
put "$run/launcher" "$launcher" 600
put "$run/as" "$as" 600
put "$run/version" "$version" 600
if [ -n "$runner_script" ]; then put "$root/runner" "$runner_script" 700; else rm -f "$root/runner"; fi
if [ -n "$rules" ]; then put "$root/home/agent.toml" "$rules" 600; fi
if [ -n "$join_token" ]; then put "$run/join-token" "$join_token" 600; fi
# The release before this one stays; older ones go, and files of which no release has a link.
for old in "$root"/releases/*; do
    case releases/${old##*/} in
    "releases/$release_id" | "$before") ;;
    *) rm -rf "$old" ;;
    esac
done
find "$store" -type f -links 1 ! -name '*.part*' -exec rm -f {} + 2>/dev/null
if [ "$launcher" = systemd ]; then
    units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
    mkdir -p "$units" || fail "the folder $units cannot be made"
    put "$units/$unit" "$unit_file" 600
    systemctl --user daemon-reload || fail 'systemd does not read its units again'
    systemctl --user reset-failed "$unit" 2>/dev/null
    said=$(systemctl --user enable --now --no-block "$unit" 2>&1) || fail "systemd does not start it: $said"
else
    rm -f "$run/pid"
    "$root/agent" --keep "$run" </dev/null >/dev/null 2>"$run/start.err" &
    started=$!
    while ! alive && kill -0 "$started" 2>/dev/null; do nap; done
    alive || fail "it did not start: $(tail -n 3 "$run/start.err")"
fi
state
