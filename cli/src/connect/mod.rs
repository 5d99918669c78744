//! How a command reaches a coordinator.
//!
//! With `--coordinator` (or its variable or setting): that one. Otherwise the one that `sweep login` chose; otherwise the one
//! that runs on SWEEP_HOME, which left its address there. Where nobody runs, commands that only look at or change what is stored start the coordinator
//! inside this process, without an agent, for as long as they need it; others say how to start one. Whom to trust follows from
//! the token (`token`, `login`, `reach`).

pub mod actor;
mod client;
mod login;
mod reach;
mod target;
mod token;

use sweep_coordinator::notices::Setup;
use sweep_coordinator::{Coordinator, Home, HomeError, Options, PlaceError, Running, StartError};
use sweep_link::Address;
use sweep_shared::ids::SweepId;

pub use client::{Client, Events, Submitted};
pub use login::Login;
pub use reach::Reach;
pub use target::Target;
pub use token::Token;

use crate::context::Context;
use crate::exit::{self, Exit, Failure, Outcome};

/// A coordinator that answered, and how to find it again.
pub struct Connection {
    route: Route,
    pub client: Client,
}

enum Route {
    /// Named by the user, now or when logging in.
    Named(Reach),
    /// Whoever runs on this home; its port may change when it restarts.
    Home(Home),
    /// Inside this process.
    Inside(Box<Running>),
}

impl Connection {
    /// A coordinator that runs by itself.
    pub async fn live(context: &Context) -> Outcome<Self> {
        match Self::find(context).await? {
            Some(connection) => Ok(connection),
            None => Err(nobody(&context.home())),
        }
    }

    /// A coordinator that runs by itself, or one inside this process.
    pub async fn live_or_inside(context: &Context) -> Outcome<Self> {
        if let Some(connection) = Self::find(context).await? {
            return Ok(connection);
        }
        let home = context.home();
        if !home.database().exists() {
            return Err(Failure::usage(format!("there are no sweeps in {} yet", home.root().display()))
                .hint("`sweep local PLAN` runs a plan on this machine"));
        }
        match start_inside(context, false).await? {
            Started::Here(running) => Self::inside(running).await,
            // Somebody was quicker.
            Started::Elsewhere => Self::live(context).await,
        }
    }

    /// As [`Connection::live_or_inside`], for those who ask who may come in: where nothing is stored yet, a coordinator has to be there.
    pub async fn gatekeeper(context: &Context) -> Outcome<Self> {
        if context.home().database().exists() { Self::live_or_inside(context).await } else { Self::live(context).await }
    }

    /// Talks to a coordinator that this process started.
    pub async fn inside(running: Running) -> Outcome<Self> {
        let client = Client::connect(&Reach::inside(&running)?).await?;
        Ok(Self { route: Route::Inside(Box::new(running)), client })
    }

    async fn find(context: &Context) -> Outcome<Option<Self>> {
        let home = context.home();
        let route = match (&context.settings.coordinator.value, Login::read(home.root())?) {
            (Some(url), login) => {
                let address: Address = url.parse()?;
                match context.given_token()? {
                    Some(token) => Route::Named(Reach::named(&address, &token)?),
                    None if is_own(&home, &address)? => Route::Home(home),
                    None => Route::Named(Reach::named(&address, &kept_token(&home, &address, login)?)?),
                }
            }
            (None, Some(Login { address, token })) => {
                let token = context.given_token()?.unwrap_or(token);
                Route::Named(Reach::named(&address, &token)?)
            }
            (None, None) if home.endpoint()?.is_none() => return Ok(None),
            (None, None) => Route::Home(home),
        };
        let client = route.connect().await?;
        Ok(Some(Self { route, client }))
    }

    /// Where the coordinator is.
    pub fn address(&self) -> Outcome<Address> {
        Ok(match &self.route {
            Route::Named(reach) => reach.link.address().clone(),
            Route::Home(home) => home.endpoint()?.ok_or_else(|| nobody(home))?.address.parse()?,
            Route::Inside(running) => running.local_url().parse()?,
        })
    }

    /// Connects again after the connection was lost. The coordinator may by now listen elsewhere.
    pub async fn reconnect(&mut self) -> Outcome<()> {
        self.client = self.route.connect().await?;
        Ok(())
    }

    /// Whether this process is the coordinator, so that nobody else keeps the work going.
    pub fn is_inside(&self) -> bool {
        matches!(self.route, Route::Inside(_))
    }

    /// Whether it is the coordinator of this machine's own home.
    pub fn is_own(&self) -> bool {
        !matches!(self.route, Route::Named(_))
    }

