//! How fast the coordinator alone is: one agent over loopback gRPC that ends every job the moment it is assigned, with a
//! watcher looking on. Prints jobs per second, the processor time per job (all threads, the agent's included), how long one
//! job takes when nothing else is to do, and how long a submission of 10 000 jobs takes until it is on disk.
//!
//! ```sh
//! cargo run --release -p sweep-coordinator --example rate -- [jobs] [slots] [folder]
//! ```

use std::time::{Duration, Instant};

use sweep_coordinator::{Coordinator, Options, Running};
use sweep_shared::wire::{PROTOCOL_VERSION, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use v1::agent_message::Body as Say;
use v1::coordinator_message::Body as Hear;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let argument = |at: usize, default: usize| {
        std::env::args().nth(at).map_or(Ok(default), |text| text.parse()).map_err(anyhow::Error::from)
    };
    let (jobs, slots) = (argument(1, 5000)?, argument(2, 2)? as u32);
    let folder = match std::env::args().nth(3) {
        Some(within) => tempfile::tempdir_in(within)?,
        None => tempfile::tempdir()?,
    };
    let running = Coordinator::start(Options::ephemeral(folder.path())).await?;
    let mut user = user(&running).await?;

    let (wall, cpu) = (Instant::now(), cpu_time()?);
    let agent = tokio::spawn(agent(session(&running, slots).await?));
    let sweep = submit(&mut user, "rate", jobs).await?;
    watch(&mut user, sweep).await?;
    let (wall, cpu) = (wall.elapsed(), cpu_time()?.saturating_sub(cpu));
    println!(
        "{jobs} jobs, {slots} slots: {:.0} jobs/s, {:.0} µs of processor time per job",
        jobs as f64 / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / jobs as f64
    );
    let mut waits = Vec::new();
    for round in 0..200 {
        let begun = Instant::now();
        let sweep = submit(&mut user, &format!("idle {round}"), 1).await?;
        watch(&mut user, sweep).await?;
        waits.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    println!(
        "an idle job, submit to end: median {:.1} ms, p99 {:.1} ms",
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100]
    );
    agent.abort();

    let begun = Instant::now();
    submit(&mut user, "large", 10_000).await?;
    println!("10 000 jobs submitted in {:.3} s", begun.elapsed().as_secs_f64());
    running.shutdown().await;
    Ok(())
}

type Sweeps = v1::sweeps_client::SweepsClient<InterceptedService<Channel, Bearer>>;
type Session = (mpsc::UnboundedSender<v1::AgentMessage>, tonic::Streaming<v1::CoordinatorMessage>);

async fn user(running: &Running) -> anyhow::Result<Sweeps> {
    let channel = Endpoint::from_shared(running.url())?.connect().await?;
    Ok(v1::sweeps_client::SweepsClient::with_interceptor(channel, Bearer::new(running)?))
}

async fn submit(user: &mut Sweeps, name: &str, jobs: usize) -> anyhow::Result<i64> {
    let axis: Vec<String> = (0..jobs).map(|i| i.to_string()).collect();
    let axis = axis.join(", ");
    let plan_yaml =
        format!("name: {name}\nstages: {{ work: {{ command: {{ run: [/bin/true] }}, matrix: {{ i: [{axis}] }} }} }}\n");
    let reply = user.submit(v1::SubmitRequest { plan_yaml, ..Default::default() }).await?;
    Ok(reply.into_inner().sweep)
}

async fn watch(user: &mut Sweeps, sweep: i64) -> anyhow::Result<()> {
    let mut events = user.watch(v1::SweepRequest { sweep, ..Default::default() }).await?.into_inner();
    while events.message().await?.is_some() {}
    Ok(())
}

async fn session(running: &Running, slots: u32) -> anyhow::Result<Session> {
    let channel = Endpoint::from_shared(running.url())?.connect().await?;
    let mut client = v1::agents_client::AgentsClient::with_interceptor(channel, Bearer::new(running)?);
    let (to, messages) = mpsc::unbounded_channel();
    let device = v1::Device { class: "cpu".to_owned(), slots, ..Default::default() };
    let hello = v1::Hello {
        protocol_version: PROTOCOL_VERSION,
        agent_id: "rate".to_owned(),
        spool_id: "rate".to_owned(),
        devices: vec![device],
        slots,
        ..Default::default()
    };
    to.send(v1::AgentMessage { seq: 0, body: Some(Say::Hello(hello)) })?;
    let from = client.session(UnboundedReceiverStream::new(messages)).await?.into_inner();
    Ok((to, from))
}

/// Accepts and ends whatever it is given.
async fn agent((to, mut from): Session) -> anyhow::Result<()> {
    let mut seq = 0;
    while let Some(message) = from.message().await? {
        let Some(Hear::Assign(assign)) = message.body else { continue };
        let token = assign.token;
        to.send(v1::AgentMessage { seq: 0, body: Some(Say::Accept(v1::Accept { token })) })?;
        seq += 1;
        let end = Some(v1::finished::End::Success(v1::Success::default()));
        let finished = v1::Finished { token, end, run_s: 0.001, ..Default::default() };
        to.send(v1::AgentMessage { seq, body: Some(Say::Finished(finished)) })?;
    }
    Ok(())
}

/// Of the whole process, user and system.
fn cpu_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on Linux, whatever the kernel's own rate.
    Ok(Duration::from_millis(ticks * 10))
}

#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    fn new(running: &Running) -> anyhow::Result<Self> {
        Ok(Self(format!("Bearer {}", running.token()).parse()?))
    }
}

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
