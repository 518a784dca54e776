//! Requests as the wire has them, checked; and what the services behind say, in this crate's terms.

use std::time::Duration;

use proto::{bff::v1 as pb, events::v1::LogPosition, settings::v1 as st};
use runtime::{Violations, error::Violation};
use types::{id, text};

use crate::{
    consistency,
    error::Error,
    spaces::{Platform, Space, Switches},
};

/// Characters of a request id at the most.
const REQUEST_ID: usize = 64;
/// Of a reply, whose effects have longer ones.
const REPLY_REQUEST_ID: usize = 60;
/// Characters of an id or number at the most; longer ones name nothing.
const ID: usize = 64;
/// Characters of a title at the most.
const TITLE: usize = 255;
/// Characters of a description or message at the most.
const TEXT: usize = 10_000;
/// Bytes of a user token at the most.
const USER_TOKEN: usize = 8 * 1024;
/// Characters of a visitor secret at the most.
const VISITOR_SECRET: usize = 128;
/// Milliseconds that a poll waits at the most.
const POLL: u32 = 25_000;
/// Characters of a customer's own id at the most.
const USER_ID: usize = 255;

/// Which Home is asked for, and what it must show.
pub(crate) struct HomeQuery {
    pub(crate) platform: Platform,
    pub(crate) at_least: Vec<LogPosition>,
}

pub(crate) fn home(request: &pb::GetHomeRequest) -> Result<HomeQuery, Error> {
    let platform = require_platform(request.platform)?;
    let at_least = consistency::decode(&request.consistency_token)?;
    Ok(HomeQuery { platform, at_least })
}

pub(crate) fn watch(request: &pb::WatchMessengerRequest) -> Result<Platform, Error> {
    require_platform(request.platform)
}

pub(crate) fn poll(request: &pb::PollMessengerRequest) -> Result<(Platform, Duration), Error> {
    let mut wrong = Violations::new();
    wrong.check("platform", platform(request.platform));
    if request.wait_ms > POLL {
        wrong.add("wait_ms", format!("must be at most {POLL}"));
    }
    finish(wrong)?;
    let platform = require_platform(request.platform)?;
    Ok((platform, Duration::from_millis(request.wait_ms.into())))
}

pub(crate) fn create_session(
    request: pb::CreateSessionRequest,
) -> Result<st::OpenSessionRequest, Error> {
    let mut wrong = Violations::new();
    wrong.check("platform", platform(request.platform));
    check_id(&mut wrong, "app_id", &request.app_id);
    if request.user_jwt.len() > USER_TOKEN {
        wrong.add("user_jwt", format!("must have at most {USER_TOKEN} bytes"));
    }
    let secret = text::line(&request.visitor_secret, 0, VISITOR_SECRET);
    wrong.check("visitor_secret", secret);
    wrong.check("user_id", text::line(&request.user_id, 0, USER_ID));
    if !request.user_jwt.is_empty() && !request.user_id.is_empty() {
        wrong.add(
            "user_id",
            "must be left out beside a user_jwt, which names the user",
        );
    }
    finish(wrong)?;
    Ok(st::OpenSessionRequest {
        app_id: request.app_id,
        platform: request.platform,
        user_jwt: request.user_jwt,
        visitor_secret: request.visitor_secret,
        claimed_user_id: request.user_id,
    })
}

pub(crate) fn submit(request: &pb::SubmitTicketRequest) -> Result<(), Error> {
    let mut wrong = Violations::new();
    check_request_id(&mut wrong, &request.request_id);
    if !request.type_id.is_empty() {
        wrong.check("type_id", id::check("tty", &request.type_id));
    }
    wrong.check("title", text::line(&request.title, 1, TITLE));
    wrong.check("description", text::body(&request.description, 0, TEXT));
    finish(wrong)
}

pub(crate) fn start_conversation(request: &pb::StartConversationRequest) -> Result<(), Error> {
    let mut wrong = Violations::new();
    check_request_id(&mut wrong, &request.request_id);
    wrong.check("body", text::body(&request.body, 1, TEXT));
    finish(wrong)
}

pub(crate) fn send_message(request: &pb::SendMessageRequest) -> Result<(), Error> {
    let mut wrong = Violations::new();
    check_request_id(&mut wrong, &request.request_id);
    wrong.check(
        "conversation_id",
        id::check("cnv", &request.conversation_id),
    );
    wrong.check("body", text::body(&request.body, 1, TEXT));
    finish(wrong)
}

