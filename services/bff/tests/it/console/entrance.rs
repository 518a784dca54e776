//! Who gets in to the console's calls, by which way, and how often.

use proto::bff::v1::{ListInboxRequest, console_service_client::ConsoleServiceClient};
use serde_json::json;
use tonic::{Code, Request};

use super::{Browser, developed, development, log_in};

const GRACE: &str = "grace@example.com";
const INBOX: &str = "/messenger.bff.v1.ConsoleService/ListInbox";

#[tokio::test]
async fn a_role_that_is_too_low_is_told_which_one_it_takes() {
    let world = development().await;
    let admin = "You need the Admin role to change settings.";
    let agent = "You need the Agent role to work on tickets and conversations.";
    for (email, rpc, sentence) in [
        ("alan@example.com", "SetSpace", admin),
        ("alan@example.com", "EditTicket", agent),
        ("alan@example.com", "ReplyToTicket", agent),
        ("ada@example.com", "SetSpace", admin),
        ("ada@example.com", "CreateKey", admin),
        ("ada@example.com", "TestUserToken", admin),
    ] {
        let mut browser = Browser::at(world.address());
        log_in(&mut browser, email).await;
        let refused = browser.call(rpc, json!({})).await;
        assert_eq!(refused.status, 403, "{email} {rpc}: {}", refused.body);
        let told = refused.json();
        assert_eq!(
            (&told["code"], &told["message"]),
            (&json!("permission_denied"), &json!(sentence))
        );
    }
    assert_eq!(world.tickets.state.gate.count("*"), 0);
}

#[tokio::test]
async fn the_cookie_counts_on_the_consoles_own_pages_and_by_no_other_way_in() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    assert_eq!(browser.call("ListInbox", json!({})).await.status, 200);
    let own = format!("http://{}", world.address());
    let json_of = |origin: &'static str| [("origin", origin), ("content-type", "application/json")];
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let answer = browser.send("POST", INBOX, &json_of(origin)).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.body.contains("FOREIGN_ORIGIN"), "{}", answer.body);
    }
    // a form cannot send JSON, and a link sends no origin
    let form = [("origin", own.as_str()), ("content-type", "text/plain")];
    assert_eq!(browser.send("POST", INBOX, &form).await.status, 415);
    let get = format!("{INBOX}?connect=v1&encoding=json&message=%7B%7D");
    let answer = browser.send("GET", &get, &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    let mut nobody = Browser::at(world.address());
    assert_eq!(nobody.call("ListInbox", json!({})).await.status, 401);
    // the same over gRPC, with what a program may send
    let token = &browser.cookies["msgr_console"];
    for (headers, code) in [
        (vec![], Code::PermissionDenied),
        (
            vec![("authorization", format!("Bearer {token}"))],
            Code::PermissionDenied,
        ),
        (
            vec![("cookie", format!("msgr_console={token}"))],
            Code::PermissionDenied,
        ),
        (
            vec![
                ("origin", own.clone()),
                ("authorization", format!("Bearer {token}")),
            ],
            Code::Unauthenticated,
        ),
        (
            vec![
                ("origin", own.clone()),
                ("cookie", format!("msgr_console={token}")),
            ],
            Code::Ok,
        ),
    ] {
        let mut request = Request::new(ListInboxRequest::default());
        for (name, value) in &headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        let mut client = ConsoleServiceClient::new(world.channel.clone());
        let answered = client.list_inbox(request).await;
        let was = answered.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(was, code, "{headers:?}");
    }
    // a customer's token is nothing here
    let customer = world.customer();
    let mut client = ConsoleServiceClient::new(world.channel.clone());
    let answered = client
        .list_inbox(customer.with(ListInboxRequest::default()))
        .await;
    assert_eq!(answered.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn pages_that_may_call_for_customers_may_not_call_the_console() {
    let app = "https://app.example.com";
    let world = developed(|config| bff::Config {
        cors_origins: vec![app.parse().unwrap()],
        ..config
    })
    .await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    let headers = [("origin", app), ("content-type", "application/json")];
    let answer = browser.send("POST", INBOX, &headers).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    // and a browser would send no cookie, for nobody lets it
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn an_address_with_many_cookies_of_nobody_is_slowed() {
    let world = developed(|mut config| {
        config.limits.limit_misses = 3.try_into().unwrap();
        config
    })
    .await;
    let mut guessing = Browser::at(world.address());
    for status in [401, 401, 401, 429, 429] {
        let guess = format!("msgr_con_{}", types::id::uuid().simple());
        guessing.cookies.insert("msgr_console".into(), guess);
        let answer = guessing.call("ListInbox", json!({})).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(world.settings.state.gate.count("LookUpConsoleSession"), 3);
}

#[tokio::test]
async fn a_teammate_who_calls_too_often_waits_and_holds_nobody_else_up() {
    let world = developed(|mut config| {
        config.limits.limit_console_calls = 2.try_into().unwrap();
        config.limits.limit_workspace_calls = 1.try_into().unwrap();
        config
    })
    .await;
    let mut grace = Browser::at(world.address());
    log_in(&mut grace, GRACE).await;
    // the same person in another browser is the same person
    let mut again = Browser::at(world.address());
    log_in(&mut again, GRACE).await;
    assert_eq!(grace.call("ListInbox", json!({})).await.status, 200);
    assert_eq!(again.call("ListInbox", json!({})).await.status, 200);
    let refused = grace.call("ListInbox", json!({})).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.body.contains("console_calls"), "{}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    let mut alan = Browser::at(world.address());
    log_in(&mut alan, "alan@example.com").await;
    assert_eq!(alan.call("ListInbox", json!({})).await.status, 200);
}

#[tokio::test]
async fn who_logs_out_or_is_deactivated_is_out_with_the_next_call() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    let mut copy = browser.clone();
    assert_eq!(copy.call("ListInbox", json!({})).await.status, 200);
    assert_eq!(browser.log_out_at(world.address()).await.status, 200);
    assert_eq!(copy.call("ListInbox", json!({})).await.status, 401);
    log_in(&mut browser, GRACE).await;
    assert_eq!(browser.call("ListInbox", json!({})).await.status, 200);
    world.settings.state.console.end_all();
    assert_eq!(browser.call("ListInbox", json!({})).await.status, 401);
}

#[tokio::test]
async fn the_published_contract_is_that_of_customers() {
    let world = development().await;
    let document = Browser::at(world.address()).get("/openapi.json").await.body;
    assert!(document.contains("messenger.bff.v1.MessengerService/GetHome"));
    assert!(
        !document.contains("ConsoleService"),
        "a cookie is no credential for programs"
    );
}
