//! Contacts who are no more: visitors who turned out to be users, and contacts who were erased.

use events::ERASED;
use proto::{
    conversations::v1::{self as pb, contact_data_service_client::ContactDataServiceClient},
    events::v1::ContactStanding,
};
use testing::eventually;
use tonic::Code;
use types::ContactId;

use crate::{
    tickets::Ticket,
    world::{ConversationId, World, not_found, refused},
};

async fn page(world: &World, contact: &ContactId, token: &str) -> pb::ExportContactResponse {
    let request = pb::ExportContactRequest {
        contact_id: contact.to_string(),
        page_token: token.into(),
    };
    let officer = testing::teammate(&world.workspace, &["settings:write"]);
    let answer = ContactDataServiceClient::new(world.channel())
        .export_contact(world.signed(&officer, request))
        .await;
    answer.unwrap().into_inner()
}

/// All that is kept of a contact, and the bodies of the messages in it.
async fn export(world: &World, contact: &ContactId) -> (Vec<String>, Vec<String>) {
    let (mut ids, mut bodies, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = page(world, contact, &token).await;
        for conversation in page.conversations {
            bodies.extend(conversation.parts.into_iter().map(|part| part.body));
            ids.push(conversation.conversation_id);
        }
        token = page.next_page_token;
        if token.is_empty() {
            ids.dedup();
            return (ids, bodies);
        }
    }
}

pub async fn until(world: &World, contact: &ContactId, standing: ContactStanding) {
    eventually("the departure is settled", async || {
        (page(world, contact, "").await.standing() == standing).then_some(())
    })
    .await;
}

/// A third contact in a conversation: nothing in the product puts one there yet.
async fn join(world: &World, contact: &ContactId, id: &str) {
    use sea_orm::{ConnectionTrait, Statement};
    let db = world.database().await;
    let sql = "insert into conversation_participant (workspace_id, contact_id, conversation_id, event_version, \
               read_seq, last_foreign_message_seq, joined_at, listed, activity_at, updated_at) \
               values ($1, $2, $3, 1, 0, 1, 1, true, 1, 1)";
    let values = [
        world.workspace.as_str().into(),
        contact.as_str().into(),
        id.into(),
    ];
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        sql,
        values,
    ))
    .await
    .unwrap();
    db.close().await.unwrap();
}

/// B2, A3: what the visitor wrote is the user's own, and what they read is read.
#[tokio::test]
async fn a_visitors_conversation_is_the_users_with_what_they_said_and_read() {
    let world = World::start().await;
    let (visitor, ada) = (ContactId::generate(), ContactId::generate());
    let id = world.started_by(&visitor).await;
    let ticket = Ticket::new(&world.workspace, &visitor, &id);
    world.stamped(&visitor, &ticket).await;
    world.reply(&id, "How can I help?").await;
    world.read(&visitor, &id, 2).await.unwrap();
    world
        .say(&visitor, &id, "With the printer", 2)
        .await
        .unwrap();
    let before = world.newest(&visitor, &id).await;
    let thread = world.thread(&visitor, &id).await;
    world
        .departures
        .merged(&world.workspace, &visitor, &ada, "Ada")
        .await;
    until(&world, &visitor, ContactStanding::Merged).await;

    let copy = world.copy(&ada, &id).await.unwrap();
    assert_eq!((copy.read_seq, copy.last_foreign_message_seq), (2, 3));
    let preview = copy.preview.unwrap();
    assert!(preview.mine);
    assert_eq!(preview.author_name, "Ada");
    let now = world.thread(&ada, &id).await;
    let seen = |parts: &[pb::ContactPart]| -> Vec<(u64, String, bool)> {
        let part = |part: &pb::ContactPart| (part.seq, part.body.clone(), part.mine);
        parts.iter().map(part).collect()
    };
    assert_eq!(seen(&now), seen(&thread));
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.envelope.aggregate_version, 1);
    assert_eq!(told.read_revision(&ticket), 1, "the frontier comes along");
    assert_eq!(told.seen_revision(&ticket), 1);
    let left = world.newest(&visitor, &id).await;
    assert_eq!(
        left.envelope.aggregate_version,
        before.envelope.aggregate_version + 1
    );
    assert!(!left.event.participant && left.event.preview.is_none());
    assert!(world.copy(&visitor, &id).await.is_none());
    assert_eq!(export(&world, &visitor).await, (vec![], vec![]));

    // the visitor hears no more of it
    let heard = world.told(&visitor).await.len();
    world.reply(&id, "Turn it off and on again").await;
    assert_eq!(world.told(&visitor).await.len(), heard);
    let copy = world.copy(&ada, &id).await.unwrap();
    assert_eq!((copy.read_seq, copy.last_foreign_message_seq), (2, 5));
}

