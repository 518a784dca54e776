//! Promises that need several services at once, each as the sentence a customer would say.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use proto::{
    bff::v1::{
        CallToActionKind, GetConversationRequest, GetHomeRequest, GetTicketRequest, Home,
        ListTicketsRequest, MarkConversationReadRequest, MarkTicketReadRequest,
        OpenTicketConversationRequest, SendMessageRequest, SubmitTicketRequest, TicketDetail,
        WatchMessengerRequest, watch_messenger_response::Frame,
    },
    conversations::v1::{AddNoteRequest, DeleteConversationRequest},
    settings::v1::{Platform, Space, UpdateSpaceRequest},
    tickets::v1::{
        ChangeTicketStateRequest, DeleteTicketRequest, UnlinkConversationRequest,
        UpdateTicketRequest,
    },
};
use suite::{Access, Embedded, Messenger, Staff, signed};
use testing::eventually;
use tonic::{Code, Status};

use crate::support::Site;

pub struct Office {
    pub site: Site,
    pub suite: Embedded,
    pub access: Access,
    pub grace: Staff,
}

impl Office {
    pub async fn open() -> Self {
        let site = Site::new();
        std::fs::create_dir_all(site.data()).unwrap();
        let layout = site.layout();
        testing_keys(&layout);
        let suite = Embedded::start(&layout, site.port).await.unwrap();
        let access = suite::workspace(
            &layout,
            suite.endpoints(),
            "Office",
            &[("grace", "Grace Hopper")],
            &[],
        )
        .await
        .unwrap();
        let grace = Staff::new(suite.endpoints(), &access.teammates["grace"]).unwrap();
        Self {
            site,
            suite,
            access,
            grace,
        }
    }

    pub fn messenger(&self, user: &str, platform: Platform) -> Messenger {
        Messenger::new(self.suite.endpoints(), &self.access, user, platform).unwrap()
    }

    pub async fn state(&self, ticket: &TicketDetail, category: proto::tickets::v1::StateCategory) {
        let states = self
            .grace
            .call(
                &self.grace.types,
                Default::default(),
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await
            .unwrap()
            .states;
        let state = states
            .into_iter()
            .find(|state| state.category() == category)
            .unwrap();
        let body = ChangeTicketStateRequest {
            ticket_id: id(ticket),
            state_id: state.state_id,
            ..Default::default()
        };
        self.grace
            .call(&self.grace.tickets, body, |mut c, r| async move {
                c.change_ticket_state(r).await
            })
            .await
            .unwrap();
    }
}

fn testing_keys(layout: &suite::Layout) {
    let names = [
        "bff",
        "tickets",
        "conversations",
        "settings",
        "notifications",
        "operator",
    ];
    runtime::auth::generate_keys(&layout.keys(), &names).unwrap();
}

pub fn id(ticket: &TicketDetail) -> String {
    ticket.summary.as_ref().unwrap().ticket_id.clone()
}

pub async fn submit(messenger: &Messenger, title: &str) -> TicketDetail {
    let body = SubmitTicketRequest {
        title: title.into(),
        ..Default::default()
    };
    messenger
        .call(body, |mut c, r| async move { c.submit_ticket(r).await })
        .await
        .unwrap()
        .ticket
        .unwrap()
}

pub async fn home(messenger: &Messenger) -> Home {
    let body = GetHomeRequest {
        platform: messenger.platform().into(),
        ..Default::default()
    };
    messenger
        .call(body, |mut c, r| async move { c.get_home(r).await })
        .await
        .unwrap()
        .home
        .unwrap()
}

pub async fn badges(messenger: &Messenger) -> (Option<u32>, Option<u32>) {
    let badges = home(messenger).await.badges.unwrap_or_default();
    (badges.tickets, badges.messages)
}

/// Waits for badges of Tickets and Messages.
pub async fn shows(messenger: &Messenger, tickets: Option<u32>, messages: Option<u32>) {
    eventually(&format!("badges {tickets:?} and {messages:?}"), || async {
        (badges(messenger).await == (tickets, messages)).then_some(())
    })
    .await;
}

async fn detail(messenger: &Messenger, ticket_id: &str) -> Result<TicketDetail, Status> {
    let body = GetTicketRequest {
        ticket_id: ticket_id.into(),
        ..Default::default()
    };
    Ok(messenger
        .call(body, |mut c, r| async move { c.get_ticket(r).await })
        .await?
        .ticket
        .unwrap())
}

/// B1, B3, B5
#[tokio::test(flavor = "multi_thread")]
async fn read_on_one_device_is_read_on_every_other_live() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ios = office.messenger("ada", Platform::Ios);
    let ticket = submit(&web, "Printer on fire").await;
    shows(&ios, Some(1), Some(0)).await;
    let body = WatchMessengerRequest {
        platform: Platform::Web.into(),
        resume_token: None,
    };
    let mut request = signed(&web.token().await.unwrap(), body).unwrap();
    request.metadata_mut().remove("grpc-timeout");
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut client = proto::bff::v1::messenger_service_client::MessengerServiceClient::new(channel);
    let mut frames = client.watch_messenger(request).await.unwrap().into_inner();
    let body = MarkTicketReadRequest {
        ticket_id: id(&ticket),
        up_to_revision: 1,
    };
    ios.call(body, |mut c, r| async move { c.mark_ticket_read(r).await })
        .await
        .unwrap();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), frames.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if let Some(Frame::Home(home)) = frame.frame
            && home.badges.unwrap_or_default().tickets == Some(0)
        {
            break;
        }
    }
    assert_eq!(badges(&web).await, (Some(0), Some(0)));
}

