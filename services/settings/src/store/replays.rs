//! User tokens for one use that were used.

use sea_orm::{ConnectionTrait, DbErr};
use types::{WorkspaceId, micros};

use super::{Everywhere, one, run};
use crate::domain::{IdentityKeyId, Once};

/// Rows removed in one statement at the most: other writers wait for it.
const REMOVED_AT_ONCE: i32 = 1_000;

/// Uses a token up; false when it was used before. The primary key decides, between replicas too: who
/// comes second waits for the first.
///
/// # Errors
/// When the database fails.
pub async fn use_up(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
    once: &Once,
) -> Result<bool, DbErr> {
    let added = run(
        tx,
        workspace,
        "insert into used_token (workspace_id, key_id, jti_hash, good_until) values ($1, $2, $3, $4) \
         on conflict (workspace_id, key_id, jti_hash) do nothing",
        [
            key.as_str().into(),
            once.jti.to_vec().into(),
            micros(once.until).into(),
        ],
    )
    .await?;
    Ok(added > 0)
}

/// Whether a token was used before; uses nothing up.
///
/// # Errors
/// When the database fails.
pub async fn is_used_up(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
    once: &Once,
) -> Result<bool, DbErr> {
    let row = one(
        db,
        workspace,
        "select jti_hash from used_token where workspace_id = $1 and key_id = $2 and jti_hash = $3",
        [key.as_str().into(), once.jti.to_vec().into()],
    )
    .await?;
    Ok(row.is_some())
}

/// Forgets tokens that are accepted no more; returns how many, at most a thousand at once.
///
/// # Errors
/// When the database fails.
pub async fn remove_old(tx: &impl ConnectionTrait, now: i64) -> Result<u64, DbErr> {
    run(
        tx,
        Everywhere::Housekeeping,
        "delete from used_token where (workspace_id, key_id, jti_hash) in \
         (select workspace_id, key_id, jti_hash from used_token where good_until <= $1 \
         order by good_until limit $2)",
        [now.into(), REMOVED_AT_ONCE.into()],
    )
    .await
}
