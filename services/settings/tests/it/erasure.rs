//! A contact who is forgotten, and one who is told everything.

use events::{ContactRef, EventSource, GrpcSource, source::SnapshotPiece};
use futures::StreamExt;
use jiff::SignedDuration;
use prost::Message;
use proto::{events::v1::Envelope, settings::v1::*};
use sea_orm::QueryResult;
use tonic::Code;
use types::{Clock, ContactId};

use crate::world::{Key, Tenant, World, instant, refused};

/// What nobody says by chance.
const CANARY: &str = "xyzzy";

fn contact_of(opened: &OpenSessionResponse) -> String {
    opened.session.as_ref().unwrap().contact_id.clone()
}

/// A user whose every trait is the canary, who was a visitor before.
async fn canary(world: &World, tenant: &Tenant, key: &Key) -> (OpenSessionResponse, String) {
    let visitor = world.visit(tenant, "").await.unwrap();
    let mut claims = world.claims(tenant, &format!("user {CANARY}"));
    claims["name"] = format!("Ada {CANARY}").into();
    claims["email"] = format!("{CANARY}@example.com").into();
    claims["jti"] = CANARY.into();
    claims["attributes"] = serde_json::json!({ "nick": CANARY });
    let secret = &visitor.visitor_secret;
    let token = key.sign(&claims);
    let opened = world
        .open_as(tenant, Platform::Web, token, secret, "")
        .await;
    let opened = opened.unwrap();
    assert!(opened.merged);
    (opened, contact_of(&visitor))
}

/// A visitor who becomes a user with a name.
async fn canary_without_jti(world: &World, tenant: &Tenant, key: &Key) -> OpenSessionResponse {
    let visitor = world.visit(tenant, "").await.unwrap();
    let mut claims = world.claims(tenant, "ada");
    claims["name"] = format!("Ada {CANARY}").into();
    let secret = &visitor.visitor_secret;
    let opened = world.open_as(tenant, Platform::Web, key.sign(&claims), secret, "");
    opened.await.unwrap()
}

/// Tables with a row in which the text stands, events included.
async fn tables_with(world: &World, text: &str) -> Vec<String> {
    let tables = match testing::on_postgres() {
        true => {
            "select table_name as name from information_schema.tables where table_schema = 'public'"
        }
        false => "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
    };
    let mut found = Vec::new();
    for table in world.rows(tables).await {
        let table: String = table.try_get("", "name").unwrap();
        let rows = world.rows(&format!("select * from {table}")).await;
        if rows.iter().any(|row| says(row, text)) {
            found.push(table);
        }
    }
    found
}

