use proto::{
    bff::v1::{self as pb, CallToActionKind},
    conversations::v1 as cv,
    notifications::v1 as nt,
    settings::v1 as st,
    tickets::v1::{self as tk, StateCategory},
};

use super::{ticket::linked, *};
use crate::{
    labels::LabelSet,
    spaces::{Platform, Space, Switches},
};

const WHO: Who<'_> = Who {
    kind: st::ContactKind::User,
    contact_id: "con_1",
    name: "Ada",
};

fn inbox_ticket(number: u64, category: StateCategory) -> nt::InboxTicket {
    nt::InboxTicket {
        ticket_id: format!("tkt_{number}"),
        number,
        title: format!("Ticket {number}"),
        state_id: format!("tst_{}", category as i32),
        category: category.into(),
        revision: 3,
        unread: number % 2 == 1,
        ticket_update_time: Some(at(number as i64)),
        conversation_id: format!("cnv_{number}"),
    }
}

fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn inbox(active: u64) -> nt::Inbox {
    nt::Inbox {
        unread_tickets: 2,
        unread_conversations: 1,
        recent_tickets: (1..=active)
            .map(|number| inbox_ticket(number, StateCategory::InProgress))
            .collect(),
        any_ticket_visible: true,
        latest_conversation: Some(nt::InboxConversation {
            conversation_id: "cnv_1".into(),
            state: cv::ConversationState::Open.into(),
            preview: Some(preview()),
            unread: true,
            ticket: Some(inbox_ticket(1, StateCategory::Resolved)),
        }),
        version: Some(nt::InboxVersion {
            epoch: 4,
            version: 30,
            tickets_version: 28,
            conversations_version: 30,
        }),
    }
}

fn preview() -> cv::MessagePreview {
    cv::MessagePreview {
        text: "On it.".into(),
        author_kind: cv::AuthorKind::Teammate.into(),
        author_name: "Grace".into(),
        mine: false,
        time: Some(at(99)),
    }
}

fn show(platform: Platform, switches: Switches, inbox: Option<nt::Inbox>) -> pb::Home {
    home(WHO, platform, switches, inbox, &LabelSet::default())
}

fn visible(home: &pb::Home, space: st::Space) -> bool {
    let row = home.spaces.iter().find(|row| row.space() == space);
    row.unwrap().visible
}

/// S1, S2, R1, B6: on every platform
#[test]
fn a_customer_with_a_ticket_sees_space_card_and_badge_where_the_space_is_on() {
    for platform in Platform::ALL {
        let home = show(platform, Switches::all_on(0), Some(inbox(2)));
        assert!(visible(&home, st::Space::Tickets));
        assert_eq!(home.badges.unwrap().tickets, Some(2));
        assert_eq!(home.badges.unwrap().messages, Some(1));
        assert_eq!(home.recent_tickets.unwrap().tickets.len(), 2);
    }
}

/// S3, S4: on every platform, and nowhere else
#[test]
fn turning_the_space_off_hides_space_card_and_badge_on_that_platform_and_nothing_else() {
    for off in Platform::ALL {
        let switches = Switches::all_on(7).with(off, Space::Tickets, false);
        for platform in Platform::ALL {
            let home = show(platform, switches, Some(inbox(2)));
            let on = platform != off;
            assert_eq!(visible(&home, st::Space::Tickets), on);
            assert_eq!(home.recent_tickets.is_some(), on);
            assert_eq!(home.badges.unwrap().tickets.is_some(), on);
            assert!(visible(&home, st::Space::Messages));
            assert!(visible(&home, st::Space::Home));
            assert_eq!(home.badges.unwrap().messages, Some(1));
            let pill = home.recent_conversation.unwrap().ticket.unwrap();
            assert_eq!((pill.number, pill.title.as_str()), (1, "Ticket 1"));
        }
    }
}

/// S3
#[test]
fn off_and_on_again_shows_what_was_shown_before() {
    let on = Switches::all_on(0);
    let again =
        on.with(Platform::Web, Space::Tickets, false)
            .with(Platform::Web, Space::Tickets, true);
    assert_eq!(
        show(Platform::Web, on, Some(inbox(3))),
        show(Platform::Web, again, Some(inbox(3)))
    );
}

