//! Contacts.

use std::collections::HashMap;

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, Query},
};
use types::{ContactId, WorkspaceId, micros};

use super::{damaged, id, one, text, time};
use crate::domain::{Contact, Profile, UserId};

const COLUMNS: [&str; 5] = ["id", "user_id", "name", "email", "created_at"];

/// Creates or updates the contact of a profile. The unique index over (workspace, user id) decides
/// between two at once: both get the same contact.
///
/// # Errors
/// When the database fails.
pub async fn identify(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    profile: &Profile,
    now: jiff::Timestamp,
) -> Result<Contact, DbErr> {
    let row = one(
        tx,
        "insert into contact (workspace_id, id, user_id, name, email, created_at) \
         values ($1, $2, $3, coalesce($4, ''), coalesce($5, ''), $6) \
         on conflict (workspace_id, user_id) do update set \
         name = coalesce($4, contact.name), email = coalesce($5, contact.email) \
         returning id, user_id, name, email, created_at",
        [
            workspace.as_str().into(),
            ContactId::generate().as_str().into(),
            profile.user_id.as_str().into(),
            profile.name.clone().into(),
            profile.email.clone().into(),
            micros(now).into(),
        ],
    )
    .await?
    .ok_or(DbErr::RecordNotInserted)?;
    contact(&row)
}

/// The contacts of these ids that are of this workspace.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ids: &[ContactId],
) -> Result<HashMap<ContactId, Contact>, DbErr> {
    let query = Query::select()
        .columns(COLUMNS)
        .from("contact")
        .and_where(Expr::col("workspace_id").eq(workspace.as_str()))
        .and_where(Expr::col("id").is_in(ids.iter().map(ContactId::as_str)))
        .to_owned();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| contact(row).map(|contact| (contact.id.clone(), contact)))
        .collect()
}

fn contact(row: &QueryResult) -> Result<Contact, DbErr> {
    Ok(Contact {
        id: id(row, "id")?,
        user_id: UserId::parse(&text(row, "user_id")?).map_err(|_| damaged("user_id"))?,
        name: text(row, "name")?,
        email: text(row, "email")?,
        created_at: time(row, "created_at")?,
    })
}
