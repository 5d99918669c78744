//! How much memory jobs need, what is learnt from those that ran, and what is done when it was not enough. Decisions only: the
//! store reads and writes, the scheduler places.
//!
//! A job comes with predictions (`predict`) for each class of device and each number of parts that its batches can be split into:
//! [`Needs`]. What attempts really took is kept by *likeness* ([`Learned`]), and once something like a job has run to its end, its
//! peak with a margin is what the next is promised ([`reservation`]). Where an attempt ran out of memory all the same, a
//! [`remedy`] is looked for: a larger device, which changes nothing of the result; else smaller parts of each batch; else the
//! job fails and says what was tried. There are so many device sizes and halvings, and no more, so this comes to an end by itself;
//! none of it spends a retry.

mod learned;
mod needs;
mod remedy;

pub use learned::{Learned, Seen, reservation};
pub use needs::{Needs, NeedsByParts, numbers_of_parts, to_json};
pub use remedy::{DeviceSize, Remedy, Shortage, remedy, split};
