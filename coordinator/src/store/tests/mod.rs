//! Stories on a real database.

mod cancel;
mod fencing;
mod flow;
mod generation;
mod limits;
mod migrate;
mod pause;
mod poison;
mod priority;
mod reuse;
mod schema;
mod writer;
