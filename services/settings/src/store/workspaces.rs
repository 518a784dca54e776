//! Workspaces.

use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{Expr, ExprTrait, Query},
};
use types::{WorkspaceId, micros};

use super::{id, one, run, text, time};
use crate::domain::Workspace;

/// Adds a workspace.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, workspace: &Workspace) -> Result<(), DbErr> {
    run(
        db,
        &workspace.id,
        "insert into workspace (id, name, app_id, created_at) values ($1, $2, $3, $4)",
        [
            workspace.name.as_str().into(),
            workspace.app_id.as_str().into(),
            micros(workspace.created_at).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The workspace, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Option<Workspace>, DbErr> {
    let row = one(
        db,
        workspace,
        "select id, name, app_id, created_at from workspace where id = $1",
        [],
    )
    .await?;
    row.map(|row| {
        Ok(Workspace {
            id: id(&row, "id")?,
            name: text(&row, "name")?,
            app_id: id(&row, "app_id")?,
            created_at: time(&row, "created_at")?,
        })
    })
    .transpose()
}

/// Makes other changes of the workspace's configuration wait until this transaction has ended; false
/// when there is no such workspace. (On SQLite every writing transaction waits anyway.)
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &impl ConnectionTrait, workspace: &WorkspaceId) -> Result<bool, DbErr> {
    let row = Query::select()
        .column("id")
        .from("workspace")
        .and_where(Expr::col("id").eq(workspace.as_str()))
        .lock_exclusive()
        .to_owned();
    Ok(tx.query_one(&row).await?.is_some())
}

/// There is such a workspace.
///
/// # Errors
/// When the database fails.
pub async fn exists(db: &impl ConnectionTrait, workspace: &WorkspaceId) -> Result<bool, DbErr> {
    let row = one(db, workspace, "select id from workspace where id = $1", []).await?;
    Ok(row.is_some())
}
