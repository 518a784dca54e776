//! Many at once.

use std::{collections::BTreeSet, sync::Arc};

use super::support::*;
use futures::future::join_all;
use proto::tickets::v1::{self as pb, StateCategory};
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// Starts all at the same moment, on all threads there are.
async fn all<T: Send + 'static>(
    count: usize,
    start: impl Fn(usize) -> futures::future::BoxFuture<'static, T>,
) -> Vec<T> {
    let gate = Arc::new(tokio::sync::Barrier::new(count));
    let mut running = JoinSet::new();
    for turn in 0..count {
        let (gate, call) = (gate.clone(), start(turn));
        running.spawn(async move {
            gate.wait().await;
            call.await
        });
    }
    running.join_all().await
}

/// T8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_tickets_created_at_once_have_thirty_two_numbers_in_a_row() {
    let desk = Desk::new().await;
    let made = all(32, |turn| {
        let request = desk.by(
            &desk.ada,
            pb::CreateContactTicketRequest {
                title: format!("Ticket {turn}"),
                ..Default::default()
            },
        );
        let mut client = desk.tickets();
        Box::pin(async move { answer(client.create_contact_ticket(request).await) })
    })
    .await;
    let numbers: BTreeSet<u64> = made
        .iter()
        .map(|made| made.ticket.as_ref().unwrap().number)
        .collect();
    assert_eq!(numbers, (1..=32).collect());
    let told = desk.told(&desk.ada).await;
    let in_log: Vec<u64> = told.iter().map(|(_, told)| told.number).collect();
    assert_eq!(
        in_log,
        (1..=32).collect::<Vec<_>>(),
        "they grow in the order of commits"
    );
}

/// O2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_links_to_one_conversation_at_once_exactly_one_wins() {
    let (desk, feed) = Desk::with_feed().await;
    for round in 0..5 {
        let conversation = ConversationId::generate();
        feed.tell(&desk, member(&desk.ada, conversation.as_str()))
            .await;
        let mut tickets = Vec::new();
        for _ in 0..4 {
            let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
            desk.unlink(&ticket).await;
            tickets.push(ticket);
        }
        let outcomes = all(tickets.len(), |turn| {
            let request = desk.staff(pb::LinkConversationRequest {
                ticket_id: tickets[turn].clone(),
                conversation_id: conversation.to_string(),
                ..Default::default()
            });
            let mut client = desk.tickets();
            Box::pin(async move { client.link_conversation(request).await })
        })
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 3), "round {round}");
        for loser in lost {
            refused(loser, Code::FailedPrecondition, "SHARED_TICKET_EXISTS");
        }
        let linked = join_all(tickets.iter().map(|ticket| desk.get(ticket))).await;
        let linked = linked
            .into_iter()
            .filter(|t| !t.as_ref().unwrap().conversation_id.is_empty());
        assert_eq!(linked.count(), 1, "round {round}");
    }
}

/// O2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_shares_to_one_conversation_at_once_exactly_one_wins() {
    let (desk, feed) = Desk::with_feed().await;
    for round in 0..5 {
        let conversation = ConversationId::generate();
        feed.tell(&desk, member(&desk.ada, conversation.as_str()))
            .await;
        let mut tickets = Vec::new();
        for _ in 0..4 {
            let ticket = desk.report(&desk.ada, conversation.as_str()).await;
            tickets.push(ticket.ticket_id);
        }
        let outcomes = all(tickets.len(), |turn| {
            let request = desk.staff(pb::ShareTicketRequest {
                ticket_id: tickets[turn].clone(),
                ..Default::default()
            });
            let mut client = desk.tickets();
            Box::pin(async move { client.share_ticket(request).await })
        })
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 3), "round {round}");
        for loser in lost {
            refused(loser, Code::FailedPrecondition, "SHARED_TICKET_EXISTS");
        }
        assert_eq!(desk.list(&desk.ada).await.len(), round + 1);
    }
}

/// C2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_taps_on_two_devices_at_once_give_one_conversation() {
    let desk = Desk::new().await;
    for round in 0..5 {
        let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
        desk.unlink(&ticket).await;
        let before = desk.get(&ticket).await.unwrap();
        let answers = all(8, |_| {
            let request = desk.by(
                &desk.ada,
                pb::EnsureTicketConversationRequest {
                    ticket_id: ticket.clone(),
                },
            );
            let mut client = desk.tickets();
            Box::pin(async move { answer(client.ensure_ticket_conversation(request).await) })
        })
        .await;
        let ids: BTreeSet<_> = answers
            .iter()
            .map(|answer| &answer.conversation_id)
            .collect();
        assert_eq!(ids.len(), 1, "round {round}");
        let writes = answers
            .iter()
            .filter(|answer| !answer.positions.is_empty())
            .count();
        assert_eq!(writes, 1, "round {round}");
        let after = desk.get(&ticket).await.unwrap();
        assert_eq!(after.version, before.version + 1, "round {round}");
        assert!(ids.contains(&after.conversation_id));
    }
}

