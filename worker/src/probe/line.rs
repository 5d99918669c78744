//! A thread that asks a device, for callers whose patience ends.

use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use super::{Answer, Trouble};

/// How long a question may take. NVML answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The line to one device: one question at a time, and none after one that was not answered, so that a driver that hangs
/// costs one thread.
pub struct Line {
    questions: mpsc::Sender<oneshot::Sender<Answer>>,
    /// The answer that nobody waited for. The lock makes asking and deciding one step for whoever needs that.
    late: Mutex<Option<oneshot::Receiver<Answer>>>,
    patience: Duration,
}

impl Line {
    /// `ask` is called on a thread of this name, and may block there.
    pub fn new(name: &str, mut ask: impl FnMut() -> Answer + Send + 'static) -> Self {
        let (questions, asked) = mpsc::channel::<oneshot::Sender<Answer>>();
        let answer = move || {
            for answer in asked {
                // Who asked may have lost patience; then the answer is dropped.
                let _ = answer.send(ask());
            }
        };
        if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(answer) {
            tracing::error!(%error, "no thread for a GPU");
        }
        Self { questions, late: Mutex::new(None), patience: PATIENCE }
    }

    pub async fn ask(&self) -> Answer {
        let mut late = self.late.lock().await;
        if let Some(waiting) = late.as_mut() {
            match waiting.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return Err(silent()),
                // Old by now.
                Ok(_) | Err(oneshot::error::TryRecvError::Closed) => *late = None,
            }
        }
        let (answer, mut answered) = oneshot::channel();
        if self.questions.send(answer).is_err() {
            return Err(Trouble::Silent("the thread that asks it has ended".to_owned()));
        }
        match tokio::time::timeout(self.patience, &mut answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Trouble::Silent("the thread that asks it has ended".to_owned())),
            Err(_) => {
                *late = Some(answered);
                Err(silent())
            }
        }
    }
}

fn silent() -> Trouble {
    Trouble::Silent("NVML does not answer; its driver may hang".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Reading;

    #[tokio::test]
    async fn nothing_is_asked_of_a_device_that_has_not_answered() {
        let (go, gate) = mpsc::channel::<()>();
        let (asked, count) = mpsc::channel();
        let mut line = Line::new("test-line", move || {
            asked.send(()).unwrap();
            gate.recv().map_err(|_| Trouble::Lost("gone".to_owned()))?;
            Ok(Reading { free_bytes: 7, ..Reading::default() })
        });
        line.patience = Duration::from_millis(1);
        for _ in 0..3 {
            assert_eq!(line.ask().await, Err(silent()));
        }
        assert_eq!(
            count.iter().take(1).count() + count.try_iter().count(),
            1,
            "one question, and one thread that waits"
        );
        go.send(()).unwrap();
        line.late.lock().await.take().unwrap().await.unwrap().unwrap();
        line.patience = PATIENCE;
        go.send(()).unwrap();
        assert_eq!(line.ask().await.unwrap().free_bytes, 7);
    }
}