/// V3: gone at once from list, card, badge and detail, and the space with the last one.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_ticket_is_gone_from_everything_the_customer_sees() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Never mind").await;
    shows(&web, Some(1), Some(0)).await;
    let body = DeleteTicketRequest {
        ticket_id: id(&ticket),
        ..Default::default()
    };
    let grace = &office.grace;
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.delete_ticket(r).await
        })
        .await
        .unwrap();
    shows(&web, None, Some(0)).await;
    let seen = home(&web).await;
    assert!(seen.recent_tickets.is_none());
    assert!(
        !seen
            .spaces
            .iter()
            .any(|space| space.space() == Space::Tickets && space.visible)
    );
    assert_eq!(
        detail(&web, &id(&ticket)).await.unwrap_err().code(),
        Code::NotFound
    );
    let list = web
        .call(ListTicketsRequest::default(), |mut c, r| async move {
            c.list_tickets(r).await
        })
        .await;
    assert!(list.unwrap().tickets.is_empty());
}

/// V2: somebody else's, unknown and malformed ids get the same answer from every call.
#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_ticket_or_conversation_does_not_exist_for_anybody_else() {
    let office = Office::open().await;
    let ada = office.messenger("ada", Platform::Web);
    let eve = office.messenger("eve", Platform::Web);
    let ticket = submit(&ada, "Private").await;
    let conversation_id = ticket.call_to_action.clone().unwrap().conversation_id;
    let mut answers = BTreeSet::new();
    for ticket_id in [
        id(&ticket),
        "tkt_00000000000000000000000000000000".into(),
        "#1".into(),
        "77".into(),
    ] {
        let status = detail(&eve, &ticket_id).await.unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
        let body = OpenTicketConversationRequest {
            ticket_id: ticket_id.clone(),
        };
        let status = eve
            .call(body, |mut c, r| async move {
                c.open_ticket_conversation(r).await
            })
            .await
            .unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
        let body = MarkTicketReadRequest {
            ticket_id,
            up_to_revision: 1,
        };
        let status = eve
            .call(body, |mut c, r| async move { c.mark_ticket_read(r).await })
            .await
            .unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.first().unwrap().0, Code::NotFound as i32);
    let mut answers = BTreeSet::new();
    for conversation_id in [
        conversation_id,
        "cnv_00000000000000000000000000000000".into(),
    ] {
        let body = GetConversationRequest {
            conversation_id: conversation_id.clone(),
            ..Default::default()
        };
        let status = eve
            .call(body, |mut c, r| async move { c.get_conversation(r).await })
            .await
            .unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
        let body = SendMessageRequest {
            conversation_id: conversation_id.clone(),
            body: "Let me in".into(),
            ..Default::default()
        };
        let status = eve
            .call(body, |mut c, r| async move { c.send_message(r).await })
            .await
            .unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
        let body = MarkConversationReadRequest {
            conversation_id,
            up_to_seq: 1,
        };
        let status = eve
            .call(
                body,
                |mut c, r| async move { c.mark_conversation_read(r).await },
            )
            .await
            .unwrap_err();
        answers.insert((status.code() as i32, status.message().to_owned()));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.first().unwrap().0, Code::NotFound as i32);
    shows(&ada, Some(1), Some(0)).await;
}

