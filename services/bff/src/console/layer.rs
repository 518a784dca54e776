//! The console's own calls: known by the browser's cookie, and taken from the console's own pages alone. The
//! Messenger's calls never see the cookie, and the console's never a Messenger's token.

use std::{
    cell::OnceCell,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::{BoxFuture, Either, Ready, ready};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use runtime::{
    Access, Actor, Failure, Kind,
    auth::{Authenticator, unauthenticated},
};
use tokio::task::futures::TaskLocalFuture;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    cookies::Cookies,
    sessions::{Consoles, Teammate},
};
use crate::{
    access::ACCESS,
    error::{DOMAIN, Error},
    sessions::Sessions,
};

/// Calls of the console.
const PREFIX: &str = "/messenger.bff.v1.ConsoleService/";

tokio::task_local! {
    /// Set for calls of the console that may be answered, once their token is where the edge looks for it.
    static OF_THE_CONSOLE: Call;
}

/// A call of the console.
pub(crate) struct Call {
    /// The scope that it needs, if it is one.
    needs: Option<&'static str>,
    /// Who makes it, once that is known: found once, for the edge and for the handler.
    teammate: OnceCell<Arc<Teammate>>,
}

impl Call {
    fn to(path: &str) -> Self {
        let row = ACCESS.iter().find(|(method, _)| *method == path);
        Self {
            needs: row.and_then(|(_, access)| match access {
                Access::Scope(scope) => Some(*scope),
                Access::Public | Access::Contact => None,
            }),
            teammate: OnceCell::new(),
        }
    }
}

/// Who makes the call of the console that is being handled.
///
/// # Errors
/// `Unauthenticated` when it did not pass the edge.
pub(crate) fn teammate() -> Result<Arc<Teammate>, Error> {
    OF_THE_CONSOLE
        .try_with(|call| call.teammate.get().cloned())
        .ok()
        .flatten()
        .ok_or(Error::Unauthenticated)
}

/// The scope that the call being handled needs.
pub(super) fn needed() -> Option<&'static str> {
    OF_THE_CONSOLE.try_with(|call| call.needs).ok().flatten()
}

/// Remembers who makes the call for the rest of it.
pub(super) fn admit(teammate: Arc<Teammate>) {
    // one call is admitted once
    let _ = OF_THE_CONSOLE.try_with(|call| call.teammate.set(teammate));
}

/// Where the console's calls may come from, and what they are known by.
pub(super) struct Entrance {
    pub origin: HeaderValue,
    pub cookies: Cookies,
}

impl Entrance {
    /// Lets in what one of the console's own pages sends. Browsers name the sending page with every such call,
    /// and no page can make them name another.
    ///
    /// # Errors
    /// When it comes from elsewhere.
    pub fn is_ours(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) if origin == self.origin => Ok(()),
            _ => Err(Failure::new(
                Kind::Forbidden,
                DOMAIN,
                "FOREIGN_ORIGIN",
                "the console is called from its own pages only; open it at its own address",
            )),
        }
    }

    /// Puts the cookie's token where the edge looks for a credential, in the place of whatever was there.
    fn admit(&self, headers: &mut HeaderMap) -> Result<(), Failure> {
        self.is_ours(headers)?;
        let token = self.cookies.session(headers).ok_or_else(unauthenticated)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let bearer = bearer.map_err(|_| unauthenticated())?;
        headers.insert(header::AUTHORIZATION, bearer);
        headers.remove(header::COOKIE);
        Ok(())
    }
}

/// Lets the console's calls in by their cookie; goes outside of the edge. Without a console it does nothing.
#[derive(Clone)]
pub(crate) struct ConsoleLayer(pub(super) Option<Arc<Entrance>>);

impl<S> Layer<S> for ConsoleLayer {
    type Service = ConsoleGate<S>;

    fn layer(&self, next: S) -> Self::Service {
        ConsoleGate {
            entrance: self.0.clone(),
            next,
        }
    }
}

/// A service whose console calls have passed the entrance.
#[derive(Clone)]
pub(crate) struct ConsoleGate<S> {
    entrance: Option<Arc<Entrance>>,
    next: S,
}

impl<S> Service<Request<Body>> for ConsoleGate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<
        S::Future,
        Either<TaskLocalFuture<Call, S::Future>, Ready<Result<S::Response, S::Error>>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(entrance) = self
            .entrance
            .as_ref()
            .filter(|_| request.uri().path().starts_with(PREFIX))
        else {
            return Either::Left(self.next.call(request));
        };
        Either::Right(match entrance.admit(request.headers_mut()) {
            Ok(()) => {
                let call = Call::to(request.uri().path());
                Either::Left(OF_THE_CONSOLE.scope(call, self.next.call(request)))
            }
            Err(refusal) => Either::Right(ready(Ok(Status::from(refusal).into_http()))),
        })
    }
}

/// Knows customers by their access tokens and, in the console's calls, teammates by their console tokens.
pub(crate) struct Callers {
    pub(crate) messengers: Arc<Sessions>,
    pub(crate) consoles: Arc<Consoles>,
}

