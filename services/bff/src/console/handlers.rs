//! The console's addresses.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, StatusCode, Uri, header};
use openidconnect::url::form_urlencoded;
use proto::settings::v1 as st;
use serde_json::json;
use tonic::Code;
use types::micros;

use super::{
    Console, HOME, WorkspaceOfProvider,
    answers::{
        away, begin, busy, crowded, go, logged_in, parameters, provider_away, refused, role,
        stranger, told,
    },
    args::AppId,
    page::{escape, headers, page, refusal},
    pending::{self, Pending},
    provider::{LoginError, Vouched},
    sessions::{self, Teammate},
};
use crate::{error::Error, proxies::Address};

/// The page that the console frames.
const PREVIEW: &str = "/console/preview/";

/// Longer queries are nobody's: a provider's code and state are some hundred bytes.
const MAX_QUERY: usize = 8 * 1024;

/// The console, or the way in. Logging out ends here: from here on a login is begun by hand, for a provider that
/// still knows the person would let them in again at once.
pub(super) async fn home(
    State(console): State<Arc<Console>>,
    uri: Uri,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    match (console.teammate(&asked, &extensions).await, &console.built) {
        (Ok(Some(_)), Some(built)) => built.page(),
        (Ok(Some(teammate)), None) => logged_in(&teammate),
        (Ok(None), _) => console.way_in(&query(&uri)),
        (Err(error), _) => busy(&error, HOME),
    }
}

/// A page below the console's first: the built pages find out themselves what is at the address. Who is not
/// logged in comes back to it after the login.
pub(super) async fn page_below(
    State(console): State<Arc<Console>>,
    uri: Uri,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    let Some(built) = console.built.as_ref().filter(|_| is_page(uri.path())) else {
        return nothing();
    };
    match console.teammate(&asked, &extensions).await {
        Ok(Some(_)) if uri.path() == PREVIEW => built.preview().unwrap_or_else(nothing),
        Ok(Some(_)) => built.page(),
        Ok(None) => {
            let here = uri.path_and_query().map_or(HOME, |here| here.as_str());
            let here = pending::return_to(Some(here));
            let mut to = format!("/console/login?{}", parameters(&[("return_to", &here)]));
            if let Some(app) = query(&uri)
                .get("app")
                .and_then(|app| AppId::parse(app).ok())
            {
                to += &format!("&app={app}");
            }
            go(&to, [])
        }
        Err(error) => busy(&error, HOME),
    }
}

fn nothing() -> Response {
    refusal(
        StatusCode::NOT_FOUND,
        "Nothing is here",
        "There is no page of the console at this address.",
        HOME,
    )
}

/// Files have a dot in their names, and `api` is for programs: neither is a page.
fn is_page(path: &str) -> bool {
    let below = path.strip_prefix(HOME).unwrap_or_default();
    !(below == "api" || below.starts_with("api/") || below.contains('.'))
}

/// Sends the browser to the provider.
pub(super) async fn login(State(console): State<Arc<Console>>, uri: Uri) -> Response {
    let query = query(&uri);
    let Some(app) = console.app(query.get("app").map(String::as_str)) else {
        return console.way_in(&query);
    };
    let return_to = pending::return_to(query.get("return_to").map(String::as_str));
    let again = begin(&app, &return_to);
    let Ok(_permit) = console.logins.try_acquire() else {
        return crowded(&again);
    };
    let begun = match console.provider.begin().await {
        Ok(begun) => begun,
        Err(error) => return provider_away(&error, &again),
    };
    let pending = Pending {
        state: begun.state,
        nonce: begun.nonce,
        verifier: begun.verifier,
        app: app.into(),
        return_to,
        ends: console.now() + pending::LIFETIME,
    };
    let cookie = console.cookies.keep_login(&console.seal.seal(&pending));
    go(begun.url.as_str(), [cookie])
}

/// Takes the browser back from the provider, and lets the teammate in.
pub(super) async fn callback(
    State(console): State<Arc<Console>>,
    uri: Uri,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    let from = console.doorman.proxies.client(&asked, &extensions);
    // whatever comes of it, the login that began is over
    let answer = console.admit(&uri, &asked, from).await;
    let mut answer = answer.unwrap_or_else(|page| page);
    let forget = console.cookies.forget_login();
    answer.headers_mut().append(header::SET_COOKIE, forget);
    answer
}

