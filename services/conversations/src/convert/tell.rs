use events::NewEvent;
use jiff::Timestamp;
use prost::Message;
use proto::{conversations::v1 as pb, events::v1::LogPosition, tickets::v1::StateCategory};
use types::{ContactId, micros};

use crate::domain::{
    Author, AuthorKind, Category, ContactContent, ContactPart, Content, Conversation, Frontier,
    LastMessage, Part, Stamp, State, Told, View,
};

/// The one event this service emits.
const CONTACT_CONVERSATION_CHANGED: &str = "messenger.conversations.v1.ContactConversationChanged";

/// An answer to a write, which says where the write is in the log.
pub trait Answer: Message + Default {
    /// Its positions, if it has them.
    fn positions(&mut self) -> Option<&mut Vec<LogPosition>>;
}

macro_rules! answers {
    ($($name:ident),*) => {$(
        impl Answer for pb::$name {
            fn positions(&mut self) -> Option<&mut Vec<LogPosition>> {
                Some(&mut self.positions)
            }
        }
    )*};
}

answers!(
    StartConversationResponse,
    EnsureConversationResponse,
    SendMessageResponse,
    CloseConversationResponse,
    ReopenConversationResponse,
    DeleteConversationResponse,
    StartContactConversationResponse,
    SendContactMessageResponse
);

// customers hear nothing of a note, so there is no position to wait for
impl Answer for pb::AddNoteResponse {
    fn positions(&mut self) -> Option<&mut Vec<LogPosition>> {
        None
    }
}

/// A conversation as teammates see it.
pub fn conversation(conversation: &Conversation, contacts: &[ContactId]) -> pb::Conversation {
    pb::Conversation {
        conversation_id: conversation.key.conversation.to_string(),
        contact_ids: contacts.iter().map(ToString::to_string).collect(),
        state: state(conversation.state).into(),
        head_seq: conversation.head_seq,
        preview: conversation
            .last_message
            .as_ref()
            .map(|last| last.preview.clone())
            .unwrap_or_default(),
        create_time: Some(time(conversation.created_at)),
        update_time: Some(time(conversation.updated_at)),
    }
}

/// A part as teammates see it.
pub fn part(part: Part) -> pb::Part {
    let mut told = pb::Part {
        part_id: part.id.into(),
        seq: part.seq,
        contact_seq: part.contact_seq.unwrap_or_default(),
        kind: pb::PartKind::Message.into(),
        author_kind: author_kind(part.author.kind).into(),
        author_id: part.author.id,
        author_name: part.author.name,
        create_time: Some(time(part.created_at)),
        ..Default::default()
    };
    match part.content {
        Content::Message(body) => told.body = body,
        Content::Note(body) => {
            told.set_kind(pb::PartKind::Note);
            told.body = body;
        }
        Content::Stamp(of) => {
            told.set_kind(pb::PartKind::TicketEvent);
            told.ticket = Some(stamp(of));
        }
        Content::State(now) => {
            told.set_kind(pb::PartKind::StateEvent);
            told.set_state(state(now));
        }
    }
    told
}

/// A conversation as one of its contacts sees it.
pub fn contact_conversation(view: &View) -> pb::ContactConversation {
    let View {
        conversation,
        participant,
    } = view;
    pb::ContactConversation {
        conversation_id: conversation.key.conversation.to_string(),
        state: state(conversation.state).into(),
        has_messages: conversation.last_message.is_some(),
        preview: preview(conversation.last_message.as_ref(), &participant.contact),
        head_seq: conversation.contact_head_seq,
        read_seq: participant.read_seq,
        last_foreign_message_seq: participant.last_foreign_message_seq,
        create_time: Some(time(conversation.created_at)),
        activity_time: Some(time(conversation.activity_at)),
    }
}

/// A part as a contact sees it.
pub fn contact_part(part: ContactPart) -> pb::ContactPart {
    let mut told = pb::ContactPart {
        part_id: part.id.into(),
        seq: part.seq,
        kind: pb::PartKind::Message.into(),
        author_kind: author_kind(part.author_kind).into(),
        author_name: part.author_name,
        mine: part.mine,
        create_time: Some(time(part.created_at)),
        ..Default::default()
    };
    match part.content {
        ContactContent::Message(body) => told.body = body,
        ContactContent::Stamp(of) => {
            told.set_kind(pb::PartKind::TicketEvent);
            told.ticket = Some(stamp(of));
        }
        ContactContent::State(now) => {
            told.set_kind(pb::PartKind::StateEvent);
            told.set_state(state(now));
        }
    }
    told
}

/// A conversation as one contact's, with some of its parts.
pub fn exported_conversation(view: &View, parts: Vec<Part>) -> pb::ExportedConversation {
    let View {
        conversation,
        participant,
    } = view;
    pb::ExportedConversation {
        conversation_id: conversation.key.conversation.to_string(),
        state: state(conversation.state).into(),
        participant: participant.left_at.is_none(),
        deleted: conversation.deleted_at.is_some(),
        read_seq: participant.read_seq,
        create_time: Some(time(conversation.created_at)),
        parts: parts.into_iter().map(part).collect(),
    }
}

