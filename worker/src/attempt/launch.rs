//! From an assignment to a running process: which program, with which environment.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::{CommandSpec, Protocol, StageKind, is_variable_name, reserved};
use sweep_shared::states::FailureClass;
use tokio::net::unix::pipe;

use super::folder::Folder;
use super::{Context, Early, is_command, protocol, secrets};
use crate::devices::Limits;
use crate::identity::Identity;
use crate::options::{RUNNER, find_runner, is_executable};
use crate::process::{Child, Command, Members, SpawnError, leftovers, oom_kills};
use crate::session::Assign;

/// A runner and the agent's end of its event pipe.
pub struct Launched {
    pub child: Child,
    /// All of the attempt's processes.
    pub members: Members,
    pub events: Option<pipe::Receiver>,
    /// Out-of-memory kills on this host before it started; `None` where that does not matter.
    pub oom_kills_before: Option<u64>,
}

pub fn launch(
    context: &Context,
    folder: &Folder,
    assign: &Assign,
    limits: Limits,
    threads: u32,
) -> Result<Launched, Early> {
    let argv = arguments(context, assign)?;
    let program = argv[0].clone();
    let environment = environment(context, folder, assign, limits, threads)?;
    let with_events = protocol(assign) == Protocol::Events;
    let (events, theirs) = if with_events { event_pipe()? } else { (None, None) };
    let cwd = text(folder.path.as_os_str().as_bytes().to_vec())?;
    let command = Command {
        program: &program,
        argv: &argv,
        env: &environment,
        folder: &cwd,
        // What a runner of ours does not exceed by itself, a command's processes may not either.
        most_memory: limits.memory_bytes.filter(|_| assign.device.0 == DeviceClass::Cpu),
        log: folder.log.as_fd(),
        events: theirs.as_ref().map(AsFd::as_fd),
        nice: limits.compute_percent.filter(|_| is_command(assign)).map_or(0, niceness),
    };
    let spawned = context.spawner.borrow_mut().spawn(&command);
    let child = spawned.map_err(|error| match error {
        // What a plan names is the plan's; a `sweep-runner` that is being replaced is this host's, and others have theirs.
        SpawnError::Program(_) if is_command(assign) => {
            Early::failure(FailureClass::BadInput, format!("cannot start {}: {error}", program.to_string_lossy()))
        }
        SpawnError::Program(_) => Early::Refused(format!("cannot start {}: {error}", program.to_string_lossy())),
        SpawnError::System(_) => Early::Refused(error.to_string()),
    })?;
    let members = child.members(&context.agent, assign.token.to_string());
    Ok(Launched { child, members, events, oom_kills_before: if with_events { oom_kills() } else { None } })
}

/// A command knows nothing of `compute_share`: it is given less of the host's cores when others want them, too.
/// At 19 a process gets only what nobody else wants.
fn niceness(percent: u32) -> i32 {
    (19 * (100 - percent.min(100) as i32) + 50) / 100
}

/// The argument vector, with a path as its first word.
fn arguments(context: &Context, assign: &Assign) -> Result<Vec<CString>, Early> {
    let StageKind::Command(command) = &assign.spec.kind else {
        let runner = context.runner.get_or_init(|| context.options.runner.clone().or_else(find_runner));
        let missing = || Early::Refused(format!("no {RUNNER} beside sweep, on PATH or in SWEEP_RUNNER"));
        return Ok(vec![text(runner.clone().ok_or_else(missing)?.into_os_string().into_vec())?]);
    };
    let Some((name, rest)) = command.run.split_first() else {
        return Err(Early::failure(FailureClass::BadInput, "the command is empty"));
    };
    let found = if name.contains('/') { Some(PathBuf::from(name)) } else { on_path(name) };
    let missing = || Early::failure(FailureClass::BadInput, format!("{name:?} is not a program on this agent's PATH"));
    let program = text(found.ok_or_else(missing)?.into_os_string().into_vec());
    std::iter::once(program).chain(rest.iter().map(|arg| text(arg.clone().into_bytes()))).collect()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| !name.is_empty() && is_executable(file))
}

/// What every runner inherits: the agent's environment without its secrets and without what is set for each attempt.
pub fn base_environment(identity: &Identity) -> Vec<CString> {
    let inherited = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        !is_secret(&name) && !SET_FOR_EACH.contains(&name.as_ref())
    });
    let joined = inherited.filter_map(|(name, value)| {
        let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
        CString::new(entry).ok()
    });
    let marks = leftovers::marks(&identity.agent, identity.incarnation);
    // With two training processes on one host, spinning OpenMP threads cost most of the throughput; the allocator's
    // defaults give large buffers back at every step (both measured: a fifth and twice the system time).
    let tuned = [
        "OMP_WAIT_POLICY=passive".to_owned(),
        "MALLOC_MMAP_THRESHOLD_=4294967296".to_owned(),
        "MALLOC_TRIM_THRESHOLD_=17179869184".to_owned(),
        // NVML counts along the bus, CUDA by speed unless told.
        "CUDA_DEVICE_ORDER=PCI_BUS_ID".to_owned(),
    ];
    joined.chain(marks.into_iter().chain(tuned).filter_map(|entry| CString::new(entry).ok())).collect()
}