/// S1, B6
#[test]
fn a_customer_without_a_ticket_sees_no_space_and_no_badge_not_even_zero() {
    let none = nt::Inbox {
        unread_tickets: 0,
        any_ticket_visible: false,
        ..inbox(0)
    };
    let home = show(Platform::Web, Switches::all_on(0), Some(none));
    assert!(!visible(&home, st::Space::Tickets));
    assert_eq!(home.badges.unwrap().tickets, None);
    assert_eq!(home.recent_tickets, None);
}

/// S1, R1: resolved tickets keep the space, not the card
#[test]
fn a_customer_with_resolved_tickets_only_sees_the_space_without_a_card() {
    let home = show(Platform::Ios, Switches::all_on(0), Some(inbox(0)));
    assert!(visible(&home, st::Space::Tickets));
    assert_eq!(home.badges.unwrap().tickets, Some(2));
    assert_eq!(home.recent_tickets, None);
}

/// B1: a badge of nothing unread is zero where the space shows
#[test]
fn a_badge_is_zero_when_everything_was_read() {
    let read = nt::Inbox {
        unread_tickets: 0,
        unread_conversations: 0,
        ..inbox(1)
    };
    let badges = show(Platform::Web, Switches::all_on(0), Some(read))
        .badges
        .unwrap();
    assert_eq!((badges.tickets, badges.messages), (Some(0), Some(0)));
}

