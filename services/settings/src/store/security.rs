//! Identity modes and allowed origins.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::WorkspaceId;

use super::{Everywhere, all, damaged, id, one, platform, run, text};
use crate::domain::{AppId, IdentityMode, MessengerSecurity, Origin, Platform};

/// The security of a workspace; what was never changed is as it is from the start.
///
/// # Errors
/// When the database fails.
pub async fn load(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<MessengerSecurity, DbErr> {
    // one statement: version, origins and modes of one moment
    let rows = all(
        db,
        workspace,
        "select s.version, s.allowed_origins, m.platform, m.mode from messenger_security s \
         left join identity_mode m on m.workspace_id = s.workspace_id where s.workspace_id = $1",
        [],
    )
    .await?;
    let Some(first) = rows.first() else {
        return Ok(MessengerSecurity::default());
    };
    let version: i64 = first.try_get("", "version")?;
    let origins = text(first, "allowed_origins")?;
    let origins = origins.split_whitespace().map(Origin::parse);
    let origins: Result<Vec<_>, _> = origins.collect();
    let mut optional = Vec::new();
    for row in &rows {
        optional.extend(optional_platform(row)?);
    }
    optional.sort_unstable();
    let origins = origins.map_err(|_| damaged("allowed_origins"))?;
    Ok(MessengerSecurity::new(optional, origins, version as u64))
}

fn optional_platform(row: &QueryResult) -> Result<Option<Platform>, DbErr> {
    // no row on the right: every platform enforces
    let Some(mode) = row.try_get::<Option<String>>("", "mode")? else {
        return Ok(None);
    };
    Ok(match IdentityMode::from_name(&mode) {
        Some(IdentityMode::Optional) => Some(platform(row)?),
        Some(IdentityMode::Enforced) => None,
        None => return Err(damaged("mode")),
    })
}

/// Moves the security from the version before to this one; false when it is at another version.
///
/// # Errors
/// When the database fails.
pub async fn save(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    security: &MessengerSecurity,
    now: i64,
) -> Result<bool, DbErr> {
    let version = security.version() as i64;
    run(
        tx,
        workspace,
        "insert into messenger_security (workspace_id, version, allowed_origins, changed_at) \
         values ($1, 0, '', $2) on conflict (workspace_id) do nothing",
        [now.into()],
    )
    .await?;
    let origins: Vec<&str> = security.origins().iter().map(Origin::as_str).collect();
    let moved = run(
        tx,
        workspace,
        "update messenger_security set version = $2, allowed_origins = $3, changed_at = $4 \
         where workspace_id = $1 and version = $5",
        [
            version.into(),
            origins.join(" ").into(),
            now.into(),
            (version - 1).into(),
        ],
    )
    .await?;
    if moved == 0 {
        return Ok(false);
    }
    for platform in Platform::ALL {
        run(
            tx,
            workspace,
            "insert into identity_mode (workspace_id, platform, mode) values ($1, $2, $3) \
             on conflict (workspace_id, platform) do update set mode = excluded.mode",
            [
                platform.as_str().into(),
                security.mode(platform).as_str().into(),
            ],
        )
        .await?;
    }
    Ok(true)
}

/// The workspace of a Messenger's app id.
///
/// # Errors
/// When the database fails.
pub async fn workspace_of_app(
    db: &impl ConnectionTrait,
    app: &AppId,
) -> Result<Option<WorkspaceId>, DbErr> {
    let row = one(
        db,
        Everywhere::Credential,
        "select id from workspace where app_id = $1",
        [app.as_str().into()],
    )
    .await?;
    row.map(|row| id(&row, "id")).transpose()
}
