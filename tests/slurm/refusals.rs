//! What is refused, by Slurm and by us.

use std::fs;

use crate::lab::Lab;

#[test]
fn what_slurm_refuses_is_said_in_its_words_and_with_what_to_do() {
    let Some(lab) = Lab::new("Slurm refuses") else { return };
    let cases = [
        ("partition=nope", "invalid partition", "partition= is one of lab"),
        ("gres=gpu:1", "gres", "sinfo --format"),
        ("nodelist=nowhere", "invalid node name", "sinfo --Node"),
    ];
    for (text, words, remedy) in cases {
        // The last one said holds.
        let spec = format!("folder={},{text}", lab.file("fleet").display());
        let (code, said) = lab.user(&["agents", "launch", "--slurm", &spec]);
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.to_lowercase().contains(words) && said.contains(remedy), "{text}: {said}");
    }
    // What was made for them is taken back.
    let tokens = lab.json(&["tokens", "list"]);
    assert!(tokens.as_array().unwrap().iter().all(|token| token["kind"] != "join"), "{tokens}");
    assert_eq!(fs::read_dir(lab.file("fleet/tokens")).unwrap().count(), 0);
}

#[test]
fn a_coordinator_that_no_node_would_find_is_refused_before_anything_is_asked_for() {
    let Some(lab) = Lab::listening("a coordinator on loopback", "127.0.0.1") else { return };
    let (code, said) = lab.user(&["agents", "launch", "--slurm", &lab.spec("")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no agent elsewhere can join it") && said.contains("--listen 0.0.0.0:7433"), "{said}");
    assert_eq!(lab.cluster.slurm(&["squeue", "--noheader"]), "");
}

#[test]
fn a_printed_script_is_submitted_by_nobody_and_bears_no_secret() {
    let Some(lab) = Lab::new("a script is printed") else { return };
    let (code, said) = lab.user(&["agents", "launch", "--slurm", &lab.spec("count=3,time=08:00:00"), "--print"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("#!/bin/bash\n") && said.contains("#SBATCH --array=1-3\n"), "{said}");
    assert!(said.contains("export STORY_HOST=$SLURMD_NODENAME\n") && !said.contains("swj_"), "{said}");
    assert_eq!(lab.cluster.slurm(&["squeue", "--noheader"]), "");
    assert!(!lab.file("fleet").exists());
}