/// R2
#[test]
fn the_card_shows_three_tickets_in_the_order_of_the_inbox() {
    let home = show(Platform::Web, Switches::all_on(0), Some(inbox(5)));
    let card = home.recent_tickets.unwrap().tickets;
    let numbers: Vec<_> = card.iter().map(|ticket| ticket.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(card[0].unread && !card[1].unread);
    assert_eq!(card[0].update_time, Some(at(1)));
}

/// D4
#[test]
fn without_an_inbox_badges_card_and_tickets_are_absent_and_say_so() {
    let home = show(Platform::Web, Switches::all_on(9), None);
    assert!(home.inbox_unavailable);
    assert!(!visible(&home, st::Space::Tickets));
    assert!(visible(&home, st::Space::Messages));
    assert!(visible(&home, st::Space::Home));
    assert_eq!(home.badges, Some(pb::Badges::default()));
    assert_eq!(home.recent_tickets, None);
    assert_eq!(home.recent_conversation, None);
    assert_eq!(home.token.unwrap(), token(None, 9));
}

#[test]
fn home_says_where_it_stands_and_when_the_lists_changed() {
    let home = show(Platform::Web, Switches::all_on(9), Some(inbox(1)));
    let token = home.token.unwrap();
    assert_eq!(
        (token.epoch, token.contact_version, token.settings_version),
        (4, 30, 9)
    );
    assert_eq!((home.tickets_version, home.conversations_version), (28, 30));
    assert!(!home.inbox_unavailable);
}

/// T11: labels are Tickets'; a state that cannot be looked up is called what it is called at first
#[test]
fn a_state_is_called_what_the_workspace_calls_it() {
    let labels = LabelSet::of_states(&[("tst_2", "On our desk")]);
    let shown = |inbox| {
        home(
            WHO,
            Platform::Web,
            Switches::all_on(0),
            Some(inbox),
            &labels,
        )
    };
    let label = |ticket: nt::InboxTicket| {
        let card = shown(nt::Inbox {
            recent_tickets: vec![ticket],
            ..inbox(0)
        });
        let state = card.recent_tickets.unwrap().tickets[0].state.clone();
        (state.as_ref().unwrap().category, state.unwrap().label)
    };
    let ticket = |category| inbox_ticket(1, category);
    assert_eq!(
        label(ticket(StateCategory::InProgress)),
        (StateCategory::InProgress.into(), "On our desk".into())
    );
    for (category, name) in [
        (StateCategory::Submitted, "Submitted"),
        (StateCategory::WaitingOnCustomer, "Waiting on you"),
        (StateCategory::Resolved, "Resolved"),
    ] {
        assert_eq!(label(ticket(category)), (category.into(), name.into()));
    }
}

// ---------------------------------------------------------------- tokens

#[test]
fn a_token_follows_another_only_if_nothing_in_it_is_older() {
    let token = |epoch, contact_version, settings_version| pb::HomeToken {
        epoch,
        contact_version,
        settings_version,
    };
    let now = token(2, 10, 5);
    for newer in [
        token(2, 11, 5),
        token(2, 10, 6),
        token(3, 1, 5),
        token(3, 1, 6),
    ] {
        assert!(follows(&newer, &now), "{newer:?}");
    }
    for not in [
        now,
        token(2, 9, 5),
        token(2, 9, 6),
        token(2, 11, 4),
        token(1, 99, 9),
        token(3, 1, 4),
        super::token(None, 9),
    ] {
        assert!(!follows(&not, &now), "{not:?}");
    }
}

// ---------------------------------------------------------------- call to action

fn conversation(state: cv::ConversationState, has_messages: bool) -> cv::ContactConversation {
    cv::ContactConversation {
        conversation_id: "cnv_1".into(),
        state: state.into(),
        has_messages,
        head_seq: 4,
        read_seq: 2,
        last_foreign_message_seq: 3,
        preview: has_messages.then(preview),
        activity_time: Some(at(99)),
        ..Default::default()
    }
}

fn ticket(category: StateCategory, conversation_id: &str) -> tk::ContactTicket {
    tk::ContactTicket {
        ticket_id: "tkt_1".into(),
        number: 12,
        title: "Printer".into(),
        description: "It is on fire.".into(),
        type_name: "Support request".into(),
        state_id: "tst_1".into(),
        category: category.into(),
        state_label: "Received".into(),
        conversation_id: conversation_id.into(),
        revision: 6,
        notify_revision: 5,
        create_time: Some(at(1)),
        activity_time: Some(at(2)),
    }
}

fn answer(
    conversations: Vec<cv::ContactConversation>,
    unreadable: &[&str],
) -> cv::BatchGetContactConversationsResponse {
    cv::BatchGetContactConversationsResponse {
        conversations,
        unreadable_ids: unreadable.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// What the button says and where it leads, for every category of ticket: they must all agree.
fn button(
    conversation_id: &str,
    answer: Option<cv::BatchGetContactConversationsResponse>,
) -> (CallToActionKind, String, String) {
    let of = |category| {
        let linked = linked(conversation_id, answer.as_ref());
        let detail = detail(ticket(category, conversation_id), vec![], linked, None);
        let button = detail.call_to_action.unwrap();
        (button.kind(), button.label, button.conversation_id)
    };
    let first = of(StateCategory::Submitted);
    for category in [
        StateCategory::InProgress,
        StateCategory::WaitingOnCustomer,
        StateCategory::Resolved,
    ] {
        assert_eq!(of(category), first);
    }
    first
}

fn is(kind: CallToActionKind, label: &str, leads: &str) -> (CallToActionKind, String, String) {
    (kind, label.to_owned(), leads.to_owned())
}

/// C1, first row
#[test]
fn a_ticket_without_a_conversation_offers_to_send_a_message() {
    let expected = is(CallToActionKind::SendMessage, "Send a Message", "");
    assert_eq!(button("", Some(answer(vec![], &[]))), expected);
    assert_eq!(button("", None), expected);
}

/// C1, first row
#[test]
fn a_conversation_that_is_deleted_or_not_the_contacts_is_none() {
    assert_eq!(
        button("cnv_1", Some(answer(vec![], &["cnv_0", "cnv_1"]))),
        is(CallToActionKind::SendMessage, "Send a Message", "")
    );
}

/// C1, second row
#[test]
fn a_closed_conversation_is_offered_to_be_viewed() {
    let closed = conversation(cv::ConversationState::Closed, true);
    assert_eq!(
        button("cnv_1", Some(answer(vec![closed], &[]))),
        is(
            CallToActionKind::ViewConversation,
            "View the Conversation",
            "cnv_1"
        )
    );
}

/// C1b
#[test]
fn a_closed_conversation_without_a_message_is_offered_to_be_viewed() {
    let closed = conversation(cv::ConversationState::Closed, false);
    assert_eq!(
        button("cnv_1", Some(answer(vec![closed], &[]))).0,
        CallToActionKind::ViewConversation
    );
}

/// C1, third row
#[test]
fn a_conversation_without_a_message_offers_to_send_one_there() {
    let empty = conversation(cv::ConversationState::Open, false);
    assert_eq!(
        button("cnv_1", Some(answer(vec![empty], &[]))),
        is(CallToActionKind::SendMessage, "Send a Message", "cnv_1")
    );
}

/// C1: not heard of yet is "no message yet"
#[test]
fn a_conversation_that_is_not_known_yet_offers_to_send_a_message_there() {
    let other = cv::ContactConversation {
        conversation_id: "cnv_2".into(),
        ..conversation(cv::ConversationState::Closed, true)
    };
    assert_eq!(
        button("cnv_1", Some(answer(vec![other], &["cnv_3"]))),
        is(CallToActionKind::SendMessage, "Send a Message", "cnv_1")
    );
}

/// C1, last row; C3
#[test]
fn an_open_conversation_with_messages_is_offered_to_be_continued() {
    let going_on = conversation(cv::ConversationState::Open, true);
    assert_eq!(
        button("cnv_1", Some(answer(vec![going_on], &[]))),
        is(
            CallToActionKind::ContinueConversation,
            "Continue the Conversation",
            "cnv_1"
        )
    );
}

/// D2
#[test]
fn a_conversation_that_cannot_be_asked_about_has_no_button_rather_than_a_wrong_one() {
    assert_eq!(
        button("cnv_1", None),
        is(CallToActionKind::Unavailable, "", "")
    );
}

// ---------------------------------------------------------------- tickets

/// L5
#[test]
fn the_detail_shows_the_ticket_its_history_and_its_conversation() {
    let known = conversation(cv::ConversationState::Open, true);
    let history = vec![tk::ContactTicketUpdate {
        revision: 1,
        category: StateCategory::Submitted.into(),
        state_label: "Received".into(),
        time: Some(at(1)),
    }];
    let reads = [nt::TicketRead {
        ticket_id: "tkt_1".into(),
        read_revision: 4,
    }];
    let detail = detail(
        ticket(StateCategory::InProgress, "cnv_1"),
        history,
        Linked::Known(&known),
        Some(&reads),
    );
    assert_eq!(
        detail,
        pb::TicketDetail {
            summary: Some(pb::TicketSummary {
                ticket_id: "tkt_1".into(),
                number: 12,
                title: "Printer".into(),
                type_name: "Support request".into(),
                state: Some(pb::TicketState {
                    category: StateCategory::InProgress.into(),
                    label: "Received".into(),
                }),
                create_time: Some(at(1)),
                activity_time: Some(at(2)),
                unread: true,
                revision: 6,
            }),
            description: "It is on fire.".into(),
            history: vec![pb::TicketUpdate {
                state: Some(pb::TicketState {
                    category: StateCategory::Submitted.into(),
                    label: "Received".into(),
                }),
                time: Some(at(1)),
                revision: 1,
            }],
            conversation: Some(pb::LinkedConversation {
                conversation_id: "cnv_1".into(),
                state: pb::ConversationState::Open.into(),
            }),
            call_to_action: Some(pb::CallToAction {
                kind: CallToActionKind::ContinueConversation.into(),
                label: "Continue the Conversation".into(),
                conversation_id: "cnv_1".into(),
            }),
            unread_unavailable: false,
        }
    );
}

/// A4, T12
#[test]
fn a_ticket_is_unread_while_a_revision_that_badges_is_above_the_one_read() {
    let read = |read_revision| {
        vec![nt::TicketRead {
            ticket_id: "tkt_1".into(),
            read_revision,
        }]
    };
    let loud = ticket(StateCategory::Submitted, "");
    assert!(unread(&loud, Some(&read(4))));
    assert!(!unread(&loud, Some(&read(5))));
    assert!(unread(&loud, Some(&[])), "never read");
    let silent = tk::ContactTicket {
        notify_revision: 0,
        ..loud.clone()
    };
    assert!(!unread(&silent, Some(&[])), "nothing badges");
    assert!(!unread(&loud, None), "not known");
}

// ---------------------------------------------------------------- conversations

/// S4
#[test]
fn a_row_of_messages_carries_the_newest_message_and_the_tickets_pill() {
    let pills = pills(vec![ticket(StateCategory::Resolved, "cnv_1")]);
    let row = conversation_summary(
        conversation(cv::ConversationState::Closed, true),
        pills.get("cnv_1").cloned(),
    );
    assert_eq!(row.state(), pb::ConversationState::Closed);
    assert_eq!(row.preview, "On it.");
    let author = row.author.unwrap();
    assert_eq!(author.kind(), pb::AuthorKind::Teammate);
    assert!(!author.me);
    assert!(row.unread, "a message by somebody else at 3, read to 2");
    assert_eq!((row.head_seq, row.read_seq), (4, 2));
    let pill = row.ticket.unwrap();
    assert_eq!((pill.number, pill.title.as_str()), (12, "Printer"));
    assert_eq!(pill.state.unwrap().label, "Received");
}

#[test]
fn an_unlinked_ticket_is_no_conversations_pill() {
    assert!(pills(vec![ticket(StateCategory::Submitted, "")]).is_empty());
}

/// V4
#[test]
fn a_note_that_came_this_far_goes_no_further() {
    let note = cv::ContactPart {
        kind: cv::PartKind::Note.into(),
        body: "secret".into(),
        ..Default::default()
    };
    let strange = cv::ContactPart {
        kind: 99,
        ..note.clone()
    };
    assert_eq!(part(note, &LabelSet::default()), None);
    assert_eq!(part(strange, &LabelSet::default()), None);
}

#[test]
fn a_thread_shows_messages_ticket_updates_and_closings() {
    let labels = LabelSet::of_states(&[("tst_4", "Done")]);
    let message = cv::ContactPart {
        part_id: "prt_1".into(),
        seq: 1,
        kind: cv::PartKind::Message.into(),
        author_kind: cv::AuthorKind::Contact.into(),
        author_name: "Ada".into(),
        mine: true,
        body: "Hello".into(),
        ..Default::default()
    };
    let shown = part(message, &labels).unwrap();
    assert_eq!((shown.kind(), shown.seq), (pb::PartKind::Message, 1));
    assert!(shown.author.unwrap().me);
    assert_eq!(shown.body, "Hello");
    let update = cv::ContactPart {
        kind: cv::PartKind::TicketEvent.into(),
        author_kind: cv::AuthorKind::System.into(),
        ticket: Some(cv::TicketStamp {
            ticket_id: "tkt_1".into(),
            revision: 2,
            state_id: "tst_4".into(),
            category: StateCategory::Resolved.into(),
        }),
        ..Default::default()
    };
    assert_eq!(
        part_states(std::slice::from_ref(&update)).collect::<Vec<_>>(),
        ["tst_4"]
    );
    let shown = part(update, &labels).unwrap();
    assert_eq!(shown.kind(), pb::PartKind::TicketEvent);
    assert_eq!(shown.ticket_id, "tkt_1");
    assert_eq!(shown.ticket_state.unwrap().label, "Done");
    let closing = cv::ContactPart {
        kind: cv::PartKind::StateEvent.into(),
        state: cv::ConversationState::Closed.into(),
        ..Default::default()
    };
    let shown = part(closing, &labels).unwrap();
    assert_eq!(shown.kind(), pb::PartKind::StateEvent);
    assert_eq!(shown.state(), pb::ConversationState::Closed);
}
