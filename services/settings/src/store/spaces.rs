//! Messenger settings.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use types::WorkspaceId;

use super::{all, damaged, platform, run, text};
use crate::domain::{MessengerSettings, Switch, SwitchableSpace};

/// The settings of a workspace; what was never changed is as it is from the start.
///
/// # Errors
/// When the database fails.
pub async fn load(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<MessengerSettings, DbErr> {
    // one statement: version and switches of one moment
    let rows = all(
        db,
        workspace,
        "select m.version as settings_version, s.platform, s.space, s.enabled, s.version \
         from messenger_settings m left join space_switch s on s.workspace_id = m.workspace_id \
         where m.workspace_id = $1",
        [],
    )
    .await?;
    let Some(first) = rows.first() else {
        return Ok(MessengerSettings::default());
    };
    let version: i64 = first.try_get("", "settings_version")?;
    let turned = rows.iter().map(switch).collect::<Result<_, _>>()?;
    Ok(MessengerSettings::new(version as u64, turned))
}

/// Moves the settings from the version before the switch's to the switch's, and turns the switch;
/// false when they are at another version.
///
/// # Errors
/// When the database fails.
pub async fn turn(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    switch: &Switch,
    now: i64,
) -> Result<bool, DbErr> {
    let version = switch.version as i64;
    run(
        tx,
        workspace,
        "insert into messenger_settings (workspace_id, version, changed_at) values ($1, 0, $2) \
         on conflict (workspace_id) do nothing",
        [now.into()],
    )
    .await?;
    let moved = run(
        tx,
        workspace,
        "update messenger_settings set version = $2, changed_at = $3 \
         where workspace_id = $1 and version = $4",
        [version.into(), now.into(), (version - 1).into()],
    )
    .await?;
    if moved == 0 {
        return Ok(false);
    }
    run(
        tx,
        workspace,
        "insert into space_switch (workspace_id, platform, space, enabled, version) \
         values ($1, $2, $3, $4, $5) on conflict (workspace_id, platform, space) \
         do update set enabled = excluded.enabled, version = excluded.version",
        [
            switch.platform.as_str().into(),
            switch.space.as_str().into(),
            switch.enabled.into(),
            version.into(),
        ],
    )
    .await?;
    Ok(true)
}

fn switch(row: &QueryResult) -> Result<Switch, DbErr> {
    Ok(Switch {
        platform: platform(row)?,
        space: SwitchableSpace::from_name(&text(row, "space")?).ok_or_else(|| damaged("space"))?,
        enabled: row.try_get("", "enabled")?,
        version: row.try_get::<i64>("", "version")? as u64,
    })
}
