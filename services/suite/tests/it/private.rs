//! What one customer, or the team, keeps from another.

use std::collections::BTreeSet;

use proto::{
    bff::v1::{
        GetConversationRequest, MarkConversationReadRequest, MarkTicketReadRequest,
        OpenTicketConversationRequest, SendMessageRequest,
    },
    conversations::v1::AddNoteRequest,
    settings::v1::Platform,
    tickets::v1::UpdateTicketRequest,
};
use testing::eventually;
use tonic::Code;

use crate::office::{Office, detail, home, id, shows, submit};

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