/// Ends the session of the browser.
pub(super) async fn logout(
    State(console): State<Arc<Console>>,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    if let Err(refusal) = console.entrance.is_ours(&asked) {
        return refused(StatusCode::FORBIDDEN, refusal.into());
    }
    // no form can send it, so that a page elsewhere would have to ask first
    let kind = asked.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let sentence = "send content-type application/json";
        return told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_argument",
            sentence,
        );
    }
    let ended = match console.teammate(&asked, &extensions).await {
        Ok(Some(teammate)) => {
            let ended = console.clients.revoke_console_session(teammate.session_id);
            ended.await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => {
            let cookie = [(header::SET_COOKIE, console.cookies.forget_session())];
            (cookie, headers("application/json"), "{}").into_response()
        }
        Err(error) => away(error),
    }
}

/// Who is logged in, as JSON.
pub(super) async fn me(
    State(console): State<Arc<Console>>,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    match console.teammate(&asked, &extensions).await {
        Ok(Some(Teammate {
            told, workspace, ..
        })) => {
            let text = json!({
                "teammate": { "id": told.teammate_id, "name": told.name, "email": told.email },
                "role": role(&told),
                "workspace": { "id": workspace.workspace_id, "name": workspace.name, "appId": workspace.app_id },
            });
            (headers("application/json"), text.to_string()).into_response()
        }
        Ok(None) => told(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "nobody is logged in here, or not any more; log in at /console/",
        ),
        Err(error) => away(error),
    }
}

impl Console {
    fn now(&self) -> i64 {
        micros(self.clock.now()).div_euclid(1_000_000)
    }