fn says(row: &QueryResult, text: &str) -> bool {
    row.column_names().iter().any(|column| {
        let words = row.try_get::<Option<String>>("", column).ok().flatten();
        let bytes = row.try_get::<Option<Vec<u8>>>("", column).ok().flatten();
        let bytes = bytes.unwrap_or_else(|| words.unwrap_or_default().into_bytes());
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

async fn snapshot(world: &World, of: Option<Vec<ContactRef>>) -> Vec<Envelope> {
    let address = format!("http://{}", world.running.address());
    let channel =
        runtime::client::service_channel(&address, world.bff.clone(), &["events:read"]).unwrap();
    let mut pieces = GrpcSource::new(channel).snapshot(of).await.unwrap();
    let mut events = Vec::new();
    while let Some(piece) = pieces.next().await {
        if let SnapshotPiece::State(page) = piece.unwrap() {
            events.extend(page);
        }
    }
    events
}

#[tokio::test]
async fn nothing_personal_is_left_of_an_erased_contact_in_any_table_event_or_file() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let (opened, visitor) = canary(&world, &tenant, &key).await;
    let ada = contact_of(&opened);
    let before = tables_with(&world, CANARY).await;
    assert!(
        before.contains(&"contact".into()) && before.contains(&"evlog".into()),
        "{before:?}"
    );
    world.erase(&tenant, &ada).await.unwrap();
    assert_eq!(tables_with(&world, CANARY).await, [""; 0]);
    // what is read of the log, from memory or not, and of its state
    let merged = world.events("ContactMerged").await;
    let told = ContactMerged::decode(&*merged[0].payload).unwrap();
    assert_eq!(
        (
            &*told.from_contact_id,
            &*told.into_contact_id,
            &*told.into_contact_name
        ),
        (&*visitor, &*ada, "")
    );
    for event in world
        .events("")
        .await
        .iter()
        .chain(&snapshot(&world, None).await)
    {
        let payload = event.payload.windows(CANARY.len());
        assert!(payload.into_iter().all(|part| part != CANARY.as_bytes()));
    }
    if !testing::on_sqlite_for("what the files of the database hold") {
        return;
    }
    testing::eventually("no file has it", || async {
        let clean = |file: &&str| {
            let bytes = std::fs::read(world.scratch.path(file)).unwrap();
            let mut parts = bytes.windows(CANARY.len());
            parts.all(|part| part != CANARY.as_bytes())
        };
        let files = ["settings.db", "settings.db-wal"];
        files.iter().all(clean).then_some(())
    })
    .await;
}

/// More than one transaction empties.
#[tokio::test]
async fn no_event_names_a_user_whom_many_visitors_became_once_they_are_erased() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let mut ada = String::new();
    for _ in 0..120 {
        ada = contact_of(&canary_without_jti(&world, &tenant, &key).await);
    }
    world.clock.advance(SignedDuration::from_hours(1));
    canary_without_jti(&world, &tenant, &key).await;
    world.erase(&tenant, &ada).await.unwrap();
    let merged = world.events("ContactMerged").await;
    assert_eq!(merged.len(), 121);
    for event in merged {
        let told = ContactMerged::decode(&*event.payload).unwrap();
        assert_eq!(told.into_contact_name, "");
    }
}

#[tokio::test]
async fn an_erased_contacts_sessions_and_secrets_end_and_their_id_stays_with_the_time() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let opened = world.session(&tenant, &key, "ada").await;
    let kept = world.session(&tenant, &key, "ben").await;
    let ada = contact_of(&opened);
    world.erase(&tenant, &ada).await.unwrap();
    let found = world.look_up(&opened.access_token).await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    world.look_up(&kept.access_token).await.unwrap();
    let ended = world.events("SessionRevoked").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].aggregate_id, opened.session.unwrap().session_id);
    let left = world.contact(&tenant, &ada).await.unwrap();
    assert_eq!((&*left.user_id, &*left.name, &*left.email), ("", "", ""));
    assert_eq!(instant(left.erase_time), world.clock.now());
    let events = world.events("ContactErased").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (
            &events[0].aggregate_id,
            &events[0].contact_id,
            events[0].aggregate_version
        ),
        (&ada, &ada, 1)
    );
    assert_eq!(
        ContactErased::decode(&*events[0].payload)
            .unwrap()
            .contact_id,
        ada
    );
    let line = world.audit(&tenant).await.pop().unwrap();
    assert_eq!(
        (
            &*line.action,
            &line.actor_id,
            &line.subject,
            &*line.before,
            &*line.after
        ),
        ("contact.erased", &tenant.admin.id, &ada, "", "erased")
    );
}

#[tokio::test]
async fn erasing_again_is_ok_and_changes_nothing_and_who_is_not_there_is_not_found() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let visitor = contact_of(&world.visit(&ours, "").await.unwrap());
    let foreign = world.erase(&theirs, &visitor).await;
    refused(foreign, Code::NotFound, "NOT_FOUND");
    let nobody = world
        .erase(&ours, "con_00000000000000000000000000000000")
        .await;
    refused(nobody, Code::NotFound, "NOT_FOUND");
    world.erase(&ours, &visitor).await.unwrap();
    let first = world.contact(&ours, &visitor).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    world.erase(&ours, &visitor).await.unwrap();
    assert_eq!(world.contact(&ours, &visitor).await.unwrap(), first);
    assert_eq!(world.events("ContactErased").await.len(), 1);
    let audit = world.audit(&ours).await;
    let lines = audit.iter().filter(|e| e.action == "contact.erased");
    assert_eq!(lines.count(), 1);
}

#[tokio::test]
async fn erased_many_times_at_once_is_erased_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let visitor = contact_of(&world.visit(&tenant, "").await.unwrap());
    let erasures = (0..6).map(|_| world.erase(&tenant, &visitor));
    for erased in futures::future::join_all(erasures).await {
        erased.unwrap();
    }
    assert_eq!(world.events("ContactErased").await.len(), 1);
}

#[tokio::test]
async fn an_erased_user_who_comes_back_is_somebody_new() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let ada = contact_of(&world.session(&tenant, &key, "ada").await);
    world.erase(&tenant, &ada).await.unwrap();
    let back = world.session(&tenant, &key, "ada").await;
    assert_ne!(contact_of(&back), ada);
    world.look_up(&back.access_token).await.unwrap();
    assert_eq!(world.contact(&tenant, &ada).await.unwrap().user_id, "");
    let body = IdentifyContactRequest {
        user_id: "ada".into(),
        ..Default::default()
    };
    let mut contacts = world.contacts();
    let met = contacts.identify_contact(world.by(&tenant, body)).await;
    let met = met.unwrap().into_inner().contact.unwrap();
    assert_eq!(met.contact_id, contact_of(&back));
}

