//! What many browsers may look at at once: rendered once, when something happens that concerns it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Asked;
use super::pages::LivePage;
use super::state::Rendered;
use crate::api::Api;
use crate::share::Share;

/// How often at most.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A topic is rendered no more often than this.
    pub gap: Duration,
    /// The share of the time that all renderings together may take in the long run.
    pub share: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { gap: Duration::from_secs(1), share: 0.03 }
    }
}

/// Renderings that take long are rested off: a page of 50 000 jobs is shown anew less often.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// What is shown, or why it is not.
pub type Shown = Option<Result<Arc<Vec<Rendered>>, StatusCode>>;

/// All topics that somebody looks at.
#[derive(Clone)]
pub struct Topics(Arc<Inner>);

struct Inner {
    api: Api,
    pace: Pace,
    topics: Mutex<HashMap<String, Weak<Topic>>>,
    /// Whoever renders holds it, so that they take turns.
    share: tokio::sync::Mutex<Share>,
}

/// Lives as long as somebody holds it.
pub struct Topic {
    shown: watch::Receiver<Shown>,
    _rendering: DropGuard,
}

impl Topic {
    pub fn watch(&self) -> watch::Receiver<Shown> {
        self.shown.clone()
    }
}

impl Topics {
    pub fn new(api: Api, pace: Pace) -> Self {
        let share = Share::new(pace.share, Instant::now()).resting_up_to(LONGEST_REST);
        Self(Arc::new(Inner { api, pace, topics: Mutex::default(), share: tokio::sync::Mutex::new(share) }))
    }

    /// The topic that is looked at, which begins with its first reader.
    pub fn of(&self, page: &'static LivePage, asked: Asked) -> Arc<Topic> {
        let key = key(page, &asked);
        let mut topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.retain(|_, topic| topic.strong_count() > 0);
        if let Some(topic) = topics.get(&key).and_then(Weak::upgrade) {
            return topic;
        }
        let over = CancellationToken::new();
        let (tell, shown) = watch::channel(None);
        let topic = Arc::new(Topic { shown, _rendering: over.clone().drop_guard() });
        topics.insert(key, Arc::downgrade(&topic));
        let renderer = Renderer { inner: self.0.clone(), page, asked, tell };
        tokio::spawn(async move {
            let stop = renderer.inner.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = over.cancelled() => {}
                () = renderer.run() => {}
            }
        });
        topic
    }

    /// How many somebody looks at.
    pub fn watched(&self) -> usize {
        let topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.values().filter(|topic| topic.strong_count() > 0).count()
    }
}

/// Fields in whatever order they were asked for.
fn key(page: &LivePage, asked: &Asked) -> String {
    let mut fields: Vec<_> = asked.fields.pairs().collect();
    fields.sort_unstable();
    format!("{}\n{:?}\n{:?}\n{}", page.path, asked.place, fields, asked.may_change)
}

struct Renderer {
    inner: Arc<Inner>,
    page: &'static LivePage,
    asked: Asked,
    tell: watch::Sender<Shown>,
}

impl Renderer {
    async fn run(self) {
        let api = &self.inner.api;
        loop {
            // Registered before anything is read, so that nothing falls between.
            let (mut commits, mut told) = (api.store.watch(), api.board.watch());
            self.render().await;
            tokio::time::sleep(self.inner.pace.gap).await;
            let mut tick = std::pin::pin!(tokio::time::sleep(self.page.tick));
            loop {
                let concerns = tokio::select! {
                    commit = commits.recv() => match commit {
                        Ok(changes) => self.page.about.concerns(&self.asked, &changes),
                        Err(RecvError::Lagged(_)) => true,
                        Err(RecvError::Closed) => return,
                    },
                    progress = told.recv() => match progress {
                        Ok((sweep, job)) => self.page.about.is_told(&self.asked, sweep, job),
                        Err(RecvError::Lagged(_)) => true,
                        Err(RecvError::Closed) => return,
                    },
                    () = tick.as_mut() => true,
                };
                if concerns {
                    break;
                }
            }
        }
    }

    /// In its turn, and after what those before have to rest.
    async fn render(&self) {
        let mut share = self.inner.share.lock().await;
        let rest = share.rest(Instant::now());
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        let began = Instant::now();
        let parts = (self.page.parts)(self.inner.api.clone(), self.asked.clone()).await;
        let shown = match parts {
            Ok(parts) => Ok(Arc::new(parts.into_iter().map(Rendered::from).collect::<Vec<_>>())),
            Err(trouble) => {
                tracing::debug!(?trouble, page = self.page.path, "a live page could not be made");
                Err(trouble.status())
            }
        };
        share.spend(Instant::now(), began.elapsed());
        drop(share);
        self.tell.send_if_modified(|before| {
            let differs = match (&*before, &shown) {
                (Some(Ok(before)), Ok(shown)) => before != shown,
                // What was shown stays, while the database has its troubles.
                (Some(Ok(_)), Err(status)) => !status.is_server_error(),
                _ => true,
            };
            if differs {
                *before = Some(shown);
            }
            differs
        });
    }
}
