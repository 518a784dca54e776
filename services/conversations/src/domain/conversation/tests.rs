use super::*;

fn fresh() -> PartId {
    PartId::derive(&["part"])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn contact() -> ContactId {
    ContactId::derive(&["ada"])
}

fn author(kind: AuthorKind, id: &str) -> Author {
    Author {
        kind,
        id: id.into(),
        name: String::new(),
    }
}

fn ada() -> Author {
    author(AuthorKind::Contact, contact().as_str())
}

fn grace() -> Author {
    author(AuthorKind::Teammate, "tea_1")
}

fn existing() -> Conversation {
    let key = Key {
        workspace: WorkspaceId::derive(&["w"]),
        conversation: ConversationId::derive(&["c"]),
    };
    let mut conversation = Conversation::start(key, at(100));
    conversation.version = 7;
    conversation
}

fn decide(conversation: Conversation, command: &Command, by: &Author, now: i64) -> Decision {
    let mut decision = Decision::on(conversation);
    decision.carry_out(command, by, at(now), fresh).unwrap();
    decision
}

fn say(body: &str) -> Command {
    Command::Say {
        body: body.into(),
        seen: None,
    }
}

/// C3
#[test]
fn a_contacts_message_reopens_a_closed_conversation_and_a_teammates_does_not() {
    let closed = decide(existing(), &Command::Become(State::Closed), &grace(), 101);
    let by_teammate = decide(closed.conversation.clone(), &say("bye"), &grace(), 102);
    assert_eq!(by_teammate.conversation.state, State::Closed);
    assert_eq!(by_teammate.parts.len(), 1);
    let by_contact = decide(closed.conversation, &say("wait"), &ada(), 102);
    assert_eq!(by_contact.conversation.state, State::Open);
    assert_eq!(by_contact.parts[0].content, Content::State(State::Open));
    assert_eq!(by_contact.parts[0].contact_seq, Some(2));
    assert_eq!(by_contact.message(), Some((3, Some(contact().as_str()))));
}

/// V4
#[test]
fn a_note_has_a_seq_of_its_own_but_no_place_in_the_contacts_timeline() {
    let note = Command::Note {
        body: "secret".into(),
    };
    let noted = decide(existing(), &note, &grace(), 101);
    assert!(noted.changes() && !noted.told());
    assert_eq!(noted.parts[0].contact_seq, None);
    assert_eq!(noted.parts[0].clone().for_contact(&contact()), None);
    let said = decide(noted.conversation, &say("hello"), &grace(), 102);
    assert_eq!((said.parts[0].seq, said.parts[0].contact_seq), (2, Some(1)));
}

/// T3: what is closed already stays closed, and nobody hears of it.
#[test]
fn closing_twice_changes_nothing() {
    let closed = decide(existing(), &Command::Become(State::Closed), &grace(), 101);
    let again = decide(
        closed.conversation.clone(),
        &Command::Become(State::Closed),
        &grace(),
        102,
    );
    assert!(!again.changes() && !again.told());
    assert_eq!(again.conversation, closed.conversation);
}

/// T7: without a place said, the author had everything up to the message before their eyes.
#[test]
fn a_contacts_message_says_what_its_author_had_seen() {
    let said = decide(existing(), &say("one"), &ada(), 101);
    assert_eq!(
        said.conversation.last_contact_message,
        Some(ContactMessage { seq: 1, seen: 1 })
    );
    let more = decide(said.conversation, &say("two"), &grace(), 102);
    assert_eq!(
        more.conversation.last_contact_message,
        Some(ContactMessage { seq: 1, seen: 1 })
    );
    let seen = Command::Say {
        body: "three".into(),
        seen: Some(1),
    };
    let answered = decide(more.conversation, &seen, &ada(), 103);
    assert_eq!(
        answered.conversation.last_contact_message,
        Some(ContactMessage { seq: 3, seen: 1 })
    );
    assert_eq!(answered.seen, Some((contact().into(), 1)));
}

/// A2: the message itself is not there yet when the contact says what they were shown.
#[test]
fn a_place_above_the_head_is_refused_and_nothing_is_written() {
    let mut decision = Decision::on(existing());
    let seen = Command::Say {
        body: "hello".into(),
        seen: Some(1),
    };
    assert_eq!(
        decision.carry_out(&seen, &ada(), at(101), fresh),
        Err(Refusal::SeqAboveHead { head: 0 })
    );
    assert!(!decision.changes());
    assert_eq!(existing().place(UpTo::Head), Ok(0));
    assert_eq!(
        existing().place(UpTo::Seq(u64::MAX)),
        Err(Refusal::SeqAboveHead { head: 0 })
    );
}

#[test]
fn activity_never_moves_backwards_though_a_clock_does() {
    let said = decide(existing(), &say("one"), &ada(), 90);
    assert_eq!(said.conversation.activity_at, at(100));
    assert_eq!(said.conversation.updated_at, at(100));
    assert_eq!(said.parts[0].created_at, at(90));
}

#[test]
fn the_preview_is_the_first_140_characters_and_gone_with_the_conversation() {
    let said = decide(existing(), &say(&"é".repeat(200)), &grace(), 101);
    let last = said.conversation.last_message.clone().unwrap();
    assert_eq!(last.preview, "é".repeat(140));
    let gone = decide(said.conversation, &Command::Delete, &grace(), 102);
    assert_eq!(gone.conversation.last_message, None);
    assert!(gone.told() && gone.conversation.deleted_at == Some(at(102)));
}
