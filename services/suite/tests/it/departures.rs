//! Contacts who are no more, in all services: a visitor who turns out to be a user, and somebody who wants to be
//! forgotten.

use std::{collections::BTreeMap, sync::Arc};

use database::Database;
use events::{EventLog, NewEvent};
use proto::{
    bff::v1::{GetConversationRequest, SendMessageRequest},
    conversations::v1 as conversations,
    events::v1::{
        ContactStanding, SnapshotRequest, event_feed_service_client::EventFeedServiceClient,
    },
    notifications::v1 as notifications,
    settings::v1::{self as settings_api, Platform},
    tickets::v1::{self as tickets, StateCategory},
};
use runtime::{Actor, KeyRing};
use suite::Messenger;
use testing::{departures, eventually};
use tonic::{Request, transport::Channel};
use types::{ContactId, SystemClock, WorkspaceId};

use crate::office::{Office, badges, detail, home, id, shows, submit};

/// What Settings tells, written where it writes: in its own log.
async fn tell(office: &Office, event: NewEvent) {
    let url = office.site.layout().database_url("settings");
    let db = Database::open::<settings::Migrator>(&url).await.unwrap();
    let log = EventLog::open(db.clone(), "settings", Arc::new(SystemClock)).await;
    let mut work = log.unwrap().begin().await.unwrap();
    work.emit(event);
    work.commit().await.unwrap();
    db.close().await.unwrap();
}

/// Calls past the BFF, as it makes them.
struct Direct {
    ring: KeyRing,
    workspace: WorkspaceId,
    channels: BTreeMap<&'static str, Channel>,
}

impl Direct {
    fn new(office: &Office) -> Self {
        let at = office.suite.endpoints();
        let channels = [
            ("tickets", &at.tickets),
            ("conversations", &at.conversations),
            ("notifications", &at.notifications),
            ("settings", &at.settings),
        ];
        Self {
            ring: KeyRing::load(&office.site.layout().keys(), "bff").unwrap(),
            workspace: office.access.workspace_id.parse().unwrap(),
            channels: channels
                .map(|(name, url)| (name, runtime::client::channel(url).unwrap()))
                .into(),
        }
    }

    fn by<T>(&self, actor: &Actor, body: T) -> Request<T> {
        testing::request(&self.ring, actor, body)
    }

    fn contact<T>(&self, contact: &ContactId, body: T) -> Request<T> {
        self.by(&testing::contact(&self.workspace, contact), body)
    }

    fn officer<T>(&self, body: T) -> Request<T> {
        self.by(
            &testing::teammate(&self.workspace, &["settings:write"]),
            body,
        )
    }

    fn channel(&self, service: &str) -> Channel {
        self.channels[service].clone()
    }

    /// Waits until every service has come so far with a contact.
    async fn until(&self, contact: &ContactId, standing: ContactStanding) {
        use conversations::contact_data_service_client::ContactDataServiceClient as Conversations;
        use notifications::contact_data_service_client::ContactDataServiceClient as Notifications;
        use tickets::contact_data_service_client::ContactDataServiceClient as Tickets;

        let contact_id = contact.to_string();
        macro_rules! settled {
            ($client:ident, $package:ident, $name:literal) => {
                eventually(concat!($name, " has settled it"), async || {
                    let body = $package::ExportContactRequest {
                        contact_id: contact_id.clone(),
                        ..Default::default()
                    };
                    let mut client = $client::new(self.channel($name));
                    let answer = client.export_contact(self.officer(body)).await.unwrap();
                    (answer.into_inner().standing() == standing).then_some(())
                })
                .await;
            };
        }
        settled!(Tickets, tickets, "tickets");
        settled!(Conversations, conversations, "conversations");
        settled!(Notifications, notifications, "notifications");
    }
}

/// The contact behind a Messenger's user.
async fn contact_of(office: &Office, messenger: &Messenger) -> ContactId {
    let ticket = submit(messenger, "who am I").await;
    let body = tickets::GetTicketRequest {
        ticket_id: id(&ticket),
    };
    let grace = &office.grace;
    let found = grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.get_ticket(r).await
        })
        .await
        .unwrap();
    found.ticket.unwrap().requester_contact_ids[0]
        .parse()
        .unwrap()
}

async fn reply(office: &Office, conversation_id: &str, body: &str) {
    let body = conversations::SendMessageRequest {
        // an answer that is kept
        request_id: format!("reply to {conversation_id}"),
        conversation_id: conversation_id.into(),
        body: body.into(),
    };
    let grace = &office.grace;
    grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.send_message(r).await
        })
        .await
        .unwrap();
}

