//! How a command is carried out: once for a request id, on the newest version, in one transaction with
//! its events and its answer.

use database::requests::{self, Seen};
use events::UnitOfWork;
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
        Aggregate, By, Catalog, Change, ConversationId, Member, NewTicket, Refusal, StateCategory,
        TicketId,
    },
    error::Error,
    store::{
        self, conversations,
        tickets::{self, Saved},
    },
};

/// Tries of a command that others keep overtaking. On SQLite the second one succeeds: it loads with
/// the writers' turn in hand.
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

    fn request(&self) -> requests::Request<'_> {
        requests::Request {
            workspace: &self.caller.workspace,
            actor: &self.caller.actor.id,
            id: self.request_id,
            body_hash: self.body_hash,
        }
    }
}

/// What a command is decided upon.
pub(super) struct Found<'a> {
    pub(super) ticket: Aggregate,
    /// Of the conversation that the command names.
    pub(super) members: Vec<Member>,
    pub(super) catalog: &'a Catalog,
}

impl Service {
    /// Creates a ticket; `reply` makes the answer from it.
    pub(super) async fn create<A: Message + Default>(
        &self,
        order: &Order<'_>,
        new: &Create,
        reply: impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync,
    ) -> Result<A, Error> {
        for _ in 0..ATTEMPTS {
            if let Some(answer) = self.try_create(order, new, &reply).await? {
                return Ok(answer);
            }
        }
        Err(Error::Contended)
    }

    async fn try_create<A: Message + Default>(
        &self,
        order: &Order<'_>,
        new: &Create,
        reply: &(impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync),
    ) -> Result<Option<A>, Error> {
        let workspace = &order.caller.workspace;
        let known = self.known(workspace).await?;
        let mut work = self.log.begin().await?;
        if let Some(answer) = answered(work.tx(), order).await? {
            return Ok(Some(answer));
        }
        let change = self.decide_new(work.tx(), order, new, &known).await?;
        if !save(&mut work, &change).await? {
            return Ok(None);
        }
        let answer = self
            .conclude(work, order, |positions| {
                reply(&change.after, &known.catalog, positions)
            })
            .await?;
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
                let members = conversations::members(db, workspace, asked).await?;
                Some((asked.clone(), members))
            }
            None => None,
        };
        if !known.stored {
            store::catalog::store(db, workspace, catalog).await?;
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

    /// Changes a ticket as `decide` says; `reply` makes the answer from what it is then. `beside` is a
    /// conversation that the decision needs to know the members of.
    pub(super) async fn change<A: Message + Default>(
        &self,
        order: &Order<'_>,
        target: &Target,
        beside: Option<&ConversationId>,
        decide: impl Fn(&Found<'_>, &By<'_>) -> Result<Option<Change>, Refusal> + Send + Sync,
        reply: impl Fn(&Aggregate, &Catalog, Vec<LogPosition>) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let known = self.known(&order.caller.workspace).await?;
        let reply = |ticket: &Aggregate, positions: Vec<LogPosition>| {
            reply(ticket, &known.catalog, positions)
        };
        for attempt in 0..ATTEMPTS {
            // Most commands meet nobody: they load before it is their turn to write, and their version
            // check finds out. What is known of a conversation has no such version.
            let ahead = attempt == 0 && beside.is_none();
            let early = match ahead {
                true => Some(self.find(self.read(), order, target, beside).await?),
                false => None,
            };
            let mut work = self.log.begin().await?;
            let found = match early {
                Some(found) => found,
                None => self.find(work.tx(), order, target, beside).await?,
            };
            // after the load, so that whoever is not answered yet decides on what was there before
            if let Some(answer) = answered(work.tx(), order).await? {
                return Ok(answer);
            }
            let (ticket, members) = found.ok_or(Refusal::TicketNotFound)?;
            ticket.expect(target.expected_version)?;
            let found = Found {
                ticket,
                members,
                catalog: &known.catalog,
            };
            let change = decide(&found, &self.by(order))?;
            let after = match &change {
                Some(change) if !save(&mut work, change).await? => continue,
                Some(change) => &change.after,
                None => &found.ticket,
            };
            let answer = self
                .conclude(work, order, |positions| reply(after, positions))
                .await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Err(Error::Contended)
    }

    async fn find(
        &self,
        db: &impl ConnectionTrait,
        order: &Order<'_>,
        target: &Target,
        beside: Option<&ConversationId>,
    ) -> Result<Option<(Aggregate, Vec<Member>)>, Error> {
        let workspace = &order.caller.workspace;
        let Some(ticket) = tickets::load(db, workspace, &target.ticket).await? else {
            return Ok(None);
        };
        let members = match beside {
            Some(conversation) => conversations::members(db, workspace, conversation).await?,
            None => Vec::new(),
        };
        Ok(Some((ticket, members)))
    }

    /// Appends the events, keeps the answer for the request id, and commits; `None` when the same
    /// request was answered at the same time.
    async fn conclude<A: Message>(
        &self,
        mut work: UnitOfWork,
        order: &Order<'_>,
        reply: impl FnOnce(Vec<LogPosition>) -> A,
    ) -> Result<Option<A>, Error> {
        let answer = reply(work.append_emitted().await?.to_vec());
        let now = micros(self.log.clock().now());
        let request = order.request();
        match requests::remember(work.tx(), &request, answer.encode_to_vec(), now).await {
            Err(error) if is_duplicate(&error) => return Ok(None),
            kept => kept?,
        }
        work.commit().await?;
        Ok(Some(answer))
    }

    fn by<'a>(&self, order: &Order<'a>) -> By<'a> {
        By {
            actor: &order.caller.actor.id,
            at: self.log.clock().now(),
        }
    }
}

/// The answer that this request was given before.
async fn answered<A: Message + Default>(
    db: &impl ConnectionTrait,
    order: &Order<'_>,
) -> Result<Option<A>, Error> {
    match requests::look_up(db, &order.request()).await? {
        Seen::New => Ok(None),
        Seen::Answered(answer) => Ok(Some(A::decode(answer.as_slice())?)),
        Seen::Reused => Err(Error::RequestIdReused),
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
