//! Whether other machines find the coordinator where they are told to look, as far as that can be seen from here.

use std::time::Duration;

use sweep_link::Address;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::invitation::Named;
use crate::connect::Connection;
use crate::exit::{Failure, Outcome};

/// How long a machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address that agents elsewhere are given: as it was named for them, else as we reach it, else by this machine's name.
pub async fn for_others(named: Option<&str>, connection: &Connection) -> Outcome<Address> {
    let Named { ours, others } = Named::new(connection.address()?, named)?;
    let (address, here) = match others {
        Some(address) => (address, false),
        None => (by_name(&ours)?, true),
    };
    match timeout(PATIENCE, TcpStream::connect((address.bare_host(), address.port()))).await {
        Ok(Ok(_)) => Ok(address),
        // What cannot be reached from here may well be reached from there, if a person says so.
        _ if named.is_some() => Ok(address),
        failed => {
            let why = match failed {
                Ok(Err(error)) => error.to_string(),
                _ => "no answer".to_owned(),
            };
            let failure =
                Failure::unreachable(format!("agents elsewhere would not find the coordinator at {address}: {why}"));
            Err(failure.hint(if here {
                "`sweep serve --listen 0.0.0.0:7433` lets it be reached from other machines; where it has another \
                 name there, say it: `coordinator: https://HOST:7433` in the file of hosts, coordinator=… with --slurm"
            } else {
                "name it as they reach it: `coordinator: https://HOST:7433` in the file of hosts, coordinator=… with --slurm"
            }))
        }
    }
}

/// By this host's name, where we reach it on this machine.
fn by_name(ours: &Address) -> Outcome<Address> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(format!("https://{}:{}", host.trim(), ours.port()).parse()?)
}
