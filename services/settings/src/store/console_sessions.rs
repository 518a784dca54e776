//! Console sessions by the hashes of their tokens, identities at providers, and logins that were used.

use database::lower_ascii;
use sea_orm::{ConnectionTrait, DbErr};
use types::{TeammateId, WorkspaceId, micros};

use super::{Everywhere, all, damaged, id, one, run, teammates, text, time};
use crate::domain::{
    ConsoleHash, ConsoleSession, ConsoleSessionId, ProviderIdentity, Role, Teammate,
};

/// Rows removed in one statement at the most: other writers wait for it.
const REMOVED_AT_ONCE: i32 = 1_000;
/// Teammates of one address looked at; more than one is one too many already.
const SAME_ADDRESS: i32 = 20;

/// Notes that a login is used; false when it was already.
///
/// # Errors
/// When the database fails.
pub async fn use_login(
    tx: &impl ConnectionTrait,
    login: &ConsoleHash,
    now: i64,
) -> Result<bool, DbErr> {
    let noted = run(
        tx,
        Everywhere::Credential,
        "insert into console_login (login_hash, used_at) values ($1, $2) \
         on conflict (login_hash) do nothing",
        [login.to_vec().into(), now.into()],
    )
    .await?;
    Ok(noted == 1)
}

/// The teammate an identity is bound to.
///
/// # Errors
/// When the database fails.
pub async fn bound_teammate(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    identity: &ProviderIdentity,
) -> Result<Option<TeammateId>, DbErr> {
    let row = one(
        tx,
        workspace,
        "select teammate_id from console_identity \
         where workspace_id = $1 and issuer = $2 and subject = $3",
        [
            identity.issuer.as_str().into(),
            identity.subject.as_str().into(),
        ],
    )
    .await?;
    row.map(|row| id(&row, "teammate_id")).transpose()
}

/// Binds an identity to a teammate for good; false when the teammate has another one at this provider, or
/// another transaction was faster.
///
/// # Errors
/// When the database fails.
pub async fn bind(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    identity: &ProviderIdentity,
    teammate: &TeammateId,
    now: i64,
) -> Result<bool, DbErr> {
    let bound = run(
        tx,
        workspace,
        "insert into console_identity (workspace_id, issuer, subject, teammate_id, bound_at) \
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        [
            identity.issuer.as_str().into(),
            identity.subject.as_str().into(),
            teammate.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(bound == 1)
}

/// Unbinds a teammate from every provider, and returns whom these knew them as.
///
/// # Errors
/// When the database fails.
pub async fn unbind(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate: &TeammateId,
) -> Result<Vec<ProviderIdentity>, DbErr> {
    let rows = all(
        tx,
        workspace,
        "delete from console_identity where workspace_id = $1 and teammate_id = $2 \
         returning issuer, subject",
        [teammate.as_str().into()],
    )
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ProviderIdentity {
                issuer: text(row, "issuer")?,
                subject: text(row, "subject")?,
            })
        })
        .collect()
}

/// Teammates with an address, whatever the case of its ASCII letters.
///
/// # Errors
/// When the database fails.
pub async fn teammates_of_address(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    email: &str,
) -> Result<Vec<Teammate>, DbErr> {
    let lower = lower_ascii(tx.get_database_backend(), "email");
    let sql = format!("select id from teammate where workspace_id = $1 and {lower} = $2 limit $3");
    let values = [email.to_ascii_lowercase().into(), SAME_ADDRESS.into()];
    let rows = all(tx, workspace, &sql, values).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.extend(teammates::find(tx, workspace, &id(&row, "id")?).await?);
    }
    Ok(found)
}

/// Adds an open session.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    session: &ConsoleSession,
    hash: &ConsoleHash,
    now: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        &session.workspace,
        "insert into console_session (workspace_id, id, teammate_id, role, token_hash, created_at, used_at, \
         expires_at) values ($1, $2, $3, $4, $5, $6, $6, $7)",
        [
            session.id.as_str().into(),
            session.teammate.as_str().into(),
            session.role.as_str().into(),
            hash.to_vec().into(),
            now.into(),
            micros(session.expires_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The session of a token that nobody has ended; it may be too old.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    hash: &ConsoleHash,
) -> Result<Option<ConsoleSession>, DbErr> {
    let row = one(
        db,
        Everywhere::Credential,
        "select id, workspace_id, teammate_id, role, used_at, expires_at from console_session \
         where token_hash = $1 and revoked_at is null",
        [hash.to_vec().into()],
    )
    .await?;
    row.map(|row| {
        Ok(ConsoleSession {
            id: id(&row, "id")?,
            workspace: id(&row, "workspace_id")?,
            teammate: id(&row, "teammate_id")?,
            role: Role::from_name(&text(&row, "role")?).ok_or_else(|| damaged("role"))?,
            used_at: time(&row, "used_at")?,
            expires_at: time(&row, "expires_at")?,
        })
    })
    .transpose()
}

/// Notes that a session is used.
///
/// # Errors
/// When the database fails.
pub async fn note_use(
    tx: &impl ConnectionTrait,
    session: &ConsoleSession,
    now: i64,
) -> Result<(), DbErr> {
    run(
        tx,
        &session.workspace,
        "update console_session set used_at = $3 \
         where workspace_id = $1 and id = $2 and used_at < $3 and revoked_at is null",
        [session.id.as_str().into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Whose session it is: tenant and teammate. `None` when it is not there, or removed with its time.
///
/// # Errors
/// When the database fails.
pub async fn owner_of(
    db: &impl ConnectionTrait,
    session: &ConsoleSessionId,
) -> Result<Option<(WorkspaceId, TeammateId)>, DbErr> {
    let row = one(
        db,
        Everywhere::Credential,
        "select workspace_id, teammate_id from console_session where id = $1",
        [session.as_str().into()],
    )
    .await?;
    row.map(|row| Ok((id(&row, "workspace_id")?, id(&row, "teammate_id")?)))
        .transpose()
}

/// Ends a session; false when it was ended before.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    session: &ConsoleSessionId,
    now: i64,
) -> Result<bool, DbErr> {
    let ended = run(
        tx,
        workspace,
        "update console_session set revoked_at = $3 \
         where workspace_id = $1 and id = $2 and revoked_at is null",
        [session.as_str().into(), now.into()],
    )
    .await?;
    Ok(ended == 1)
}

/// Ends every session of a teammate, whose role or standing has changed.
///
/// # Errors
/// When the database fails.
pub async fn revoke_of_teammate(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    teammate: &TeammateId,
    now: i64,
) -> Result<u64, DbErr> {
    run(
        tx,
        workspace,
        "update console_session set revoked_at = $3 \
         where workspace_id = $1 and teammate_id = $2 and revoked_at is null",
        [teammate.as_str().into(), now.into()],
    )
    .await
}

/// Removes sessions that ended, and logins that were used, by this time; returns how many, at most a thousand
/// of either at once.
///
/// # Errors
/// When the database fails.
pub async fn remove_old(tx: &impl ConnectionTrait, before: i64) -> Result<u64, DbErr> {
    let sessions = run(
        tx,
        Everywhere::Housekeeping,
        "delete from console_session where id in \
         (select id from console_session where expires_at <= $1 order by expires_at limit $2)",
        [before.into(), REMOVED_AT_ONCE.into()],
    )
    .await?;
    let logins = run(
        tx,
        Everywhere::Housekeeping,
        "delete from console_login where login_hash in \
         (select login_hash from console_login where used_at <= $1 order by used_at limit $2)",
        [before.into(), REMOVED_AT_ONCE.into()],
    )
    .await?;
    Ok(sessions + logins)
}