/// C2: the button of an unlinked ticket, tapped on two devices at once.
#[tokio::test(flavor = "multi_thread")]
async fn two_taps_on_two_devices_give_one_conversation() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ios = office.messenger("ada", Platform::Ios);
    let ticket = submit(&web, "Where is my parcel").await;
    let first = ticket.call_to_action.clone().unwrap().conversation_id;
    let body = UnlinkConversationRequest {
        ticket_id: id(&ticket),
        ..Default::default()
    };
    let grace = &office.grace;
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.unlink_conversation(r).await
        })
        .await
        .unwrap();
    let action = detail(&web, &id(&ticket))
        .await
        .unwrap()
        .call_to_action
        .unwrap();
    assert_eq!(
        (action.kind(), action.conversation_id.as_str()),
        (CallToActionKind::SendMessage, "")
    );
    let taps = (0..16).map(|tap| {
        let messenger = if tap % 2 == 0 { &web } else { &ios };
        let body = OpenTicketConversationRequest {
            ticket_id: id(&ticket),
        };
        messenger.call(body, |mut c, r| async move {
            c.open_ticket_conversation(r).await
        })
    });
    let opened: BTreeSet<String> = join_all(taps)
        .await
        .into_iter()
        .map(|tap| tap.unwrap().conversation.unwrap().conversation_id)
        .collect();
    assert_eq!(opened.len(), 1);
    assert_ne!(opened.first(), Some(&first));
}

/// T10: a phone that sends again because it heard nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_submission_sent_sixteen_times_makes_one_ticket() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let body = SubmitTicketRequest {
        request_id: "tap".into(),
        title: "Once".into(),
        ..Default::default()
    };
    let sent = (0..16).map(|_| {
        web.call(
            body.clone(),
            |mut c, r| async move { c.submit_ticket(r).await },
        )
    });
    let made: BTreeSet<String> = join_all(sent)
        .await
        .into_iter()
        .map(|answer| id(&answer.unwrap().ticket.unwrap()))
        .collect();
    assert_eq!(made.len(), 1);
    let body = SubmitTicketRequest {
        title: "Twice".into(),
        ..body
    };
    let status = web
        .call(body, |mut c, r| async move { c.submit_ticket(r).await })
        .await
        .unwrap_err();
    assert_eq!(runtime::error::reason_of(&status), "REQUEST_ID_REUSED");
    shows(&web, Some(1), Some(0)).await;
}

/// S6: a toggle reaches open Messengers; the other platforms do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_turned_by_a_teammate_reaches_an_open_messenger() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    submit(&web, "Hello").await;
    shows(&web, Some(1), Some(0)).await;
    let body = WatchMessengerRequest {
        platform: Platform::Web.into(),
        resume_token: None,
    };
    let mut request = signed(&web.token().await.unwrap(), body).unwrap();
    request.metadata_mut().remove("grpc-timeout");
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut client = proto::bff::v1::messenger_service_client::MessengerServiceClient::new(channel);
    let mut frames = client.watch_messenger(request).await.unwrap().into_inner();
    let body = UpdateSpaceRequest {
        platform: Platform::Web.into(),
        space: Space::Tickets.into(),
        enabled: false,
        expected_version: 0,
    };
    let grace = &office.grace;
    grace
        .call(&grace.settings, body, |mut c, r| async move {
            c.update_space(r).await
        })
        .await
        .unwrap();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), frames.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if let Some(Frame::Home(home)) = frame.frame
            && home.badges.unwrap_or_default().tickets.is_none()
        {
            assert!(home.recent_tickets.is_none());
            break;
        }
    }
    assert_eq!(
        badges(&office.messenger("ada", Platform::Ios)).await,
        (Some(1), Some(0))
    );
}

