//! The deterministic simulation: the real coordinator on the real database and the real decisions of agents, in one thread,
//! with everything else simulated: network, disks, runners, clocks, users, and what goes wrong.
//!
//! `SWEEP_SEEDS=100000 cargo test -p sweep-tests --test simulation seeds` tries more seeds than the thousand of CI. A seed
//! that breaks a rule is told with the command that plays it again.

mod checks;
mod coverage;
mod dice;
mod planted;
mod seeds;
mod time;
mod world;
