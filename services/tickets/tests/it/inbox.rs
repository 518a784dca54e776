//! The teammates' inbox.

use super::support::*;
use proto::tickets::v1::{self as pb, StateCategory};

async fn titles(desk: &Desk, request: pb::ListTicketsRequest) -> Vec<String> {
    let found = answer(desk.tickets().list_tickets(desk.staff(request)).await);
    assert_eq!(found.next_page_token, "");
    found
        .tickets
        .into_iter()
        .map(|ticket| ticket.title)
        .collect()
}

/// The last touched on top
#[tokio::test]
async fn the_inbox_shows_the_newest_update_first_and_each_filter_what_it_says() {
    let desk = Desk::new().await;
    for (contact, title) in [
        (&desk.ada, "Broken printer"),
        (&desk.ada, "Lost badge"),
        (&desk.bob, "Printer ink"),
    ] {
        desk.submit(contact, title).await;
        desk.minutes(1);
    }
    desk.set_state("#1", StateCategory::Resolved).await;
    desk.minutes(1);
    let grace = "tea_00000000000000000000000000000001";
    let assign = pb::UpdateTicketRequest {
        ticket_id: "#2".into(),
        assignee_teammate_id: Some(grace.into()),
        open: Some(false),
        ..Default::default()
    };
    answer(desk.tickets().update_ticket(desk.staff(assign)).await);

    let all = titles(&desk, pb::ListTicketsRequest::default()).await;
    assert_eq!(all, ["Lost badge", "Broken printer", "Printer ink"]);
    let resolved = pb::ListTicketsRequest {
        category: StateCategory::Resolved.into(),
        ..Default::default()
    };
    assert_eq!(titles(&desk, resolved).await, ["Broken printer"]);
    let in_state = pb::ListTicketsRequest {
        state_id: desk.state_id(StateCategory::Submitted).await,
        ..Default::default()
    };
    assert_eq!(titles(&desk, in_state).await, ["Lost badge", "Printer ink"]);
    let adas = pb::ListTicketsRequest {
        requester_contact_id: desk.ada.to_string(),
        ..Default::default()
    };
    assert_eq!(
        titles(&desk, adas.clone()).await,
        ["Lost badge", "Broken printer"]
    );
    let assigned = pb::ListTicketsRequest {
        assignee_teammate_id: grace.into(),
        ..Default::default()
    };
    assert_eq!(titles(&desk, assigned).await, ["Lost badge"]);
    for (open, expected) in [
        (true, vec!["Broken printer", "Printer ink"]),
        (false, vec!["Lost badge"]),
    ] {
        let request = pb::ListTicketsRequest {
            open: Some(open),
            ..Default::default()
        };
        assert_eq!(titles(&desk, request).await, expected);
    }
    let text = pb::ListTicketsRequest {
        text: "PRINTER".into(),
        ..Default::default()
    };
    assert_eq!(
        titles(&desk, text.clone()).await,
        ["Broken printer", "Printer ink"]
    );
    let both = pb::ListTicketsRequest {
        text: text.text,
        ..adas
    };
    assert_eq!(titles(&desk, both).await, ["Broken printer"]);
    let none = pb::ListTicketsRequest {
        state_id: "tst_00000000000000000000000000000000".into(),
        ..Default::default()
    };
    assert_eq!(titles(&desk, none).await, Vec::<String>::new());
}

/// By one rule on either database, whatever the locale of its maker.
#[tokio::test]
async fn a_text_is_found_in_titles_whatever_the_case_of_its_ascii_letters() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Ärger mit dem DRUCKER").await;
    for (text, found) in [
        ("Ärger", true),
        ("äRGER", false),
        ("ÄRGER MIT DEM drucker", true),
    ] {
        let request = pb::ListTicketsRequest {
            text: text.into(),
            ..Default::default()
        };
        assert_eq!(!titles(&desk, request).await.is_empty(), found, "{text}");
    }
}

/// Filters belong to the token
#[tokio::test]
async fn the_inbox_is_paged_and_a_token_goes_on_with_the_same_filters_only() {
    let desk = Desk::new().await;
    for number in 0..5 {
        desk.submit(&desk.ada, &format!("Ticket {number}")).await;
    }
    let request = |page_token: String, open| pb::ListTicketsRequest {
        page_size: 2,
        page_token,
        open,
        ..Default::default()
    };
    let mut met = Vec::new();
    let mut token = String::new();
    loop {
        let page = desk.staff(request(token.clone(), Some(true)));
        let page = answer(desk.tickets().list_tickets(page).await);
        met.extend(
            page.tickets
                .into_iter()
                .map(|ticket| (micros_of(&ticket.update_time), ticket.ticket_id)),
        );
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    assert_eq!(met.len(), 5);
    assert!(met.is_sorted_by(|a, b| a > b), "{met:?}");
    for other in [None, Some(false)] {
        let foreign = desk.staff(request(token.clone(), other));
        refused(
            desk.tickets().list_tickets(foreign).await,
            tonic::Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
        );
    }
}

#[tokio::test]
async fn a_batch_comes_in_the_order_asked_for_without_what_is_not_there() {
    let desk = Desk::new().await;
    let one = desk.submit(&desk.ada, "One").await.ticket_id;
    let two = desk.submit(&desk.bob, "Two").await.ticket_id;
    let request = pb::BatchGetTicketsRequest {
        ticket_ids: vec![
            two.clone(),
            "tkt_00000000000000000000000000000000".into(),
            one.clone(),
        ],
    };
    let found = answer(desk.tickets().batch_get_tickets(desk.staff(request)).await).tickets;
    let ids: Vec<_> = found
        .iter()
        .map(|ticket| ticket.ticket_id.as_str())
        .collect();
    assert_eq!(ids, [two, one]);
    assert_eq!(found[0].requester_contact_ids, [desk.bob.to_string()]);
}
