//! When keys and tokens were last used.

use sea_orm::{ConnectionTrait, DbErr};
use types::WorkspaceId;

use super::run;

/// Microseconds between two writes about the same key or token: this is to see whether it is in use.
const APART: i64 = 60_000_000;

/// What keeps the time of its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// An identity key.
    IdentityKey,
    /// An API token.
    ApiToken,
}

/// Notes a use, unless one less than a minute older is noted.
///
/// # Errors
/// When the database fails.
pub async fn note(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    kept: Kept,
    id: &str,
    used_at: i64,
) -> Result<(), DbErr> {
    let sql = match kept {
        Kept::IdentityKey => {
            "update identity_key set last_used_at = $3 where workspace_id = $1 and id = $2 \
             and (last_used_at is null or last_used_at <= $4)"
        }
        Kept::ApiToken => {
            "update api_token set last_used_at = $3 where workspace_id = $1 and id = $2 \
             and (last_used_at is null or last_used_at <= $4)"
        }
    };
    let values = [id.into(), used_at.into(), (used_at - APART).into()];
    run(tx, workspace, sql, values).await?;
    Ok(())
}
