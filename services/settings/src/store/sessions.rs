//! Sessions, by the hashes of their access tokens: those that a key opened, and those of visitors and
//! unverified contacts, which none did.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::{ContactId, WorkspaceId, micros};

use super::{Everywhere, all, contacts, id, one, platform, run, text, time, time_if_any};
use crate::domain::{
    AccessTokenHash, EndedSession, IdentityKeyId, Opener, PastSession, Session, SessionId,
};

/// Sessions removed in one statement at the most: other writers wait for it.
const REMOVED_AT_ONCE: i32 = 1_000;
/// Both tables.
const TABLES: [&str; 2] = ["session", "visitor_session"];

/// Adds an open session; `key` opened it, or none.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &impl ConnectionTrait,
    session: &Session,
    key: Option<&IdentityKeyId>,
    hash: AccessTokenHash,
    now: i64,
) -> Result<(), DbErr> {
    let values = [
        session.id.as_str().into(),
        session.contact.as_str().into(),
        session.platform.as_str().into(),
        hash.to_vec().into(),
        now.into(),
        micros(session.expires_at).into(),
    ];
    match key {
        Some(key) => {
            let [a, b, c, d, e, f] = values;
            run(
                tx,
                &session.workspace,
                "insert into session (workspace_id, id, contact_id, platform, token_hash, created_at, \
                 expires_at, key_id) values ($1, $2, $3, $4, $5, $6, $7, $8)",
                [a, b, c, d, e, f, key.as_str().into()],
            )
            .await?
        }
        None => {
            run(
                tx,
                &session.workspace,
                "insert into visitor_session (workspace_id, id, contact_id, platform, token_hash, \
                 created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
                values,
            )
            .await?
        }
    };
    Ok(())
}

