//! Stories on a real database.

mod access;
mod amend;
mod audit;
mod cancel;
mod clock;
mod curves;
mod facts;
mod fencing;
mod flow;
mod generation;
mod limits;
mod lineage;
mod memory;
mod migrate;
mod model;
mod pause;
mod places;
mod poison;
mod priority;
mod reuse;
mod schema;
mod writer;
