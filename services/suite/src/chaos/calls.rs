//! Calls that are repeated, with the same request id, at replicas drawn at random until one answers.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Result;
use proto::{bff::v1::messenger_service_client::MessengerServiceClient, settings::v1::Platform};
use rand::{Rng, rngs::StdRng};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, Response, Status, transport::Channel};

use super::ledger::Ledger;
use crate::{Access, Endpoints, Messenger, Staff, client::signed};

/// A call is repeated for this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// One try gets this long; the call's own deadline is a little shorter.
const TRY: Duration = Duration::from_secs(6);

/// How a call ended.
pub(super) enum Outcome<A> {
    /// With an answer.
    Acknowledged(A),
    /// With a refusal, which another try would not change.
    Refused(Status),
    /// Without an answer in all the time there was.
    Never(String),
}

impl<A> Outcome<A> {
    /// The same of another answer.
    pub(super) fn map<B>(self, other: impl FnOnce(A) -> B) -> Outcome<B> {
        match self {
            Self::Acknowledged(answer) => Outcome::Acknowledged(other(answer)),
            Self::Refused(status) => Outcome::Refused(status),
            Self::Never(why) => Outcome::Never(why),
        }
    }

    /// A refusal that is no wonder, since the contact it is about is being erased, is no answer at all.
    pub(super) fn excused(self, ledger: &Ledger, contact: usize) -> Self {
        match self {
            Self::Refused(status) if ledger.book().leaving.contains(&contact) => {
                Self::Never(format!("{:?}", status.code()))
            }
            outcome => outcome,
        }
    }

    /// The answer, if what was asked for is there for who asked.
    pub(super) fn found(self, ledger: &Ledger, what: &str) -> Option<A> {
        match self {
            Self::Refused(status) if status.code() == Code::NotFound => None,
            outcome => outcome.noted(ledger, what),
        }
    }

    /// The answer; a refusal is noted as one that nothing excuses.
    pub(super) fn noted(self, ledger: &Ledger, what: &str) -> Option<A> {
        match self {
            Self::Acknowledged(answer) => Some(answer),
            Self::Refused(status) => {
                let at = ledger.now().as_secs_f64();
                let refusal = format!(
                    "{what} was refused at {at:.3} s: {:?}: {}",
                    status.code(),
                    status.message()
                );
                ledger.book().refusals.push(refusal);
                None
            }
            Self::Never(_) => None,
        }
    }
}

/// Repeats a call at replicas drawn at random. `again` says of which answers beyond an absence another
/// try may give a better one.
pub(super) async fn insist<A, F, Fut>(
    ledger: &Ledger,
    rng: &mut StdRng,
    replicas: usize,
    again: fn(Code) -> bool,
    attempt: F,
) -> Outcome<A>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<Response<A>, Status>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let replica = rng.gen_range(0..replicas);
        let reason = match timeout(TRY, attempt(replica)).await {
            Ok(Ok(answer)) => return Outcome::Acknowledged(answer.into_inner()),
            Ok(Err(status)) if passing(status.code()) || again(status.code()) => {
                match status.code() {
                    // what a service says of itself is told apart from a connection that broke
                    Code::Internal if std::error::Error::source(&status).is_none() => {
                        format!("Internal ({})", status.message())
                    }
                    code => format!("{code:?}"),
                }
            }
            Ok(Err(status)) => return Outcome::Refused(status),
            Err(_) => "no answer".into(),
        };
        {
            let mut book = ledger.book();
            book.repeats += 1;
            *book.tried_again.entry(reason.clone()).or_default() += 1;
        }
        if Instant::now() >= deadline {
            return Outcome::Never(reason);
        }
        sleep(Duration::from_millis(rng.gen_range(50..250))).await;
    }
}

fn passing(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::Cancelled
            | Code::Internal
            | Code::ResourceExhausted
    )
}

/// A contact's Messenger, with a connection to every replica of the BFF.
pub(super) struct Phone {
    /// Which contact.
    pub contact: usize,
    ledger: Arc<Ledger>,
    messengers: Vec<Messenger>,
    clients: Vec<MessengerServiceClient<Channel>>,
}

