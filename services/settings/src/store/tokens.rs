//! API tokens, by their hashes.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{TeammateId, WorkspaceId, micros};

use super::{Everywhere, all, damaged, id, one, run, teammates, text, time, time_if_any};
use crate::domain::{ApiToken, ApiTokenId, Role, Scope};

/// Tokens told of at the most.
const MAX_TOKENS: i32 = 500;

/// What is known of a token that is good now, but for its text.
pub struct KnownToken {
    /// Its tenant.
    pub workspace: WorkspaceId,
    /// The teammate it acts as, with their name and role, who is active.
    pub teammate: Option<(TeammateId, String, Role)>,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its text.
    pub hash: Vec<u8>,
}

/// Adds a token.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    token: &ApiToken,
    hash: [u8; 32],
) -> Result<(), DbErr> {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    run(
        tx,
        workspace,
        "insert into api_token (workspace_id, id, name, teammate_id, scopes, hash, created_at, \
         expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            token.id.as_str().into(),
            token.name.as_str().into(),
            token
                .teammate
                .as_ref()
                .map(|id| id.as_str().to_owned())
                .into(),
            scopes.join(" ").into(),
            hash.to_vec().into(),
            micros(token.created_at).into(),
            micros(token.expires_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The newest tokens, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Vec<ApiToken>, DbErr> {
    let rows = all(
        db,
        workspace,
        "select id, name, teammate_id, scopes, created_at, expires_at, revoked_at, last_used_at \
         from api_token where workspace_id = $1 order by created_at desc, id desc limit $2",
        [MAX_TOKENS.into()],
    )
    .await?;
    rows.iter().map(token).collect()
}

/// One token, if it is of this workspace.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    token_id: &ApiTokenId,
) -> Result<Option<ApiToken>, DbErr> {
    let row = one(
        db,
        workspace,
        "select id, name, teammate_id, scopes, created_at, expires_at, revoked_at, last_used_at \
         from api_token where workspace_id = $1 and id = $2",
        [token_id.as_str().into()],
    )
    .await?;
    row.as_ref().map(token).transpose()
}

/// Revokes a token; false when it was revoked before.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    token_id: &ApiTokenId,
    now: i64,
) -> Result<bool, DbErr> {
    let revoked = run(
        tx,
        workspace,
        "update api_token set revoked_at = $3 \
         where workspace_id = $1 and id = $2 and revoked_at is null",
        [token_id.as_str().into(), now.into()],
    )
    .await?;
    Ok(revoked > 0)
}

/// The token of an id, unless it is revoked or over, or its teammate may do nothing.
///
/// # Errors
/// When the database fails.
pub async fn find_good(
    db: &impl ConnectionTrait,
    token_id: &ApiTokenId,
    now: i64,
) -> Result<Option<KnownToken>, DbErr> {
    let row = one(
        db,
        Everywhere::Credential,
        "select t.workspace_id, t.name, t.teammate_id, t.scopes, t.hash, m.name as teammate_name, m.role \
         from api_token t \
         left join teammate m on m.workspace_id = t.workspace_id and m.id = t.teammate_id \
         where t.id = $1 and t.revoked_at is null and t.expires_at > $2 \
         and (t.teammate_id is null or m.active)",
        [token_id.as_str().into(), now.into()],
    )
    .await?;
    row.map(|row| {
        let teammate = match teammate_id(&row)? {
            Some(id) => Some((id, text(&row, "teammate_name")?, teammates::role(&row)?)),
            None => None,
        };
        Ok(KnownToken {
            workspace: id(&row, "workspace_id")?,
            teammate,
            name: text(&row, "name")?,
            scopes: scopes(&row)?,
            hash: row.try_get("", "hash")?,
        })
    })
    .transpose()
}

fn token(row: &QueryResult) -> Result<ApiToken, DbErr> {
    Ok(ApiToken {
        id: id(row, "id")?,
        name: text(row, "name")?,
        teammate: teammate_id(row)?,
        scopes: scopes(row)?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
        revoked_at: time_if_any(row, "revoked_at")?,
        last_used_at: time_if_any(row, "last_used_at")?,
    })
}

fn teammate_id(row: &QueryResult) -> Result<Option<TeammateId>, DbErr> {
    row.try_get::<Option<String>>("", "teammate_id")?
        .map(|id| TeammateId::parse(&id).map_err(|_| damaged("teammate_id")))
        .transpose()
}

fn scopes(row: &QueryResult) -> Result<Vec<Scope>, DbErr> {
    text(row, "scopes")?
        .split(' ')
        .map(|scope| Scope::parse(scope).map_err(|_| damaged("scopes")))
        .collect()
}
