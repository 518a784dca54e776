//! Random histories against a model that a child could check: a list of what customers see, and how
//! far each of two contacts has read it.

use std::{collections::BTreeMap, sync::Arc};

use events::{EventLog, Projection, partition_of};
use proptest::{prelude::*, test_runner::TestRunner};
use prost::Message;
use proto::{
    conversations::v1::ContactConversationChanged,
    events::v1::Envelope,
    tickets::v1::{ContactTicketChanged, StateCategory},
};
use runtime::Actor;
use sea_orm::{ConnectionTrait, Statement};
use testing::{ManualClock, Scratch};
use types::{ContactId, WorkspaceId};

use super::*;
use crate::{
    domain::{ConversationId, MAX_TICKETS, StateId, TicketId},
    stamps::Stamps,
    store::migration::Migrator,
};

/// The service without a server around it.
struct Inside {
    service: Conversations,
    stamps: Stamps,
    log: EventLog,
    workspace: WorkspaceId,
    _scratch: Scratch,
}

impl Inside {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let db = scratch.database::<Migrator>("c").await;
        let log = EventLog::open(db, "conversations", clock.clone())
            .await
            .unwrap();
        Self {
            service: Conversations::new(log.clone(), clock.clone(), PageTokens::new([1; 32])),
            stamps: Stamps::new(clock),
            log,
            workspace: WorkspaceId::generate(),
            _scratch: scratch,
        }
    }

    fn caller(&self, actor: Actor) -> Caller {
        let mut request = Request::new(());
        request.extensions_mut().insert(Arc::new(actor));
        Caller::of(&request).unwrap()
    }

    fn contact(&self, contact: &ContactId) -> Caller {
        self.caller(testing::contact(&self.workspace, contact))
    }

    fn teammate(&self) -> Caller {
        self.caller(testing::teammate(&self.workspace, &[]))
    }

    /// A conversation with both contacts in it; the second is added as a later version may.
    async fn conversation_of(&self, contacts: &[ContactId; 2]) -> ConversationId {
        let id = ConversationId::generate();
        let request = pb::EnsureConversationRequest {
            conversation_id: id.to_string(),
            contact_id: contacts[0].to_string(),
        };
        Conversations::ensure_conversation(&self.service, &self.teammate(), request)
            .await
            .unwrap();
        let tx = self.log.database().begin().await.unwrap();
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "insert into conversation_participant select workspace_id, $3, conversation_id, 1, 0, 0, \
             joined_at, null, true, activity_at, updated_at from conversation_participant \
             where workspace_id = $1 and conversation_id = $2",
            [
                self.workspace.as_str().into(),
                id.as_str().into(),
                contacts[1].as_str().into(),
            ],
        ))
        .await
        .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Takes in what Tickets told of these tickets, in one batch.
    async fn stamp(&self, conversation: &ConversationId, tickets: &[TicketId], revision: u64) {
        let event = |ticket: &TicketId| {
            let ticket = ContactTicketChanged {
                contact_id: ContactId::derive(&["viewer"]).into(),
                ticket_id: ticket.to_string(),
                visible: true,
                revision,
                stamp_revision: revision,
                state_id: StateId::derive(&["s"]).into(),
                category: StateCategory::InProgress.into(),
                conversation_id: conversation.to_string(),
                ..Default::default()
            };
            Envelope {
                r#type: "messenger.tickets.v1.ContactTicketChanged".into(),
                workspace_id: self.workspace.to_string(),
                payload: ticket.encode_to_vec(),
                ..Default::default()
            }
        };
        let events: Vec<Envelope> = tickets.iter().map(event).collect();
        let mut work = self.log.begin().await.unwrap();
        self.stamps.apply(&mut work, &events).await.unwrap();
        work.commit().await.unwrap();
    }

    /// What the contact was told of the conversation, in order.
    async fn told(
        &self,
        contact: &ContactId,
        conversation: &ConversationId,
    ) -> Vec<(u64, ContactConversationChanged)> {
        let partition = partition_of(Some(contact), &self.workspace);
        let (mut told, mut after) = (Vec::new(), 0);
        loop {
            let page = self.log.read(partition, after, 256).await.unwrap();
            let Some(last) = page.last() else { return told };
            after = last.position;
            let aggregate = format!("{contact}/{conversation}");
            for event in page.iter().filter(|event| event.aggregate_id == aggregate) {
                let payload = ContactConversationChanged::decode(&*event.payload).unwrap();
                told.push((event.aggregate_version, payload));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Contact(usize),
    Teammate,
}

#[derive(Debug, Clone)]
enum Step {
    Say(Who, Option<u8>),
    Note,
    Close,
    Reopen,
    Stamp { ticket: u8, again: bool },
    Receipt(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..2_usize, any::<Option<u8>>()).prop_map(|(who, seen)| Step::Say(Who::Contact(who), seen)),
        3 => Just(Step::Say(Who::Teammate, None)),
        3 => Just(Step::Note),
        1 => Just(Step::Close),
        1 => Just(Step::Reopen),
        5 => (0..3_u8, any::<bool>()).prop_map(|(ticket, again)| Step::Stamp { ticket, again }),
        5 => (0..2_usize, any::<u8>()).prop_map(|(who, place)| Step::Receipt(who, place)),
    ];
    prop::collection::vec(step, 1..28)
}

/// What customers see of the conversation.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Message(Who),
    Stamp(u8, u64),
    State,
}

