//! How a command is carried out: once for a request id, on the newest version, in one transaction with
//! its events and its answer.

use std::collections::BTreeSet;

use database::{
    is_passing, is_undone,
    requests::{self, Seen},
    retried,
};
use events::{UnitOfWork, departed::Departure};
use prost::Message;
use proto::events::v1::LogPosition;
use sea_orm::{ConnectionTrait, DbErr, SqlErr};
use sha2::{Digest, Sha256};
use types::micros;

use super::{Caller, Service};
use crate::{
    catalogs::Known,
    convert::{self, Create, Target},
    domain::{
        Aggregate, By, Catalog, Change, ConversationId, Member, NewTicket, NewType, Refusal,
        StateCategory, TicketId, TicketType, TypeId,
    },
    error::Error,
    store::{
        catalog, conversations,
        tickets::{self, Saved},
    },
};

/// Tries of a command that others keep overtaking. The second one nearly always succeeds: it loads with
/// the ticket's turn in hand.
const ATTEMPTS: usize = 8;

/// What somebody asks for, as far as all commands have it.
pub(super) struct Order<'a> {
    caller: &'a Caller,
    request_id: &'a str,
    body_hash: [u8; 32],
}

impl<'a> Order<'a> {
    /// An empty `request_id` leaves it unprotected against being carried out twice.
    pub(super) fn new(
        caller: &'a Caller,
        request_id: &'a str,
        method: &str,
        body: &impl Message,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(method);
        hash.update(body.encode_to_vec());
        Self {
            caller,
            request_id,
            body_hash: hash.finalize().into(),
        }
    }

    /// Whether another try may succeed, and a commit whose answer was lost does no harm then.
    fn passes(&self, error: &Error) -> bool {
        match error {
            Error::Store(error) if self.request_id.is_empty() => is_undone(error),
            Error::Store(error) => is_passing(error),
            _ => false,
        }
    }

    fn request(&self) -> requests::Request<'_> {
        requests::Request {
            workspace: &self.caller.workspace,
            actor: &self.caller.actor.id,
            id: self.request_id,
            body_hash: self.body_hash,
        }
    }
}

/// A conversation whose members a command has to know of: nobody may join it while it is decided.
#[derive(Clone, Copy)]
pub(super) enum Beside<'a> {
    /// None.
    Nobody,
    /// The one that the command names.
    Named(&'a ConversationId),
    /// The one that the ticket is linked to, if it is.
    Linked,
}

/// What a command is decided upon.
pub(super) struct Found<'a> {
    pub(super) ticket: Aggregate,
    /// Of the conversation that the command names.
    pub(super) members: Vec<Member>,
    pub(super) catalog: &'a Catalog,
}

impl Service {
    /// Creates a ticket; `reply` makes the answer from it. One that a teammate creates for somebody who was merged
    /// is the user's.
    pub(super) async fn create<A: Message + Default>(
        &self,
        order: &Order<'_>,
        new: &Create,
        reply: impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let refused = match self.create_once(order, new, &reply).await {
            Err(refused) if refused.may_mean_gone() && !new.by_contact => refused,
            done => return done,
        };
        let workspace = &order.caller.workspace;
        match self.departure(workspace, &new.requester).await? {
            None => Err(refused),
            Some(Departure::Merged(user)) => {
                let new = Create {
                    requester: user.contact,
                    ..new.clone()
                };
                self.create_once(order, &new, &reply).await
            }
            Some(Departure::Erased) => Err(Refusal::ContactGone.into()),
        }
    }

    async fn create_once<A: Message + Default>(
        &self,
        order: &Order<'_>,
        new: &Create,
        reply: &(impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync),
    ) -> Result<A, Error> {
        let once = || async {
            let outcome = self.try_create(order, new, reply).await;
            self.or_given_before(order, outcome).await
        };
        retried(|error| order.passes(error), once).await
    }

    async fn try_create<A: Message>(
        &self,
        order: &Order<'_>,
        new: &Create,
        reply: &(impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Sync),
    ) -> Result<A, Error> {
        let workspace = &order.caller.workspace;
        let asked: Vec<&TypeId> = new.type_id.iter().collect();
        let known = self.catalogs.with(workspace, &asked).await?;
        let mut work = self.log.begin_of(workspace).await?;
        let change = self.decide_new(work.tx(), order, new, &known).await?;
        if !save(&mut work, &change).await? {
            return Err(Error::Contended);
        }
        if !change.after.ticket.shared {
            // no event of it is refused for a contact who is no more
            work.begin_unheard(workspace, &new.requester).await?;
        }
        let reply = |positions| reply(&change.after, &known.catalog, positions);
        let answer = self.conclude(work, order, reply).await?;
        if !known.stored {
            self.catalogs.forget(workspace).await;
        }
        Ok(answer)
    }

