//! One epoch's batches, prepared by a background thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use tch::{TchError, Tensor};

use super::augment::{Augment, Transform};
use super::dataset::{CHANNELS, Split};
use super::error::DataError;
use super::normalise::Normaliser;
use super::order::{keyed_bits, shuffled};

/// Batches that wait, ready, for the training thread. Two hide the jitter of one; more would only cost memory.
const PREFETCH: usize = 2;

/// Images and labels of one step.
#[derive(Debug)]
pub struct Batch {
    /// `[N, C, H, W]` in channels-last memory, f32, normalised, on the CPU.
    pub images: Tensor,
    /// `[N]`, int64.
    pub labels: Tensor,
}

impl Batch {
    /// `count` of its images from `start` on, sharing its memory.
    pub fn part(&self, start: i64, count: i64) -> Result<Batch, TchError> {
        Ok(Batch { images: self.images.f_narrow(0, start, count)?, labels: self.labels.f_narrow(0, start, count)? })
    }
}

/// How a split is turned into batches; cheap to clone.
#[derive(Debug, Clone)]
pub struct Loader {
    split: Arc<Split>,
    normaliser: Arc<Normaliser>,
    batch: usize,
    /// Seed of order and augmentation; `None` keeps the split's order and its pixels.
    random: Option<(u64, Augment)>,
}

impl Loader {
    /// For training: shuffled and augmented anew every epoch, as functions of `seed` and the epoch.
    pub fn training(
        split: Arc<Split>,
        normaliser: Arc<Normaliser>,
        batch: usize,
        seed: u64,
        augment: Augment,
    ) -> Loader {
        Loader { split, normaliser, batch: batch.max(1), random: Some((seed, augment)) }
    }

    /// For evaluation: the split's own order, nothing augmented.
    pub fn evaluation(split: Arc<Split>, normaliser: Arc<Normaliser>, batch: usize) -> Loader {
        Loader { split, normaliser, batch: batch.max(1), random: None }
    }

    /// Images of one epoch, including any that a dropped last batch would have held.
    pub fn images(&self) -> usize {
        self.split.len()
    }

    /// Images per step; the last step may have fewer.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Steps of one epoch. In training a last batch of a single image is dropped, because batch norm cannot normalise
    /// over one image.
    pub fn steps(&self) -> usize {
        let (len, batch) = (self.split.len(), self.batch);
        let lonely = self.random.is_some() && batch > 1 && len > 1 && len % batch == 1;
        len.div_ceil(batch) - usize::from(lonely)
    }

