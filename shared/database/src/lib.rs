//! A service's database: opening it, its schema, its transactions. Without this crate each service
//! would have to know what SQLite and Postgres each need to be safe.

mod errand;
mod lower;
mod measure;
pub mod migration;
mod open;
mod passing;
pub mod requests;
mod rows;
mod secret;
mod turns;
mod walls;

pub use errand::migrate_errand;
pub use lower::lower_ascii;
pub use open::{Database, OpenError};
pub use passing::{is_passing, is_undone, retried};
pub use rows::{Given, chunks, given, tuples, tuples_from};
pub use secret::page_key;
pub use turns::{Turn, number_of, take_turns};
pub use walls::{Part, Walls, unwalled};
