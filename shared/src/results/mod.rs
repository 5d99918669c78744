//! What came out, made comparable: points that differ by their seed only are one group with mean and deviation (`fold`), what
//! nothing beats is on the front (`front`), and each metric's name says in which unit it is written and whether more of it is
//! better (`quantity`). The command line's tables, the pages and the notices all count in this way.

mod fold;
mod front;
mod quantity;

pub use fold::{Group, Measured, Value, fold, title};
pub use front::{Better, front};
pub use quantity::{Quantity, Unit};
