//! Secrets of visitors and unverified contacts, by their hashes.

use sea_orm::{ConnectionTrait, DbErr};
use types::{ContactId, WorkspaceId, micros};

use super::{Everywhere, contacts, id, one, run, time, time_if_any};
use crate::domain::{KnownSecret, SecretHash};

/// Secrets removed in one statement at the most: other writers wait for it.
const REMOVED_AT_ONCE: i32 = 1_000;

/// Adds a secret.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    hash: SecretHash,
    now: i64,
    expires_at: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "insert into visitor_secret (workspace_id, hash, contact_id, created_at, expires_at) \
         values ($1, $2, $3, $4, $5)",
        [
            hash.to_vec().into(),
            contact.as_str().into(),
            now.into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// A secret with its contact, which is held to the end of this transaction. What is told of the secret is
/// read once the contact is held, so that who merges or erases it at the same time comes before or after.
///
/// # Errors
/// When the database fails.
pub async fn hold(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    hash: &SecretHash,
) -> Result<Option<KnownSecret>, DbErr> {
    const FIND: &str = "select contact_id, expires_at, revoked_at from visitor_secret \
                        where workspace_id = $1 and hash = $2";
    let Some(row) = one(tx, workspace, FIND, [hash.to_vec().into()]).await? else {
        return Ok(None);
    };
    let contact: ContactId = id(&row, "contact_id")?;
    let Some(contact) = contacts::hold(tx, workspace, &contact).await? else {
        return Ok(None);
    };
    let Some(row) = one(tx, workspace, FIND, [hash.to_vec().into()]).await? else {
        return Ok(None);
    };
    Ok(Some(KnownSecret {
        contact,
        expires_at: time(&row, "expires_at")?,
        revoked: time_if_any(&row, "revoked_at")?.is_some(),
    }))
}

/// Puts a secret's end off.
///
/// # Errors
/// When the database fails.
pub async fn put_off(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    hash: &SecretHash,
    until: jiff::Timestamp,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "update visitor_secret set expires_at = $3 where workspace_id = $1 and hash = $2",
        [hash.to_vec().into(), micros(until).into()],
    )
    .await?;
    Ok(())
}

/// Takes a contact's secrets back. They stay known until their time, so that who presents one again with
/// the right user's token hears the same.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    now: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "update visitor_secret set revoked_at = $3 \
         where workspace_id = $1 and contact_id = $2 and revoked_at is null",
        [contact.as_str().into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Removes a contact's secrets.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "delete from visitor_secret where workspace_id = $1 and contact_id = $2",
        [contact.as_str().into()],
    )
    .await?;
    Ok(())
}

/// Removes secrets whose time is over; returns how many, at most a thousand at once.
///
/// # Errors
/// When the database fails.
pub async fn remove_old(tx: &impl ConnectionTrait, now: i64) -> Result<u64, DbErr> {
    run(
        tx,
        Everywhere::Housekeeping,
        "delete from visitor_secret where (workspace_id, hash) in \
         (select workspace_id, hash from visitor_secret where expires_at <= $1 \
         order by expires_at limit $2)",
        [now.into(), REMOVED_AT_ONCE.into()],
    )
    .await
}