    async fn decide_new(
        &self,
        db: &impl ConnectionTrait,
        order: &Order<'_>,
        new: &Create,
        known: &Known,
    ) -> Result<Change, Error> {
        let workspace = &order.caller.workspace;
        let catalog = &known.catalog;
        let of = catalog.choose_type(new.type_id.as_ref(), new.by_contact)?;
        let state = match &new.state {
            Some(asked) => catalog.choose_state(of, asked)?,
            None => catalog.first_state(of, StateCategory::Submitted)?,
        };
        let conversation = match &new.conversation {
            Some(asked) => {
                let turn = BTreeSet::from([(workspace.clone(), asked.clone())]);
                conversations::take_turns(db, &turn).await?;
                let members = conversations::members(db, workspace, asked).await?;
                Some((asked.clone(), members))
            }
            None => None,
        };
        if !known.stored {
            catalog::store(db, workspace, catalog).await?;
        }
        let by = self.by(order);
        let ticket = NewTicket {
            workspace: workspace.clone(),
            id: TicketId::generate(),
            number: tickets::take_numbers(db, workspace, 1).await?,
            of,
            state,
            requester: new.requester.clone(),
            title: new.title.clone(),
            description: new.description.clone(),
            assignee: new.assignee.clone(),
            conversation,
            notify: new.notify,
            created_at: new.created_at.unwrap_or(by.at),
        };
        Ok(Aggregate::create(ticket, &by)?)
    }

    /// Makes a type; `reply` makes the answer from it.
    pub(super) async fn create_type<A: Message + Default>(
        &self,
        order: &Order<'_>,
        new: &NewType,
        reply: impl Fn(&TicketType) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let once = || async {
            let outcome = self.try_create_type(order, new, &reply).await;
            self.or_given_before(order, outcome).await
        };
        retried(|error| order.passes(error), once).await
    }

    async fn try_create_type<A: Message>(
        &self,
        order: &Order<'_>,
        new: &NewType,
        reply: &(impl Fn(&TicketType) -> A + Sync),
    ) -> Result<A, Error> {
        let workspace = &order.caller.workspace;
        let work = self.log.begin_of(workspace).await?;
        catalog::take_turn(work.tx(), workspace).await?;
        let known = match catalog::load(work.tx(), workspace).await? {
            Some(stored) => stored,
            None => {
                let defaults = Catalog::defaults(workspace);
                catalog::store(work.tx(), workspace, &defaults).await?;
                defaults
            }
        };
        let made = known.design(TypeId::generate(), new)?;
        let answer = reply(&made);
        catalog::add(work.tx(), workspace, &known, made).await?;
        let answer = self.conclude(work, order, |_| answer).await?;
        self.catalogs.forget(workspace).await;
        Ok(answer)
    }

    /// Changes a ticket as `decide` says; `reply` makes the answer from what it is then. `beside` says whose
    /// members the decision needs to know.
    pub(super) async fn change<A: Message + Default>(
        &self,
        order: &Order<'_>,
        target: &Target,
        beside: Beside<'_>,
        decide: impl Fn(&Found<'_>, &By<'_>) -> Result<Option<Change>, Refusal> + Send + Sync,
        reply: impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let once = || async {
            let change = self.try_change(order, target, beside, &decide, &reply);
            self.or_given_before(order, change.await).await
        };
        retried(|error| order.passes(error), once).await
    }

