use std::sync::Arc;

use prost::Message;
use proto::{
    events::v1::Envelope,
    settings::v1::{ContactErased, ContactMerged},
};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use tokio::sync::Notify;
use types::{ContactId, InvalidId, WorkspaceId};

use crate::{ApplyError, Projection, UnitOfWork};

const MERGED: &str = "messenger.settings.v1.ContactMerged";
const ERASED: &str = "messenger.settings.v1.ContactErased";

/// Marks the contacts whom Settings tells of as no more; a [`Settlement`](super::Settlement) does the rest.
#[derive(Default)]
pub struct Departures {
    marked: Arc<Notify>,
}

/// What Settings told.
struct Told {
    workspace: WorkspaceId,
    contact: ContactId,
    /// Who they are from now on, with their name; nobody when they were erased.
    survivor: Option<(ContactId, String)>,
    at: i64,
}

impl Departures {
    pub(super) fn marked(&self) -> Arc<Notify> {
        self.marked.clone()
    }
}

#[async_trait::async_trait]
impl Projection for Departures {
    fn name(&self) -> &'static str {
        "departures"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        let mut told = Vec::new();
        for event in events {
            told.extend(read(event).map_err(ApplyError::Poison)?);
        }
        if told.is_empty() {
            return Ok(());
        }
        // whoever began something for one of them before this has committed it then, and a step finds it
        let survivors = told
            .iter()
            .filter_map(|told| told.survivor.as_ref().map(|(of, _)| (of, told)));
        let contacts = told
            .iter()
            .map(|told| (&told.contact, &told.workspace))
            // who is erased meanwhile is seen below, or sees this
            .chain(survivors.map(|(of, told)| (of, &told.workspace)));
        work.hold_partitions(contacts).await?;
        for told in told {
            mark(work.tx(), &told).await?;
        }
        Ok(())
    }

    /// A contact who is no more stays so.
    async fn reset(&self, _: &mut UnitOfWork) -> Result<(), DbErr> {
        Ok(())
    }

    async fn committed(&self, _: &[Envelope]) {
        self.marked.notify_one();
    }

    async fn moved(&self) {
        self.marked.notify_one();
    }
}

/// The first word stands: a contact is merged once, and one who was merged has nothing left to erase. Of a
/// survivor who is erased by now no name is kept, for nothing would take it away again.
async fn mark(tx: &impl ConnectionTrait, told: &Told) -> Result<(), DbErr> {
    let (survivor, name) = match &told.survivor {
        Some((survivor, name)) => (Some(survivor.as_str()), name.as_str()),
        None => (None, ""),
    };
    let values: [Value; 5] = [
        told.workspace.as_str().into(),
        told.contact.as_str().into(),
        survivor.into(),
        name.into(),
        told.at.into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "insert into departed_contact (workspace_id, contact_id, survivor_id, survivor_name, departed_at, \
         settled) values ($1, $2, $3, case when exists (select 1 from departed_contact s \
         where s.workspace_id = $1 and s.contact_id = $3) then '' else $4 end, $5, false) \
         on conflict do nothing",
        values,
    ))
    .await?;
    Ok(())
}

/// `None` for events of other types.
fn read(event: &Envelope) -> Result<Option<Told>, String> {
    let malformed = |error: &dyn std::fmt::Display| format!("{}: {error}", event.r#type);
    let id = |error: InvalidId| malformed(&error);
    let (contact, survivor) = match event.r#type.as_str() {
        MERGED => {
            let told =
                ContactMerged::decode(event.payload.as_slice()).map_err(|e| malformed(&e))?;
            let survivor = told.into_contact_id.parse().map_err(id)?;
            (
                told.from_contact_id,
                Some((survivor, told.into_contact_name)),
            )
        }
        ERASED => {
            let told =
                ContactErased::decode(event.payload.as_slice()).map_err(|e| malformed(&e))?;
            (told.contact_id, None)
        }
        _ => return Ok(None),
    };
    Ok(Some(Told {
        workspace: event.workspace_id.parse().map_err(id)?,
        contact: contact.parse().map_err(id)?,
        survivor,
        at: crate::time::stored(event.occurred_time),
    }))
}