    /// Whether paths that the coordinator names are (most likely) paths on this machine.
    pub fn shares_disk(&self) -> bool {
        match &self.route {
            Route::Named(reach) => reach.link.address().is_loopback(),
            Route::Home(_) | Route::Inside(_) => true,
        }
    }

    /// Has a coordinator inside this process hand out this sweep's jobs, which were submitted to another.
    pub async fn serve(&self, sweep: SweepId) {
        if let Route::Inside(running) = &self.route {
            running.serve(sweep).await;
        }
    }

    /// Lets go; a coordinator inside this process is shut down in good order.
    pub async fn close(self) {
        drop(self.client);
        if let Route::Inside(running) = self.route {
            running.tell_all().await;
            running.shutdown().await;
        }
    }
}

impl Route {
    async fn connect(&self) -> Outcome<Client> {
        match self {
            Self::Named(reach) => Client::connect(reach).await,
            Self::Inside(running) => Client::connect(&Reach::inside(running)?).await,
            Self::Home(home) => {
                let endpoint = home.endpoint()?.ok_or_else(|| nobody(home))?;
                Client::connect(&Reach::home(home, &endpoint)?).await
            }
        }
    }
}

/// Whether the coordinator could be started in this process.
pub enum Started {
    Here(Running),
    /// Another process holds the home.
    Elsewhere,
}

/// Starts a coordinator on any free loopback port. `works`: it is there for more than a moment, lets go of what is not kept, and
/// tells people what becomes of their sweeps; else that waits for one which does.
pub async fn start_inside(context: &Context, works: bool) -> Outcome<Started> {
    let notify = &context.settings.notify;
    let notices = if works { notify.setup(false)? } else { Setup { rules: notify.rules.clone(), ..Setup::default() } };
    // Whatever else lies unfinished there is not this command's business.
    let options = Options {
        submitted_only: true,
        tidies: works,
        notices,
        artifacts: context.settings.artifacts.kept_in()?,
        cache_bytes: context.settings.artifacts.cache_bytes()?,
        retention: context.settings.retention(),
        ..Options::ephemeral(context.home().root())
    };
    match Coordinator::start(options).await {
        Ok(running) => Ok(Started::Here(running)),
        Err(StartError::Home(HomeError::Locked { .. })) => Ok(Started::Elsewhere),
        Err(error) => Err(cannot_start(error)),
    }
}

/// A coordinator that does not start is a matter of settings, except where its own data fail it.
pub fn cannot_start(error: StartError) -> Failure {
    if let StartError::Home(HomeError::Io { path, source }) = &error
        && exit::is_disk_full(source)
    {
        let hint = exit::disk_full_hint(path);
        return Failure::from(error).exit(Exit::Internal).hint(hint);
    }
    let exit = match &error {
        StartError::Artifacts(error) if error.is_away() => Exit::Unreachable,
        StartError::Home(HomeError::Locked { .. }) | StartError::Listen { .. } => Exit::Unreachable,
        StartError::Home(_)
        | StartError::Artifacts(PlaceError::NotKept(_))
        | StartError::PlainOnNetwork(_)
        | StartError::Terms { .. }
        | StartError::Name(_)
        | StartError::Authority(_) => Exit::Usage,
        _ => Exit::Internal,
    };
    Failure::from(error).exit(exit)
}

/// Whether that is where this home's own coordinator listens.
fn is_own(home: &Home, address: &Address) -> Outcome<bool> {
    let Some(endpoint) = home.endpoint()? else { return Ok(false) };
    let own: Address = endpoint.address.parse()?;
    Ok(own.to_string() == address.to_string())
}

/// That of a login there; else the home's own, but only for a coordinator on this machine, since it is nobody else's business.
fn kept_token(home: &Home, address: &Address, login: Option<Login>) -> Outcome<Token> {
    // The text after the scheme: where to connect.
    if let Some(login) = login.filter(|login| login.address.to_string() == address.to_string()) {
        return Ok(login.token);
    }
    let own = if address.is_loopback() { home.token()? } else { None };
    own.map(Token::Home).ok_or_else(|| {
        Failure::usage(format!("no token for the coordinator at {address}")).hint(format!(
            "`sweep login {address}` keeps one; for once, name a file with --token-file, or set SWEEP_TOKEN. `sweep tokens create`, \
             where the coordinator runs, makes one",
        ))
    })
}

fn nobody(home: &Home) -> Failure {
    Failure::unreachable(format!("no coordinator runs on {}", home.root().display())).hint(
        "start one with `sweep serve` (and `sweep agent`), name another with --coordinator, or run the plan here with `sweep local PLAN`",
    )
}
