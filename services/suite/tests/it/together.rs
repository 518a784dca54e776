//! Promises that need several services at once, each as the sentence a customer would say.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use proto::{
    bff::v1::{
        CallToActionKind, ListTicketsRequest, MarkTicketReadRequest, OpenTicketConversationRequest,
        SendMessageRequest, SubmitTicketRequest, WatchMessengerRequest,
        watch_messenger_response::Frame,
    },
    conversations::v1::DeleteConversationRequest,
    settings::v1::{Platform, Space, UpdateSpaceRequest},
    tickets::v1::{DeleteTicketRequest, UnlinkConversationRequest},
};
use suite::signed;
use testing::eventually;
use tonic::Code;

use crate::office::{Office, badges, detail, home, id, shows, submit};

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