/// V4: a canary in every internal field is in nothing that a customer receives.
#[tokio::test(flavor = "multi_thread")]
async fn what_teammates_keep_to_themselves_reaches_no_customer() {
    const CANARY: &str = "canary-7f3a";
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Question").await;
    let conversation_id = ticket.call_to_action.clone().unwrap().conversation_id;
    shows(&web, Some(1), Some(0)).await;
    let before = home(&web).await;
    let grace = &office.grace;
    let body = AddNoteRequest {
        conversation_id: conversation_id.clone(),
        body: CANARY.into(),
        ..Default::default()
    };
    grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.add_note(r).await
        })
        .await
        .unwrap();
    let assignee = types::TeammateId::derive(&[CANARY]).to_string();
    let body = UpdateTicketRequest {
        ticket_id: id(&ticket),
        assignee_teammate_id: Some(assignee.clone()),
        open: Some(false),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.update_ticket(r).await
        })
        .await
        .unwrap();
    let body = SendMessageRequest {
        conversation_id: conversation_id.clone(),
        body: "Anybody there?".into(),
        ..Default::default()
    };
    web.call(body, |mut c, r| async move { c.send_message(r).await })
        .await
        .unwrap();
    let thread = GetConversationRequest {
        conversation_id,
        ..Default::default()
    };
    let thread = web
        .call(
            thread,
            |mut c, r| async move { c.get_conversation(r).await },
        )
        .await
        .unwrap();
    let seqs: Vec<u64> = thread.parts.iter().rev().map(|part| part.seq).collect();
    assert_eq!(
        seqs,
        (1..=seqs.len() as u64).collect::<Vec<_>>(),
        "a note leaves no gap to count"
    );
    let seen = eventually("the message is on Home", || async {
        let seen = home(&web).await;
        seen.recent_conversation
            .as_ref()
            .is_some_and(|row| row.preview == "Anybody there?")
            .then_some(seen)
    })
    .await;
    let all = format!(
        "{before:?}{seen:?}{thread:?}{:?}",
        detail(&web, &id(&ticket)).await.unwrap()
    );
    for secret in [CANARY, &assignee, "Waiting on customer", "@example.com"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

/// C1: the linked conversation was deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_whose_conversation_was_deleted_offers_a_new_one() {
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Lost thread").await;
    let conversation_id = ticket.call_to_action.clone().unwrap().conversation_id;
    let body = DeleteConversationRequest {
        conversation_id: conversation_id.clone(),
        ..Default::default()
    };
    let grace = &office.grace;
    grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.delete_conversation(r).await
        })
        .await
        .unwrap();
    let action = detail(&web, &id(&ticket))
        .await
        .unwrap()
        .call_to_action
        .unwrap();
    assert_eq!(
        (action.kind(), action.conversation_id.as_str()),
        (CallToActionKind::SendMessage, "")
    );
    let reopened = eventually(
        "Tickets learns of the deletion and links another",
        || async {
            let body = OpenTicketConversationRequest {
                ticket_id: id(&ticket),
            };
            let opened = web
                .call(body, |mut c, r| async move {
                    c.open_ticket_conversation(r).await
                })
                .await
                .ok()?;
            Some(opened.conversation?.conversation_id).filter(|again| *again != conversation_id)
        },
    )
    .await;
    let body = SendMessageRequest {
        conversation_id: reopened.clone(),
        body: "Again".into(),
        ..Default::default()
    };
    web.call(body, |mut c, r| async move { c.send_message(r).await })
        .await
        .unwrap();
    eventually("the button continues the new conversation", || async {
        let action = detail(&web, &id(&ticket)).await.ok()?.call_to_action?;
        (action.kind() == CallToActionKind::ContinueConversation
            && action.conversation_id == reopened)
            .then_some(())
    })
    .await;
}

/// Rebuild: what is computed anew is what was there, explicit reads included.
#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_notifications_changes_nothing_a_customer_sees() {
    use proto::notifications::v1::{
        RebuildProjectionRequest, notification_service_client::NotificationServiceClient,
    };
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let read = submit(&web, "Read").await;
    submit(&web, "Unread").await;
    shows(&web, Some(2), Some(0)).await;
    let body = MarkTicketReadRequest {
        ticket_id: id(&read),
        up_to_revision: 1,
    };
    web.call(body, |mut c, r| async move { c.mark_ticket_read(r).await })
        .await
        .unwrap();
    shows(&web, Some(1), Some(0)).await;
    let before = home(&web).await;
    let operator = runtime::KeyRing::load(&office.site.layout().keys(), "operator").unwrap();
    let token = operator
        .sign_self(None, &["notifications:admin"])
        .unwrap()
        .token;
    let channel = runtime::client::channel(&office.suite.endpoints().notifications).unwrap();
    let mut client = NotificationServiceClient::new(channel);
    let rebuilt = client
        .rebuild_projection(signed(&token, RebuildProjectionRequest {}).unwrap())
        .await
        .unwrap();
    assert_eq!(rebuilt.get_ref().contacts, 1);
    let after = home(&web).await;
    assert!(after.token.unwrap().epoch > before.token.unwrap().epoch);
    assert_eq!(
        (
            after.badges,
            after.recent_tickets,
            after.spaces,
            after.recent_conversation
        ),
        (
            before.badges,
            before.recent_tickets,
            before.spaces,
            before.recent_conversation
        )
    );
}
