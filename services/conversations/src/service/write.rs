//! Carrying commands out: one transaction each, with its events, its answer kept for a retry.

use database::{
    is_passing, is_undone,
    requests::{self, Request, Seen},
    retried,
};
use events::{EventLog, UnitOfWork, log::Heads, partition_of};
use prost::Message;
use proto::events::v1::LogPosition;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use types::{ContactId, micros};

use super::{Conversations, caller::Caller};
use crate::{
    convert::{self, Answer},
    domain::{
        Command, ContactPart, Conversation, ConversationId, Decision, Key, Part, PartId, Told,
        UpTo, View,
    },
    error::Error,
    store::{self, For, Whose},
};

/// Tries of a command that others overtake; each time at least one of them got through.
const ATTEMPTS: u32 = 64;

/// Which conversation a command is for.
pub enum Target {
    /// A new one with a contact.
    New(ContactId),
    /// One of this id with this requester, made if it is not there.
    Ensured(ConversationId, ContactId),
    /// One that exists, whoever is in it.
    Existing(ConversationId),
    /// One that exists and this contact is in.
    Of(ConversationId, ContactId),
}

/// A command with what makes a retry of it safe.
pub struct Order<'a, Q> {
    /// The RPC's name.
    pub method: &'static str,
    /// The caller's id for it; empty: not protected.
    pub request_id: &'a str,
    /// The request as it came.
    pub request: &'a Q,
    /// Which conversation.
    pub target: Target,
    /// What is wanted of it.
    pub command: Command,
}

/// What a command did.
pub struct Outcome {
    /// The conversation afterwards.
    pub conversation: Conversation,
    /// New parts, in order.
    pub parts: Vec<Part>,
    /// The contacts' copies afterwards.
    pub copies: Vec<Told>,
}

impl Outcome {
    /// The contacts in the conversation.
    pub fn contacts(&self) -> Vec<ContactId> {
        let present = self.copies.iter().map(|told| &told.view.participant);
        present
            .filter(|participant| participant.left_at.is_none())
            .map(|participant| participant.contact.clone())
            .collect()
    }

    /// The copy of one contact.
    pub fn copy_of(&self, contact: &ContactId) -> Option<&View> {
        let views = self.copies.iter().map(|told| &told.view);
        views
            .into_iter()
            .find(|view| view.participant.contact == *contact)
    }

    /// The newest part.
    pub fn part(&self) -> Option<Part> {
        self.parts.last().cloned()
    }

    /// The newest part as a contact sees it.
    pub fn part_for(&self, contact: &ContactId) -> Option<ContactPart> {
        self.part()?.for_contact(contact)
    }
}

impl Conversations {
    /// Carries a command out, once for a request id; `reply` makes the answer from what it did.
    pub(super) async fn carry_out<Q: Message, A: Answer>(
        &self,
        caller: &Caller,
        order: &Order<'_, Q>,
        reply: impl Fn(&Outcome) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let request = Request {
            workspace: caller.workspace(),
            actor: caller.id(),
            id: order.request_id,
            body_hash: hash(order.method, order.request),
        };
        let passing = |error: &Error| match error {
            // without a request id only what has not happened for sure may happen again
            Error::Database(error) if order.request_id.is_empty() => is_undone(error),
            Error::Database(error) => is_passing(error),
            _ => false,
        };
        for _ in 1..ATTEMPTS {
            match retried(passing, || self.attempt(caller, order, &request, &reply)).await {
                Err(Error::Contended) => {}
                done => return done,
            }
        }
        retried(passing, || self.attempt(caller, order, &request, &reply)).await
    }

    async fn attempt<Q: Message, A: Answer>(
        &self,
        caller: &Caller,
        order: &Order<'_, Q>,
        request: &Request<'_>,
        reply: &(impl Fn(&Outcome) -> A + Send + Sync),
    ) -> Result<A, Error> {
        let mut work = self.log.begin_of(request.workspace).await?;
        match requests::look_up(work.tx(), request).await? {
            Seen::New => {}
            Seen::Answered(answer) => {
                // the transaction ends before the log is read, so that nobody waits for it
                drop(work);
                return repeated(&self.log, &answer).await;
            }
            Seen::Reused => return Err(Error::RequestIdReused),
        }
        let now = self.clock.now();
        let mut decision = self.load(work.tx(), caller, &order.target).await?;
        decision.carry_out(&order.command, &caller.author(), now, PartId::generate)?;
        store::save(work.tx(), &[&decision]).await?;
        let key = decision.conversation.key.clone();
        let copies = store::views(work.tx(), Whose::All(std::slice::from_ref(&key))).await?;
        let told: &[Told] = if decision.changes() && decision.told() {
            &copies
        } else {
            &[]
        };
        for copy in told {
            work.emit(convert::changed(copy, now));
        }
        let partitions = partitions(&self.log, told);
        let outcome = Outcome {
            conversation: decision.conversation,
            parts: decision.parts,
            copies,
        };
        let mut answer = reply(&outcome);
        place(&mut answer, partitions);
        let (kept, now) = (answer.encode_to_vec(), micros(now));
        if caller.is_contact() {
            requests::remember(work.tx(), request, kept, now).await?;
        } else {
            // a contact's own are forgotten with them; these with the conversation
            let about = key.conversation.as_str();
            requests::remember_about(work.tx(), request, about, kept, now).await?;
        }
        let positions = work.commit().await?;
        place(&mut answer, positions);
        Ok(answer)
    }

