//! What a coordinator is told about notices at its start.

use std::sync::Arc;

use super::courier::Courier;
use super::pace::Retries;
use super::{Rules, Settings};

/// [`Setup::default`] tells nobody by itself, and delivers nothing.
#[derive(Clone)]
pub struct Setup {
    pub settings: Settings,
    pub rules: Rules,
    /// Copies go out from this very process. Otherwise they wait for one from which they do.
    pub delivers: bool,
    /// It stays until it is told to stop: what becomes of the coordinator itself is watched and told, too.
    pub stands: bool,
    /// Less room than this on the disk of the home is told.
    pub disk_low_bytes: u64,
    pub retries: Retries,
    /// Instead of what `settings` describes.
    pub courier: Option<Arc<dyn Courier>>,
}

/// Enough for a night's checkpoints.
pub const DISK_LOW: u64 = 5 << 30;

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            rules: Rules::default(),
            delivers: false,
            stands: false,
            disk_low_bytes: DISK_LOW,
            retries: Retries::default(),
            courier: None,
        }
    }
}
