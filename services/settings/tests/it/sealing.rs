//! Identity keys' secrets at rest.

use proto::settings::v1::*;
use sea_orm::ConnectionTrait;
use tonic::Code;

use crate::world::{Key, SEALING, Tenant, World, refused};

const NEWER: &str = "newer AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The secret and the name of its seal, of the only active key.
async fn kept(world: &World) -> (String, Option<String>) {
    let sql = "select secret, sealed_with from identity_key where revoked_at is null";
    let row = world.rows(sql).await.remove(0);
    (
        row.try_get("", "secret").unwrap(),
        row.try_get("", "sealed_with").unwrap(),
    )
}

async fn opens(world: &World, tenant: &Tenant, key: &Key) {
    let token = key.sign(&world.claims(tenant, "ada"));
    world.open(tenant, Platform::Web, token).await.unwrap();
}

fn write_keys(world: &World, text: &str) {
    let file = world.scratch.path("keys").join(settings::SEALING_FILE);
    std::fs::write(file, text).unwrap();
}

/// What this text is in of the database's files.
fn files_with(world: &World, text: &str) -> Vec<&'static str> {
    let has = |file: &&str| {
        let bytes = std::fs::read(world.scratch.path(file)).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    let files = ["settings.db", "settings.db-wal"];
    files.into_iter().filter(has).collect()
}

#[tokio::test]
async fn who_reads_the_database_cannot_sign_user_tokens() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let (secret, seal) = kept(&world).await;
    assert_eq!(seal.as_deref(), Some("test"));
    assert!(!secret.contains(&key.secret[9..]) && !secret.starts_with("msgr_msk_"));
    opens(&world, &tenant, &key).await;
    if testing::on_sqlite_for("what the file of the database holds") {
        assert_eq!(files_with(&world, &key.secret), [""; 0]);
    }
}

#[tokio::test]
async fn a_secret_that_a_version_before_kept_in_clear_is_sealed_at_the_start_and_goes_on_working() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let revoked = world.key(&tenant, Platform::Web).await;
    let clear = format!(
        "update identity_key set sealed_with = null, secret = '{}' where id = '{}';
         update identity_key set sealed_with = null, secret = '{}', revoked_at = 1 where id = '{}'",
        key.secret, key.kid, revoked.secret, revoked.kid
    );
    world
        .database()
        .await
        .execute_unprepared(&clear)
        .await
        .unwrap();
    // a replica of the version before may write beside this one
    opens(&world, &tenant, &key).await;
    let world = world.restart().await;
    let (secret, seal) = kept(&world).await;
    assert_eq!(seal.as_deref(), Some("test"));
    assert_ne!(secret, key.secret);
    opens(&world, &tenant, &key).await;
    let gone = world.rows("select 1 from identity_key where revoked_at = 1 and secret <> ''");
    assert_eq!(gone.await.len(), 0);
    if testing::on_sqlite_for("what the file of the database holds") {
        assert_eq!(files_with(&world, &key.secret), [""; 0]);
        assert_eq!(files_with(&world, &revoked.secret), [""; 0]);
    }
}

#[tokio::test]
async fn sealing_keys_are_changed_without_an_hour_in_which_a_secret_cannot_be_opened() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    write_keys(&world, &format!("{NEWER}\n{SEALING}"));
    let world = world.restart().await;
    assert_eq!(kept(&world).await.1.as_deref(), Some("newer"));
    opens(&world, &tenant, &key).await;
    write_keys(&world, NEWER);
    let world = world.restart().await;
    opens(&world, &tenant, &key).await;
}

#[tokio::test]
async fn settings_does_not_start_without_the_keys_that_open_what_is_there() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.key(&tenant, Platform::Web).await;
    let World {
        scratch, running, ..
    } = world;
    running.drain().await;
    let file = scratch.path("keys").join(settings::SEALING_FILE);
    let told = async || {
        let config = World::config(&scratch);
        let started = settings::start(config).await;
        started.err().expect("it started").to_string()
    };
    let other = SEALING.replace("AAAA", "BBBB");
    for wrong in [NEWER.to_owned(), other] {
        std::fs::write(&file, wrong).unwrap();
        let told = told().await;
        assert!(told.contains("sealed with the key test"), "{told}");
    }
    std::fs::remove_file(&file).unwrap();
    let told = told().await;
    assert!(told.contains("suite keys --dir"), "{told}");
}

#[tokio::test]
async fn a_revoked_keys_secret_is_forgotten() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let body = RevokeIdentityKeyRequest { key_id: key.kid };
    let mut workspaces = world.workspaces();
    let done = workspaces.revoke_identity_key(world.by(&tenant, body));
    done.await.unwrap();
    let left = world.rows("select 1 from identity_key where secret <> ''");
    assert_eq!(left.await.len(), 0);
}

#[tokio::test]
async fn a_sealed_secret_moved_to_another_workspaces_key_opens_nothing() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let our_key = world.key(&ours, Platform::Web).await;
    let their_key = world.key(&theirs, Platform::Web).await;
    let moved = format!(
        "update identity_key set secret = \
         (select secret from identity_key where id = '{}') where id = '{}'",
        our_key.kid, their_key.kid
    );
    world
        .database()
        .await
        .execute_unprepared(&moved)
        .await
        .unwrap();
    let forged = Key {
        kid: their_key.kid,
        secret: our_key.secret,
    };
    let token = forged.sign(&world.claims(&theirs, "ada"));
    let opened = world.open(&theirs, Platform::Web, token).await;
    refused(opened, Code::Internal, "INTERNAL");
}
