//! The rows of all inboxes: written in the transaction of the events they follow from, read by index
//! with a cost that does not grow with a contact's history.

mod records;
mod write;

#[cfg(test)]
mod tests;

use database::Database;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, IsolationLevel,
    Statement, TransactionTrait, Value,
};
use types::{ContactId, WorkspaceId};

use self::records::{ConversationRecord, TicketRecord};
use crate::projection::{CARD, ConversationId, Inbox, InboxConversation, InboxTicket, TicketId};

pub use write::{Source, apply, begin_epoch, blank, mark_read};

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

/// Four things at once, each from its own index: a statement each would cost four round trips.
const COUNTS: &str = "select e.epoch, coalesce(v.version, 0) as version, \
    coalesce(v.tickets_version, 0) as tickets_version, \
    coalesce(v.conversations_version, 0) as conversations_version, \
    (select count(*) from ticket_inbox where workspace_id = $1 and contact_id = $2 and visible \
     and notify_revision > explicit_revision and notify_revision > frontier_revision) as unread_tickets, \
    (select count(*) from conversation_inbox where workspace_id = $1 and contact_id = $2 and participant \
     and not deleted and last_foreign_message_seq > read_seq) as unread_conversations, \
    (select count(*) from (select 1 as one from ticket_inbox where workspace_id = $1 and contact_id = $2 \
     and visible limit 1) as any_visible) as visible \
    from projection_epoch e \
    left join contact_version v on v.workspace_id = $1 and v.contact_id = $2";

/// R2: active tickets, the last update on top.
const ON_CARD: &str = "select * from ticket_inbox where workspace_id = $1 and contact_id = $2 \
    and visible and category <> 4 \
    order by ticket_update_time desc, create_time desc, ticket_id desc limit $3";

const LATEST_CONVERSATION: &str = "select * from conversation_inbox where workspace_id = $1 \
    and contact_id = $2 and participant and not deleted and last_message_time is not null \
    order by last_message_time desc, conversation_id desc limit 1";

/// At most one, but while an unlink and the next link are on their way there may be two.
const LINKED_TICKET: &str = "select * from ticket_inbox where workspace_id = $1 and contact_id = $2 \
    and conversation_id = $3 and visible \
    order by ticket_update_time desc, create_time desc, ticket_id desc limit 1";

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

    /// An inbox, whole, as of one moment. Four statements, each by an index of its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox(&self, id: &InboxId) -> Result<Snapshot, DbErr> {
        let tx = self.one_moment().await?;
        let counts = one::<Counts>(&tx, COUNTS, id.values())
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("projection_epoch".into()))?;
        let [workspace, contact] = id.values();
        let on_card =
            many::<TicketRecord>(&tx, ON_CARD, [workspace, contact, (CARD as i64).into()]);
        let recent_tickets = tickets(on_card.await?)?;
        let latest_conversation = latest_conversation(&tx, id).await?;
        tx.commit().await?;
        Ok(Snapshot {
            inbox: Inbox {
                unread_tickets: badge(counts.unread_tickets),
                unread_conversations: badge(counts.unread_conversations),
                recent_tickets,
                any_ticket_visible: counts.visible > 0,
                latest_conversation,
            },
            version: Version {
                epoch: counts.epoch as u64,
                version: counts.version as u64,
                tickets: counts.tickets_version as u64,
                conversations: counts.conversations_version as u64,
            },
        })
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
        let records: Vec<TicketRecord> =
            many(self.db.read(), &sql, id.values().into_iter().chain(ids)).await?;
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

    /// How many contacts have rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contacts(&self) -> Result<u64, DbErr> {
        #[derive(FromQueryResult)]
        struct Found {
            contacts: i64,
        }
        let sql = "select count(*) as contacts from (select workspace_id, contact_id from ticket_inbox \
                   union select workspace_id, contact_id from conversation_inbox) as known";
        let found = one::<Found>(self.db.read(), sql, []).await?;
        Ok(found.map_or(0, |found| found.contacts as u64))
    }

    /// A transaction whose statements all see the same moment: counts and rows belong together.
    async fn one_moment(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.db.read().get_database_backend() {
            // SQLite's are like that, and it warns when told so
            DbBackend::Sqlite => self.db.read().begin().await,
            _ => {
                self.db
                    .read()
                    .begin_with_config(Some(IsolationLevel::RepeatableRead), None)
                    .await
            }
        }
    }
}

async fn latest_conversation(
    tx: &DatabaseTransaction,
    id: &InboxId,
) -> Result<Option<InboxConversation>, DbErr> {
    let Some(record) = one::<ConversationRecord>(tx, LATEST_CONVERSATION, id.values()).await?
    else {
        return Ok(None);
    };
    let (_, conversation_id, told) = record.parse()?;
    let ticket = linked_ticket(tx, id, &conversation_id).await?;
    Ok(Some(InboxConversation::of(
        &conversation_id,
        &told.state,
        ticket,
    )))
}

async fn linked_ticket(
    tx: &DatabaseTransaction,
    id: &InboxId,
    conversation_id: &ConversationId,
) -> Result<Option<InboxTicket>, DbErr> {
    let [workspace, contact] = id.values();
    let values = [workspace, contact, conversation_id.as_str().into()];
    let linked = many::<TicketRecord>(tx, LINKED_TICKET, values).await?;
    Ok(tickets(linked)?.pop())
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