/// B5: both read marks count, and neither clears what nobody read.
#[tokio::test]
async fn who_is_in_the_conversation_already_has_read_what_either_has() {
    let world = World::start().await;
    let (visitor, ada, bob) = (
        ContactId::generate(),
        ContactId::generate(),
        ContactId::generate(),
    );
    let id = world.started_by(&visitor).await;
    join(&world, &ada, &id).await;
    join(&world, &bob, &id).await;
    world.say(&ada, &id, "mine", 0).await.unwrap();
    world.say(&visitor, &id, "the visitor's", 0).await.unwrap();
    world.read(&ada, &id, 1).await.unwrap();
    world.read(&visitor, &id, 2).await.unwrap();
    world.read(&bob, &id, 1).await.unwrap();
    world
        .departures
        .merged(&world.workspace, &visitor, &ada, "Ada")
        .await;
    until(&world, &visitor, ContactStanding::Merged).await;
    let copy = world.copy(&ada, &id).await.unwrap();
    assert_eq!((copy.read_seq, copy.last_foreign_message_seq), (2, 0));
    assert!(world.thread(&ada, &id).await.iter().all(|part| part.mine));
    let bobs = world.copy(&bob, &id).await.unwrap();
    assert_eq!((bobs.read_seq, bobs.last_foreign_message_seq), (1, 3));
    let told = world.newest(&bob, &id).await.event;
    assert_eq!(told.preview.unwrap().author_name, "Ada");
}

/// A write of the visitor that is still under way when the merge is done.
#[tokio::test]
async fn what_a_visitor_still_writes_and_reads_is_the_users() {
    let world = World::start().await;
    let (visitor, ada) = (ContactId::generate(), ContactId::generate());
    let id = world.started_by(&visitor).await;
    world
        .departures
        .merged(&world.workspace, &visitor, &ada, "Ada")
        .await;
    until(&world, &visitor, ContactStanding::Merged).await;
    let said = world.say(&visitor, &id, "under way", 0).await.unwrap();
    assert!(said.part.unwrap().mine);
    world.read(&visitor, &id, 2).await.unwrap();
    let thread = world.thread(&ada, &id).await;
    assert!(thread[1].mine && thread[1].author_name == "Ada");
    assert_eq!(world.copy(&ada, &id).await.unwrap().read_seq, 2);
    let started = world.started_by(&visitor).await;
    assert!(world.copy(&ada, &started).await.is_some());
    let ensured = ConversationId::generate().to_string();
    world.ensure(&ensured, &visitor).await.unwrap();
    assert!(world.copy(&ada, &ensured).await.is_some());
    // a ticket of the visitor's that is told late makes the user's conversation
    let made = ConversationId::generate().to_string();
    let ticket = Ticket::new(&world.workspace, &visitor, &made);
    world.stamped(&ada, &ticket).await;
    assert_eq!(export(&world, &visitor).await.0, Vec::<String>::new());
    // somebody else's stays somebody else's
    let other = world.started_by(&ContactId::generate()).await;
    not_found(world.say(&visitor, &other, "me?", 0).await);
}

#[tokio::test]
async fn a_request_that_the_visitor_made_twice_is_answered_as_the_first_time() {
    let world = World::start().await;
    let (visitor, ada) = (ContactId::generate(), ContactId::generate());
    let start = pb::StartContactConversationRequest {
        request_id: "once".into(),
        body: "hello".into(),
    };
    let mut client = world.client();
    let first = client
        .start_contact_conversation(world.as_contact(&visitor, start.clone()))
        .await
        .unwrap()
        .into_inner();
    world
        .departures
        .merged(&world.workspace, &visitor, &ada, "Ada")
        .await;
    until(&world, &visitor, ContactStanding::Merged).await;
    let again = client
        .start_contact_conversation(world.as_contact(&visitor, start))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.part, first.part);
    assert_eq!(export(&world, &ada).await.0.len(), 1);
}

