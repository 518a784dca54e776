//! A service's database: opening it, its schema, its transactions. Without this crate each service
//! would have to know what SQLite and Postgres each need to be safe.

pub mod migration;
mod open;
pub mod requests;
mod rows;
mod secret;

pub use open::{Database, OpenError};
pub use rows::{chunk, chunks, tuples, tuples_from};
pub use secret::page_key;
