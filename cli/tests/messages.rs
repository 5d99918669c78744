//! What users see when something is wrong: three typical errors of every command, kept as text beside this file.
//!
//! The commands are those that `sweep --help` lists, so that none is forgotten: one without cases of its own below gets three that fit any
//! command. `make snapshots` writes the texts.

#[path = "../src/snapshot.rs"]
mod snapshot;
mod support;

use std::collections::BTreeMap;

use support::{Home, ended, serve};

/// Fit any command.
const ANY: [&[&str]; 3] = [&["--nonsense"], &["--json", "--nonsense"], &["a", "b", "c", "d", "e", "f"]];

/// Command, and three times its arguments. `@`: with the coordinator that [`told`] has; without, there is nobody.
fn cases() -> BTreeMap<&'static str, [Vec<&'static str>; 3]> {
    let of = |lines: [&'static str; 3]| lines.map(|line| line.split_whitespace().collect());
    BTreeMap::from([
        ("agent", of(["--slots 0", "--coordinator https://desk", "--coordinator desk:port"])),
        ("agents", of(["dran", "--nonsense", "--coordinator 127.0.0.1:1"])),
        ("agents certificates", of(["", "extra", "--coordinator 10.0.0.1"])),
        ("agents drain", of(["", "@ desk-1", "desk-1"])),
        ("agents invite", of(["--uses some", "--expires soon", "@"])),
        ("agents revoke", of(["", "@ desk-1", "desk-1"])),
        ("agents launch", of(["", "no-such-hosts.yaml", "hosts.yaml"])),
        ("agents logs", of(["", "good-hosts.yaml --only dsk", "good-hosts.yaml -f"])),
        ("agents status", of(["", "hosts.yaml", "good-hosts.yaml --only lap"])),
        ("agents stop", of(["", "good-hosts.yaml --only dsk", "--slurm x --now"])),
        ("agents upgrade", of(["", "broken.yaml", "good-hosts.yaml"])),
        ("cancel", of(["s1 s2", "", "@ s99"])),
        ("check", of(["goood.yaml", "broken.yaml", ""])),
        ("completions", of(["csh", "", "bsh"])),
        ("config show", of(["slot", "--nonsense", "a b"])),
        ("db backup", of(["", "copy.db", "no/such/folder/copy.db"])),
        ("db check", of(["", "--ful", "extra"])),
        ("db restore", of(["", "no-such.db", "broken.yaml"])),
        ("events", of(["--limit 0", "@ j99", "@ sudy"])),
        ("explain", of(["s1", "@ j99", "@ tow"])),
        ("export", of(["j1", "s1 --onnx x.onnx", "@ j1 --onnx x.onnx"])),
        ("gc", of(["--older-than soon", "--sweep j1", ""])),
        ("init", of(["--model resnet-81", "--kind everything", "broken.yaml"])),
        ("list", of(["-n many", "", "--coordinator 127.0.0.1:1"])),
        ("local", of(["", "no-such-plan.yaml", "broken.yaml"])),
        ("login", of(["desk:port", "http://10.0.0.1 --token-file token", "https://desk --token-file token"])),
        ("logs", of(["", "s1", "@ onne"])),
        ("model bisect", of(["", "resnet-18", "tiny-cnn --input 3x1x1x1"])),
        ("model diff", of(["resnet18", "resnet18 resnet-18", "resnet18 no-such.onnx"])),
        ("model list", of(["extra", "--nonsense", "--json --nonsense"])),
        ("model show", of(["", "resnet-18", "alexnet --input 3x1x1"])),
        ("page", of(["", "extra", "--coordinator http://10.0.0.1 --token-file token"])),
        ("pause", of(["s1 s2", "", "@ s99"])),
        ("priority", of(["s1 high", "s1", "@ s99 1"])),
        ("results", of(["--csv --markdown", "", "@ sudy"])),
        ("resume", of(["--timeout 5s", "", "@ j99"])),
        ("retry", of(["--wait --timeout soon", "", "@ j99"])),
        ("serve", of(["--listen here", "--lease 1s", "--listen 127.0.0.1:port"])),
        ("status", of(["", "@ s99", "@ x"])),
        ("submit", of(["good.yaml", "good.yaml --amend good.yaml", "@ good.yaml --amend other"])),
        ("tokens create", of(["--role boss", "--expires soon", "@"])),
        ("tokens list", of(["", "extra", "--token-file no-such-file --coordinator 127.0.0.1:1"])),
        ("tokens revoke", of(["seven", "@ swu_7_abc", "@ 99"])),
        ("users add", of(["ada --role boss", "@ .ada", "@ ada --password"])),
        ("users list", of(["", "extra", "--coordinator 10.0.0.1"])),
        ("users password", of(["", "ada", "@ ada"])),
        ("users remove", of(["", "ada", "@ ada"])),
        ("users reset-2fa", of(["", "ada", "@ ada"])),
        ("users role", of(["ada", "ada boss", "@ ada viewer"])),
        ("wait", of(["--timeout soon", "", "@ s99"])),
        ("watch", of(["j1", "", "@ s99"])),
        ("whoami", of(["", "extra", "--coordinator 10.0.0.1"])),
    ])
}

/// The commands that have no commands of their own, as the help lists them.
fn commands(home: &Home, of: &[String]) -> Vec<Vec<String>> {
    let args: Vec<String> = of.iter().cloned().chain(["--help".to_owned()]).collect();
    let help = home.wants(0, &args).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Descriptions that are wrapped are indented further.
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    let below = names.iter().flat_map(|name| commands(home, &[of, &[(*name).to_owned()]].concat()));
    // A command that does something by itself and has others below is both.
    let own = (names.is_empty() || help.contains(" [COMMAND]\n")).then(|| of.to_vec());
    own.into_iter().chain(below).collect()
}

#[test]
fn errors_say_what_failed_with_which_value_and_what_to_do() {
    let (alone, busy) = (Home::new(), Home::new());
    let folder = tempfile::tempdir().unwrap();
    let stages = "  one: { command: { run: [/bin/true] } }\n  two: { command: { run: [/bin/true], input: one } }\n";
    for (name, text) in [
        ("good.yaml", format!("name: study\nstages:\n{stages}")),
        ("token", "swu_1_abc\n".to_owned()),
        ("hosts.yaml", "hosts:\n  - desk-2\n  - { host: lab-3, slotts: 2 }\n".to_owned()),
        ("good-hosts.yaml", "hosts: [desk-2, lab-3]\n".to_owned()),
        ("broken.yaml", "name: x\nstages:\n  a:\n    trian: { model: smal-cnn }\n".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let (_coordinator, url) = serve(&busy);
    busy.wants(0, &["submit", folder.path().join("good.yaml").to_str().unwrap()]);
    let cases = cases();
    let mut known: Vec<&str> = cases.keys().copied().collect();
    for command in commands(&alone, &[]) {
        let name = command.join(" ");
        known.retain(|known| *known != name);
        let mut text = String::new();
        for case in cases.get(name.as_str()).cloned().unwrap_or(ANY.map(<[&str]>::to_vec)) {
            let (home, args) = match case.split_first() {
                Some((&"@", rest)) => (&busy, rest.to_vec()),
                _ => (&alone, case),
            };
            let all: Vec<&str> = command.iter().map(String::as_str).chain(args.iter().copied()).collect();
            let mut run = home.sweep(&all);
            let refused = ended(run.current_dir(folder.path()).env("COLUMNS", "80").output().unwrap());
            assert!(refused.code > 0 && refused.code != 5, "sweep {}: {}", all.join(" "), refused.text());
            let said = refused.stderr.replace(home.path().to_str().unwrap(), "HOME").replace(&url, "URL");
            text += &format!("$ sweep {}\n{}[{}]\n\n", all.join(" "), said, refused.code);
        }
        snapshot::compare(&format!("tests/messages/{}.txt", name.replace(' ', "-")), &text);
    }
    assert!(known.is_empty(), "these are no commands (any more): {known:?}");
}
