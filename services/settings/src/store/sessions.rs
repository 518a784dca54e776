//! Sessions, by the hashes of their access tokens.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{WorkspaceId, micros};

use super::{all, id, one, platform, run, text, time};
use crate::domain::{AccessTokenHash, EndedSession, IdentityKeyId, Session, SessionId};

/// Sessions removed in one statement at the most: other writers wait for it.
const REMOVED_AT_ONCE: i32 = 1_000;

/// Adds an open session.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    session: &Session,
    key: &IdentityKeyId,
    hash: AccessTokenHash,
    now: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        "insert into session (workspace_id, id, contact_id, key_id, platform, token_hash, created_at, \
         expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            session.workspace.as_str().into(),
            session.id.as_str().into(),
            session.contact.as_str().into(),
            key.as_str().into(),
            session.platform.as_str().into(),
            hash.to_vec().into(),
            now.into(),
            micros(session.expires_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The open session of an access token. A session whose key is revoked is over, even while the key's
/// sessions are still being ended one by one.
///
/// # Errors
/// When the database fails.
pub async fn find_open(
    db: &impl ConnectionTrait,
    hash: &AccessTokenHash,
    now: i64,
) -> Result<Option<Session>, DbErr> {
    let row = one(
        db,
        "select s.id, s.workspace_id, s.contact_id, s.platform, s.expires_at, c.name as contact_name \
         from session s \
         join contact c on c.workspace_id = s.workspace_id and c.id = s.contact_id \
         join identity_key k on k.workspace_id = s.workspace_id and k.id = s.key_id \
         where s.token_hash = $1 and s.expires_at > $2 and s.revoked_at is null \
         and k.revoked_at is null",
        [hash.to_vec().into(), now.into()],
    )
    .await?;
    row.map(|row| {
        Ok(Session {
            id: id(&row, "id")?,
            workspace: id(&row, "workspace_id")?,
            contact: id(&row, "contact_id")?,
            contact_name: text(&row, "contact_name")?,
            platform: platform(&row)?,
            expires_at: time(&row, "expires_at")?,
        })
    })
    .transpose()
}

/// Whose session it is; `None` when it is not there, or gone with its time.
///
/// # Errors
/// When the database fails.
pub async fn workspace_of(
    db: &impl ConnectionTrait,
    session: &SessionId,
) -> Result<Option<WorkspaceId>, DbErr> {
    let row = one(
        db,
        "select workspace_id from session where id = $1",
        [session.as_str().into()],
    )
    .await?;
    row.map(|row| id(&row, "workspace_id")).transpose()
}

/// Ends an open session; `None` when it is over already.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    session: &SessionId,
    now: i64,
) -> Result<Option<EndedSession>, DbErr> {
    let row = one(
        tx,
        "update session set revoked_at = $3 \
         where workspace_id = $1 and id = $2 and revoked_at is null and expires_at > $3 \
         returning id, workspace_id, contact_id, revoked_at",
        [
            workspace.as_str().into(),
            session.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    row.as_ref().map(ended).transpose()
}

/// Ends up to `limit` open sessions that a key opened.
///
/// # Errors
/// When the database fails.
pub async fn revoke_of_key(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
    now: i64,
    limit: i32,
) -> Result<Vec<EndedSession>, DbErr> {
    let rows = all(
        tx,
        "update session set revoked_at = $3 where workspace_id = $1 and id in \
         (select id from session where workspace_id = $1 and key_id = $2 and revoked_at is null \
         and expires_at > $3 order by expires_at limit $4) \
         returning id, workspace_id, contact_id, revoked_at",
        [
            workspace.as_str().into(),
            key.as_str().into(),
            now.into(),
            limit.into(),
        ],
    )
    .await?;
    rows.iter().map(ended).collect()
}

/// Revoked keys with sessions that are still to be ended: a process stopped half way.
///
/// # Errors
/// When the database fails.
pub async fn unfinished_revocations(
    db: &impl ConnectionTrait,
    now: i64,
    limit: i32,
) -> Result<Vec<(WorkspaceId, IdentityKeyId)>, DbErr> {
    let rows = all(
        db,
        "select k.workspace_id, k.id from identity_key k where k.revoked_at is not null \
         and exists (select 1 from session s where s.workspace_id = k.workspace_id \
         and s.key_id = k.id and s.revoked_at is null and s.expires_at > $1) \
         order by k.workspace_id, k.id limit $2",
        [now.into(), limit.into()],
    )
    .await?;
    rows.iter()
        .map(|row| Ok((id(row, "workspace_id")?, id(row, "id")?)))
        .collect()
}

/// Removes sessions that ended by this time; returns how many, at most a thousand at once.
///
/// # Errors
/// When the database fails.
pub async fn remove_old(tx: &impl ConnectionTrait, before: i64) -> Result<u64, DbErr> {
    run(
        tx,
        "delete from session where id in \
         (select id from session where expires_at <= $1 order by expires_at limit $2)",
        [before.into(), REMOVED_AT_ONCE.into()],
    )
    .await
}

pub(super) fn ended(row: &QueryResult) -> Result<EndedSession, DbErr> {
    Ok(EndedSession {
        id: id(row, "id")?,
        workspace: id(row, "workspace_id")?,
        contact: id(row, "contact_id")?,
        revoked_at: time(row, "revoked_at")?,
    })
}
