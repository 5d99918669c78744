//! What runners make, on its way to the coordinator: checkpoints beside the work, of those that wait only the newest; the
//! result at the end.

use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::spec::MAIN_POINT;
use sweep_worker::simulation::{Checkpoint, End, Input, News, Point, Success};

use super::World;
use super::chain::{checkpoint_bytes, has_result, result};
use super::runner::{Lane, Stage};
use super::transfer::Purpose;

impl World {
    /// A checkpoint of where it is goes on its way.
    pub fn checkpoint(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        let bytes = checkpoint_bytes(&run.tag, run.epoch, run.step, run.state);
        let (epoch, step) = (run.epoch, run.step);
        let checkpoint = Checkpoint { epoch, step, files: vec![file("checkpoint", &bytes)] };
        run.lane.waiting = Some(checkpoint);
        self.hosts[host].disk.cache.insert(ContentHash::of(&bytes), bytes);
        self.truth.of(token).checkpoints.insert((epoch, step));
        self.next_checkpoint(host, token);
    }

    fn next_checkpoint(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        if run.lane.uploading.is_some() {
            return;
        }
        let Some(checkpoint) = run.lane.waiting.take() else { return };
        let hash = checkpoint.files[0].hash.clone().expect("it was hashed");
        run.lane.uploading = Some(checkpoint);
        self.begin_transfer(host, Purpose::Checkpoint { token, hash });
    }

    /// A checkpoint has arrived at the coordinator.
    pub fn checkpoint_uploaded(&mut self, host: usize, token: Token) {
        let Some(checkpoint) = self.run_of(host, token).and_then(|run| run.lane.uploading.take()) else { return };
        self.feed(host, Input::News(token, News::Checkpoint(checkpoint)));
        self.next_checkpoint(host, token);
        let Some(run) = self.run_of(host, token) else { return };
        if let Stage::Delivering(end) = &run.stage
            && !run.has_checkpoints()
            && !matches!(**end, End::Success(_))
        {
            let end = (**end).clone();
            self.ended(host, token, end);
        }
    }

    pub fn succeed(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        if !has_result(&run.assign.spec) {
            return self.ended(host, token, End::Success(Success::default()));
        }
        let bytes = result(run.state);
        let files = vec![file("result", &bytes)];
        let hash = ContentHash::of(&bytes);
        let point = Point { name: MAIN_POINT.to_owned(), metrics: Default::default(), files };
        run.stage = Stage::Delivering(Box::new(End::Success(Success { points: vec![point], artifacts: vec![] })));
        run.lane = Lane::default();
        self.hosts[host].disk.cache.insert(hash.clone(), bytes);
        self.feed(host, Input::News(token, News::Gone));
        self.begin_transfer(host, Purpose::Result { token, hash });
    }

    /// The result has arrived at the coordinator.
    pub fn result_uploaded(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        if let Stage::Delivering(end) = &run.stage {
            let end = (**end).clone();
            self.ended(host, token, end);
        }
    }
}

fn file(name: &str, bytes: &[u8]) -> FileRef {
    FileRef {
        name: name.to_owned(),
        path: String::new(),
        hash: Some(ContentHash::of(bytes)),
        size_bytes: bytes.len() as u64,
    }
}