    async fn teammate(
        &self,
        asked: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Option<Teammate>, Error> {
        let Some(token) = self.cookies.session(asked) else {
            return Ok(None);
        };
        let from = self.doorman.proxies.client(asked, extensions);
        self.sessions.find(token, from).await
    }

    /// The workspace to log in to: the one that the provider is for, or the one asked for where it is for all.
    fn app(&self, asked: Option<&str>) -> Option<AppId> {
        match &self.workspace {
            WorkspaceOfProvider::One(app) => asked
                .is_none_or(|asked| asked == app.as_str())
                .then(|| app.clone()),
            WorkspaceOfProvider::Any => AppId::parse(asked?).ok(),
        }
    }

    /// The page before the login.
    fn way_in(&self, query: &HashMap<String, String>) -> Response {
        let asked = query.get("app").map(String::as_str);
        let return_to = pending::return_to(query.get("return_to").map(String::as_str));
        if let Some(app) = self.app(asked) {
            let body = format!(
                "<p>Log in to work on tickets and conversations.</p>\
                 <p><a class=\"button\" href=\"{}\">Log in</a></p>",
                escape(&begin(&app, &return_to))
            );
            return page(StatusCode::OK, "Log in", &body);
        }
        if let WorkspaceOfProvider::One(_) = self.workspace {
            return refusal(
                StatusCode::NOT_FOUND,
                "Another workspace",
                "This console is for another workspace than the one in the address.",
                HOME,
            );
        }
        let hint = match asked {
            Some(_) => "<p role=\"alert\">That is no workspace id.</p>",
            None => "",
        };
        let back = match return_to.as_str() {
            HOME => String::new(),
            to => format!(
                "<input type=\"hidden\" name=\"return_to\" value=\"{}\">",
                escape(to)
            ),
        };
        let body = format!(
            "<form action=\"/console/\" method=\"get\">{back}<label for=\"app\">Which workspace? Its id begins with \
             app_ and is in the snippet that puts the Messenger on a page.</label><div class=\"field\">\
             <input id=\"app\" name=\"app\" required maxlength=\"64\" autocomplete=\"on\" spellcheck=\"false\" \
             placeholder=\"app_…\"><button>Continue</button></div></form>{hint}"
        );
        page(StatusCode::OK, "Log in", &body)
    }

    /// The whole way from a callback to a session; the error is a page too.
    async fn admit(
        &self,
        uri: &Uri,
        asked: &HeaderMap,
        from: Address,
    ) -> Result<Response, Response> {
        let query = query(uri);
        let get = |name: &str| query.get(name).map(String::as_str);
        let stale = || {
            refusal(
                StatusCode::BAD_REQUEST,
                "This login is over",
                "It took longer than ten minutes, was finished already, or was begun in another browser. \
                 Begin it again.",
                HOME,
            )
        };
        let pending = self
            .cookies
            .login(asked)
            .and_then(|sealed| self.seal.open(sealed, self.now()))
            .filter(|pending| get("state").is_some_and(|state| pending.is_of(state)))
            .ok_or_else(stale)?;
        let app = pending.app().and_then(|app| self.app(Some(app.as_str())));
        let app = app.ok_or_else(stale)?;
        let again = begin(&app, &pending.return_to);
        // RFC 9207: who says it is another provider sends an answer that is not for this login
        if get("iss").is_some_and(|issuer| issuer != self.provider.issuer()) {
            return Err(stale());
        }
        let Some(code) = get("code").filter(|_| get("error").is_none()) else {
            tracing::info!(
                error = get("error").unwrap_or("none"),
                "a login was not granted"
            );
            return Err(refusal(
                StatusCode::FORBIDDEN,
                "Not logged in",
                "Your identity provider did not let you in, or you turned back there.",
                &again,
            ));
        };
        // each costs the provider a request
        let limits = &self.doorman.limits;
        limits
            .session(from, false)
            .map_err(|error| busy(&error, &again))?;
        let Ok(_permit) = self.logins.try_acquire() else {
            return Err(crowded(&again));
        };
        let vouched = self.provider.finish(code.to_owned(), &pending).await;
        let vouched = vouched.map_err(|error| match error {
            LoginError::Away(_) => provider_away(&error, &again),
            LoginError::Refused(_) => {
                tracing::warn!(%error, "a login was refused");
                limits.refused(from);
                refusal(
                    StatusCode::FORBIDDEN,
                    "Not logged in",
                    "What your identity provider sent does not belong to this login. Begin it again; if that \
                     does not help, tell whoever runs this console.",
                    &again,
                )
            }
        })?;
        self.open(vouched, &pending, asked, &again).await
    }

    async fn open(
        &self,
        vouched: Vouched,
        pending: &Pending,
        asked: &HeaderMap,
        again: &str,
    ) -> Result<Response, Response> {
        let replaced = self.cookies.session(asked);
        let body = st::OpenConsoleSessionRequest {
            app_id: pending.app.clone(),
            issuer: vouched.issuer,
            subject: vouched.subject,
            verified_email: vouched.verified_email.clone().unwrap_or_default(),
            login_sha256: pending.fingerprint().to_vec(),
            replaced_token_sha256: replaced
                .map(|token| sessions::hash(token).to_vec())
                .unwrap_or_default(),
        };
        match self.clients.open_console_session(body).await {
            Ok(opened) if !opened.token.is_empty() => {
                let cookie = self.cookies.keep_session(&opened.token);
                Ok(go(&pending.return_to, [cookie]))
            }
            Err(error) if error.code() == Some(Code::PermissionDenied) => {
                tracing::info!("somebody who is no active teammate tried to log in");
                Err(stranger(vouched.verified_email.as_deref(), again))
            }
            Err(error) if error.code() == Some(Code::FailedPrecondition) => Err(refusal(
                StatusCode::BAD_REQUEST,
                "This login is over",
                "It was finished already. Begin it again.",
                again,
            )),
            Ok(_) => Err(crowded(again)),
            Err(error) => Err(busy(&error, again)),
        }
    }
}

/// The parameters of an address; of one that is there twice, none, for nobody knows which counts.
pub(super) fn query(uri: &Uri) -> HashMap<String, String> {
    let text = uri.query().filter(|query| query.len() <= MAX_QUERY);
    let mut found = HashMap::new();
    let mut twice = Vec::new();
    for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
        if found.insert(name.to_string(), value.into_owned()).is_some() {
            twice.push(name.into_owned());
        }
    }
    for name in twice {
        found.remove(&name);
    }
    found
}
