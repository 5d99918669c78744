//! Whether the disk holds what an attempt will fetch and write, asked before it begins.

use super::{Context, Early};
use crate::session::Assign;
use crate::space::{self, Bytes};

/// Refuses in words that `sweep explain` shows. Nothing has been begun yet.
pub fn check(context: &Context, assign: &Assign) -> Result<(), Early> {
    let folder = &context.options.home;
    space::can_be_written(folder)
        .map_err(|error| Early::Refused(format!("its disk cannot be written ({error}) in {}", folder.display())))?;
    let Some(space) = space::of(folder) else { return Ok(()) };
    let need = Need { fetched: fetched(context, assign), written: assign.disk_bytes };
    decide(need, space).map_err(|words| Early::Refused(format!("{words} in {}", folder.display())))
}

#[derive(Debug, Clone, Copy)]
struct Need {
    fetched: u64,
    /// 0 where nobody knows.
    written: u64,
}

/// Bytes of inputs and checkpoints that the cache lacks. The attempt's own names for them take no space.
fn fetched(context: &Context, assign: &Assign) -> u64 {
    let inputs = assign.inputs.iter().flatten();
    let checkpoints = assign.checkpoints.iter().flat_map(|checkpoint| &checkpoint.files);
    let lacking = inputs
        .chain(checkpoints)
        .filter(|file| file.hash.as_ref().is_none_or(|hash| !context.cache.path(hash).exists()));
    lacking.map(|file| file.size_bytes).sum()
}

/// Left free for logs, other attempts' checkpoints, and whoever else uses the disk: 64 MiB, or a twentieth of a small disk.
fn reserve(total: u64) -> u64 {
    (total / 20).min(64 << 20)
}

fn decide(need: Need, Bytes { free, total }: Bytes) -> Result<(), String> {
    let Need { fetched, written } = need;
    let (wanted, reserve) = (fetched.saturating_add(written), reserve(total));
    if wanted == 0 || wanted.saturating_add(reserve) <= free {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(format!(
        "needs {} MiB of disk ({} to fetch, {} for checkpoints and results) and {} to spare, but {} MiB are free",
        mib(wanted),
        mib(fetched),
        mib(written),
        mib(reserve),
        free >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_fetched_and_written_must_fit_beside_the_reserve() {
        let need = |fetched, written| Need { fetched: fetched * MIB, written: written * MIB };
        let large = |free| Bytes { free: free * MIB, total: 1 << 40 };
        assert!(decide(need(100, 200), large(364)).is_ok());
        let refused = decide(need(100, 200), large(363)).unwrap_err();
        assert_eq!(
            refused,
            "needs 300 MiB of disk (100 to fetch, 200 for checkpoints and results) and 64 to spare, but 363 MiB are free"
        );
        assert!(decide(need(0, 0), large(0)).is_ok(), "of a command nothing is known");
        assert!(decide(need(1, 0), large(0)).is_err());
        let small = |free| Bytes { free: free * MIB, total: 40 * MIB };
        assert!(decide(need(8, 0), small(10)).is_ok() && decide(need(8, 0), small(9)).is_err());
    }
}
