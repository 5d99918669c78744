//! The program's own log: to standard error, above the progress bars.

use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::output::LogWriter;

/// Starts logging at the level that `-v` and `-q` ask for. `SWEEP_LOG` (a tracing filter) overrides both.
pub fn start(global: &Global) {
    let filter = EnvFilter::try_from_env("SWEEP_LOG").unwrap_or_else(|_| EnvFilter::new(level(global)));
    // Only the first call of a process can succeed, and there is only one.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        .with_ansi(crate::paint::err().colours())
        .with_target(global.verbose > 1)
        .try_init();
}

fn level(global: &Global) -> &'static str {
    match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,sweep=info,sweep_coordinator=info,sweep_worker=info",
        (false, 2) => "info,sweep=debug,sweep_coordinator=debug,sweep_worker=debug",
        (false, _) => "trace",
    }
}
