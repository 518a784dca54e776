//! Where tickets are kept. Every statement is led by the workspace, and races are decided here: by a
//! version in each `update`, and by the unique index on the conversation of a live shared ticket.

pub mod catalog;
pub mod conversations;
pub mod departures;
pub mod inbox;
pub mod lists;
mod migration;
mod rows;
pub mod tickets;

#[cfg(test)]
mod tests;

use sea_orm::{ConnectionTrait, Statement, Value};

pub use migration::Migrator;

fn statement<V>(db: &impl ConnectionTrait, sql: impl Into<String>, values: V) -> Statement
where
    V: IntoIterator<Item = Value>,
{
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// `$3, $4, $5`: places for `count` values, from number `first`.
fn list(first: usize, count: usize) -> String {
    let numbers = first..first + count;
    let places: Vec<String> = numbers.map(|number| format!("${number}")).collect();
    places.join(", ")
}