pub(crate) fn mark_conversation_read(
    request: &pb::MarkConversationReadRequest,
) -> Result<(), Error> {
    let mut wrong = Violations::new();
    wrong.check(
        "conversation_id",
        id::check("cnv", &request.conversation_id),
    );
    check_place(&mut wrong, "up_to_seq", request.up_to_seq);
    finish(wrong)
}

pub(crate) fn mark_ticket_read(request: &pb::MarkTicketReadRequest) -> Result<(), Error> {
    let mut wrong = Violations::new();
    check_ticket(&mut wrong, &request.ticket_id);
    check_place(&mut wrong, "up_to_revision", request.up_to_revision);
    finish(wrong)
}

/// What a reply does not pass on as it came is checked before anything of it is done.
pub(crate) fn reply(request: &pb::ReplyToTicketRequest) -> Result<(), Error> {
    let mut wrong = Violations::new();
    wrong.check(
        "request_id",
        text::line(&request.request_id, 0, REPLY_REQUEST_ID),
    );
    check_ticket(&mut wrong, &request.ticket_id);
    wrong.check("body", text::body(&request.body, 1, TEXT));
    if !request.state_id.is_empty() {
        wrong.check("state_id", id::check("tst", &request.state_id));
    }
    finish(wrong)
}

/// The ticket that a call is about. Its owner says whether there is one.
pub(crate) fn ticket(id_or_number: &str) -> Result<(), Error> {
    let mut wrong = Violations::new();
    check_ticket(&mut wrong, id_or_number);
    finish(wrong)
}

/// The conversation that a call is about. Its owner says whether there is one.
pub(crate) fn conversation(id: &str) -> Result<(), Error> {
    let mut wrong = Violations::new();
    wrong.check("conversation_id", id::check("cnv", id));
    finish(wrong)
}

/// A workspace's switches; rows of platforms or spaces that this version does not know are passed over.
pub(crate) fn switches(settings: &st::MessengerSettings) -> Switches {
    let mut switches = Switches::all_on(settings.version);
    for row in &settings.spaces {
        let space = match row.space() {
            st::Space::Home => Space::Home,
            st::Space::Messages => Space::Messages,
            st::Space::Tickets => Space::Tickets,
            st::Space::Unspecified => continue,
        };
        if let Ok(platform) = platform(row.platform) {
            switches = switches.with(platform, space, row.enabled);
        }
    }
    switches
}

/// Microseconds since 1970; what no store could hold becomes the nearest end.
pub(crate) fn micros(time: &prost_types::Timestamp) -> i64 {
    time.seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(time.nanos / 1_000))
}

fn require_platform(value: i32) -> Result<Platform, Error> {
    platform(value).map_err(|what| {
        Error::Fields(vec![Violation {
            field: "platform".into(),
            description: what.into(),
        }])
    })
}

fn platform(value: i32) -> Result<Platform, &'static str> {
    match st::Platform::try_from(value) {
        Ok(st::Platform::Web) => Ok(Platform::Web),
        Ok(st::Platform::Ios) => Ok(Platform::Ios),
        Ok(st::Platform::Android) => Ok(Platform::Android),
        Ok(st::Platform::Unspecified) | Err(_) => {
            Err("must be PLATFORM_WEB, PLATFORM_IOS or PLATFORM_ANDROID")
        }
    }
}

fn check_request_id(wrong: &mut Violations, id: &str) {
    wrong.check("request_id", text::line(id, 0, REQUEST_ID));
}

fn check_id(wrong: &mut Violations, field: &str, id: &str) {
    wrong.check(field, text::line(id, 1, ID));
}

fn check_ticket(wrong: &mut Violations, id_or_number: &str) {
    let digits = id_or_number.strip_prefix('#').unwrap_or(id_or_number);
    let is_number = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number && id::check("tkt", id_or_number).is_err() {
        let must = "must be tkt_ followed by 32 lowercase hexadecimal digits, or a number";
        wrong.add("ticket_id", must);
    }
}

fn check_place(wrong: &mut Violations, field: &str, place: u64) {
    if place == 0 {
        wrong.add(field, "must be at least 1");
    }
}

fn finish(wrong: Violations) -> Result<(), Error> {
    wrong.finish().map_err(Error::Fields)
}
