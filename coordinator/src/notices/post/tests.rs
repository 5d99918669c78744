//! Delivery, with servers that answer as the tests say.

use std::collections::VecDeque;
use std::sync::Mutex;

use sweep_shared::states::FailureClass;
use tokio::sync::mpsc;

use super::super::channels::{SendError, Sent};
use super::super::courier::Courier;
use super::super::{Message, Rules};
use super::*;
use crate::luck::SystemLuck;
use crate::store::NewJob;
use crate::store::testing::{Bench, bench, failure, job, success};

/// Takes copies and tells of them; answers from a list, and else well.
struct Servers {
    answers: Mutex<VecDeque<Result<Sent, SendError>>>,
    taken: mpsc::UnboundedSender<(Message, Address)>,
}

impl Courier for Servers {
    fn carry<'a>(
        &'a self,
        message: &'a Message,
        to: &'a Address,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Sent, SendError>> + Send + 'a>> {
        let answer = self.answers.lock().unwrap().pop_front();
        // The test may be over.
        let _ = self.taken.send((message.clone(), to.clone()));
        Box::pin(async { answer.unwrap_or_else(|| Ok(Sent { answer: "taken".to_owned() })) })
    }
}

struct Town {
    bench: Bench,
    servers: Arc<Servers>,
    taken: mpsc::UnboundedReceiver<(Message, Address)>,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Town {
    async fn new(answers: Vec<Result<Sent, SendError>>) -> Self {
        let bench = bench().await;
        bench.store.set_rules(Rules { email: vec!["me@x.example".to_owned()], ..Rules::default() });
        let (sender, taken) = mpsc::unbounded_channel();
        let servers = Arc::new(Servers { answers: Mutex::new(answers.into()), taken: sender });
        Self { bench, servers, taken, stop: CancellationToken::new(), running: None }
    }

    fn start(&mut self) {
        let post = Post {
            store: self.bench.store.clone(),
            courier: self.servers.clone(),
            clock: self.bench.clock.clone(),
            luck: Arc::new(SystemLuck),
            retries: Retries { jitter: 0.0, ..Retries::default() },
            page: "https://desk:7433".to_owned(),
        };
        self.stop = CancellationToken::new();
        self.running = Some(tokio::spawn(post.run(self.stop.clone())));
    }

    async fn end(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    async fn next(&mut self) -> (Message, Address) {
        self.taken.recv().await.unwrap()
    }

    /// Waits until the outbox has this many copies in the state.
    async fn marked(&self, state: &str, copies: i64) {
        let mut changes = self.bench.store.watch();
        loop {
            let counts = self.bench.store.copy_counts().await.unwrap();
            if counts.iter().any(|count| count.state == state && count.copies == copies) {
                return;
            }
            news(&mut changes).await;
        }
    }

    async fn finished(&self, stage: &str) {
        let (_, jobs) = self.bench.submit(vec![job(stage)]).await;
        self.bench.run(jobs[0], success(stage)).await;
    }
}

fn later(after: Option<Duration>) -> Result<Sent, SendError> {
    Err(SendError::Later { why: "451 busy".to_owned(), after })
}

#[tokio::test]
async fn what_is_due_goes_out_once_in_words() {
    let mut town = Town::new(vec![]).await;
    town.start();
    town.finished("a").await;
    let (message, to) = town.next().await;
    town.marked("sent", 1).await;
    assert_eq!(to, Address::Email("me@x.example".to_owned()));
    assert_eq!(message.title, "test is finished: 1 job, best 50.00 %");
    assert_eq!(message.link.as_deref(), Some("https://desk:7433/sweeps/s1"));
    assert!(message.id.starts_with("n1@") && message.id.len() > 16, "{}", message.id);
    town.end().await;
    assert!(town.taken.try_recv().is_err(), "once");
}

#[tokio::test]
async fn every_try_says_the_same_under_the_same_id() {
    let mut town = Town::new(vec![later(None), later(Some(Duration::from_mins(7)))]).await;
    town.start();
    town.finished("a").await;
    let first = town.next().await;
    town.end().await;
    town.bench.clock.advance(Duration::from_secs(30));
    town.start();
    let second = town.next().await;
    town.end().await;
    // Somebody begins it again; what is said is how it was.
    town.bench.clock.advance(Duration::from_secs(61));
    town.start();
    town.end().await;
    assert!(town.taken.try_recv().is_err(), "its server asked for seven minutes");
    town.bench.clock.advance(Duration::from_mins(6));
    town.start();
    let third = town.next().await;
    town.marked("sent", 1).await;
    assert_eq!((&first, &second), (&second, &third));
    let row = town.bench.store.copies(false, 1).await.unwrap().remove(0);
    assert_eq!((row.tries, row.answer.as_str()), (3, "taken"));
    town.end().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let never = Err(SendError::Never { why: "550 no such user".to_owned() });
    let mut town = Town::new(vec![never]).await;
    town.start();
    town.finished("a").await;
    town.next().await;
    town.marked("failed", 1).await;
    let row = town.bench.store.copies(false, 1).await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.answer.as_str()), ("failed", "550 no such user"));
    town.end().await;
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_after_days() {
    let mut town = Town::new(vec![later(None)]).await;
    town.finished("a").await;
    town.bench.clock.advance(Duration::from_hours(72));
    town.start();
    town.next().await;
    town.marked("failed", 1).await;
    let row = town.bench.store.copies(false, 1).await.unwrap().remove(0);
    assert!(row.answer.starts_with("given up after 1 tries since 2023-11-14") && row.answer.ends_with("451 busy"));
    town.end().await;
}

#[tokio::test]
async fn a_flood_is_ten_messages_of_which_the_last_tells_the_rest() {
    let mut town = Town::new(vec![]).await;
    for n in 0..25 {
        town.finished(&format!("stage{n}")).await;
    }
    town.start();
    let mut titles = Vec::new();
    for _ in 0..10 {
        titles.push(town.next().await.0.title);
    }
    town.marked("sent", 10).await;
    assert!(titles[..9].iter().all(|title| title.starts_with("test is finished")), "{titles:?}");
    assert!(
        titles[9].starts_with("16 notices: test is finished") && titles[9].ends_with("and 15 more"),
        "{}",
        titles[9]
    );
    town.finished("late").await;
    town.end().await;
    assert!(town.taken.try_recv().is_err(), "the next has to wait");
    town.bench.clock.advance(Duration::from_mins(5));
    town.start();
    assert!(town.next().await.0.title.starts_with("test is finished"));
    town.end().await;
}

#[tokio::test]
async fn jobs_that_failed_are_told_when_their_window_is_over() {
    let mut town = Town::new(vec![]).await;
    let fragile = |stage: &str| NewJob { retries: 0, ..job(stage) };
    let (_, jobs) = town.bench.submit(vec![fragile("a"), fragile("b"), job("c")]).await;
    town.bench.run(jobs[0], failure(FailureClass::OutOfMemory)).await;
    town.bench.run(jobs[1], failure(FailureClass::BadInput)).await;
    town.bench.clock.advance(Duration::from_mins(2));
    town.start();
    let (message, _) = town.next().await;
    assert_eq!(message.title, "test: 2 jobs failed (1 bad input, 1 out of memory)");
    assert!(
        message.lines[0].starts_with("j1 a failed, out of memory: ran out of memory on the CPU of agent-1: it was"),
        "{:?}",
        message.lines
    );
    assert!(message.lines.iter().any(|line| line.contains("`sweep retry s1`")), "{:?}", message.lines);
    assert!(message.lines.last().unwrap().starts_with("The sweep goes on: 2 of 3 jobs"), "{:?}", message.lines);
    town.end().await;
}
