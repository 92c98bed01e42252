//! The numbers that a node counts while it works, and their text: summaries of durations, counters, and the two formats
//! that they are read in. Beside them, the id of the request that a thread is working on, for lines of the log.
//!
//! Counting is for the request path: no lock, no allocation, and no line of memory that all threads write. Whatever is
//! dear (quantiles, text) is paid for by whoever reads. Nothing here reads a clock, opens a file or knows a name that is
//! counted under; it must never be given a secret, or the name of one, as a label.

mod counter;
mod exposition;
mod labeled;
mod summary;
mod tag;
pub mod trace;

pub use counter::Counter;
pub use exposition::{Label, Page, Settings, prometheus_name};
pub use labeled::Labeled;
pub use summary::{Reading, Summary};
pub use tag::{Tag, tagged};