/// The open session of an access token. A session is over with what it hangs on: its key, or its contact
/// as it was, even while the sessions are still being ended one by one.
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
        Everywhere::Credential,
        "select s.id, s.workspace_id, s.contact_id, s.platform, s.expires_at, c.name as contact_name, \
         c.kind as contact_kind from session s \
         join contact c on c.workspace_id = s.workspace_id and c.id = s.contact_id \
         join identity_key k on k.workspace_id = s.workspace_id and k.id = s.key_id \
         where s.token_hash = $1 and s.expires_at > $2 and s.revoked_at is null \
         and k.revoked_at is null and c.merged_into is null and c.erased_at is null \
         union all \
         select s.id, s.workspace_id, s.contact_id, s.platform, s.expires_at, c.name as contact_name, \
         c.kind as contact_kind from visitor_session s \
         join contact c on c.workspace_id = s.workspace_id and c.id = s.contact_id \
         where s.token_hash = $1 and s.expires_at > $2 and s.revoked_at is null \
         and c.merged_into is null and c.erased_at is null",
        [hash.to_vec().into(), now.into()],
    )
    .await?;
    row.map(|row| {
        Ok(Session {
            id: id(&row, "id")?,
            workspace: id(&row, "workspace_id")?,
            contact: id(&row, "contact_id")?,
            contact_name: text(&row, "contact_name")?,
            contact_kind: contacts::kind(&row, "contact_kind")?,
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
        Everywhere::Credential,
        "select workspace_id from session where id = $1 \
         union all select workspace_id from visitor_session where id = $1",
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
    for table in TABLES {
        let sql = format!(
            "update {table} set revoked_at = $3 \
             where workspace_id = $1 and id = $2 and revoked_at is null and expires_at > $3 \
             returning id, workspace_id, contact_id, revoked_at"
        );
        let values = [session.as_str().into(), now.into()];
        if let Some(row) = one(tx, workspace, &sql, values).await? {
            return ended(&row).map(Some);
        }
    }
    Ok(None)
}

/// Ends up to `limit` open sessions that hang on a key or a contact.
///
/// # Errors
/// When the database fails.
pub async fn revoke_of(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    opener: &Opener,
    now: i64,
    limit: i32,
) -> Result<Vec<EndedSession>, DbErr> {
    let (tables, column, opener) = match opener {
        Opener::Key(key) => (&TABLES[..1], "key_id", key.as_str()),
        Opener::Contact(contact) => (&TABLES[..], "contact_id", contact.as_str()),
    };
    let mut all_ended = Vec::new();
    for table in tables {
        let sql = format!(
            "update {table} set revoked_at = $3 where workspace_id = $1 and id in \
             (select id from {table} where workspace_id = $1 and {column} = $2 and revoked_at is null \
             and expires_at > $3 order by expires_at limit $4) \
             returning id, workspace_id, contact_id, revoked_at"
        );
        let left = limit - all_ended.len() as i32;
        let values = [opener.into(), now.into(), left.into()];
        for row in &all(tx, workspace, &sql, values).await? {
            all_ended.push(ended(row)?);
        }
    }
    Ok(all_ended)
}

/// Revoked keys, and merged or erased contacts, with sessions that are still to be ended: a process
/// stopped half way.
///
/// # Errors
/// When the database fails.
pub async fn unfinished_revocations(
    db: &impl ConnectionTrait,
    now: i64,
    limit: i32,
) -> Result<Vec<(WorkspaceId, Opener)>, DbErr> {
    let rows = all(
        db,
        Everywhere::Housekeeping,
        "select k.workspace_id, k.id from identity_key k where k.revoked_at is not null \
         and exists (select 1 from session s where s.workspace_id = k.workspace_id \
         and s.key_id = k.id and s.revoked_at is null and s.expires_at > $1) \
         order by k.workspace_id, k.id limit $2",
        [now.into(), limit.into()],
    )
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push((id(row, "workspace_id")?, Opener::Key(id(row, "id")?)));
    }
    for table in TABLES {
        let sql = format!(
            "select distinct s.workspace_id, s.contact_id from {table} s \
             join contact c on c.workspace_id = s.workspace_id and c.id = s.contact_id \
             where s.expires_at > $1 and s.revoked_at is null \
             and (c.merged_into is not null or c.erased_at is not null) limit $2"
        );
        let values = [now.into(), limit.into()];
        for row in &all(db, Everywhere::Housekeeping, &sql, values).await? {
            let contact = Opener::Contact(id(row, "contact_id")?);
            found.push((id(row, "workspace_id")?, contact));
        }
    }
    Ok(found)
}

/// A contact's sessions that are still kept, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_contact(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    limit: i32,
) -> Result<Vec<PastSession>, DbErr> {
    let rows = all(
        db,
        workspace,
        "select platform, created_at, expires_at, revoked_at from session \
         where workspace_id = $1 and contact_id = $2 \
         union all select platform, created_at, expires_at, revoked_at from visitor_session \
         where workspace_id = $1 and contact_id = $2 order by created_at desc limit $3",
        [contact.as_str().into(), limit.into()],
    )
    .await?;
    let past = |row: &QueryResult| {
        Ok(PastSession {
            platform: platform(row)?,
            created_at: time(row, "created_at")?,
            expires_at: time(row, "expires_at")?,
            revoked_at: time_if_any(row, "revoked_at")?,
        })
    };
    rows.iter().map(past).collect()
}

/// Removes a contact's sessions that are over. Those ended before their time stay until it has come, for
/// readers of the feed who start from nothing.
///
/// # Errors
/// When the database fails.
pub async fn remove_past_of(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    now: i64,
) -> Result<(), DbErr> {
    for table in TABLES {
        let sql = format!(
            "delete from {table} where workspace_id = $1 and contact_id = $2 and expires_at <= $3"
        );
        run(tx, workspace, &sql, [contact.as_str().into(), now.into()]).await?;
    }
    Ok(())
}

/// Removes sessions that ended by this time; returns how many, at most a thousand of each kind at once.
///
/// # Errors
/// When the database fails.
pub async fn remove_old(tx: &impl ConnectionTrait, before: i64) -> Result<u64, DbErr> {
    let mut removed = 0;
    for table in TABLES {
        let sql = format!(
            "delete from {table} where id in \
             (select id from {table} where expires_at <= $1 order by expires_at limit $2)"
        );
        let values = [before.into(), REMOVED_AT_ONCE.into()];
        removed += run(tx, Everywhere::Housekeeping, &sql, values).await?;
    }
    Ok(removed)
}

pub(super) fn ended(row: &QueryResult) -> Result<EndedSession, DbErr> {
    Ok(EndedSession {
        id: id(row, "id")?,
        workspace: id(row, "workspace_id")?,
        contact: id(row, "contact_id")?,
        revoked_at: time(row, "revoked_at")?,
    })
}
