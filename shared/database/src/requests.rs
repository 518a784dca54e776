//! Answers given before: a request id that comes again with the same body gets the same answer, and
//! its effect happens once.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use types::WorkspaceId;

use crate::Database;

/// How long an answer is kept; a retry comes within minutes.
pub const KEPT_FOR_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Whose request it is and what it says.
pub struct Request<'a> {
    /// The tenant.
    pub workspace: &'a WorkspaceId,
    /// Who asks; ids of different actors never meet.
    pub actor: &'a str,
    /// The caller's id for it; empty: not protected.
    pub id: &'a str,
    /// SHA-256 of the method and body.
    pub body_hash: [u8; 32],
}

/// What is known of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// Never seen: carry it out, then [`remember`] the answer in the same transaction.
    New,
    /// Carried out before, with this answer.
    Answered(Vec<u8>),
    /// The id was used with another body.
    Reused,
}

/// Looks a request up. Call it inside the transaction that carries the request out.
///
/// # Errors
/// When the database fails.
pub async fn look_up(db: &impl ConnectionTrait, request: &Request<'_>) -> Result<Seen, DbErr> {
    if request.id.is_empty() {
        return Ok(Seen::New);
    }
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "select body_hash, answer from answered_request \
             where workspace_id = $1 and actor_id = $2 and request_id = $3",
            [
                request.workspace.as_str().into(),
                request.actor.into(),
                request.id.into(),
            ],
        ))
        .await?;
    let Some(row) = row else { return Ok(Seen::New) };
    let hash: Vec<u8> = row.try_get("", "body_hash")?;
    Ok(if hash == request.body_hash {
        Seen::Answered(row.try_get("", "answer")?)
    } else {
        Seen::Reused
    })
}

/// Remembers an answer. The primary key decides between two at once: the loser's transaction fails.
///
/// # Errors
/// When the database fails or another transaction answered the same request id first.
pub async fn remember(
    db: &impl ConnectionTrait,
    request: &Request<'_>,
    answer: Vec<u8>,
    now_micros: i64,
) -> Result<(), DbErr> {
    if request.id.is_empty() {
        return Ok(());
    }
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "insert into answered_request (workspace_id, actor_id, request_id, body_hash, answer, answered_at) \
         values ($1, $2, $3, $4, $5, $6)",
        [
            request.workspace.as_str().into(),
            request.actor.into(),
            request.id.into(),
            request.body_hash.to_vec().into(),
            answer.into(),
            now_micros.into(),
        ],
    ))
    .await?;
    Ok(())
}

/// Forgets answers older than [`KEPT_FOR_MICROS`].
///
/// # Errors
/// When the database fails.
pub async fn forget_old(db: &impl ConnectionTrait, now_micros: i64) -> Result<u64, DbErr> {
    let done = db
        .execute_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "delete from answered_request where answered_at < $1",
            [(now_micros - KEPT_FOR_MICROS).into()],
        ))
        .await?;
    Ok(done.rows_affected())
}

/// Answers looked at in one transaction by [`forget_naming`].
const PAGE: u64 = 500;

/// Forgets every answer given to an actor.
///
/// # Errors
/// When the database fails.
pub async fn forget_of(db: &Database, workspace: &WorkspaceId, actor: &str) -> Result<(), DbErr> {
    let tx = db.begin().await?;
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "delete from answered_request where workspace_id = $1 and actor_id = $2",
        [workspace.as_str().into(), actor.into()],
    ))
    .await?;
    tx.commit().await
}

/// Forgets every answer that says one of these names, whoever got it; all of a workspace's are looked at, some
/// at a time. A retry of such a request is a new one, and finds what it asks for gone.
///
/// # Errors
/// When the database fails.
pub async fn forget_naming(
    db: &Database,
    workspace: &WorkspaceId,
    names: &[&str],
) -> Result<(), DbErr> {
    let (mut actor, mut request) = (String::new(), String::new());
    loop {
        let tx = db.begin().await?;
        let backend = tx.get_database_backend();
        let rows = tx
            .query_all_raw(Statement::from_sql_and_values(
                backend,
                format!(
                    "select actor_id, request_id, answer from answered_request \
                     where workspace_id = $1 and (actor_id, request_id) > ($2, $3) \
                     order by actor_id, request_id limit {PAGE}"
                ),
                [
                    workspace.as_str().into(),
                    actor.as_str().into(),
                    request.as_str().into(),
                ],
            ))
            .await?;
        for row in &rows {
            actor = row.try_get("", "actor_id")?;
            request = row.try_get("", "request_id")?;
            let answer: Vec<u8> = row.try_get("", "answer")?;
            let says = |name: &&str| {
                let mut windows = answer.windows(name.len());
                windows.any(|window| window == name.as_bytes())
            };
            if names.iter().any(says) {
                tx.execute_raw(Statement::from_sql_and_values(
                    backend,
                    "delete from answered_request \
                     where workspace_id = $1 and actor_id = $2 and request_id = $3",
                    [
                        workspace.as_str().into(),
                        actor.as_str().into(),
                        request.as_str().into(),
                    ],
                ))
                .await?;
            }
        }
        tx.commit().await?;
        if rows.len() < PAGE as usize {
            return Ok(());
        }
    }
}