/// T6: neither sees what the other has not committed yet, so they have to take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_joins_a_conversation_while_a_ticket_is_linked_to_it_sees_the_ticket() {
    let (desk, feed) = Desk::with_feed().await;
    for round in 0..12 {
        let conversation = ConversationId::generate();
        feed.tell(&desk, member(&desk.ada, conversation.as_str()))
            .await;
        let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
        desk.unlink(&ticket).await;
        let seen_before = desk.list(&desk.bob).await.len();
        tokio::join!(
            async { desk.link(&ticket, conversation.as_str()).await.unwrap() },
            feed.tell(&desk, member(&desk.bob, conversation.as_str())),
        );
        let seen = desk.list(&desk.bob).await;
        assert_eq!(seen.len(), seen_before + 1, "round {round}");
    }
}

/// T10
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_many_times_at_once_has_one_effect_and_one_answer() {
    let desk = Desk::new().await;
    let answers = all(16, |_| {
        let request = desk.by(
            &desk.ada,
            pb::CreateContactTicketRequest {
                request_id: "tap".into(),
                title: "Help".into(),
                ..Default::default()
            },
        );
        let mut client = desk.tickets();
        Box::pin(async move { answer(client.create_contact_ticket(request).await) })
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(desk.list(&desk.ada).await.len(), 1);

    // each alone would be refused as stale, had another one been carried out before
    let resolved = desk.state_id(StateCategory::Resolved).await;
    let answers = all(16, |_| {
        let request = desk.staff(pb::ChangeTicketStateRequest {
            request_id: "resolve".into(),
            ticket_id: "#1".into(),
            state_id: resolved.clone(),
            expected_version: 1,
            ..Default::default()
        });
        let mut client = desk.tickets();
        Box::pin(async move { answer(client.change_ticket_state(request).await) })
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(desk.get("#1").await.unwrap().version, 2);
    assert_eq!(desk.told(&desk.ada).await.len(), 2);
}

/// T9
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_of_one_version_one_wins_and_without_a_version_all_are_made() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Help").await;
    let rename = |expected_version| {
        let (desk, client) = (&desk, desk.tickets());
        move |turn: usize| -> futures::future::BoxFuture<'static, Result<_, Status>> {
            let request = desk.staff(pb::UpdateTicketRequest {
                ticket_id: "#1".into(),
                title: Some(format!("Title {turn}")),
                expected_version,
                ..Default::default()
            });
            let mut client = client.clone();
            Box::pin(async move { client.update_ticket(request).await })
        }
    };
    let outcomes = all(16, rename(1)).await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for loser in lost {
        refused(loser, Code::Aborted, "STALE_VERSION");
    }
    for outcome in all(32, rename(0)).await {
        outcome.unwrap();
    }
    let ticket = desk.get("#1").await.unwrap();
    let told = desk.told(&desk.ada).await;
    let versions: Vec<u64> = told
        .iter()
        .map(|(event, _)| event.aggregate_version)
        .collect();
    assert_eq!(versions, (1..=told.len() as u64).collect::<Vec<_>>());
    assert_eq!(told.last().unwrap().1.revision, ticket.revision);
    assert_eq!(told.last().unwrap().1.title, ticket.title);
}

/// T7, A6: teammates write while customers do
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_and_teammates_at_the_same_time_lose_nothing_of_each_other() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(60);
    let writes = async {
        for turn in 0..30 {
            let request = pb::UpdateTicketRequest {
                ticket_id: "#1".into(),
                title: Some(format!("Title {turn}")),
                ..Default::default()
            };
            answer(desk.tickets().update_ticket(desk.staff(request)).await);
        }
    };
    let messages = async {
        for minute in 1..=30 {
            let at = desk
                .now()
                .checked_sub(jiff::SignedDuration::from_mins(31 - minute))
                .unwrap();
            let mut told = member(&desk.ada, &ticket.conversation_id);
            told.last_message_time = Some(wire(at));
            feed.tell(&desk, told).await;
        }
    };
    tokio::join!(writes, messages);
    let told = desk.told(&desk.ada).await;
    let versions: Vec<u64> = told
        .iter()
        .map(|(event, _)| event.aggregate_version)
        .collect();
    assert_eq!(versions, (1..=61).collect::<Vec<_>>());
    let (_, last) = told.last().unwrap();
    assert_eq!((last.title.as_str(), last.revision), ("Title 29", 31));
    let newest = desk
        .now()
        .checked_sub(jiff::SignedDuration::from_mins(1))
        .unwrap();
    assert_eq!(last.activity_time, Some(wire(newest)));
}
