//! Contacts who are no more: merged into another one, or erased. Settings decides so and tells it for ever; each
//! service that keeps anything of contacts follows it, marks the contact here in the transaction that hears of
//! it, and settles what it keeps in bounded steps after it.
//!
//! From the mark on nothing new begins for the contact: the first event of an aggregate of theirs is refused by
//! the statement that appends it, so a transaction that began before the mark cannot commit such a thing after it
//! ([`is_gone`] tells). It costs no statement of its own. What was there before the mark goes on until its step;
//! whoever looks for it later finds nothing and asks [`departure`] where to look instead.

mod erase;
mod projection;
mod settlement;

use std::collections::{BTreeMap, BTreeSet};

use database::{Given, given};
use proto::events::v1::ContactStanding;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use types::{ContactId, WorkspaceId};

pub use erase::LogCopies;
pub use projection::Departures;
pub use settlement::{Departing, Leaver, Settlement, Survivor};

/// A contact of a workspace.
pub type Who = (WorkspaceId, ContactId);

/// What became of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// What was theirs is this one's.
    Merged(Survivor),
    /// Nothing is theirs, and nothing will be.
    Erased,
}

/// How far a departure is settled here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What becomes of the contact.
    pub departure: Departure,
    /// Everything was done.
    pub settled: bool,
}

impl Standing {
    /// As an export says it, with the id of the user who the contact is by now.
    pub fn told(standing: Option<&Self>) -> (ContactStanding, String) {
        let Some(Self { departure, settled }) = standing else {
            return (ContactStanding::Present, String::new());
        };
        match (departure, settled) {
            (Departure::Merged(user), true) => (ContactStanding::Merged, user.contact.to_string()),
            (Departure::Merged(user), false) => {
                (ContactStanding::Merging, user.contact.to_string())
            }
            (Departure::Erased, true) => (ContactStanding::Erased, String::new()),
            (Departure::Erased, false) => (ContactStanding::Erasing, String::new()),
        }
    }
}

const GONE: &str = "the contact is gone";

/// What an append says that would begin something for a contact who is no more.
pub(crate) fn gone() -> DbErr {
    DbErr::Custom(GONE.into())
}

/// Whether a transaction failed since a contact is no more: [`departure`] says what became of them.
pub fn is_gone(error: &DbErr) -> bool {
    matches!(error, DbErr::Custom(why) if why == GONE)
}

/// What became of a contact; `None` for one who is there.
///
/// # Errors
/// When the database fails.
pub async fn departure(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<Option<Departure>, DbErr> {
    Ok(standing(db, workspace, contact)
        .await?
        .map(|standing| standing.departure))
}

/// What became of a contact, and how far it is settled; `None` for one who is there.
///
/// # Errors
/// When the database fails.
pub async fn standing(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<Option<Standing>, DbErr> {
    let asked = [[workspace.as_str().into(), contact.as_str().into()]];
    for statement in found(db, &asked)? {
        if let Some(row) = db.query_one_raw(statement).await? {
            return Ok(Some(Standing {
                departure: departed(&row)?,
                settled: row.try_get("", "settled")?,
            }));
        }
    }
    Ok(None)
}

/// Those of the contacts who are no more, and what became of them.
///
/// # Errors
/// When the database fails.
pub async fn among(
    db: &impl ConnectionTrait,
    contacts: &BTreeSet<Who>,
) -> Result<BTreeMap<Who, Departure>, DbErr> {
    let key = |(workspace, contact): &Who| [workspace.as_str().into(), contact.as_str().into()];
    let asked: Vec<[Value; 2]> = contacts.iter().map(key).collect();
    let mut gone = BTreeMap::new();
    for statement in found(db, &asked)? {
        for row in db.query_all_raw(statement).await? {
            let who = (id(&row, "workspace_id")?, id(&row, "contact_id")?);
            gone.insert(who, departed(&row)?);
        }
    }
    Ok(gone)
}

/// By pairs of workspace and contact. A survivor who is no more was erased: nobody is merged twice.
fn found(db: &impl ConnectionTrait, asked: &[[Value; 2]]) -> Result<Vec<Statement>, DbErr> {
    let backend = db.get_database_backend();
    let statement = |asked: Given| {
        let sql = format!(
            "with asked (workspace_id, contact_id) as ({}) \
             select d.workspace_id, d.contact_id, d.survivor_id, d.survivor_name, d.settled, \
             s.contact_id is not null as survivor_gone from asked \
             join departed_contact d on d.workspace_id = asked.workspace_id and d.contact_id = asked.contact_id \
             left join departed_contact s on s.workspace_id = d.workspace_id and s.contact_id = d.survivor_id",
            asked.sql
        );
        Statement::from_sql_and_values(backend, sql, asked.values)
    };
    let asked = given(backend, &["text", "text"], asked)?;
    Ok(asked.into_iter().map(statement).collect())
}

fn departed(row: &QueryResult) -> Result<Departure, DbErr> {
    let survivor: Option<String> = row.try_get("", "survivor_id")?;
    let survivor_gone: bool = row.try_get("", "survivor_gone")?;
    match survivor {
        Some(survivor) if !survivor_gone => Ok(Departure::Merged(Survivor {
            contact: parsed(&survivor)?,
            name: row.try_get("", "survivor_name")?,
        })),
        _ => Ok(Departure::Erased),
    }
}

fn id<T: std::str::FromStr<Err = types::InvalidId>>(
    row: &QueryResult,
    column: &str,
) -> Result<T, DbErr> {
    parsed(&row.try_get::<String>("", column)?)
}

fn parsed<T: std::str::FromStr<Err = types::InvalidId>>(text: &str) -> Result<T, DbErr> {
    text.parse()
        .map_err(|error: types::InvalidId| DbErr::Type(error.to_string()))
}