    /// The conversation that a command is for, as the caller may see it.
    async fn load(
        &self,
        db: &impl ConnectionTrait,
        caller: &Caller,
        target: &Target,
    ) -> Result<Decision, Error> {
        let now = self.clock.now();
        match target {
            Target::New(contact) => {
                let key = caller.key(ConversationId::generate());
                Ok(Decision::start(key, contact.clone(), now))
            }
            Target::Ensured(id, contact) => {
                let key = caller.key(id.clone());
                if store::find(db, &key, For::Changing).await?.is_none() {
                    return Ok(Decision::start(key, contact.clone(), now));
                }
                let view = store::find_for_contact(db, &key, contact, For::Changing).await?;
                let View {
                    conversation,
                    participant,
                } = view.ok_or(Error::NotFound)?;
                if participant.left_at.is_some() {
                    return Err(Error::NotFound);
                }
                if conversation.deleted_at.is_some() {
                    return Err(Error::Deleted);
                }
                Ok(Decision::on(conversation))
            }
            Target::Existing(id) => {
                let found = store::find(db, &caller.key(id.clone()), For::Changing).await?;
                found
                    .filter(|conversation| conversation.deleted_at.is_none())
                    .map(Decision::on)
                    .ok_or(Error::NotFound)
            }
            Target::Of(id, contact) => {
                let key = caller.key(id.clone());
                let view = readable(db, &key, contact, For::Changing).await?;
                Ok(Decision::on(view.conversation))
            }
        }
    }

    /// A2, A8: moves a contact's read position up to a place, if it is further on than it was, and tells
    /// so even when no message was unread: a ticket update may be.
    pub(super) async fn read_up_to(
        &self,
        key: &Key,
        contact: &ContactId,
        up_to: UpTo,
    ) -> Result<(u64, Vec<LogPosition>), Error> {
        // a position that is there already moves nothing
        let passing = |error: &Error| matches!(error, Error::Database(error) if is_passing(error));
        retried(passing, || self.try_read_up_to(key, contact, up_to)).await
    }

    async fn try_read_up_to(
        &self,
        key: &Key,
        contact: &ContactId,
        up_to: UpTo,
    ) -> Result<(u64, Vec<LogPosition>), Error> {
        let view = readable(
            &self.log.database().of(&key.workspace),
            key,
            contact,
            For::Reading,
        )
        .await?;
        let seq = view.conversation.place(up_to)?;
        if seq <= view.participant.read_seq {
            return Ok((view.participant.read_seq, Vec::new()));
        }
        let mut work = self.log.begin_of(&key.workspace).await?;
        if !store::receipt(work.tx(), key, contact, seq).await? {
            // overtaken by a receipt that goes as far, or by the end of the conversation
            let view = readable(work.tx(), key, contact, For::Reading).await?;
            return Ok((view.participant.read_seq, Vec::new()));
        }
        // read after the write: what the event tells includes every write that it waited for
        tell(&mut work, Whose::Of(key, contact), self.clock.now()).await?;
        Ok((seq, work.commit().await?))
    }
}

/// A conversation that a contact may know of (V2).
pub(super) async fn readable(
    db: &impl ConnectionTrait,
    key: &Key,
    contact: &ContactId,
    purpose: For,
) -> Result<View, Error> {
    let view = store::find_for_contact(db, key, contact, purpose).await?;
    view.filter(View::readable).ok_or(Error::NotFound)
}

/// Emits what copies are now.
pub async fn tell(
    work: &mut UnitOfWork,
    whose: Whose<'_>,
    now: jiff::Timestamp,
) -> Result<(), store::Error> {
    for copy in store::views(work.tx(), whose).await? {
        work.emit(convert::changed(&copy, now));
    }
    Ok(())
}

/// The partitions of the events to come, their positions not known yet.
fn partitions(log: &EventLog, told: &[Told]) -> Vec<LogPosition> {
    let partitions = told.iter().map(|told| {
        let View {
            conversation,
            participant,
        } = &told.view;
        partition_of(Some(&participant.contact), &conversation.key.workspace)
    });
    partitions
        .map(|partition| LogPosition {
            source: log.source().into(),
            partition: partition as u32,
            position: 0,
        })
        .collect()
}

/// An answer given before. It was kept before its positions were known; the heads of its partitions
/// are at or after them.
async fn repeated<A: Answer>(log: &EventLog, answer: &[u8]) -> Result<A, Error> {
    let mut answer = A::decode(answer)?;
    let heads: Heads = log.refresh_heads().await?;
    if let Some(positions) = answer.positions() {
        for position in positions {
            let head = heads.get(position.partition as usize);
            position.position = head.copied().unwrap_or_default();
        }
    }
    Ok(answer)
}

fn place<A: Answer>(answer: &mut A, at: Vec<LogPosition>) {
    if let Some(positions) = answer.positions() {
        *positions = at;
    }
}

fn hash<Q: Message>(method: &str, request: &Q) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(method.as_bytes());
    hash.update([0]);
    hash.update(request.encode_to_vec());
    hash.finalize().into()
}
