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

/// As [`remember`], noting what the answer is about, so that [`forget_about`] finds it. Only for services whose
/// migrations hold [`AnsweredAbout`](crate::migration::AnsweredAbout).
///
/// # Errors
/// As [`remember`].
pub async fn remember_about(
    db: &impl ConnectionTrait,
    request: &Request<'_>,
    about: &str,
    answer: Vec<u8>,
    now_micros: i64,
) -> Result<(), DbErr> {
    if request.id.is_empty() {
        return Ok(());
    }
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "insert into answered_request (workspace_id, actor_id, request_id, body_hash, answer, answered_at, \
         about) values ($1, $2, $3, $4, $5, $6, $7)",
        [
            request.workspace.as_str().into(),
            request.actor.into(),
            request.id.into(),
            request.body_hash.to_vec().into(),
            answer.into(),
            now_micros.into(),
            about.into(),
        ],
    ))
    .await?;
    Ok(())
}

/// Forgets the answers that are about something, whoever got them. Call it in the transaction that takes it away,
/// after what would begin another such answer was refused.
///
/// # Errors
/// When the database fails.
pub async fn forget_about(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    about: &str,
) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "delete from answered_request where workspace_id = $1 and about = $2",
        [workspace.as_str().into(), about.into()],
    ))
    .await?;
    Ok(())
}

/// Answers looked at, or forgotten, at once by [`forget_naming`] and [`forget_of`].
const PAGE: u64 = 200;
/// Answers forgotten at once by [`forget_old`]: a day's may be millions, and a statement has 5 s.
const OLD_AT_ONCE: u64 = 1_000;

/// Forgets answers older than [`KEPT_FOR_MICROS`], a thousand in a transaction, and says how many they were.
///
/// # Errors
/// When the database fails; what was forgotten until then stays forgotten.
pub async fn forget_old(db: &Database, now_micros: i64) -> Result<u64, DbErr> {
    let sql = format!(
        "delete from answered_request where (workspace_id, actor_id, request_id) in \
         (select workspace_id, actor_id, request_id from answered_request \
         where answered_at < $1 order by answered_at limit {OLD_AT_ONCE})"
    );
    let mut forgotten = 0;
    loop {
        let tx = db.begin().await?;
        let done = tx
            .execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                &sql,
                [(now_micros - KEPT_FOR_MICROS).into()],
            ))
            .await?;
        tx.commit().await?;
        forgotten += done.rows_affected();
        if done.rows_affected() < OLD_AT_ONCE {
            return Ok(forgotten);
        }
    }
}

/// Forgets every answer given to an actor, some at a time, so that others get to write in between.
///
/// # Errors
/// When the database fails.
pub async fn forget_of(db: &Database, workspace: &WorkspaceId, actor: &str) -> Result<(), DbErr> {
    let sql = format!(
        "delete from answered_request where workspace_id = $1 and actor_id = $2 and request_id in \
         (select request_id from answered_request where workspace_id = $1 and actor_id = $2 limit {PAGE})"
    );
    loop {
        let tx = db.begin().await?;
        let done = tx
            .execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                &sql,
                [workspace.as_str().into(), actor.into()],
            ))
            .await?;
        tx.commit().await?;
        if done.rows_affected() < PAGE {
            return Ok(());
        }
    }
}

/// Forgets every answer that says one of these names, whoever got it; all of a workspace's are looked at, some
/// at a time, and only those that go are written. A retry of such a request is a new one, and finds what it asks
/// for gone.
///
/// # Errors
/// When the database fails.
pub async fn forget_naming(
    db: &Database,
    workspace: &WorkspaceId,
    names: &[&str],
) -> Result<(), DbErr> {
    let (mut actor, mut request) = (String::new(), String::new());
    let backend = db.read().get_database_backend();
    let page = format!(
        "select actor_id, request_id, answer from answered_request \
         where workspace_id = $1 and (actor_id, request_id) > ($2, $3) \
         order by actor_id, request_id limit {PAGE}"
    );
    let forget = "delete from answered_request \
                  where workspace_id = $1 and actor_id = $2 and request_id = $3";
    let keyed = |actor: &str, request: &str| {
        [
            workspace.as_str().into(),
            actor.into(),
            sea_orm::Value::from(request),
        ]
    };
    loop {
        let from = Statement::from_sql_and_values(backend, &page, keyed(&actor, &request));
        let rows = db.read().query_all_raw(from).await?;
        let mut naming = Vec::new();
        for row in &rows {
            actor = row.try_get("", "actor_id")?;
            request = row.try_get("", "request_id")?;
            let answer: Vec<u8> = row.try_get("", "answer")?;
            let says = |name: &&str| {
                let mut windows = answer.windows(name.len());
                windows.any(|window| window == name.as_bytes())
            };
            if names.iter().any(says) {
                naming.push(keyed(&actor, &request));
            }
        }
        if !naming.is_empty() {
            let tx = db.begin().await?;
            for values in naming {
                tx.execute_raw(Statement::from_sql_and_values(backend, forget, values))
                    .await?;
            }
            tx.commit().await?;
        }
        if rows.len() < PAGE as usize {
            return Ok(());
        }
    }
}