#[derive(Default)]
struct Model {
    timeline: Vec<Entry>,
    closed: bool,
    revisions: BTreeMap<u8, u64>,
    read: [u64; 2],
    versions: [u64; 2],
    /// Of the newest message by a contact: its place and what was seen.
    last_contact_message: Option<(u64, u64)>,
}

impl Model {
    fn head(&self) -> u64 {
        self.timeline.len() as u64
    }

    /// A place from nothing to one above the newest part.
    fn place(&self, of: u8) -> u64 {
        u64::from(of) % (self.head() + 2)
    }

    fn frontier(&self, place: u64) -> BTreeMap<u8, u64> {
        let mut frontier = BTreeMap::new();
        for entry in &self.timeline[..place as usize] {
            if let Entry::Stamp(ticket, revision) = entry {
                frontier.insert(*ticket, *revision);
            }
        }
        frontier
    }

    fn last_foreign(&self, contact: usize) -> u64 {
        let foreign = |entry: &Entry| match entry {
            Entry::Message(who) => *who != Who::Contact(contact),
            _ => false,
        };
        self.timeline
            .iter()
            .rposition(foreign)
            .map_or(0, |index| index as u64 + 1)
    }

    /// Both contacts are told of what both see.
    fn tell(&mut self) {
        self.versions[0] += 1;
        self.versions[1] += 1;
    }
}

struct Run<'a> {
    inside: &'a Inside,
    contacts: [ContactId; 2],
    tickets: [TicketId; 3],
    id: ConversationId,
    model: Model,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) {
        let conversation_id = self.id.to_string();
        let (service, teammate) = (&self.inside.service, self.inside.teammate());
        let model = &mut self.model;
        match step {
            Step::Say(Who::Contact(who), seen) => {
                let seen = seen.map_or(0, |of| model.place(of));
                let request = pb::SendContactMessageRequest {
                    conversation_id,
                    body: "hello".into(),
                    seen_up_to_seq: seen,
                    ..Default::default()
                };
                let caller = self.inside.contact(&self.contacts[*who]);
                let done = Conversations::send_contact_message(service, &caller, request).await;
                assert_eq!(done.is_ok(), seen <= model.head(), "{seen}");
                if done.is_err() {
                    return;
                }
                if model.closed {
                    model.closed = false;
                    model.timeline.push(Entry::State);
                }
                model.timeline.push(Entry::Message(Who::Contact(*who)));
                let seq = model.head();
                model.last_contact_message = Some((seq, if seen > 0 { seen } else { seq }));
                model.read[*who] = model.read[*who].max(seen);
                model.tell();
            }
            Step::Say(Who::Teammate, _) => {
                let request = pb::SendMessageRequest {
                    conversation_id,
                    body: "hello".into(),
                    ..Default::default()
                };
                Conversations::send_message(service, &teammate, request)
                    .await
                    .unwrap();
                model.timeline.push(Entry::Message(Who::Teammate));
                model.tell();
            }
            Step::Note => {
                let request = pb::AddNoteRequest {
                    conversation_id,
                    body: "between us".into(),
                    ..Default::default()
                };
                Conversations::add_note(service, &teammate, request)
                    .await
                    .unwrap();
            }
            Step::Close | Step::Reopen => {
                let close = matches!(step, Step::Close);
                if close {
                    let request = pb::CloseConversationRequest {
                        conversation_id,
                        ..Default::default()
                    };
                    Conversations::close_conversation(service, &teammate, request)
                        .await
                        .unwrap();
                } else {
                    let request = pb::ReopenConversationRequest {
                        conversation_id,
                        ..Default::default()
                    };
                    Conversations::reopen_conversation(service, &teammate, request)
                        .await
                        .unwrap();
                }
                if model.closed != close {
                    model.closed = close;
                    model.timeline.push(Entry::State);
                    model.tell();
                }
            }
            Step::Stamp { ticket, again } => {
                let known = model.revisions.entry(*ticket).or_default();
                let new = !(*again && *known > 0);
                *known += u64::from(new);
                let revision = *known;
                let ticket_id = self.tickets[usize::from(*ticket)].clone();
                self.inside.stamp(&self.id, &[ticket_id], revision).await;
                if new {
                    model.timeline.push(Entry::Stamp(*ticket, revision));
                    model.tell();
                }
            }
            Step::Receipt(who, of) => {
                let place = model.place(*of);
                let request = pb::MarkContactReadRequest {
                    conversation_id,
                    up_to_seq: place,
                };
                let caller = self.inside.contact(&self.contacts[*who]);
                let done = Conversations::mark_contact_read(service, &caller, request).await;
                assert_eq!(done.is_ok(), (1..=model.head()).contains(&place));
                if let Ok(done) = done {
                    let moved = place > model.read[*who];
                    model.read[*who] = model.read[*who].max(place);
                    assert_eq!(done.read_seq, model.read[*who]);
                    assert_eq!(done.positions.len(), usize::from(moved));
                    model.versions[*who] += u64::from(moved);
                }
            }
        }
    }

    /// The newest event of each contact is the model's state, and there was one for each change.
    async fn check(&self, step: &Step) {
        let model = &self.model;
        for (who, contact) in self.contacts.iter().enumerate() {
            let told = self.inside.told(contact, &self.id).await;
            let Some((version, event)) = told.last() else {
                assert_eq!(model.versions[who], 1, "{step:?}");
                continue;
            };
            assert_eq!(*version, model.versions[who], "{step:?}");
            assert_eq!(event.head_seq, model.head());
            assert_eq!(event.read_seq, model.read[who]);
            assert_eq!(
                event.last_foreign_message_seq,
                model.last_foreign(who),
                "{step:?}"
            );
            let messages = |entry: &Entry| matches!(entry, Entry::Message(_));
            assert_eq!(event.has_messages, model.timeline.iter().any(messages));
            let frontier = self.frontier(&event.frontier);
            assert_eq!(frontier, model.frontier(model.read[who]), "{step:?}");
            let message = event.last_contact_message.as_ref();
            assert_eq!(
                message.map(|m| m.seq),
                model.last_contact_message.map(|(seq, _)| seq)
            );
            if let (Some(message), Some((_, seen))) = (message, model.last_contact_message) {
                assert_eq!(self.frontier(&message.frontier), model.frontier(seen));
            }
        }
    }

    fn frontier(&self, entries: &[pb::FrontierEntry]) -> BTreeMap<u8, u64> {
        let ticket = |id: &str| {
            let index = self.tickets.iter().position(|t| t.as_str() == id);
            index.unwrap() as u8
        };
        entries
            .iter()
            .map(|entry| (ticket(&entry.ticket_id), entry.revision))
            .collect()
    }
}

