//! What needs neither coordinator nor agent: help, versions, settings, completions, and how mistakes are told.

mod support;

use support::Home;

#[test]
fn help_names_every_command_and_exit_code() {
    let home = Home::new();
    let help = home.wants(0, &["--help"]).stdout;
    for word in ["local", "submit", "results", "serve", "agent", "Exit codes", "130", "Examples"] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
    for command in ["pause", "resume", "priority", "explain", "events", "cancel", "retry", "status", "agents", "export"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in\n{help}");
        let own = home.wants(0, &[command, "--help"]).stdout;
        assert!(own.contains("Examples:") && own.contains(&format!("sweep {command}")), "{own}");
    }
    assert!(home.wants(0, &["agents", "drain", "--help"]).stdout.contains("back to the queue"));
    assert!(home.wants(0, &["--version"]).stdout.starts_with("sweep "));
    assert!(home.wants(0, &["help", "local"]).stdout.contains("--retry-failed"));
    assert!(!home.path().exists(), "asking for help leaves no traces");
}

#[test]
fn mistakes_in_the_command_line_are_2() {
    let home = Home::new();
    let wrong: [&[&str]; 21] = [
        &["lokal"],
        &["local"],
        &["results", "--csv", "--markdown"],
        &["logs", "x1"],
        &["cancel", "what"],
        &["agent", "--slots", "0"],
        &["pause", "what"],
        &["pause", "s1", "s2"],
        &["resume", "--all"],
        &["priority", "s1"],
        &["priority", "s1", "high"],
        &["priority", "s1", "1.5"],
        &["priority", "10"],
        &["explain"],
        &["explain", "s1"],
        &["events", "--limit", "0"],
        &["events", "what"],
        &["agents", "drain"],
        &["export", "j1"],
        &["export", "s1", "--onnx", "x"],
        &["agents", "dry", "desk"],
    ];
    for args in wrong {
        let refused = home.wants(2, args);
        assert!(refused.stderr.starts_with("error: ") && refused.stdout.is_empty(), "{}", refused.text());
    }
    let swapped = home.wants(2, &["submit", "--amend", "plan.yaml"]);
    assert!(swapped.stderr.contains("sweep submit plan.yaml --amend"), "{}", swapped.text());
    assert!(home.wants(2, &["priority", "s1", "high"]).stderr.contains("whole number from -1000000"));
    let plan = home.write("plan.yaml", "name: x\n");
    let refused = home.wants(2, &["local", plan.to_str().unwrap(), "--coordinator", "desk:7433"]);
    assert!(refused.stderr.contains("submit"), "{}", refused.text());
}

#[test]
fn a_plan_that_cannot_be_used_is_2_and_names_the_place() {
    let home = Home::new();
    let plan = home.write("plan.yaml", "name: x\nstages:\n  a:\n    command: { rum: [/bin/true] }\n");
    let plan = plan.to_str().unwrap();
    for args in [vec!["local", plan], vec!["submit", plan], vec!["check", plan]] {
        let refused = home.wants(2, &args);
        let said = refused.stdout.clone() + &refused.stderr;
        assert!(said.contains("plan.yaml:4") && said.contains("did you mean `run`"), "{}", refused.text());
    }
    let missing = home.wants(2, &["local", "no-such-plan.yaml"]);
    assert!(missing.stderr.contains("no-such-plan.yaml"), "{}", missing.text());
    assert!(!home.path().exists(), "a plan that cannot be used leaves no traces");
}

