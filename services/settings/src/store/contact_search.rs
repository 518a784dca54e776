//! Finding contacts by how something of theirs begins, each way by an index of its own that begins with the
//! workspace. The database folds the case, of what is kept and of what is asked for alike: SQLite that of ASCII
//! alone.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::{MigrationName, MigrationTrait, SchemaManager};
use types::WorkspaceId;

use super::{all, contacts::contact};
use crate::domain::Contact;

/// Sorts behind whatever a text may go on with.
const LAST: &str = "\u{10FFFF}";

/// Who is not looked for: part of another contact by now, or forgotten.
const SOMEBODY: &str = "merged_into is null and erased_at is null";

/// What of a contact begins with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Their name.
    Name,
    /// Their address.
    Email,
    /// The workspace's own id for a user. What stands in its place for others, or what they claim without
    /// proof, finds nobody.
    UserId,
}

impl By {
    /// In the order in which people mean them.
    pub const ALL: [Self; 3] = [Self::Name, Self::Email, Self::UserId];

    fn index(self) -> &'static str {
        match self {
            Self::Name => "contact_by_name",
            Self::Email => "contact_by_email",
            Self::UserId => "contact_by_user_id",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::UserId => "user_id",
        }
    }

    /// In an order in which those with the same beginning stand together, whatever the database's language is.
    fn key(self, backend: DbBackend) -> String {
        let collated = match backend {
            DbBackend::Postgres => " collate \"C\"",
            _ => "",
        };
        format!("(lower({}){collated})", self.column())
    }

    /// The rows that the index holds; a statement has to say it in the same words.
    fn held(self) -> String {
        match self {
            Self::UserId => format!("kind = 'USER' and {SOMEBODY}"),
            // most visitors have neither
            Self::Name | Self::Email => format!("{} <> '' and {SOMEBODY}", self.column()),
        }
    }
}

/// Contacts one of whose traits begins with the text, in its order.
///
/// # Errors
/// When the database fails.
pub async fn beginning(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    by: By,
    text: &str,
    most: usize,
) -> Result<Vec<Contact>, DbErr> {
    let (key, held) = (by.key(db.get_database_backend()), by.held());
    let sql = format!(
        "select id, kind, user_id, claimed_user_id, name, email, created_at, merged_into, erased_at \
         from contact where workspace_id = $1 and {key} >= lower($2) and {key} < lower($2) || $3 \
         and {held} order by {key}, id limit $4"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = all(db, workspace, &sql, [text.into(), LAST.into(), most.into()]).await?;
    rows.iter().map(contact).collect()
}

pub(super) struct Indexes;

impl MigrationName for Indexes {
    fn name(&self) -> &str {
        "m0103_contact_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Indexes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key = |by: By| by.key(manager.get_database_backend());
        for by in By::ALL {
            let sql = format!(
                "create index {} on contact (workspace_id, {}, id) where {}",
                by.index(),
                key(by),
                by.held()
            );
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
