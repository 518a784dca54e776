//! The rows of all inboxes: written in the transaction of the events they follow from, read by index
//! with a cost that does not grow with a contact's history.

pub mod departures;
mod records;
mod renew;
mod sets;
mod write;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::LazyLock};

use database::Database;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, Statement, Value};
use types::{ContactId, WorkspaceId};

use self::records::{Column, ConversationRecord, TicketRecord};
use crate::projection::{CARD, Inbox, InboxConversation, InboxTicket, TicketId};

/// Inboxes that one statement lists.
const INBOXES: usize = 1_000;

pub use renew::renew;
pub use write::{Marked, Source, apply, begin_epoch, blank, mark_read};

/// Whose inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The customer.
    pub contact: ContactId,
}

impl InboxId {
    fn values(&self) -> [Value; 2] {
        [self.workspace.as_str().into(), self.contact.as_str().into()]
    }
}

/// Where an inbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Version {
    /// Grows with every rebuild.
    pub epoch: u64,
    /// Grows with every change of this contact's inbox.
    pub version: u64,
    /// The version at which anything about tickets last changed.
    pub tickets: u64,
    /// The version at which anything about conversations last changed.
    pub conversations: u64,
}

impl Version {
    /// Whether an inbox of this version says more than one of the other.
    pub fn newer_than(self, other: Self) -> bool {
        (self.epoch, self.version) > (other.epoch, other.version)
    }

    /// Whether inboxes of both versions say the same.
    pub fn same_as(self, other: Self) -> bool {
        (self.epoch, self.version) == (other.epoch, other.version)
    }
}

/// An inbox at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it shows.
    pub inbox: Inbox,
    /// Where it stands.
    pub version: Version,
}

#[derive(FromQueryResult)]
struct Counts {
    epoch: i64,
    version: i64,
    tickets_version: i64,
    conversations_version: i64,
    unread_tickets: i64,
    unread_conversations: i64,
    visible: i64,
}

/// R2: active tickets, the last update on top.
const ON_CARD: &str = "select * from ticket_inbox where workspace_id = $1 and contact_id = $2 \
    and visible and category <> 4 \
    order by ticket_update_time desc, create_time desc, ticket_id desc limit $3";

const LATEST_CONVERSATION: &str = "select * from conversation_inbox where workspace_id = $1 \
    and contact_id = $2 and participant and not deleted and last_message_time is not null \
    order by last_message_time desc, conversation_id desc limit 1";