/// The event that tells a contact's copy as it is now.
pub fn changed(told: &Told, at: Timestamp) -> NewEvent {
    let View {
        conversation,
        participant,
    } = &told.view;
    let contact = &participant.contact;
    let last_contact_message =
        conversation
            .last_contact_message
            .map(|message| pb::ContactMessage {
                seq: message.seq,
                frontier: frontier(&told.message_frontier),
            });
    let payload = pb::ContactConversationChanged {
        contact_id: contact.to_string(),
        conversation_id: conversation.key.conversation.to_string(),
        participant: participant.left_at.is_none(),
        deleted: conversation.deleted_at.is_some(),
        state: state(conversation.state).into(),
        has_messages: conversation.last_message.is_some(),
        preview: preview(conversation.last_message.as_ref(), contact),
        head_seq: conversation.contact_head_seq,
        last_foreign_message_seq: participant.last_foreign_message_seq,
        read_seq: participant.read_seq,
        frontier: frontier(&told.frontier),
        last_contact_message,
        create_time: Some(time(conversation.created_at)),
        last_message_time: conversation.last_message.as_ref().map(|last| time(last.at)),
    };
    NewEvent {
        kind: CONTACT_CONVERSATION_CHANGED,
        aggregate_id: format!("{contact}/{}", conversation.key.conversation),
        aggregate_version: participant.version,
        contact: Some(contact.clone()),
        workspace: conversation.key.workspace.clone(),
        occurred_at: micros(at),
        payload: payload.encode_to_vec(),
    }
}

fn preview(last: Option<&LastMessage>, reader: &ContactId) -> Option<pb::MessagePreview> {
    let LastMessage {
        preview,
        author,
        at,
    } = last?;
    let Author { kind, name, .. } = author;
    Some(pb::MessagePreview {
        text: preview.clone(),
        author_kind: author_kind(*kind).into(),
        author_name: name.clone(),
        mine: author.is(reader),
        time: Some(time(*at)),
    })
}

fn frontier(entries: &Frontier) -> Vec<pb::FrontierEntry> {
    entries
        .iter()
        .map(|(ticket, revision)| pb::FrontierEntry {
            ticket_id: ticket.to_string(),
            revision: *revision,
        })
        .collect()
}

fn stamp(stamp: Stamp) -> pb::TicketStamp {
    pb::TicketStamp {
        ticket_id: stamp.ticket.into(),
        revision: stamp.revision,
        state_id: stamp.state.into(),
        category: match stamp.category {
            Category::Submitted => StateCategory::Submitted,
            Category::InProgress => StateCategory::InProgress,
            Category::WaitingOnCustomer => StateCategory::WaitingOnCustomer,
            Category::Resolved => StateCategory::Resolved,
        }
        .into(),
    }
}

fn state(state: State) -> pb::ConversationState {
    match state {
        State::Open => pb::ConversationState::Open,
        State::Closed => pb::ConversationState::Closed,
    }
}

fn author_kind(kind: AuthorKind) -> pb::AuthorKind {
    match kind {
        AuthorKind::Contact => pb::AuthorKind::Contact,
        AuthorKind::Teammate => pb::AuthorKind::Teammate,
        AuthorKind::Bot => pb::AuthorKind::Bot,
        AuthorKind::System => pb::AuthorKind::System,
    }
}

fn time(time: Timestamp) -> prost_types::Timestamp {
    let micros = micros(time);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

#[cfg(test)]
mod tests {
    use testing::Golden;
    use types::{WorkspaceId, timestamp};

    use super::*;
    use crate::domain::{ContactMessage, ConversationId, Key, Participant, TicketId};

    #[test]
    fn what_was_told_of_a_conversation_is_read_and_told_the_same_for_ever() {
        let key = Key {
            workspace: WorkspaceId::derive(&["golden"]),
            conversation: ConversationId::derive(&["golden"]),
        };
        let at = |micros: i64| timestamp(1_767_268_800_000_000 + micros);
        let mut conversation = Conversation::start(key, at(1));
        conversation.state = State::Closed;
        conversation.contact_head_seq = 6;
        conversation.head_seq = 7;
        conversation.last_message = Some(LastMessage {
            preview: "It crashes".into(),
            author: Author {
                kind: AuthorKind::Contact,
                id: ContactId::derive(&["golden"]).into(),
                name: "Ada".into(),
            },
            at: at(2),
        });
        conversation.last_contact_message = Some(ContactMessage { seq: 5, seen: 4 });
        conversation.deleted_at = Some(at(3));
        let ticket = TicketId::derive(&["golden"]);
        let told = Told {
            view: View {
                conversation,
                participant: Participant {
                    contact: ContactId::derive(&["golden"]),
                    version: 8,
                    read_seq: 3,
                    last_foreign_message_seq: 2,
                    left_at: None,
                },
            },
            frontier: vec![(ticket.clone(), 2)],
            message_frontier: vec![(ticket, 1)],
        };
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        golden.event::<pb::ContactConversationChanged>(&changed(&told, at(4)));
    }

    #[test]
    fn every_event_of_conversations_has_a_golden_file() {
        Golden::of(env!("CARGO_MANIFEST_DIR")).covers_events_of("messenger.conversations.v1");
    }
}
