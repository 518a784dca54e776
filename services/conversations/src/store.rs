//! Rows: every statement names its tenant first and follows an index that does too.

pub mod departures;
mod lists;
pub mod migration;
mod read;
mod rows;
mod views;
mod write;

use sea_orm::{DbErr, SqlErr};

pub use lists::{Inbox, Place, contact_conversations, contact_parts, conversations, parts};
pub use read::{
    For, among_contacts, batch, find, find_for_contact, members, newest_stamps, of_keys,
};
pub use views::{Whose, views};
pub use write::{receipt, save};

/// Why rows cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another writer was faster: start over.
    #[error("another writer was faster")]
    Conflict,
    /// The database failed.
    #[error(transparent)]
    Database(DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            // every unique key here decides a race
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Conflict,
            _ => Self::Database(error),
        }
    }
}

impl From<Error> for DbErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error,
            Error::Conflict => Self::Custom(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
