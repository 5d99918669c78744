//! Names in a command's environment: which there may be, and which are sweep's own.

/// Whether programs can be given a variable of this name.
pub fn is_variable_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.len() <= 128 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A variable that the agent sets for each attempt: why, and what to do instead. Others may be set, those too with which the
/// agent tunes what it starts (`OMP_WAIT_POLICY`, `MALLOC_…`).
pub fn reserved(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "OMP_NUM_THREADS" | "MKL_NUM_THREADS" | "OPENBLAS_NUM_THREADS" => Some((
            "the agent sets it to the slot's share of the cores",
            "`sweep agent --slots` divides the cores; a script that wants fewer threads may set their number itself",
        )),
        "CUDA_VISIBLE_DEVICES" | "CUDA_DEVICE_ORDER" => Some((
            "the agent sets it to the GPU that the job was given",
            "`device: cuda` in the stage asks for a GPU; in the program it is the first and only one",
        )),
        name if name.starts_with("SWEEP_") => Some((
            "names that begin with SWEEP_ are sweep's own",
            "choose another name; `${seed}` and `${axis}` stand for the job's values in `env`, too",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_every_shell_knows() {
        for name in ["A", "_x", "WANDB_API_KEY", "http_proxy", "A1"] {
            assert!(is_variable_name(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A=B", "Ä", "A B", "A\0", &"A".repeat(129)] {
            assert!(!is_variable_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_the_agent_sets_is_its_own_and_what_it_tunes_is_not() {
        for name in ["SWEEP_SEED", "SWEEP_ANYTHING", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"] {
            assert!(reserved(name).is_some(), "{name}");
        }
        for name in ["LD_PRELOAD", "OMP_WAIT_POLICY", "PATH", "SWEEPER"] {
            assert!(reserved(name).is_none(), "{name}");
        }
    }
}