/// A user who opens a session while they are erased: afterwards no session is the old one's.
#[tokio::test]
async fn a_session_opened_while_its_user_is_erased_is_ended_or_somebody_news() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    for user in ["a", "b", "c", "d"] {
        let old = contact_of(&world.session(&tenant, &key, user).await);
        let (opened, erased) = futures::future::join(
            world.session(&tenant, &key, user),
            world.erase(&tenant, &old),
        )
        .await;
        erased.unwrap();
        match world.look_up(&opened.access_token).await {
            Ok(session) => assert_ne!(session.contact_id, old),
            Err(_) => assert_eq!(contact_of(&opened), old),
        }
    }
}

/// "Late events do not bring the person back": whoever reads the feed from nothing hears of it too.
#[tokio::test]
async fn a_snapshot_tells_merges_erasures_and_security_for_ever() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let (opened, visitor) = canary(&world, &tenant, &key).await;
    let gone = contact_of(&world.visit(&tenant, "").await.unwrap());
    world.erase(&tenant, &gone).await.unwrap();
    let optional = IdentityMode::Optional;
    let set = world.set_mode(&tenant, Platform::Ios, optional, 0).await;
    set.unwrap();
    world.clock.advance(SignedDuration::from_hours(24 * 365));
    let world = world.restart().await;
    let told = snapshot(&world, None).await;
    let told: Vec<_> = told
        .iter()
        .map(|event| {
            (
                event.r#type.rsplit('.').next().unwrap(),
                &*event.aggregate_id,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("MessengerSecurityChanged", tenant.id.as_str()),
            ("ContactMerged", &*visitor),
            ("ContactErased", &*gone),
        ]
    );
    // and whoever asks for some contacts alone
    let of = |contact: &str| {
        let contact = ContactId::parse(contact).unwrap();
        let workspace = tenant.id.clone();
        Some(vec![ContactRef { workspace, contact }])
    };
    for (contact, kinds) in [
        (&visitor, vec!["messenger.settings.v1.ContactMerged"]),
        (&gone, vec!["messenger.settings.v1.ContactErased"]),
        (&contact_of(&opened), vec![]),
    ] {
        let told = snapshot(&world, of(contact)).await;
        let told: Vec<&str> = told.iter().map(|event| &*event.r#type).collect();
        assert_eq!(told, kinds);
    }
}

#[tokio::test]
async fn an_export_tells_all_that_is_kept_of_a_contact_and_of_nobody_else() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let (opened, visitor) = canary(&world, &tenant, &key).await;
    world.session(&tenant, &key, "ben").await;
    let ada = contact_of(&opened);
    let export = async |contact_id: &str| {
        let body = ExportContactRequest {
            contact_id: contact_id.into(),
        };
        let mut contacts = world.contacts();
        let told = contacts.export_contact(world.by(&tenant, body)).await;
        told.map(tonic::Response::into_inner)
    };
    let told = export(&ada).await.unwrap();
    assert_eq!(
        told.contact,
        Some(world.contact(&tenant, &ada).await.unwrap())
    );
    assert_eq!(told.sessions.len(), 1);
    assert_eq!(instant(told.sessions[0].create_time), world.clock.now());
    let lines = |told: &ExportContactResponse| -> Vec<(String, String)> {
        let entries = told.audit_entries.iter();
        entries
            .map(|e| (e.action.clone(), e.subject.clone()))
            .collect()
    };
    let merged = ("contact.merged".to_owned(), visitor.clone());
    assert_eq!(lines(&told), std::slice::from_ref(&merged));
    let told = export(&visitor).await.unwrap();
    assert_eq!(told.contact.as_ref().unwrap().merged_into_contact_id, ada);
    assert!(told.sessions[0].revoke_time.is_some());
    assert_eq!(lines(&told), [merged]);
    world.erase(&tenant, &ada).await.unwrap();
    let told = export(&ada).await.unwrap();
    assert_eq!(told.contact.as_ref().unwrap().name, "");
    let nobody = export("con_00000000000000000000000000000000").await;
    refused(nobody, Code::NotFound, "NOT_FOUND");
}
