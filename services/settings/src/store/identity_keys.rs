//! Identity keys. Their secrets are kept in clear: to check a signature takes the key itself.

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, Query},
};
use secrecy::ExposeSecret;
use types::{WorkspaceId, micros};

use super::{all, damaged, id, one, platform, run, text, time, time_if_any};
use crate::domain::{Algorithm, AppId, IdentityKey, IdentityKeyId, KeySecret, Platform};

/// Keys told of at the most.
const MAX_KEYS: i32 = 500;

/// The places of a platform's active keys. Read it under [`super::workspaces::lock`].
///
/// # Errors
/// When the database fails.
pub async fn taken_slots(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    platform: Platform,
) -> Result<Vec<i32>, DbErr> {
    let rows = all(
        tx,
        "select slot from identity_key \
         where workspace_id = $1 and platform = $2 and revoked_at is null",
        [workspace.as_str().into(), platform.as_str().into()],
    )
    .await?;
    rows.iter().map(|row| row.try_get("", "slot")).collect()
}

/// Adds an active key.
///
/// # Errors
/// When the database fails, or the place is taken.
pub async fn insert(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key: &IdentityKey,
    secret: &KeySecret,
    slot: i32,
) -> Result<(), DbErr> {
    run(
        tx,
        "insert into identity_key (workspace_id, id, platform, algorithm, secret, slot, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        [
            workspace.as_str().into(),
            key.id.as_str().into(),
            key.platform.as_str().into(),
            secret.algorithm.as_str().into(),
            secret.text.expose_secret().into(),
            slot.into(),
            micros(key.created_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The newest keys, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Vec<IdentityKey>, DbErr> {
    let rows = all(
        db,
        "select id, platform, created_at, revoked_at from identity_key where workspace_id = $1 \
         order by created_at desc, id desc limit $2",
        [workspace.as_str().into(), MAX_KEYS.into()],
    )
    .await?;
    rows.iter().map(key).collect()
}

/// One key, if it is of this workspace.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key_id: &IdentityKeyId,
) -> Result<Option<IdentityKey>, DbErr> {
    let row = one(
        db,
        "select id, platform, created_at, revoked_at from identity_key \
         where workspace_id = $1 and id = $2",
        [workspace.as_str().into(), key_id.as_str().into()],
    )
    .await?;
    row.as_ref().map(key).transpose()
}

/// Revokes an active key; false when it was revoked before.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key_id: &IdentityKeyId,
    now: i64,
) -> Result<bool, DbErr> {
    let revoked = run(
        tx,
        "update identity_key set revoked_at = $3 \
         where workspace_id = $1 and id = $2 and revoked_at is null",
        [
            workspace.as_str().into(),
            key_id.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(revoked > 0)
}

/// The workspace and the secret of an active key, if it is good for this app on this platform.
///
/// # Errors
/// When the database fails.
pub async fn find_for_app(
    db: &impl ConnectionTrait,
    app: &AppId,
    platform: Platform,
    key_id: &IdentityKeyId,
) -> Result<Option<(WorkspaceId, KeySecret)>, DbErr> {
    let row = one(
        db,
        "select k.workspace_id, k.algorithm, k.secret from workspace w \
         join identity_key k on k.workspace_id = w.id \
         where w.app_id = $1 and k.id = $2 and k.platform = $3 and k.revoked_at is null",
        [
            app.as_str().into(),
            key_id.as_str().into(),
            platform.as_str().into(),
        ],
    )
    .await?;
    row.map(|row| {
        let algorithm =
            Algorithm::from_name(&text(&row, "algorithm")?).ok_or_else(|| damaged("algorithm"))?;
        let secret = KeySecret {
            algorithm,
            text: text(&row, "secret")?.into(),
        };
        Ok((id(&row, "workspace_id")?, secret))
    })
    .transpose()
}

/// The key is active, and cannot be revoked before this transaction has ended.
///
/// # Errors
/// When the database fails.
pub async fn hold_active(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key_id: &IdentityKeyId,
) -> Result<bool, DbErr> {
    let row = Query::select()
        .column("id")
        .from("identity_key")
        .and_where(Expr::col("workspace_id").eq(workspace.as_str()))
        .and_where(Expr::col("id").eq(key_id.as_str()))
        .and_where(Expr::col("revoked_at").is_null())
        .lock_shared()
        .to_owned();
    Ok(tx.query_one(&row).await?.is_some())
}

fn key(row: &QueryResult) -> Result<IdentityKey, DbErr> {
    Ok(IdentityKey {
        id: id(row, "id")?,
        platform: platform(row)?,
        created_at: time(row, "created_at")?,
        revoked_at: time_if_any(row, "revoked_at")?,
    })
}
