//! Many rows at once: found by their keys, or written.

use database::given;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{
    many,
    records::{Column, ConversationRecord, TicketRecord},
};

/// A table, and how many of its columns, from the first on, are its primary key.
pub(super) struct Table<const N: usize> {
    name: &'static str,
    columns: [Column; N],
    key: usize,
}

pub(super) const TICKETS: Table<17> = Table {
    name: "ticket_inbox",
    columns: TicketRecord::COLUMNS,
    key: 3,
};
pub(super) const CONVERSATIONS: Table<17> = Table {
    name: "conversation_inbox",
    columns: ConversationRecord::COLUMNS,
    key: 3,
};
pub(super) const VERSIONS: Table<5> = Table {
    name: "contact_version",
    columns: [
        ("workspace_id", "text"),
        ("contact_id", "text"),
        ("version", "bigint"),
        ("tickets_version", "bigint"),
        ("conversations_version", "bigint"),
    ],
    key: 2,
};
/// The explicit reads.
pub(super) const READS: Table<4> = Table {
    name: "ticket_read",
    columns: [
        ("workspace_id", "text"),
        ("contact_id", "text"),
        ("ticket_id", "text"),
        ("revision", "bigint"),
    ],
    key: 3,
};

impl<const N: usize> Table<N> {
    /// Every column but the key becomes what was to be inserted.
    pub(super) fn replaced(&self) -> String {
        let set: Vec<String> = self.columns[self.key..]
            .iter()
            .map(|(column, _)| format!("{column} = excluded.{column}"))
            .collect();
        set.join(", ")
    }

    fn names(&self, count: usize) -> String {
        self.columns[..count]
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The rows with these keys, or with keys that begin so.
///
/// # Errors
/// When the database fails.
pub(super) async fn found<T: FromQueryResult, const N: usize, const K: usize>(
    tx: &impl ConnectionTrait,
    table: &Table<N>,
    keys: Vec<[Value; K]>,
) -> Result<Vec<T>, DbErr> {
    let key: [Column; K] = std::array::from_fn(|column| table.columns[column]);
    let same = key.map(|(name, _)| format!("found.{name} = wanted.{name}"));
    let mut records = Vec::with_capacity(keys.len());
    for wanted in given(tx.get_database_backend(), &key.map(|(_, of)| of), &keys)? {
        // a join with the keys is as many look-ups by primary key; `in` with pairs is not portable
        let sql = format!(
            "with wanted ({}) as ({}) select found.* from wanted join {} found on {}",
            table.names(K),
            wanted.sql,
            table.name,
            same.join(" and ")
        );
        records.extend(many::<T>(tx, &sql, wanted.values).await?);
    }
    Ok(records)
}

/// Inserts rows, or changes those that are there as `set` says.
///
/// # Errors
/// When the database fails.
pub(super) async fn upsert<const N: usize>(
    tx: &impl ConnectionTrait,
    table: &Table<N>,
    rows: Vec<[Value; N]>,
    set: &str,
) -> Result<(), DbErr> {
    let types = table.columns.map(|(_, of)| of);
    for fresh in given(tx.get_database_backend(), &types, &rows)? {
        let sql = format!(
            "insert into {} ({}) {} on conflict ({}) do update set {set}",
            table.name,
            table.names(N),
            fresh.sql,
            table.names(table.key)
        );
        execute(tx, &sql, fresh.values).await?;
    }
    Ok(())
}

pub(super) async fn execute(
    tx: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    tx.execute_raw(statement).await?;
    Ok(())
}
