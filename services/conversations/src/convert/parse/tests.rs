use super::*;

fn event(ticket: &tickets::ContactTicketChanged) -> Envelope {
    Envelope {
        r#type: CONTACT_TICKET_CHANGED.into(),
        workspace_id: WorkspaceId::derive(&["w"]).into(),
        occurred_time: Some(prost_types::Timestamp {
            seconds: 50,
            nanos: 0,
        }),
        payload: ticket.encode_to_vec(),
        ..Default::default()
    }
}

fn linked() -> tickets::ContactTicketChanged {
    tickets::ContactTicketChanged {
        contact_id: ContactId::derive(&["ada"]).into(),
        ticket_id: TicketId::derive(&["t"]).into(),
        visible: true,
        revision: 4,
        stamp_revision: 3,
        state_id: StateId::derive(&["s"]).into(),
        category: StateCategory::Resolved.into(),
        conversation_id: ConversationId::derive(&["c"]).into(),
        requester: true,
        ..Default::default()
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(100).unwrap()
}

/// A1: the stamp carries the revision to stamp, not the ticket's newest.
#[test]
fn a_linked_ticket_is_stamped_at_the_revision_of_its_last_update() {
    let update = ticket_update(&event(&linked()), now()).unwrap().unwrap();
    assert_eq!(update.stamp.revision, 3);
    assert_eq!(update.stamp.category, Category::Resolved);
    assert_eq!(update.at, Timestamp::from_second(50).unwrap());
    assert!(update.requester);
}

/// V3, V4: what the contact does not see leaves no trace in the timeline.
#[test]
fn a_ticket_that_is_deleted_hidden_or_not_linked_is_not_stamped() {
    type Ticket = tickets::ContactTicketChanged;
    let spoil: [fn(&mut Ticket); 4] = [
        |ticket| ticket.deleted = true,
        |ticket| ticket.visible = false,
        |ticket| ticket.conversation_id.clear(),
        |ticket| ticket.stamp_revision = 0,
    ];
    for spoil in spoil {
        let mut ticket = linked();
        spoil(&mut ticket);
        assert_eq!(ticket_update(&event(&ticket), now()), Ok(None));
    }
    let mut other = event(&linked());
    other.r#type = "messenger.tickets.v1.SomethingNew".into();
    assert_eq!(ticket_update(&other, now()), Ok(None));
}

#[test]
fn a_malformed_event_is_named_as_such() {
    type Ticket = tickets::ContactTicketChanged;
    let spoil: [fn(&mut Ticket); 6] = [
        |ticket| ticket.contact_id = "con_".into(),
        |ticket| ticket.ticket_id = "17".into(),
        |ticket| ticket.state_id.clear(),
        |ticket| ticket.conversation_id = "x".into(),
        |ticket| ticket.category = 99,
        |ticket| ticket.stamp_revision = u64::MAX,
    ];
    for spoil in spoil {
        let mut ticket = linked();
        spoil(&mut ticket);
        assert!(ticket_update(&event(&ticket), now()).is_err());
    }
    let mut garbage = event(&linked());
    garbage.payload = vec![0xff; 9];
    assert!(ticket_update(&garbage, now()).is_err());
}

#[test]
fn an_update_from_a_clock_that_is_ahead_happened_now() {
    let mut ahead = event(&linked());
    ahead.occurred_time = Some(prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    });
    let update = ticket_update(&ahead, now()).unwrap().unwrap();
    assert_eq!(update.at, now());
}

#[test]
fn a_batch_names_every_conversation_once_and_in_order() {
    let ids = ["b", "a", "b"].map(|name| ConversationId::derive(&[name]));
    let asked: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(batch(&asked).unwrap(), ids[..2]);
}