/// A2, A3, A7, A8, V4, T7: whatever is said, noted, stamped and read in whatever order, each contact is
/// told, once for each change they could see, exactly what a look at the timeline would tell.
#[test]
fn any_history_tells_each_contact_what_the_timeline_shows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inside = runtime.block_on(Inside::new());
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            runtime.block_on(async {
                let contacts = [ContactId::generate(), ContactId::generate()];
                let mut run = Run {
                    inside: &inside,
                    id: inside.conversation_of(&contacts).await,
                    contacts,
                    tickets: [0, 1, 2].map(|_| TicketId::generate()),
                    model: Model {
                        versions: [1, 1],
                        ..Model::default()
                    },
                };
                for step in &steps {
                    run.step(step).await;
                    run.check(step).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

/// B5: one participant's read does not clear another's.
#[tokio::test]
async fn reading_clears_the_readers_copy_alone() {
    let inside = Inside::new().await;
    let contacts = [ContactId::generate(), ContactId::generate()];
    let id = inside.conversation_of(&contacts).await;
    let request = pb::SendMessageRequest {
        conversation_id: id.to_string(),
        body: "hello both".into(),
        ..Default::default()
    };
    Conversations::send_message(&inside.service, &inside.teammate(), request)
        .await
        .unwrap();
    let request = pb::MarkContactReadRequest {
        conversation_id: id.to_string(),
        up_to_seq: 1,
    };
    let reader = inside.contact(&contacts[0]);
    Conversations::mark_contact_read(&inside.service, &reader, request)
        .await
        .unwrap();
    let read_by = async |contact| inside.told(contact, &id).await.pop().unwrap().1.read_seq;
    assert_eq!(read_by(&contacts[0]).await, 1);
    assert_eq!(read_by(&contacts[1]).await, 0);
}

/// The largest copy there can be still fits into an event.
#[tokio::test]
async fn a_conversation_with_the_most_tickets_can_still_be_told() {
    let inside = Inside::new().await;
    let contacts = [ContactId::generate(), ContactId::generate()];
    let id = inside.conversation_of(&contacts).await;
    let revision = u64::MAX >> 1;
    let tickets: Vec<TicketId> = (0..=MAX_TICKETS).map(|_| TicketId::generate()).collect();
    inside.stamp(&id, &tickets, revision).await;
    let caller = inside.contact(&contacts[0]);
    let request = pb::SendContactMessageRequest {
        conversation_id: id.to_string(),
        body: "\u{10FFFD}".repeat(10_000),
        seen_up_to_seq: MAX_TICKETS as u64,
        ..Default::default()
    };
    Conversations::send_contact_message(&inside.service, &caller, request)
        .await
        .unwrap();
    let (_, event) = inside.told(&contacts[0], &id).await.pop().unwrap();
    assert_eq!(event.frontier.len(), MAX_TICKETS);
    assert_eq!(
        event.last_contact_message.unwrap().frontier.len(),
        MAX_TICKETS
    );
}