#[test]
fn weights_that_cannot_be_read_are_2_before_any_job_runs() {
    let home = Home::new();
    let text = "name: x\ndata: synthetic\nstages:\n  a: { train: { model: tiny-cnn, weights: { file: whole.pth }, epochs: 1 } }\n";
    let plan = home.write("plan.yaml", text);
    // os.system, as a pickle of torch's older format has it behind the three that it begins with.
    let begin = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let pickle = [&begin[..], b"\x80\x02cos\nsystem\n(U\x04echotR."].concat();
    std::fs::write(home.file("whole.pth"), pickle).unwrap();
    for command in ["check", "local"] {
        let refused = home.wants(2, &[command, plan.to_str().unwrap()]);
        assert!(refused.stderr.contains("whole.pth cannot be used"), "{}", refused.text());
        assert!(refused.stderr.contains("names os.system"), "{}", refused.text());
    }
    assert!(!home.path().exists(), "a plan that cannot be used leaves no traces");
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let home = Home::new();
    let refused = home.wants(2, &["submit", "no-such-plan.yaml", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["exit_code"], 2);
    assert!(error["error"].as_str().unwrap().contains("no-such-plan.yaml"));
    assert_eq!(refused.stdout, "");
}

#[test]
fn nobody_there_is_3_and_says_what_to_start() {
    let home = Home::new();
    let plan = home.write("plan.yaml", "name: x\nstages:\n  a:\n    command: { run: [/bin/true] }\n");
    let refused = home.wants(3, &["submit", plan.to_str().unwrap()]);
    assert!(refused.stderr.contains("sweep serve"), "{}", refused.text());
    // Port 1 is nobody's. A token is at hand so that it is the connection that fails.
    let refused = support::ended(
        home.sweep(&["status", "--coordinator", "127.0.0.1:1"]).env("SWEEP_TOKEN", "t").output().unwrap(),
    );
    assert_eq!(refused.code, 3, "{}", refused.text());
    assert!(refused.stderr.contains("127.0.0.1:1"), "{}", refused.text());
}

#[test]
fn a_home_without_sweeps_says_so() {
    let home = Home::new();
    for command in ["status", "results", "list", "watch", "pause", "resume", "events", "cancel", "retry"] {
        let said = home.wants(2, &[command]);
        assert!(said.stderr.contains("no sweeps") && said.stderr.contains("sweep local"), "{}", said.text());
    }
}

#[test]
fn config_show_tells_values_and_origins() {
    let home = Home::new();
    std::fs::create_dir(home.path()).unwrap();
    std::fs::write(home.path().join("sweep.toml"), "slots = 3\nlisten = \"127.0.0.1:9000\"\n").unwrap();
    let shown = support::ended(home.sweep(&["config", "show", "--json"]).env("SWEEP_SLOTS", "2").output().unwrap());
    let settings: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(settings["slots"]["value"], "2");
    assert_eq!(settings["slots"]["origin"], "variable SWEEP_SLOTS");
    assert_eq!(settings["listen"]["value"], "127.0.0.1:9000");
    assert!(settings["listen"]["origin"].as_str().unwrap().contains("sweep.toml"));
    assert_eq!(settings["home"]["origin"], "variable SWEEP_HOME");
    assert_eq!(settings["runner"]["value"], serde_json::Value::Null);

    std::fs::write(home.path().join("sweep.toml"), "slotz = 3\n").unwrap();
    let refused = home.wants(2, &["config", "show"]);
    assert!(refused.stderr.contains("slotz") && refused.stderr.contains("slots"), "{}", refused.text());
}

#[test]
fn completions_exist_for_the_common_shells() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.wants(0, &["completions", shell]).stdout.contains("retry-failed"), "{shell}");
    }
    home.wants(2, &["completions", "csh"]);
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let home = Home::new();
    let script = home.write("sweep.bash", &home.wants(0, &["completions", "bash"]).stdout);
    let complete = |words: &str| {
        let count = words.split(' ').count();
        let ask = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={}; _sweep sweep \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
            script.display(),
            count - 1
        );
        let said = std::process::Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("sweep subm"), "submit");
    assert_eq!(complete("sweep submit --am"), "--amend");
    assert_eq!(complete("sweep agents dr"), "drain");
    assert_eq!(complete("sweep completions fi"), "fish");
    assert_eq!(complete("sweep init --kind pip"), "pipeline");
}