/// A visitor writes, gets a ticket, reads half of it, and proves who they are.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_the_visitors_is_the_users_read_and_unread() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ada = contact_of(&office, &web).await;
    shows(&web, Some(1), Some(0)).await;
    let direct = Direct::new(&office);
    let visitor = ContactId::generate();

    let mut talk = conversations::conversation_service_client::ConversationServiceClient::new(
        direct.channel("conversations"),
    );
    let start = conversations::StartContactConversationRequest {
        body: "Hello?".into(),
        ..Default::default()
    };
    let started = talk.start_contact_conversation(direct.contact(&visitor, start));
    let conversation_id = started.await.unwrap().into_inner();
    let conversation_id = conversation_id.conversation.unwrap().conversation_id;
    let mut desk =
        tickets::ticket_service_client::TicketServiceClient::new(direct.channel("tickets"));
    let mut created = Vec::new();
    for title in ["read by the visitor", "read by nobody"] {
        let body = tickets::CreateContactTicketRequest {
            title: title.into(),
            ..Default::default()
        };
        let answer = desk
            .create_contact_ticket(direct.contact(&visitor, body))
            .await;
        created.push(answer.unwrap().into_inner().ticket.unwrap());
    }
    // the first ticket's conversation is read to its end, the other's is not
    let read = &created[0].conversation_id;
    let head = eventually("the ticket is stamped", async || {
        let body = conversations::BatchGetContactConversationsRequest {
            conversation_ids: vec![read.clone()],
        };
        let answer = talk
            .clone()
            .batch_get_contact_conversations(direct.contact(&visitor, body))
            .await;
        let found = answer.unwrap().into_inner().conversations.pop()?;
        (found.head_seq > 0).then_some(found.head_seq)
    })
    .await;
    let body = conversations::MarkContactReadRequest {
        conversation_id: read.clone(),
        up_to_seq: head,
    };
    talk.mark_contact_read(direct.contact(&visitor, body))
        .await
        .unwrap();
    reply(&office, &conversation_id, "How can I help?").await;

    tell(
        &office,
        departures::merged(&direct.workspace, &visitor, &ada, "Ada Lovelace"),
    )
    .await;
    direct.until(&visitor, ContactStanding::Merged).await;
    // the user's own ticket and the one that the visitor had not read; the word that nobody read
    shows(&web, Some(2), Some(1)).await;
    let card: Vec<String> = home(&web)
        .await
        .recent_tickets
        .unwrap()
        .tickets
        .into_iter()
        .map(|ticket| ticket.title)
        .collect();
    assert_eq!(
        card,
        ["read by nobody", "read by the visitor", "who am I"],
        "the last update is on top"
    );
    for ticket in &created {
        let seen = detail(&web, &ticket.ticket_id).await.unwrap();
        assert_eq!(seen.summary.unwrap().title, ticket.title);
    }
    // a write of the visitor's that was under way all the while
    let body = conversations::SendContactMessageRequest {
        conversation_id: conversation_id.clone(),
        body: "With the printer".into(),
        ..Default::default()
    };
    talk.send_contact_message(direct.contact(&visitor, body))
        .await
        .unwrap();
    let body = GetConversationRequest {
        conversation_id,
        ..Default::default()
    };
    let thread = web
        .call(body, |mut c, r| async move { c.get_conversation(r).await })
        .await
        .unwrap();
    let mut parts: Vec<(String, bool)> = thread
        .parts
        .into_iter()
        .map(|part| (part.body, part.author.unwrap_or_default().me))
        .collect();
    parts.sort();
    let expected = [
        ("Hello?", true),
        ("How can I help?", false),
        ("With the printer", true),
    ];
    assert_eq!(parts, expected.map(|(body, mine)| (body.to_owned(), mine)));
    let inbox = notifications::notification_service_client::NotificationServiceClient::new(
        direct.channel("notifications"),
    )
    .get_inbox(direct.contact(&visitor, notifications::GetInboxRequest::default()))
    .await
    .unwrap()
    .into_inner()
    .inbox
    .unwrap();
    assert_eq!((inbox.unread_tickets, inbox.unread_conversations), (0, 0));
    assert!(!inbox.any_ticket_visible && inbox.latest_conversation.is_none());
}

const CANARY: &str = "canary-5d1e";