/// An inbox, whole: each part from its own index, all in one statement, so that they are of one moment
/// and cost one round trip. A row for each ticket on the card, in no order, or one without; the rest is in
/// every row. The ticket of the latest conversation is one at most, but while an unlink and the next link
/// are on their way there may be two.
static INBOX: LazyLock<String> = LazyLock::new(|| {
    let named = |table: &str, columns: &[Column]| -> String {
        let columns = columns
            .iter()
            .map(|(name, _)| format!("{table}.{name} as {table}_{name}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    format!(
        "select e.epoch, coalesce(v.version, 0) as version, \
         coalesce(v.tickets_version, 0) as tickets_version, \
         coalesce(v.conversations_version, 0) as conversations_version, \
         (select count(*) from ticket_inbox where workspace_id = $1 and contact_id = $2 and visible \
         and notify_revision > explicit_revision and notify_revision > frontier_revision) \
         as unread_tickets, \
         (select count(*) from conversation_inbox where workspace_id = $1 and contact_id = $2 \
         and participant and not deleted and last_foreign_message_seq > read_seq) \
         as unread_conversations, \
         (select count(*) from (select 1 as one from ticket_inbox where workspace_id = $1 \
         and contact_id = $2 and visible limit 1) as any_visible) as visible, {}, {}, {} \
         from projection_epoch e \
         left join contact_version v on v.workspace_id = $1 and v.contact_id = $2 \
         left join ({ON_CARD}) t on true \
         left join ({LATEST_CONVERSATION}) c on true \
         left join ticket_inbox l on l.workspace_id = $1 and l.contact_id = $2 and l.ticket_id = \
         (select ticket_id from ticket_inbox where workspace_id = $1 and contact_id = $2 \
         and conversation_id = c.conversation_id and visible \
         order by ticket_update_time desc, create_time desc, ticket_id desc limit 1)",
        named("t", &TicketRecord::COLUMNS),
        named("c", &ConversationRecord::COLUMNS),
        named("l", &TicketRecord::COLUMNS),
    )
});

/// Reads inboxes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Database,
}

impl Store {
    /// Over the service's database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// An inbox, whole, as of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox(&self, id: &InboxId) -> Result<Snapshot, DbErr> {
        let db = self.db.of(&id.workspace);
        let [workspace, contact] = id.values();
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                INBOX.as_str(),
                [workspace, contact, (CARD as i64).into()],
            ))
            .await?;
        let first = rows
            .first()
            .ok_or_else(|| DbErr::RecordNotFound("projection_epoch".into()))?;
        let counts = Counts::from_query_result(first, "")?;
        let mut on_card = Vec::with_capacity(rows.len());
        for row in &rows {
            on_card.extend(TicketRecord::of(row, "t_")?);
        }
        // the one place where the order of the rows is not the database's
        on_card.sort_by(|one, other| other.place().cmp(&one.place()));
        Ok(Snapshot {
            inbox: Inbox {
                unread_tickets: badge(counts.unread_tickets),
                unread_conversations: badge(counts.unread_conversations),
                recent_tickets: tickets(on_card)?,
                any_ticket_visible: counts.visible > 0,
                latest_conversation: latest_conversation(first)?,
            },
            version: Version {
                epoch: counts.epoch as u64,
                version: counts.version as u64,
                tickets: counts.tickets_version as u64,
                conversations: counts.conversations_version as u64,
            },
        })
    }

    /// Where an inbox stands: no more than a look at two keys.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn version(&self, id: &InboxId) -> Result<Version, DbErr> {
        #[derive(FromQueryResult)]
        struct Found {
            epoch: i64,
            version: i64,
            tickets_version: i64,
            conversations_version: i64,
        }
        let sql = "select e.epoch, coalesce(v.version, 0) as version, \
                   coalesce(v.tickets_version, 0) as tickets_version, \
                   coalesce(v.conversations_version, 0) as conversations_version \
                   from projection_epoch e left join contact_version v \
                   on v.workspace_id = $1 and v.contact_id = $2";
        let found = one::<Found>(&self.db.of(&id.workspace), sql, id.values()).await?;
        let found = found.ok_or_else(|| DbErr::RecordNotFound("projection_epoch".into()))?;
        Ok(Version {
            epoch: found.epoch as u64,
            version: found.version as u64,
            tickets: found.tickets_version as u64,
            conversations: found.conversations_version as u64,
        })
    }

    /// The epoch that every inbox is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn epoch(&self) -> Result<u64, DbErr> {
        #[derive(FromQueryResult)]
        struct Found {
            epoch: i64,
        }
        let sql = "select epoch from projection_epoch";
        let found = one::<Found>(self.db.read(), sql, []).await?;
        let found = found.ok_or_else(|| DbErr::RecordNotFound("projection_epoch".into()))?;
        Ok(found.epoch as u64)
    }

    /// Whether other processes write here too.
    pub fn is_shared(&self) -> bool {
        self.db.is_shared()
    }

    /// The read revision of each of these tickets of which the contact has read anything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ticket_reads(
        &self,
        id: &InboxId,
        ticket_ids: &[TicketId],
    ) -> Result<Vec<(TicketId, u64)>, DbErr> {
        let marks: Vec<String> = (0..ticket_ids.len())
            .map(|i| format!("${}", i + 3))
            .collect();
        let sql = format!(
            "select * from ticket_inbox where workspace_id = $1 and contact_id = $2 and ticket_id in ({})",
            marks.join(", ")
        );
        let ids = ticket_ids.iter().map(|id| Value::from(id.as_str()));
        let records: Vec<TicketRecord> = many(
            &self.db.of(&id.workspace),
            &sql,
            id.values().into_iter().chain(ids),
        )
        .await?;
        let rows: Vec<_> = records
            .into_iter()
            .map(TicketRecord::parse)
            .collect::<Result<_, DbErr>>()?;
        Ok(rows
            .into_iter()
            .map(|(_, ticket_id, row)| (ticket_id, row.read_revision()))
            .filter(|(_, revision)| *revision > 0)
            .collect())
    }

    /// Every inbox with rows, read some at a time: however many there are, no statement takes long.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inboxes(&self) -> Result<BTreeSet<InboxId>, DbErr> {
        #[derive(FromQueryResult)]
        struct Found {
            workspace_id: String,
            contact_id: String,
        }
        let mut inboxes = BTreeSet::new();
        for table in ["ticket_inbox", "conversation_inbox"] {
            let sql = format!(
                "select distinct workspace_id, contact_id from {table} \
                 where (workspace_id, contact_id) > ($1, $2) \
                 order by workspace_id, contact_id limit {INBOXES}"
            );
            let mut after = (String::new(), String::new());
            loop {
                let values = [after.0.as_str().into(), after.1.as_str().into()];
                let found = many::<Found>(self.db.read(), &sql, values).await?;
                for found in &found {
                    let id = records::inbox_id(&found.workspace_id, &found.contact_id)?;
                    inboxes.insert(id);
                }
                match found.into_iter().next_back() {
                    Some(last) => after = (last.workspace_id, last.contact_id),
                    None => break,
                }
            }
        }
        Ok(inboxes)
    }
}

fn latest_conversation(row: &QueryResult) -> Result<Option<InboxConversation>, DbErr> {
    let Some(record) = ConversationRecord::of(row, "c_")? else {
        return Ok(None);
    };
    let linked = TicketRecord::of(row, "l_")?;
    let ticket = tickets(linked.into_iter().collect())?.pop();
    let (_, conversation_id, told) = record.parse()?;
    Ok(Some(InboxConversation::of(
        &conversation_id,
        &told.state,
        ticket,
    )))
}

fn tickets(records: Vec<TicketRecord>) -> Result<Vec<InboxTicket>, DbErr> {
    let rows = records.into_iter().map(TicketRecord::parse);
    rows.filter_map(|row| {
        row.map(|(_, ticket_id, row)| InboxTicket::of(&ticket_id, &row))
            .transpose()
    })
    .collect()
}

/// A count that does not fit is as good as the largest that does.
fn badge(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

async fn one<T: FromQueryResult>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    T::find_by_statement(statement).one(db).await
}

async fn many<T: FromQueryResult>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    T::find_by_statement(statement).all(db).await
}