impl Phone {
    /// Of a contact known as `user_id`, at each replica on another platform.
    ///
    /// # Errors
    /// When an address is malformed.
    pub(super) fn new(
        contact: usize,
        user_id: &str,
        ledger: &Arc<Ledger>,
        access: &Access,
        endpoints: &[Endpoints],
    ) -> Result<Self> {
        let mut messengers = Vec::new();
        let mut clients = Vec::new();
        for (replica, at) in endpoints.iter().enumerate() {
            let platform = platform(contact, replica);
            messengers.push(Messenger::new(at, access, user_id, platform)?);
            let channel = runtime::client::channel(&at.bff)?;
            clients.push(MessengerServiceClient::new(channel));
        }
        Ok(Self {
            contact,
            ledger: ledger.clone(),
            messengers,
            clients,
        })
    }

    /// Makes a call at one replica, once.
    ///
    /// # Errors
    /// What it answers.
    pub(super) async fn once<Q, A, F, Fut>(
        &self,
        replica: usize,
        body: Q,
        send: F,
    ) -> Result<Response<A>, Status>
    where
        F: Fn(MessengerServiceClient<Channel>, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let token = self.messengers[replica].token().await?;
        send(self.clients[replica].clone(), signed(&token, body)?).await
    }

    /// Makes a call until it is answered.
    pub(super) async fn call<Q, A, F, Fut>(&self, rng: &mut StdRng, body: Q, send: F) -> Outcome<A>
    where
        Q: Clone,
        F: Fn(MessengerServiceClient<Channel>, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        self.call_until(rng, |_| false, body, send).await
    }

    /// Makes a call until it is answered with none of the codes that `again` names.
    pub(super) async fn call_until<Q, A, F, Fut>(
        &self,
        rng: &mut StdRng,
        again: fn(Code) -> bool,
        body: Q,
        send: F,
    ) -> Outcome<A>
    where
        Q: Clone,
        F: Fn(MessengerServiceClient<Channel>, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let send = &send;
        let attempt = |replica| self.once(replica, body.clone(), send);
        let outcome = insist(&self.ledger, rng, self.clients.len(), again, attempt).await;
        outcome.excused(&self.ledger, self.contact)
    }

    /// A session's token at one replica, and a client for a stream there.
    ///
    /// # Errors
    /// When no session can be had now.
    pub(super) async fn stream(
        &self,
        replica: usize,
    ) -> Result<(MessengerServiceClient<Channel>, String), Status> {
        let token = self.messengers[replica].token().await?;
        Ok((self.clients[replica].clone(), token))
    }

    /// Where it runs at a replica.
    pub(super) fn platform(&self, replica: usize) -> Platform {
        self.messengers[replica].platform()
    }
}

/// The platform of a contact's Messenger at a replica: every one comes up.
pub(super) fn platform(contact: usize, replica: usize) -> Platform {
    match (contact + replica) % 3 {
        0 => Platform::Web,
        1 => Platform::Ios,
        _ => Platform::Android,
    }
}

/// A teammate's script, with connections to every replica.
pub(super) struct Desk {
    ledger: Arc<Ledger>,
    staff: Vec<Staff>,
}

impl Desk {
    /// With an API token.
    ///
    /// # Errors
    /// When an address is malformed.
    pub(super) fn new(
        ledger: &Arc<Ledger>,
        api_token: &str,
        endpoints: &[Endpoints],
    ) -> Result<Self> {
        let staff = endpoints.iter().map(|at| Staff::new(at, api_token));
        Ok(Self {
            ledger: ledger.clone(),
            staff: staff.collect::<Result<_>>()?,
        })
    }

    /// The clients of one replica of each service.
    pub(super) fn at(&self, replica: usize) -> &Staff {
        &self.staff[replica]
    }

    /// How many there are.
    pub(super) fn replicas(&self) -> usize {
        self.staff.len()
    }

    /// Makes a call until it is answered, with a client that `pick` takes of a replica.
    pub(super) async fn call<C, Q, A, F, Fut>(
        &self,
        rng: &mut StdRng,
        again: fn(Code) -> bool,
        pick: fn(&Staff) -> C,
        body: Q,
        send: F,
    ) -> Outcome<A>
    where
        C: Clone,
        Q: Clone,
        F: Fn(C, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let (send, body) = (&send, &body);
        let attempt = |replica: usize| async move {
            let staff = &self.staff[replica];
            let token = staff.token().await?;
            send(pick(staff), signed(&token, body.clone())?).await
        };
        insist(&self.ledger, rng, self.staff.len(), again, attempt).await
    }
}
