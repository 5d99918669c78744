//! What every command needs: the settings and how its output should look.

use sweep_coordinator::Home;

use crate::args::Cli;
use crate::commands::Command;
use crate::exit::{Failure, Outcome};
use crate::settings::{self, Flags, Settings};

/// Made once from the command line.
pub struct Context {
    pub settings: Settings,
    pub json: bool,
    pub quiet: bool,
}

impl Context {
    pub fn new(cli: &Cli) -> Outcome<Self> {
        let global = cli.global.clone();
        let (home, coordinator, token_file) = (global.home, global.coordinator, global.token_file);
        let mut flags = Flags { home, coordinator, token_file, ..Flags::default() };
        match &cli.command {
            Command::Serve(args) => args.tell(&mut flags),
            Command::Agent(args) => flags.slots = args.slots,
            Command::Local(args) => flags.slots = args.slots,
            _ => {}
        }
        Ok(Self { settings: settings::read(flags)?, json: global.json, quiet: global.quiet })
    }

    pub fn home(&self) -> Home {
        Home::new(&self.settings.home.value)
    }

    /// The token for a coordinator other than this home's own: SWEEP_TOKEN, then the token file. `None`: neither is set.
    pub fn given_token(&self) -> Outcome<Option<String>> {
        if let Some(token) = std::env::var("SWEEP_TOKEN").ok().filter(|token| !token.is_empty()) {
            return Ok(Some(token));
        }
        let Some(path) = &self.settings.token_file.value else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read the token in {}: {error}", path.display())))?;
        match text.trim() {
            "" => Err(Failure::usage(format!("the token file {} is empty", path.display()))),
            token => Ok(Some(token.to_owned())),
        }
    }
}