    /// The batches of `epoch`, from step `start` on. They are the same for every `start`: step k is step k.
    pub fn epoch(&self, epoch: u64, start: usize) -> Batches {
        let (sender, receiver) = sync_channel(PREFETCH);
        let loader = self.clone();
        let steps = self.steps();
        let producer = std::thread::Builder::new().name("batches".into()).spawn(move || {
            let order = loader.order(epoch);
            for step in start..steps {
                let batch = loader.prepare(&order, epoch, step);
                let failed = batch.is_err();
                // The receiver is gone when the training loop stopped early.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Batches { receiver: Some(receiver), left: steps.saturating_sub(start), producer: producer.map_err(Some) }
    }

    fn order(&self, epoch: u64) -> Vec<u32> {
        match self.random {
            Some((seed, _)) => shuffled(self.split.len(), seed, epoch),
            None => (0..self.split.len() as u32).collect(),
        }
    }

    fn prepare(&self, order: &[u32], epoch: u64, step: usize) -> Result<Batch, DataError> {
        let indices = &order[step * self.batch..order.len().min((step + 1) * self.batch)];
        let images = &self.split.images;
        let size = images.image_bytes();
        let mut buffer = vec![0f32; indices.len() * size];
        for (&index, out) in indices.iter().zip(buffer.chunks_exact_mut(size)) {
            self.transform(epoch, index).apply(images.image(index as usize), images.width, &self.normaliser, out);
        }
        let labels: Vec<i64> = indices.iter().map(|&index| i64::from(self.split.labels[index as usize])).collect();
        let shape = [indices.len() as i64, images.height as i64, images.width as i64, CHANNELS as i64];
        Ok(Batch {
            images: Tensor::f_from_slice(&buffer)?.f_view(shape)?.f_permute([0, 3, 1, 2])?,
            labels: Tensor::f_from_slice(&labels)?,
        })
    }

    fn transform(&self, epoch: u64, index: u32) -> Transform {
        match self.random {
            Some((seed, augment)) => augment.draw(keyed_bits(seed, epoch, u64::from(index))),
            None => Transform::IDENTITY,
        }
    }
}

/// An iterator over the batches of one epoch. Dropping it early stops its thread.
#[derive(Debug)]
pub struct Batches {
    receiver: Option<Receiver<Result<Batch, DataError>>>,
    left: usize,
    /// The thread, or why there is none.
    producer: Result<JoinHandle<()>, Option<std::io::Error>>,
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let received = self.receiver.as_ref().and_then(|receiver| receiver.recv().ok());
        let result = received.unwrap_or_else(|| Err(self.why_it_died()));
        if result.is_err() {
            self.left = 0;
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Batches {}

impl Batches {
    fn why_it_died(&mut self) -> DataError {
        let source = match &mut self.producer {
            Err(error) => error.take().unwrap_or_else(|| std::io::Error::other("no thread")),
            Ok(_) => std::io::Error::other("the thread that prepares batches panicked"),
        };
        DataError::Io { path: "batches".into(), source }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // The producer may be blocked on a full channel: closing it first lets the join return.
        drop(self.receiver.take());
        if let Ok(producer) = std::mem::replace(&mut self.producer, Err(None)) {
            let _ = producer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Images;
    use super::super::normalise::Statistics;
    use super::*;

    /// `len` images of 4×4 pixels; image k is filled with k and labelled k.
    fn split(len: usize) -> Arc<Split> {
        let pixels = (0..len).flat_map(|index| [index as u8; 48]).collect();
        let labels = (0..len as u16).collect();
        Arc::new(Split { images: Images { height: 4, width: 4, pixels }, labels })
    }

    fn plain() -> Arc<Normaliser> {
        Arc::new(Normaliser::new(&Statistics { mean: [0.0; 3], std: [1.0 / 255.0; 3] }))
    }

    fn contents(batches: Batches) -> Vec<(Vec<i64>, Vec<f32>)> {
        let both = |batch: Result<Batch, DataError>| {
            let batch = batch.unwrap();
            let pixels = Vec::<f32>::try_from(batch.images.contiguous().view(-1)).unwrap();
            (Vec::<i64>::try_from(&batch.labels).unwrap(), pixels)
        };
        batches.map(both).collect()
    }

    #[test]
    fn a_resumed_epoch_continues_with_the_same_batches() {
        let augment = Augment { flip: true, crop4: true };
        let loader = Loader::training(split(50), plain(), 8, 3, augment);
        let whole = contents(loader.epoch(5, 0));
        assert_eq!(whole.len(), 7);
        assert_eq!(contents(loader.epoch(5, 4)), whole[4..]);
        assert_ne!(contents(loader.epoch(6, 0)), whole);
    }

    #[test]
    fn an_epoch_shows_every_image_once_with_its_own_label() {
        let batches = contents(Loader::training(split(50), plain(), 8, 3, Augment::default()).epoch(0, 0));
        let mut seen: Vec<i64> = batches.iter().flat_map(|(labels, _)| labels.clone()).collect();
        for (labels, pixels) in &batches {
            for (label, image) in labels.iter().zip(pixels.chunks_exact(48)) {
                assert!(image.iter().all(|value| (value - *label as f32).abs() < 1e-3));
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<i64>>());
    }

    #[test]
    fn evaluation_keeps_the_order_and_the_last_image() {
        let loader = Loader::evaluation(split(17), plain(), 8);
        let labels: Vec<i64> = contents(loader.epoch(0, 0)).into_iter().flat_map(|(labels, _)| labels).collect();
        assert_eq!((labels, loader.steps()), ((0..17).collect(), 3));
    }

    #[test]
    fn training_drops_a_last_batch_of_one() {
        let loader = Loader::training(split(17), plain(), 8, 0, Augment::default());
        assert_eq!((loader.steps(), loader.epoch(0, 0).count()), (2, 2));
    }

    #[test]
    fn batches_are_channels_last() {
        let mut batches = Loader::evaluation(split(4), plain(), 4).epoch(0, 0);
        let images = batches.next().unwrap().unwrap().images;
        assert_eq!((images.size(), images.stride()), (vec![4, 3, 4, 4], vec![48, 1, 12, 3]));
    }

    #[test]
    fn leaving_an_epoch_early_ends_its_thread() {
        let mut batches = Loader::evaluation(split(200), plain(), 1).epoch(0, 0);
        assert!(batches.next().is_some());
        drop(batches); // would hang here if the thread waited for a reader for ever
    }
}