/// Not inherited, because the agent sets them.
const SET_FOR_EACH: &[&str] = &[
    "OMP_WAIT_POLICY",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "CUDA_DEVICE_ORDER",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "SWEEP_JOB",
    "SWEEP_SEED",
    leftovers::ATTEMPT_VARIABLE,
    "SWEEP_ATTEMPT_DIR",
    "SWEEP_DATASETS",
    leftovers::AGENT_VARIABLE,
    leftovers::INCARNATION_VARIABLE,
];

/// Runners are other people's code.
fn is_secret(name: &str) -> bool {
    name.starts_with("SWEEP_") && ["TOKEN", "PASSWORD", "SECRET"].iter().any(|word| name.contains(word))
}

/// Which GPUs CUDA shows a process.
const VISIBLE_GPUS: &str = "CUDA_VISIBLE_DEVICES";
/// The share of a GPU's compute units, obeyed where NVIDIA's Multi-Process Service runs.
const MPS_SHARE: &str = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE";

fn environment(
    context: &Context,
    folder: &Folder,
    assign: &Assign,
    limits: Limits,
    threads: u32,
) -> Result<Vec<CString>, Early> {
    let mut environment = context.environment.clone();
    if context.devices.has_gpus() {
        environment.retain(|entry| !entry.to_bytes().starts_with(VISIBLE_GPUS.as_bytes()));
    }
    if let StageKind::Command(command) = &assign.spec.kind {
        add_own(&mut environment, context, command)?;
    }
    let mut set = |entry: String| -> Result<(), Early> {
        environment.push(text(entry.into_bytes())?);
        Ok(())
    };
    set(format!("SWEEP_JOB={}", assign.token.job))?;
    set(format!("{}={}", leftovers::ATTEMPT_VARIABLE, assign.token))?;
    set(format!("SWEEP_SEED={}", assign.spec.seed))?;
    set(format!("SWEEP_ATTEMPT_DIR={}", folder.path.display()))?;
    for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
        set(format!("{variable}={threads}"))?;
    }
    if context.devices.has_gpus() {
        // A runner sees the GPU it was given and no other; on the CPU, none.
        let name = context.devices.cuda_name(assign.device);
        let gone = || Early::Refused(format!("GPU {} does not answer", assign.device.1));
        set(format!("{VISIBLE_GPUS}={}", name.ok_or_else(gone)?))?;
    }
    if let (DeviceClass::Cuda, Some(percent)) = (assign.device.0, limits.compute_percent) {
        set(format!("{MPS_SHARE}={percent}"))?;
    }
    if is_command(assign) {
        set(format!("SWEEP_DATASETS={}", context.options.datasets.display()))?;
    }
    Ok(environment)
}

/// What the plan sets, and what it has only names for. Neither replaces what is set for every attempt: that comes after.
fn add_own(environment: &mut Vec<CString>, context: &Context, command: &CommandSpec) -> Result<(), Early> {
    let mut own: Vec<(&str, Vec<u8>)> =
        command.env.iter().map(|(name, value)| (name.as_str(), value.clone().into_bytes())).collect();
    for name in &command.secrets {
        let value = secrets::read(&context.options.secrets, name).map_err(|error| Early::Refused(error.to_string()))?;
        own.push((name, value));
    }
    for (name, value) in own {
        // The plan was checked, perhaps by another version.
        if !is_variable_name(name) || reserved(name).is_some() {
            return Err(Early::failure(FailureClass::BadInput, format!("a plan cannot set the variable {name:?}")));
        }
        let prefix = [name.as_bytes(), b"="].concat();
        environment.retain(|entry| !entry.to_bytes().starts_with(&prefix));
        environment.push(text([prefix, value].concat())?);
    }
    Ok(())
}

fn event_pipe() -> Result<(Option<pipe::Receiver>, Option<OwnedFd>), Early> {
    let made = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(std::io::Error::from);
    let made = made.and_then(|(ours, theirs)| Ok((Some(pipe::Receiver::from_owned_fd(ours)?), Some(theirs))));
    made.map_err(|error| Early::Refused(format!("cannot make a pipe: {error}")))
}

/// No text of a process may hold a zero byte.
fn text(bytes: Vec<u8>) -> Result<CString, Early> {
    CString::new(bytes).map_err(|_| Early::failure(FailureClass::BadInput, "an argument holds a zero byte"))
}

#[cfg(test)]
mod tests {
    use super::{is_secret, niceness};

    #[test]
    fn runners_inherit_no_tokens() {
        for name in ["SWEEP_TOKEN", "SWEEP_TOKEN_FILE", "SWEEP_JOIN_TOKEN", "SWEEP_JOIN_TOKEN_FILE", "SWEEP_SECRETS"] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("SWEEP_DATASETS") && !is_secret("TOKENIZERS_PARALLELISM"));
    }

    #[test]
    fn the_smaller_the_share_the_nicer() {
        assert_eq!([99, 50, 25, 1].map(niceness), [0, 10, 14, 19]);
    }
}