#[tokio::test]
async fn an_erased_contacts_words_are_gone_and_others_keep_theirs() {
    let world = World::start().await;
    let (gone, bob) = (ContactId::generate(), ContactId::generate());
    let alone = world.started_by(&gone).await;
    world.say(&gone, &alone, "canary alone", 0).await.unwrap();
    world.note(&alone, "canary note").await;
    world.reply(&alone, "the canary, as a teammate says").await;
    world.close(&alone).await;
    let shared = world.started_by(&bob).await;
    join(&world, &gone, &shared).await;
    world.say(&bob, &shared, "bob's word", 0).await.unwrap();
    world.say(&gone, &shared, "canary shared", 0).await.unwrap();
    let deleted = world.started_by(&gone).await;
    world
        .say(&gone, &deleted, "canary deleted", 0)
        .await
        .unwrap();
    world.delete(&deleted).await;
    let (ids, bodies) = export(&world, &gone).await;
    assert_eq!(ids.len(), 3);
    assert!(bodies.iter().any(|body| body == "canary shared"));
    world.departures.erased(&world.workspace, &gone).await;
    until(&world, &gone, ContactStanding::Erased).await;

    assert_eq!(export(&world, &gone).await, (vec![], vec![]));
    let thread = world.thread(&bob, &shared).await;
    let bodies: Vec<&str> = thread.iter().map(|part| part.body.as_str()).collect();
    assert_eq!(bodies, ["hello", "bob's word", "Deleted message"]);
    assert_eq!(thread[2].author_name, "");
    let copy = world.copy(&bob, &shared).await.unwrap();
    assert_eq!(copy.preview.unwrap().text, "Deleted message");
    assert_eq!(copy.last_foreign_message_seq, 3, "what was unread is");
    let told = world.newest(&bob, &shared).await.event;
    assert_eq!(told.preview.unwrap().text, "Deleted message");
    assert_eq!(world.types_told(&gone).await, [ERASED]);
    world.assert_nowhere("canary").await;

    let late = world.say(&gone, &shared, "late", 0).await;
    refused(late, Code::NotFound, "CONTACT_GONE", &[]);
    let request = pb::StartContactConversationRequest {
        body: "late".into(),
        ..Default::default()
    };
    let late = world
        .client()
        .start_contact_conversation(world.as_contact(&gone, request))
        .await;
    refused(late, Code::NotFound, "CONTACT_GONE", &[]);
    let made = ConversationId::generate().to_string();
    let ticket = Ticket::new(&world.workspace, &gone, &made);
    let after = Ticket::new(&world.workspace, &bob, &shared);
    world.tickets.tell(&[&ticket]).await;
    world.stamped(&bob, &after).await;
    assert_eq!(export(&world, &gone).await, (vec![], vec![]));
}

/// Writes of everybody, the visitor's own among them, while the merge is heard and settled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_said_during_a_merge_ends_at_the_user() {
    let world = World::start().await;
    let (visitor, ada) = (ContactId::generate(), ContactId::generate());
    let id = world.started_by(&visitor).await;
    let saying = async {
        for n in 0..24 {
            world
                .say(&visitor, &id, &format!("word {n}"), 0)
                .await
                .unwrap();
            world.started_by(&visitor).await;
        }
    };
    let answering = async {
        for n in 0..24 {
            world.reply(&id, &format!("answer {n}")).await;
        }
    };
    let reading = async {
        for seq in 1..24 {
            // some are for a place that is not there yet
            let _ = world.read(&visitor, &id, seq).await;
        }
    };
    let merging = async {
        eventually("some was said", async || {
            (world.told(&visitor).await.len() > 12).then_some(())
        })
        .await;
        world
            .departures
            .merged(&world.workspace, &visitor, &ada, "Ada")
            .await;
        until(&world, &visitor, ContactStanding::Merged).await;
    };
    futures::join!(saying, answering, reading, merging);
    assert_eq!(export(&world, &visitor).await, (vec![], vec![]));
    assert_eq!(export(&world, &ada).await.0.len(), 25);
    let thread = world.thread(&ada, &id).await;
    let seqs: Vec<u64> = thread.iter().map(|part| part.seq).collect();
    assert_eq!(seqs, (1..=49).collect::<Vec<_>>());
    let mine = thread.iter().filter(|part| part.mine);
    assert_eq!(mine.count(), 25);
    for of in [&visitor, &ada] {
        let mut versions = std::collections::BTreeMap::<String, Vec<u64>>::new();
        for told in world.told(of).await {
            let known = versions.entry(told.event.conversation_id).or_default();
            known.push(told.envelope.aggregate_version);
        }
        for versions in versions.values() {
            let dense: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(*versions, dense);
        }
    }
    let left = world.newest(&visitor, &id).await.event;
    assert!(!left.participant);
    let copy = world.copy(&ada, &id).await.unwrap();
    let told = world.newest(&ada, &id).await.event;
    assert_eq!(
        (told.head_seq, told.read_seq),
        (copy.head_seq, copy.read_seq)
    );
}