impl Authenticator for Callers {
    fn authenticate<'a>(&'a self, bearer: &'a str) -> BoxFuture<'a, Result<Arc<Actor>, Failure>> {
        match OF_THE_CONSOLE.try_with(|_| ()) {
            Ok(()) => Box::pin(self.consoles.admit(bearer)),
            Err(_) => self.messengers.authenticate(bearer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use runtime::edge::Edge;
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;

    /// Takes `Bearer msgr_con_grace` for a teammate in the console's calls, and `Bearer ada` for a customer in
    /// the others, as the real ones do.
    struct Fake;

    impl Authenticator for Fake {
        fn authenticate<'a>(
            &'a self,
            bearer: &'a str,
        ) -> BoxFuture<'a, Result<Arc<Actor>, Failure>> {
            let workspace = types::WorkspaceId::derive(&["a"]);
            let console = OF_THE_CONSOLE.try_with(|_| ()).is_ok();
            let actor = match (console, bearer) {
                (true, "msgr_con_grace") => testing::teammate(&workspace, &["tickets:read"]),
                (false, "ada") => testing::contact(&workspace, &types::ContactId::derive(&["ada"])),
                _ => return Box::pin(ready(Err(unauthenticated()))),
            };
            Box::pin(ready(Ok(Arc::new(actor))))
        }
    }

    const OF_CONSOLE: &str = "/messenger.bff.v1.ConsoleService/ListTickets";
    const OF_MESSENGER: &str = "/messenger.bff.v1.MessengerService/GetHome";
    const ORIGIN: (&str, &str) = ("origin", "https://console.example.com");
    const COOKIE: (&str, &str) = ("cookie", "__Host-msgr_console=msgr_con_grace");

    /// The status of a call, and who was seen to make it with which headers.
    async fn call(path: &str, headers: &[(&str, &str)]) -> (String, Option<String>) {
        let entrance = Entrance {
            origin: HeaderValue::from_static("https://console.example.com"),
            cookies: Cookies::of("https://console.example.com"),
        };
        let table = &[
            (OF_CONSOLE, Access::Scope("tickets:read")),
            (OF_MESSENGER, Access::Contact),
        ];
        let service = ServiceBuilder::new()
            .layer(ConsoleLayer(Some(Arc::new(entrance))))
            .layer(Edge::new(table, Arc::new(Fake)))
            .service_fn(|request: Request<Body>| async move {
                let actor = request.extensions().get::<Arc<Actor>>().unwrap();
                let seen = format!("{:?}", actor.kind);
                assert!(!request.headers().contains_key("cookie") || actor.workspace.is_some());
                let mut answer = Response::new(Body::empty());
                answer.headers_mut().insert("seen", seen.parse().unwrap());
                answer
                    .headers_mut()
                    .insert("grpc-status", "0".parse().unwrap());
                Ok::<_, Infallible>(answer)
            });
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = service.oneshot(request.body(Body::empty()).unwrap()).await;
        let answer = answer.unwrap_or_else(|never| match never {});
        let text = |name: &str| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        (text("grpc-status").unwrap(), text("seen"))
    }

    #[tokio::test]
    async fn a_teammate_is_known_by_the_cookie_on_the_consoles_own_pages() {
        let (status, seen) = call(OF_CONSOLE, &[ORIGIN, COOKIE]).await;
        assert_eq!((status.as_str(), seen.as_deref()), ("0", Some("Teammate")));
    }

    #[tokio::test]
    async fn a_call_from_any_other_page_or_from_none_is_refused() {
        for origin in [
            "https://evil.example",
            "https://console.example.com.evil.example",
            "http://console.example.com",
            "https://console.example.com:444",
            "https://CONSOLE.example.com",
            "null",
            "",
        ] {
            let (status, _) = call(OF_CONSOLE, &[("origin", origin), COOKIE]).await;
            assert_eq!(status, "7", "{origin}");
        }
        assert_eq!(call(OF_CONSOLE, &[COOKIE]).await.0, "7");
        let twice = [ORIGIN, ("origin", "https://evil.example"), COOKIE];
        assert_eq!(call(OF_CONSOLE, &twice).await.0, "7");
    }

    #[tokio::test]
    async fn no_header_but_the_cookie_is_a_credential_in_the_console() {
        for bearer in ["Bearer ada", "Bearer msgr_con_grace"] {
            let headers = [ORIGIN, ("authorization", bearer)];
            assert_eq!(call(OF_CONSOLE, &headers).await.0, "16", "{bearer}");
        }
        let both = [ORIGIN, COOKIE, ("authorization", "Bearer ada")];
        assert_eq!(call(OF_CONSOLE, &both).await.1.as_deref(), Some("Teammate"));
        let ada = [ORIGIN, ("cookie", "__Host-msgr_console=ada")];
        assert_eq!(call(OF_CONSOLE, &ada).await.0, "16");
    }

    #[tokio::test]
    async fn the_cookie_is_no_credential_for_the_messenger() {
        assert_eq!(call(OF_MESSENGER, &[ORIGIN, COOKIE]).await.0, "16");
        let bearer = [("authorization", "Bearer msgr_con_grace")];
        assert_eq!(call(OF_MESSENGER, &bearer).await.0, "16");
        let customer = [("authorization", "Bearer ada"), COOKIE];
        let seen = call(OF_MESSENGER, &customer).await.1;
        assert_eq!(seen.as_deref(), Some("Contact"));
    }
}