/// A canary in every field that a contact can fill is nowhere after the erasure, and nothing brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_an_erased_contact_said_is_found_anywhere_and_nothing_brings_it_back() {
    let mut office = Office::open().await;
    let name = format!("Ada {CANARY}");
    office.access.contacts.insert("ada".into(), name);
    let (web, bobs) = (
        office.messenger("ada", Platform::Web),
        office.messenger("bob", Platform::Web),
    );
    let kept = submit(&bobs, "Bob's ticket").await;
    let gone = contact_of(&office, &web).await;
    let body = proto::bff::v1::SubmitTicketRequest {
        request_id: CANARY.into(),
        title: format!("title {CANARY}"),
        description: format!("description {CANARY}"),
        ..Default::default()
    };
    let ticket = web
        .call(body, |mut c, r| async move { c.submit_ticket(r).await })
        .await
        .unwrap()
        .ticket
        .unwrap();
    let conversation_id = ticket.call_to_action.clone().unwrap().conversation_id;
    for n in 0..3 {
        let body = SendMessageRequest {
            request_id: format!("{n}"),
            conversation_id: conversation_id.clone(),
            body: format!("message {CANARY} {n}"),
            ..Default::default()
        };
        web.call(body, |mut c, r| async move { c.send_message(r).await })
            .await
            .unwrap();
    }
    reply(&office, &conversation_id, &format!("You said {CANARY}")).await;
    office
        .state(&ticket, StateCategory::WaitingOnCustomer)
        .await;
    let grace = &office.grace;
    let body = tickets::UpdateTicketRequest {
        request_id: "kept".into(),
        ticket_id: id(&ticket),
        description: Some(format!("rewritten {CANARY}")),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.update_ticket(r).await
        })
        .await
        .unwrap();
    shows(&web, Some(2), Some(1)).await;
    let found = found_in_files(&office);
    assert_eq!(
        found,
        ["conversations", "notifications", "settings", "tickets"],
        "it is planted"
    );

    let direct = Direct::new(&office);
    let body = settings_api::EraseContactRequest {
        contact_id: gone.to_string(),
    };
    let mut contacts =
        settings_api::contact_service_client::ContactServiceClient::new(direct.channel("settings"));
    contacts.erase_contact(direct.officer(body)).await.unwrap();
    direct.until(&gone, ContactStanding::Erased).await;
    eventually("it is in no table, log or free page", async || {
        found_in_files(&office).is_empty().then_some(())
    })
    .await;
    assert_nobody_is_told(&direct).await;
    shows(&bobs, Some(1), Some(0)).await;
    assert!(detail(&bobs, &id(&kept)).await.is_ok());

    // told again, compared with the owners again, and started again
    tell(&office, departures::erased(&direct.workspace, &gone)).await;
    let admin = testing::teammate(&direct.workspace, &["notifications:admin"]);
    let rebuilt = notifications::notification_service_client::NotificationServiceClient::new(
        direct.channel("notifications"),
    )
    .rebuild_projection(direct.by(&admin, notifications::RebuildProjectionRequest {}))
    .await
    .unwrap()
    .into_inner();
    assert_eq!(rebuilt.differed, 0);
    for service in ["settings", "tickets", "conversations", "notifications"] {
        office.suite.stop_service(service).await;
        office.suite.start_service(service).await.unwrap();
    }
    let direct = Direct::new(&office);
    direct.until(&gone, ContactStanding::Erased).await;
    eventually("bob's badges are back", async || {
        (badges(&bobs).await == (Some(1), Some(0))).then_some(())
    })
    .await;
    assert_eq!(found_in_files(&office), [""; 0]);
    assert_nobody_is_told(&direct).await;
}

/// The services whose files hold the canary: pages in use, free pages and the write-ahead log.
fn found_in_files(office: &Office) -> Vec<&'static str> {
    let mut found = Vec::new();
    for service in ["conversations", "notifications", "settings", "tickets"] {
        let holds = ["db", "db-wal"].iter().any(|suffix| {
            let path = office.site.data().join(format!("{service}.{suffix}"));
            let bytes = std::fs::read(path).unwrap_or_default();
            let mut windows = bytes.windows(CANARY.len());
            windows.any(|window| window == CANARY.as_bytes())
        });
        found.extend(holds.then_some(service));
    }
    found
}

/// Nor does a feed tell it to a reader that starts from nothing.
async fn assert_nobody_is_told(direct: &Direct) {
    let reader = Actor {
        workspace: None,
        ..testing::teammate(&direct.workspace, &["events:read"])
    };
    for service in ["tickets", "conversations", "settings"] {
        let mut feed = EventFeedServiceClient::new(direct.channel(service));
        let mut said = String::new();
        let snapshot = direct.by(&reader, SnapshotRequest::default());
        let mut snapshot = feed.snapshot(snapshot).await.unwrap().into_inner();
        while let Some(piece) = snapshot.message().await.unwrap() {
            said.push_str(&String::from_utf8_lossy(&prost::Message::encode_to_vec(
                &piece,
            )));
        }
        for partition in 0..16 {
            let read = proto::events::v1::ReadRequest {
                partition,
                after_position: 0,
                limit: 0,
            };
            let read = feed
                .read(direct.by(&reader, read))
                .await
                .unwrap()
                .into_inner();
            said.push_str(&String::from_utf8_lossy(&prost::Message::encode_to_vec(
                &read,
            )));
        }
        assert!(!said.contains(CANARY), "{service}");
    }
}
