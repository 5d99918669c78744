//! What every command needs: the settings and how its output should look.

use sweep_coordinator::Home;
use sweep_shared::access::Secret;

use crate::args::Cli;
use crate::commands::Command;
use crate::connect::Token;
use crate::exit::Outcome;
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
            Command::Agent(args) => args.tell(&mut flags),
            Command::Local(args) => flags.slots = args.slots,
            _ => {}
        }
        Ok(Self { settings: settings::read(flags)?, json: global.json, quiet: global.quiet })
    }

    pub fn home(&self) -> Home {
        Home::new(&self.settings.home.value)
    }

    /// The token for a coordinator other than this home's own: SWEEP_TOKEN, then the token file. `None`: neither is set.
    pub fn given_token(&self) -> Outcome<Option<Token>> {
        if let Some(token) = std::env::var("SWEEP_TOKEN").ok().filter(|token| !token.is_empty()) {
            return Ok(Some(Token::parse(&token)));
        }
        self.settings.token_file.value.as_deref().map(Token::read).transpose()
    }

    /// What an agent that has not joined yet joins with: SWEEP_JOIN_TOKEN, then the file. `None`: neither is set.
    pub fn join_token(&self) -> Outcome<Option<Secret>> {
        if let Some(token) = std::env::var("SWEEP_JOIN_TOKEN").ok().filter(|token| !token.is_empty()) {
            return Token::parse(&token).joining().map(Some);
        }
        let file = self.settings.join_token_file.value.as_deref();
        file.map(|path| Token::read(path)?.joining()).transpose()
    }
}