    async fn try_change<A: Message>(
        &self,
        order: &Order<'_>,
        target: &Target,
        beside: Beside<'_>,
        decide: &(impl Fn(&Found<'_>, &By<'_>) -> Result<Option<Change>, Refusal> + Send + Sync),
        reply: &(impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync),
    ) -> Result<A, Error> {
        let workspace = &order.caller.workspace;
        let mut known = self.known(workspace).await?;
        for attempt in 0..ATTEMPTS {
            // Most commands meet nobody: they decide before it is their turn to write, and their version
            // check finds out. What is known of a conversation has no such version.
            let work = match (attempt, beside) {
                (0, Beside::Nobody) => None,
                _ => Some(self.log.begin_of(workspace).await?),
            };
            let (ticket, members) = match &work {
                Some(work) => {
                    let tx = work.tx();
                    let turn = match beside {
                        Beside::Nobody => None,
                        Beside::Named(asked) => Some(asked.clone()),
                        Beside::Linked => self.find(tx, order, target).await?.ticket.conversation,
                    };
                    let place = turn.clone().map(|turn| (workspace.clone(), turn));
                    conversations::take_turns(tx, &place.into_iter().collect()).await?;
                    tickets::hold(tx, workspace, &target.ticket).await?;
                    let ticket = self.find(tx, order, target).await?;
                    if matches!(beside, Beside::Linked) && ticket.ticket.conversation != turn {
                        // linked elsewhere while this waited: that conversation's turn is needed
                        continue;
                    }
                    let members = match &turn {
                        Some(turn) => conversations::members(tx, workspace, turn).await?,
                        None => Vec::new(),
                    };
                    (ticket, members)
                }
                None => (
                    self.find(&self.read(workspace), order, target).await?,
                    Vec::new(),
                ),
            };
            if attempt == 0 && known.catalog.ticket_type(&ticket.ticket.type_id).is_none() {
                // its type was just made, by another replica
                drop(work);
                known = self.known_of(workspace, &[&ticket.ticket]).await?;
                continue;
            }
            ticket.expect(target.expected_version)?;
            let found = Found {
                ticket,
                members,
                catalog: &known.catalog,
            };
            let change = decide(&found, &self.by(order))?;
            let mut work = match work {
                Some(work) => work,
                None => self.log.begin_of(workspace).await?,
            };
            let after = match &change {
                Some(change) if !save(&mut work, change).await? => continue,
                Some(change) => &change.after,
                None => &found.ticket,
            };
            let reply = |positions| reply(after, &known.catalog, positions);
            return self.conclude(work, order, reply).await;
        }
        Err(Error::Contended)
    }

    async fn find(
        &self,
        db: &impl ConnectionTrait,
        order: &Order<'_>,
        target: &Target,
    ) -> Result<Aggregate, Error> {
        let ticket = tickets::load(db, &order.caller.workspace, &target.ticket).await?;
        Ok(ticket.ok_or(Refusal::TicketNotFound)?)
    }

    /// Appends the events, keeps the answer for the request id, and commits.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`] when the id has an answer already, whatever its body was.
    async fn conclude<A: Message>(
        &self,
        mut work: UnitOfWork,
        order: &Order<'_>,
        reply: impl FnOnce(Vec<LogPosition>) -> A,
    ) -> Result<A, Error> {
        let answer = reply(work.append_emitted().await?.to_vec());
        let now = micros(self.log.clock().now());
        let request = order.request();
        match requests::remember(work.tx(), &request, answer.encode_to_vec(), now).await {
            Err(error) if is_duplicate(&error) => return Err(Error::RequestIdReused),
            kept => kept?,
        }
        work.commit().await?;
        Ok(answer)
    }

    /// T10: a request that comes again is refused at the latest when its answer is to be kept, often
    /// before, since the first one changed what it decides upon. Then its answer is the first one's. Only
    /// then is it looked for: nearly every request comes once.
    async fn or_given_before<A: Message + Default>(
        &self,
        order: &Order<'_>,
        outcome: Result<A, Error>,
    ) -> Result<A, Error> {
        let Err(refused) = outcome else {
            return outcome;
        };
        match requests::look_up(&self.read(&order.caller.workspace), &order.request()).await? {
            Seen::New => Err(refused),
            Seen::Answered(answer) => Ok(A::decode(answer.as_slice())?),
            Seen::Reused => Err(Error::RequestIdReused),
        }
    }

    fn by<'a>(&self, order: &Order<'a>) -> By<'a> {
        By {
            actor: order.caller.id(),
            at: self.log.clock().now(),
        }
    }
}

/// Saves a decision and collects its events; false when somebody else was faster.
async fn save(work: &mut UnitOfWork, change: &Change) -> Result<bool, Error> {
    match tickets::save(work.tx(), change).await? {
        Saved::Done => {}
        Saved::Outrun => return Ok(false),
        Saved::SharedTicketExists => return Err(Refusal::SharedTicketExists.into()),
    }
    for event in convert::changed(change) {
        work.emit(event);
    }
    Ok(true)
}

fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
