//! Identity keys. Their secrets are kept sealed, since to check a signature takes the key itself, and not
//! beyond the key's revocation.

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait},
};
use types::{WorkspaceId, micros};

use super::{Everywhere, all, damaged, id, one, platform, rows_of, run, text, time, time_if_any};
use crate::domain::{Algorithm, AppId, IdentityKey, IdentityKeyId, Platform};

/// Keys told of at the most.
const MAX_KEYS: i32 = 500;

/// A secret as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// Sealed text, or a secret in clear from a version before.
    pub text: String,
    /// The name of the key that seals it; `None`: it is in clear.
    pub sealed_with: Option<String>,
}

/// An active key's secret and whose it is.
#[derive(Debug, Clone)]
pub struct KeptKey {
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// The key.
    pub id: IdentityKeyId,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What it signs with.
    pub secret: KeptSecret,
}

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
        workspace,
        "select slot from identity_key \
         where workspace_id = $1 and platform = $2 and revoked_at is null",
        [platform.as_str().into()],
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
    algorithm: Algorithm,
    secret: &KeptSecret,
    slot: i32,
) -> Result<(), DbErr> {
    run(
        tx,
        workspace,
        "insert into identity_key (workspace_id, id, platform, algorithm, secret, slot, created_at, \
         sealed_with) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            key.id.as_str().into(),
            key.platform.as_str().into(),
            algorithm.as_str().into(),
            secret.text.as_str().into(),
            slot.into(),
            micros(key.created_at).into(),
            secret.sealed_with.clone().into(),
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
        workspace,
        "select id, platform, created_at, revoked_at, last_used_at from identity_key \
         where workspace_id = $1 order by created_at desc, id desc limit $2",
        [MAX_KEYS.into()],
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
        workspace,
        "select id, platform, created_at, revoked_at, last_used_at from identity_key \
         where workspace_id = $1 and id = $2",
        [key_id.as_str().into()],
    )
    .await?;
    row.as_ref().map(key).transpose()
}

/// Revokes an active key and forgets its secret; false when it was revoked before.
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
        workspace,
        "update identity_key set revoked_at = $3, secret = '', sealed_with = null \
         where workspace_id = $1 and id = $2 and revoked_at is null",
        [key_id.as_str().into(), now.into()],
    )
    .await?;
    Ok(revoked > 0)
}

/// An active key, if it is good for this app on this platform.
///
/// # Errors
/// When the database fails.
pub async fn find_for_app(
    db: &impl ConnectionTrait,
    app: &AppId,
    platform: Platform,
    key_id: &IdentityKeyId,
) -> Result<Option<KeptKey>, DbErr> {
    let row = one(
        db,
        Everywhere::Credential,
        "select k.workspace_id, k.id, k.algorithm, k.secret, k.sealed_with from workspace w \
         join identity_key k on k.workspace_id = w.id \
         where w.app_id = $1 and k.id = $2 and k.platform = $3 and k.revoked_at is null",
        [
            app.as_str().into(),
            key_id.as_str().into(),
            platform.as_str().into(),
        ],
    )
    .await?;
    row.as_ref().map(kept).transpose()
}

/// Active keys whose secret is not sealed with the key of this name, a secret in clear included.
///
/// # Errors
/// When the database fails.
pub async fn not_sealed_with(
    db: &impl ConnectionTrait,
    name: &str,
    limit: i32,
) -> Result<Vec<KeptKey>, DbErr> {
    let rows = all(
        db,
        Everywhere::Housekeeping,
        "select workspace_id, id, algorithm, secret, sealed_with from identity_key \
         where revoked_at is null and (sealed_with is null or sealed_with <> $1) \
         order by workspace_id, id limit $2",
        [name.into(), limit.into()],
    )
    .await?;
    rows.iter().map(kept).collect()
}

/// One active key for each name that secrets are sealed with.
///
/// # Errors
/// When the database fails.
pub async fn samples(db: &impl ConnectionTrait) -> Result<Vec<KeptKey>, DbErr> {
    let rows = all(
        db,
        Everywhere::Housekeeping,
        "select workspace_id, id, algorithm, secret, sealed_with from identity_key \
         where revoked_at is null and id in (select min(id) from identity_key \
         where revoked_at is null and sealed_with is not null group by sealed_with)",
        [],
    )
    .await?;
    rows.iter().map(kept).collect()
}

/// Replaces a secret by the same one sealed otherwise, unless somebody did so, or revoked the key, before.
///
/// # Errors
/// When the database fails.
pub async fn reseal(
    tx: &impl ConnectionTrait,
    key: &KeptKey,
    sealed: &KeptSecret,
) -> Result<(), DbErr> {
    run(
        tx,
        &key.workspace,
        "update identity_key set secret = $3, sealed_with = $4 \
         where workspace_id = $1 and id = $2 and secret = $5 and revoked_at is null",
        [
            key.id.as_str().into(),
            sealed.text.as_str().into(),
            sealed.sealed_with.clone().into(),
            key.secret.text.as_str().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets the secrets of keys that a version before this one revoked; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_revoked(tx: &impl ConnectionTrait) -> Result<u64, DbErr> {
    run(
        tx,
        Everywhere::Housekeeping,
        "update identity_key set secret = '', sealed_with = null \
         where revoked_at is not null and secret <> ''",
        [],
    )
    .await
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
    let row = rows_of(workspace, "identity_key")
        .column("id")
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
        last_used_at: time_if_any(row, "last_used_at")?,
    })
}

fn kept(row: &QueryResult) -> Result<KeptKey, DbErr> {
    let algorithm = text(row, "algorithm")?;
    Ok(KeptKey {
        workspace: id(row, "workspace_id")?,
        id: id(row, "id")?,
        algorithm: Algorithm::from_name(&algorithm).ok_or_else(|| damaged("algorithm"))?,
        secret: KeptSecret {
            text: text(row, "secret")?,
            sealed_with: row.try_get("", "sealed_with")?,
        },
    })
}
