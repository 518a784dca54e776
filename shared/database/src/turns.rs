//! Turns: who decides on things that no row stands for.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// How a transaction holds what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Beside others that hold it shared.
    Shared,
    /// Alone.
    Alone,
}

/// Waits until this transaction may hold each of these numbers of a kind, and holds them to its end.
/// They are taken in ascending order, so that nobody waits in a circle. On SQLite a transaction that
/// writes is alone anyway. The next statement sees what those before have committed.
///
/// # Errors
/// When somebody holds one for too long, or the database fails.
pub async fn take_turns(
    tx: &impl ConnectionTrait,
    kind: i32,
    turn: Turn,
    numbers: impl IntoIterator<Item = i32>,
) -> Result<(), DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let mut numbers: Vec<i32> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let function = match turn {
        Turn::Shared => "pg_advisory_xact_lock_shared",
        Turn::Alone => "pg_advisory_xact_lock",
    };
    // one round trip; the rows of an array come in its order
    let listed: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    if listed.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "select {function}($1, number) from unnest(string_to_array($2, ',')::int4[]) number"
    );
    let values = [kind.into(), listed.join(",").into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    tx.execute_raw(statement).await?;
    Ok(())
}

/// A number for something that is named by texts. Two may share one: then they wait for each other
/// without need, and nothing else happens.
pub fn number_of(texts: &[&str]) -> i32 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    }) as i32
}
