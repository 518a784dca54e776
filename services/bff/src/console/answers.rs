//! What the console's addresses answer with.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use openidconnect::url::form_urlencoded;
use proto::settings::v1 as st;
use serde_json::json;
use tonic::{Code, Status};

use super::{
    HOME,
    args::AppId,
    page::{self, escape, headers, page, refusal},
    provider::LoginError,
    sessions::Teammate,
};
use crate::error::Error;

/// The page of a teammate who is logged in.
pub(super) fn logged_in(teammate: &Teammate) -> Response {
    let Teammate {
        told, workspace, ..
    } = teammate;
    let next = format!("/console/?app={}", workspace.app_id);
    let body = format!(
        "<dl><dt>Workspace</dt><dd>{}</dd><dt>E-mail</dt><dd>{}</dd><dt>Role</dt><dd class=\"role\">{}</dd></dl>\
         <button id=\"logout\" type=\"button\" data-next=\"{}\" hidden>Log out</button>\
         <p id=\"told\" role=\"alert\"></p>\
         <noscript><p>Logging out needs JavaScript; closing the browser does not log you out.</p></noscript>",
        escape(&workspace.name),
        escape(&told.email),
        escape(role(told)),
        escape(&next),
    );
    page(StatusCode::OK, &told.name, &body)
}

pub(super) fn stranger(email: Option<&str>, again: &str) -> Response {
    let sentence = match email {
        Some(email) => format!(
            "{email} is not the address of an active teammate of this workspace. Ask one of its admins to add \
             you, or log in with another address."
        ),
        None => "Your identity provider has not verified your e-mail address. Verify it there, then log in again."
            .to_owned(),
    };
    refusal(StatusCode::FORBIDDEN, "Not a teammate", &sentence, again)
}

pub(super) fn provider_away(error: &LoginError, again: &str) -> Response {
    tracing::warn!(%error, "a login cannot go on");
    refusal(
        StatusCode::BAD_GATEWAY,
        "The login is away",
        "Your identity provider does not answer as it should. Try again in a moment; if it stays, tell whoever \
         runs this console.",
        again,
    )
}

/// A refusal that another try may not meet.
pub(super) fn busy(error: &Error, again: &str) -> Response {
    let Error::TooOften { wait, .. } = error else {
        return crowded(again);
    };
    let seconds = wait.as_secs() + 1;
    let mut answer = refusal(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many tries",
        &format!("Too many came from your address. Try again in {seconds} s."),
        again,
    );
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    answer
}

pub(super) fn crowded(again: &str) -> Response {
    refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "One moment",
        "A part of the product does not answer just now. Try again in a moment.",
        again,
    )
}

/// Where a login to a workspace begins that ends at this page of the console.
pub(super) fn begin(app: &AppId, return_to: &str) -> String {
    match return_to {
        HOME => format!("/console/login?app={app}"),
        to => format!(
            "/console/login?app={app}&{}",
            parameters(&[("return_to", to)])
        ),
    }
}

/// As an address has them.
pub(super) fn parameters(of: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(of)
        .finish()
}

pub(super) fn role(teammate: &st::Teammate) -> &'static str {
    match teammate.role() {
        st::Role::Viewer => "viewer",
        st::Role::Agent => "agent",
        st::Role::Admin => "admin",
        st::Role::Unspecified => "unknown",
    }
}

pub(super) fn go<const N: usize>(to: &str, cookies: [HeaderValue; N]) -> Response {
    let mut answer = (StatusCode::SEE_OTHER, page::headers("text/plain")).into_response();
    let headers = answer.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    answer
}

/// What cannot be found out just now.
pub(super) fn away(error: Error) -> Response {
    let status = match error {
        Error::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    refused(status, error.into())
}

/// A refusal in the words of the product.
pub(super) fn refused(status: StatusCode, refusal: Status) -> Response {
    let code = match refusal.code() {
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        _ => "unavailable",
    };
    told(status, code, refusal.message())
}

pub(super) fn told(status: StatusCode, code: &str, sentence: &str) -> Response {
    let text = json!({ "code": code, "message": sentence });
    (status, headers("application/json"), text.to_string()).into_response()
}