#[test]
fn colours_are_for_those_who_see_them() {
    let home = Home::new();
    let escapes = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.sweep(args);
        command
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env("TERM", "xterm")
            .envs(variables.iter().copied());
        let said = support::ended(command.output().unwrap());
        (said.stdout + &said.stderr).contains('\x1b')
    };
    for args in [&["--help"][..], &["lokal"], &["status"], &["config", "show"]] {
        assert!(!escapes(args, &[]), "{args:?}: it is a pipe");
        assert!(escapes(args, &[("CLICOLOR_FORCE", "1")]), "{args:?}");
        assert!(!escapes(args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{args:?}");
        assert!(escapes(&[args, &["--color", "always"]].concat(), &[("NO_COLOR", "1")]), "{args:?}");
        assert!(!escapes(&[args, &["--color=never"]].concat(), &[("CLICOLOR_FORCE", "1")]), "{args:?}");
    }
}

#[test]
fn a_first_plan_is_written_checked_and_never_overwritten() {
    let home = Home::new();
    let path = home.file("study.yaml");
    let path = path.to_str().unwrap();
    let said = home.wants(0, &["init", path]).stdout;
    assert!(said.contains("sweep local") && said.contains("small-cnn"), "{said}");
    let checked = home.wants(0, &["check", path]).stdout;
    assert!(checked.starts_with("study: ") && checked.contains("Time: about"), "{checked}");
    assert!(home.wants(2, &["init", path]).stderr.contains("--force"));
    let made = home.json(&["init", path, "--force", "--kind", "train", "--model", "resnet20-cifar"]);
    assert_eq!((&made["model"], &made["kind"]), (&"resnet20-cifar".into(), &"train".into()));
    let printed = home.wants(0, &["init", "-", "--kind", "quantize"]).stdout;
    assert!(printed.contains("quantize:") && printed.contains("# "), "{printed}");
    assert!(!home.path().exists(), "writing and checking a plan leave no traces");

    let command = home.file("commands.yaml");
    let command = command.to_str().unwrap();
    home.wants(0, &["init", command, "--kind", "command"]);
    let ran = home.wants(0, &["local", command]);
    assert!(ran.stdout.contains("finished"), "{}", ran.text());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut command = home.sweep(&["completions", "zsh"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = support::ended(command.stdout(writer).output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.text());
}

#[test]
fn networks_are_counted_and_compared_without_a_home() {
    let home = Home::new();
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&home.wants(0, &[&["model"], args, &["--json"]].concat()).stdout).unwrap()
    };
    let shown = json(&["show", "resnet18"]);
    assert_eq!(shown["parameters"]["total"], 11_689_512);
    assert_eq!(shown["input"], serde_json::json!([3, 224, 224]));
    let small = json(&["show", "resnet18", "--size", "32", "--classes", "10", "--batch", "8", "--precision", "fp32"]);
    assert_eq!(small["memory"].as_array().unwrap().len(), 1);
    assert!(small["macs"].as_u64().unwrap() < shown["macs"].as_u64().unwrap());
    let listed = json(&["list"]);
    assert!(listed.as_array().unwrap().iter().any(|network| network["name"] == "vit_b_16"));
    assert!(home.wants(0, &["model", "show", "tiny-cnn", "--graph"]).stdout.contains("\nconv1 = conv2d(input) "));

    // What `--graph --json` prints is a file that can be shown and compared again.
    let graph = home.wants(0, &["model", "show", "resnet20-cifar", "--graph", "--json"]).stdout;
    let file = home.write("graph.json", &graph);
    let same = json(&["diff", "resnet20-cifar", file.to_str().unwrap()]);
    assert_eq!((&same["changed"], &same["macs"]["ratio"]), (&serde_json::json!([]), &serde_json::json!(1.0)));
    let other = home.wants(0, &["model", "diff", "resnet20-cifar", "resnet56-cifar"]).stdout;
    assert!(other.contains("added: conv2d") && other.contains("parameters"), "{other}");

    let unknown = home.wants(2, &["model", "show", "resnet-18"]);
    assert!(unknown.stderr.contains("sweep model list"), "{}", unknown.text());
    let wrong = home.write("broken.json", "{");
    assert!(home.wants(2, &["model", "show", wrong.to_str().unwrap()]).stderr.contains("broken.json"));
    home.wants(2, &["model", "show", file.to_str().unwrap(), "--classes", "3"]);
    home.wants(2, &["model", "show", "alexnet", "--input", "3x1x1"]);
    assert!(!home.path().exists(), "counting leaves no traces");
}
