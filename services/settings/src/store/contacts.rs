//! Contacts.

use std::collections::HashMap;

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait},
};
use types::{ContactId, WorkspaceId, micros};

use super::{damaged, id, one, rows_of, run, text, time, time_if_any};
use crate::domain::{Contact, ContactKind, Profile, StandIn, UserId};

pub(super) const COLUMNS: [&str; 9] = [
    "id",
    "kind",
    "user_id",
    "claimed_user_id",
    "name",
    "email",
    "created_at",
    "merged_into",
    "erased_at",
];

/// Creates or updates the user of a profile. The unique index over (workspace, user id) decides between
/// two at once: both get the same contact.
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
        workspace,
        // a stand-in is nobody's user id, even if somebody guessed it
        "insert into contact (workspace_id, id, user_id, name, email, created_at, kind) \
         values ($1, $2, $3, coalesce($4, ''), coalesce($5, ''), $6, $7) \
         on conflict (workspace_id, user_id) do update set \
         name = coalesce($4, contact.name), email = coalesce($5, contact.email) \
         where contact.kind = $7 and contact.erased_at is null \
         returning id, kind, user_id, claimed_user_id, name, email, created_at, merged_into, erased_at",
        [
            ContactId::generate().as_str().into(),
            profile.user_id.as_str().into(),
            profile.name.clone().into(),
            profile.email.clone().into(),
            micros(now).into(),
            ContactKind::User.as_str().into(),
        ],
    )
    .await?
    .ok_or(DbErr::RecordNotInserted)?;
    contact(&row)
}

/// Adds a visitor or an unverified contact.
///
/// # Errors
/// When the database fails.
pub async fn insert_unproven(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &Contact,
    stand_in: &StandIn,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "insert into contact (workspace_id, id, user_id, name, email, created_at, kind, claimed_user_id) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            contact.id.as_str().into(),
            stand_in.as_str().into(),
            contact.name.as_str().into(),
            contact.email.as_str().into(),
            micros(contact.created_at).into(),
            contact.kind.as_str().into(),
            contact
                .user_id
                .as_ref()
                .map(|claimed| claimed.as_str().to_owned())
                .into(),
        ],
    )
    .await?;
    Ok(())
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
    let query = rows_of(workspace, "contact")
        .columns(COLUMNS)
        .and_where(Expr::col("id").is_in(ids.iter().map(ContactId::as_str)))
        .to_owned();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| contact(row).map(|contact| (contact.id.clone(), contact)))
        .collect()
}

/// A contact as it is once nobody else is about to change it, held to the end of this transaction.
///
/// # Errors
/// When the database fails, or somebody holds it for too long.
pub async fn hold(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact_id: &ContactId,
) -> Result<Option<Contact>, DbErr> {
    let query = rows_of(workspace, "contact")
        .columns(COLUMNS)
        .and_where(Expr::col("id").eq(contact_id.as_str()))
        .lock_exclusive()
        .to_owned();
    tx.query_one(&query)
        .await?
        .as_ref()
        .map(contact)
        .transpose()
}

/// Merges a visitor into a user; false when it is no visitor, or was merged or erased before.
///
/// # Errors
/// When the database fails.
pub async fn merge(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    visitor: &ContactId,
    user: &ContactId,
    now: i64,
) -> Result<bool, DbErr> {
    let merged = run(
        tx,
        workspace,
        "update contact set merged_into = $3, merged_at = $4 where workspace_id = $1 and id = $2 \
         and kind = $5 and merged_into is null and erased_at is null",
        [
            visitor.as_str().into(),
            user.as_str().into(),
            now.into(),
            ContactKind::Visitor.as_str().into(),
        ],
    )
    .await?;
    Ok(merged > 0)
}

/// Forgets all that is personal, the workspace's own id included: whoever comes with it is somebody new.
///
/// # Errors
/// When the database fails.
pub async fn erase(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact_id: &ContactId,
    stand_in: &StandIn,
    now: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "update contact set user_id = $3, claimed_user_id = null, name = '', email = '', erased_at = $4 \
         where workspace_id = $1 and id = $2",
        [
            contact_id.as_str().into(),
            stand_in.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

pub(super) fn kind(row: &QueryResult, column: &str) -> Result<ContactKind, DbErr> {
    ContactKind::from_name(&text(row, column)?).ok_or_else(|| damaged(column))
}

pub(super) fn contact(row: &QueryResult) -> Result<Contact, DbErr> {
    let kind = kind(row, "kind")?;
    let erased_at = time_if_any(row, "erased_at")?;
    let named = match kind {
        _ if erased_at.is_some() => None,
        ContactKind::User => Some(text(row, "user_id")?),
        ContactKind::Unverified => row.try_get("", "claimed_user_id")?,
        ContactKind::Visitor => None,
    };
    Ok(Contact {
        id: id(row, "id")?,
        kind,
        user_id: named
            .map(|named| UserId::parse(&named).map_err(|_| damaged("user_id")))
            .transpose()?,
        name: text(row, "name")?,
        email: text(row, "email")?,
        created_at: time(row, "created_at")?,
        merged_into: row
            .try_get::<Option<String>>("", "merged_into")?
            .map(|into| ContactId::parse(&into).map_err(|_| damaged("merged_into")))
            .transpose()?,
        erased_at,
    })
}
