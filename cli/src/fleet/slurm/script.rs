//! The batch script: a function of what is wanted.

use std::fmt::Write as _;

use super::spec::Spec;
use crate::fleet::quote::quoted;
use crate::settings::{Span, Stay};

/// What a script is made of.
pub struct Plan<'a> {
    pub spec: &'a Spec,
    /// How many allocations, and whether their agents stay when there is nothing to do.
    pub count: u32,
    pub stay: bool,
    /// Of the fleet, on a disk that all nodes share.
    pub folder: &'a str,
    /// The program, as the nodes find it.
    pub sweep: &'a str,
    /// The coordinator, as the nodes reach it.
    pub coordinator: &'a str,
    pub token_file: &'a str,
    /// Lines that are run on the node first.
    pub setup: Option<&'a str>,
}

/// What the jobs of a fleet are called, of which the agents stay when there is nothing to do.
pub fn staying(name: &str) -> String {
    format!("{name}-min")
}

/// Where an allocation's output goes; Slurm puts in its ids.
const LOG: &str = "logs/%A_%a.log";

pub fn script(plan: &Plan) -> String {
    let Plan { spec, count, stay, folder, sweep, coordinator, token_file, setup } = plan;
    let name = if *stay { staying(&spec.name) } else { spec.name.clone() };
    let mut text = format!(
        "#!/bin/bash\n\
         # Agents of sweep {}, as Slurm jobs: written by `sweep agents launch --slurm`, explained in docs/slurm.md.\n\
         #SBATCH --job-name={name}\n",
        env!("CARGO_PKG_VERSION")
    );
    for (option, value) in &spec.request {
        let _ = writeln!(text, "#SBATCH {option}={value}");
    }
    let _ = write!(
        text,
        "#SBATCH --array=1-{count}\n\
         #SBATCH --nodes=1\n\
         #SBATCH --ntasks=1\n\
         #SBATCH --requeue\n\
         #SBATCH --chdir={folder}\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --output={folder}/{LOG}\n\
         #SBATCH --signal=B:USR1@{}\n\
         \n",
        spec.lead.as_secs()
    );
    if let Some(setup) = setup {
        let _ = write!(
            text,
            "\n# --- setup={} ---\n{}\n# --- its end ---\n",
            spec.setup.as_deref().unwrap_or(""),
            setup.trim_end()
        );
    }
    let datasets = spec.datasets.clone().unwrap_or_else(|| format!("{folder}/datasets"));
    let _ = write!(
        text,
        "sweep={}\nfolder={}\nlead={}\nexport SWEEP_DATASETS={}\nscratch={}\n",
        quoted(sweep),
        quoted(folder),
        spec.lead.as_secs(),
        quoted(&datasets),
        spec.scratch.as_deref().map_or_else(|| "\"${SLURM_TMPDIR:-${TMPDIR:-/tmp}}\"".to_owned(), quoted),
    );
    text.push_str(BEFORE);
    let mut arguments =
        vec![format!("--coordinator {}", quoted(coordinator)), format!("--join-token-file {}", quoted(token_file))];
    if let (false, Stay(Some(idle))) = (stay, spec.idle) {
        arguments.push(format!("--leave-when-idle {}", Span(idle)));
    }
    arguments.extend(spec.slots.map(|slots| format!("--slots {slots}")));
    arguments.extend(spec.labels.iter().map(|label| format!("--label {}", quoted(label))));
    let _ = writeln!(text, "    \"$sweep\" agent -v {} &", arguments.join(" \\\n        "));
    text.push_str(AFTER);
    text
}

/// What an allocation's folder and its signals are.
const BEFORE: &str = include_str!("before.sh");
/// How its agent's end is met.
const AFTER: &str = include_str!("after.sh");

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn written(spec: &str, stay: bool, setup: Option<&str>) -> String {
        let spec = spec.parse().unwrap_or_else(|failure: crate::exit::Failure| panic!("{}", failure.text()));
        script(&Plan {
            spec: &spec,
            count: 4,
            stay,
            folder: "/shared/fleet",
            sweep: "/opt/it's/sweep",
            coordinator: "https://login:7433",
            token_file: "/shared/fleet/tokens/t7",
            setup,
        })
    }

    #[test]
    fn what_is_asked_of_slurm_stands_at_the_top() {
        let text = written("partition=gpu,gres=gpu:1,time=08:00:00,count=4,lead=90s", false, None);
        let asked: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect();
        assert_eq!(
            asked,
            [
                "--job-name=sweep-agents",
                "--partition=gpu",
                "--gres=gpu:1",
                "--time=08:00:00",
                "--array=1-4",
                "--nodes=1",
                "--ntasks=1",
                "--requeue",
                "--chdir=/shared/fleet",
                "--open-mode=append",
                "--output=/shared/fleet/logs/%A_%a.log",
                "--signal=B:USR1@90",
            ]
        );
    }

    #[test]
    fn the_agent_is_told_what_it_needs_and_no_secret() {
        let text = written("label=room=b12,slots=2,idle=5m", false, Some("module load cuda\n"));
        assert!(text.contains(r"sweep='/opt/it'\''s/sweep'"), "{text}");
        for argument in ["--coordinator https://login:7433", "--join-token-file /shared/fleet/tokens/t7", "--slots 2"] {
            assert!(text.contains(argument), "{argument}: {text}");
        }
        assert!(text.contains("--label room=b12") && text.contains("--leave-when-idle 5m"), "{text}");
        assert!(text.contains("\nmodule load cuda\n# --- its end"), "{text}");
        let staying = written("min=1,max=3", true, None);
        assert!(
            !staying.contains("--leave-when-idle") && staying.contains("--job-name=sweep-agents-min\n"),
            "{staying}"
        );
        assert!(!written("idle=never", false, None).contains("--leave-when-idle"));
    }

    #[test]
    fn it_is_a_script() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch.sh");
        std::fs::write(&path, written("scratch=/local/a", false, Some("set -e"))).unwrap();
        let checked = Command::new("bash").arg("-n").arg(&path).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
