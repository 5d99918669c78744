//! What all attempts of an agent share.

use std::cell::{OnceCell, RefCell};
use std::ffi::CString;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use sweep_shared::event::Epoch;
use sweep_shared::ids::Token;
use tokio::sync::mpsc::UnboundedSender;

use super::launch;
use crate::cache::Cache;
use crate::devices::Devices;
use crate::identity::Identity;
use crate::options::Options;
use crate::process::{Cgroups, Spawner};
use crate::report::Checkpoint;
use crate::session::Outcome;
use crate::transfer::Transfers;
use crate::weights::Library;

/// Lives on the agent's thread, as the spawner must.
pub struct Context {
    pub options: Options,
    /// This agent's id.
    pub agent: String,
    pub cache: Rc<Cache>,
    pub transfers: Transfers,
    /// Published weights.
    pub library: Library,
    pub devices: Rc<Devices>,
    pub spawner: RefCell<Spawner>,
    /// What every runner's environment starts from.
    pub environment: Vec<CString>,
    /// Looked up once.
    pub runner: OnceCell<Option<PathBuf>>,
}

impl Context {
    pub fn new(
        options: Options,
        identity: &Identity,
        cache: Rc<Cache>,
        transfers: Transfers,
        devices: Rc<Devices>,
        cgroups: Option<Cgroups>,
    ) -> io::Result<Self> {
        Ok(Self {
            agent: identity.agent.clone(),
            environment: launch::base_environment(identity),
            spawner: RefCell::new(Spawner::new(cgroups)?),
            runner: OnceCell::new(),
            library: Library::new(&options.datasets, options.weights_url.clone(), options.download_backoff),
            options,
            cache,
            transfers,
            devices,
        })
    }

    /// Where attempts have their folders.
    pub fn attempts(&self) -> PathBuf {
        self.options.attempts()
    }
}

/// What an attempt's task tells the agent's loop.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Progress {
        fraction: f64,
        message: String,
    },
    Epoch(Epoch),
    Resumed {
        epoch: u32,
        step: u64,
    },
    /// Since when the runner has said nothing, and when it is judged hung, on the session's clock; `None`: it has spoken.
    Silence(Option<(Duration, Duration)>),
    /// The attempt was killed, and its processes are still there: which, and why.
    Stuck(String),
    /// All its files are uploaded.
    Checkpoint(Checkpoint),
    /// The processes are gone; files may still be on their way.
    Gone,
    /// The attempt is over or about to be, but its device's memory has not come back: its slot stays taken.
    Holding,
    /// It has, or is not waited for any more: the slot is free.
    Released,
    /// The last news, but for [`News::Released`].
    Outcome(Outcome),
}

/// An attempt's line to the loop.
#[derive(Clone)]
pub struct Tell {
    pub token: Token,
    pub news: UnboundedSender<(Token, News)>,
}

impl Tell {
    pub fn say(&self, news: News) {
        // The loop ends after its attempts, or takes them with it.
        let _ = self.news.send((self.token, news));
    }
}
