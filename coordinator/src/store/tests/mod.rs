//! Stories on a real database.

mod cancel;
mod fencing;
mod flow;
mod priority;
mod reuse;
mod schema;
mod writer;
