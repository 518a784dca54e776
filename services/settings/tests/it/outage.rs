//! What callers hear while the database cannot be written.

use proto::settings::v1::*;
use sea_orm::{ConnectionTrait, DbBackend};
use tonic::Code;

use crate::world::{World, refused};

/// D3: callers fall back on what they know only if they hear that it is for now.
#[tokio::test]
async fn while_the_database_is_held_writes_are_unavailable_and_reads_go_on() {
    use tonic_types::StatusExt;
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let opened = world.session(&tenant, &key, "ada").await;
    let holder = world.database().await;
    let hold = match holder.get_database_backend() {
        DbBackend::Postgres => "begin; lock table workspace in exclusive mode",
        _ => "begin immediate",
    };
    holder.execute_unprepared(hold).await.unwrap();
    let turned = world.turn(&tenant, Platform::Web, false, 0).await;
    let status = refused(turned, Code::Unavailable, "UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
    assert!(!status.message().contains("lock"), "{}", status.message());
    world.look_up(&opened.access_token).await.unwrap();
    holder.execute_unprepared("rollback").await.unwrap();
    world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
}
