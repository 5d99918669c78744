//! What is known of earlier work, and whom to ask.

use sweep_shared::resources::DeviceClass;

use crate::answer::Pace;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::Outcome;

/// What is known of earlier work.
#[derive(Debug, Clone)]
pub struct Past {
    /// The newest first.
    pub paces: Vec<Pace>,
    /// An agent has a GPU, which jobs run on unless the plan says otherwise.
    pub gpus: bool,
    /// Of this machine, for the rule of thumb.
    pub cores: usize,
    /// Why nobody could be asked, where somebody should have been.
    pub trouble: Option<String>,
}

impl Default for Past {
    fn default() -> Self {
        Self { paces: Vec::new(), gpus: false, cores: 1, trouble: None }
    }
}

/// Asks the coordinator, or looks into the home where there is one. A plan can be checked without either.
pub async fn ask(context: &Context, offline: bool) -> Past {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let here = Past { cores, ..Past::default() };
    let anybody = context.settings.coordinator.value.is_some() || context.home().database().exists();
    if offline || !anybody {
        return here;
    }
    match asked(context).await {
        Ok((paces, gpus)) => Past { paces, gpus, ..here },
        Err(failure) => Past { trouble: Some(format!("{:#}", failure.error)), ..here },
    }
}

async fn asked(context: &Context) -> Outcome<(Vec<Pace>, bool)> {
    let mut connection = Connection::live_or_inside(context).await?;
    let paces = connection.client.paces().await;
    let agents = connection.client.agents().await;
    connection.close().await;
    let gpus = agents?.iter().flat_map(|agent| &agent.devices).any(|device| device.class == DeviceClass::Cuda);
    Ok((paces?, gpus))
}
