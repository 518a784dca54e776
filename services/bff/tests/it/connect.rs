//! Connect over HTTP/1.1 on the port of gRPC, as curl and browsers speak it, and the pages beside.

use serde_json::{Value, json};

use crate::{
    web::{Browser, frames},
    world::{Customer, World, inbox},
};

const HOME: &str = "/messenger.bff.v1.MessengerService/GetHome";
const WATCH: &str = "/messenger.bff.v1.MessengerService/WatchMessenger";
const WEB: &str = r#"{"platform":"PLATFORM_WEB"}"#;

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    fn is(&self, status: u16) {
        let line = format!("http/1.1 {status} ");
        let body = String::from_utf8_lossy(&self.body);
        assert!(self.head.starts_with(&line), "{}\n{body}", self.head);
    }

    fn says(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }

    /// The reason of a failure.
    fn reason(&self) -> String {
        reason(&self.json())
    }
}

fn reason(error: &Value) -> String {
    let info = error["details"][0]["debug"].clone();
    assert!(!info["domain"].as_str().unwrap().is_empty(), "{error}");
    info["reason"].as_str().unwrap().to_owned()
}

async fn send(world: &World, what: &str, head: &str, body: &[u8]) -> Answer {
    let mut browser = Browser::send(world, what, head, body).await;
    let head = browser.head().await;
    while browser.more().await {}
    Answer {
        head,
        body: browser.body(),
    }
}

fn bearer(customer: &Customer) -> String {
    format!("authorization: Bearer {}\r\n", customer.token)
}

fn json_of(customer: &Customer) -> String {
    format!("content-type: application/json\r\n{}", bearer(customer))
}

#[tokio::test]
async fn curl_gets_home() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[4]));
    let post = format!("POST {HOME}");
    let answer = send(&world, &post, &json_of(&customer), WEB.as_bytes()).await;
    answer.is(200);
    assert!(
        answer.says("content-type: application/json"),
        "{}",
        answer.head
    );
    let home = answer.json()["home"].clone();
    assert_eq!(home["recentTickets"]["tickets"][0]["number"], "4", "{home}");
    let spaces: Vec<&Value> = home["spaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["space"])
        .collect();
    assert!(spaces.contains(&&json!("SPACE_TICKETS")), "{home}");
    let query = "?connect=v1&encoding=json&message=%7B%22platform%22%3A%22PLATFORM_WEB%22%7D";
    let get = send(
        &world,
        &format!("GET {HOME}{query}"),
        &bearer(&customer),
        b"",
    )
    .await;
    get.is(200);
    assert_eq!(get.json()["home"]["recentTickets"], home["recentTickets"]);
}

#[tokio::test]
async fn what_the_edge_refuses_is_refused_in_connect_with_its_details() {
    let world = World::new().await;
    let customer = world.customer();
    let post = format!("POST {HOME}");
    let json = "content-type: application/json\r\n";
    let anonymous = send(&world, &post, json, WEB.as_bytes()).await;
    anonymous.is(401);
    assert_eq!(anonymous.json()["code"], "unauthenticated");
    assert_eq!(anonymous.reason(), "UNAUTHENTICATED");
    // a credential in the query is none
    let query = "?encoding=json&message=%7B%7D&access_token=";
    let get = format!("GET {HOME}{query}{}", customer.token);
    send(&world, &get, "", b"").await.is(401);
    // nor is a cookie
    let cookie = format!("{json}cookie: authorization=Bearer {}\r\n", customer.token);
    send(&world, &post, &cookie, WEB.as_bytes()).await.is(401);
    let late = format!("{}connect-timeout-ms: 0\r\n", json_of(&customer));
    let late = send(&world, &post, &late, WEB.as_bytes()).await;
    late.is(504);
    assert_eq!(late.reason(), "DEADLINE_EXCEEDED");
    let named = format!("{}x-request-id: r-17\r\n", json_of(&customer));
    let invalid = send(&world, &post, &named, b"{}").await;
    invalid.is(400);
    let details = invalid.json()["details"].clone();
    assert_eq!(details[0]["debug"]["metadata"]["request_id"], "r-17");
    assert_eq!(
        details[1]["debug"]["fieldViolations"][0]["field"], "platform",
        "{details}"
    );
    let proto = format!("content-type: application/proto\r\n{}", bearer(&customer));
    let broken = send(&world, &post, &proto, b"\xff\xff").await;
    broken.is(400);
    assert_eq!(broken.reason(), "MALFORMED_REQUEST");
}

#[tokio::test]
async fn a_browsers_watch_is_a_stream_of_envelopes_as_they_come() {
    let world = World::new().await;
    let customer = world.customer();
    let head = format!(
        "content-type: application/connect+json\r\n{}",
        bearer(&customer)
    );
    let mut body = vec![0, 0, 0, 0, WEB.len() as u8];
    body.extend_from_slice(WEB.as_bytes());
    let mut browser = Browser::send(&world, &format!("POST {WATCH}"), &head, &body).await;
    let head = browser.head().await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for line in [
        "content-type: application/connect+json",
        "x-accel-buffering: no",
    ] {
        assert!(head.lines().any(|l| l == line), "{head}");
    }
    for expected in 0..3_usize {
        let home: Value = loop {
            let frames = frames(&browser.body());
            if let Some((0, message)) = frames.get(expected) {
                break serde_json::from_slice(message).unwrap();
            }
            assert!(browser.more().await, "the watch ended");
        };
        let version = &home["home"]["token"]["contactVersion"];
        let version = version.as_str().unwrap_or("0");
        assert_eq!(version, expected.to_string(), "{home}");
        world.notifications.tell(&customer.contact, inbox(&[1]));
    }
    drop(browser);
    testing::eventually("the watch is over behind it", async || {
        (world.notifications.watchers(&customer.contact) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_watch_that_is_refused_says_so_in_its_only_envelope() {
    let world = World::new().await;
    let head = "content-type: application/connect+json\r\n";
    let answer = send(&world, &format!("POST {WATCH}"), head, b"\0\0\0\0\x02{}").await;
    answer.is(200);
    let frames = frames(&answer.body);
    let [(2, end)] = frames.as_slice() else {
        panic!("one last envelope, not {frames:?}");
    };
    let end: Value = serde_json::from_slice(end).unwrap();
    assert_eq!(end["error"]["code"], "unauthenticated");
    assert_eq!(reason(&end["error"]), "UNAUTHENTICATED");
}

#[tokio::test]
async fn only_what_changes_nothing_is_called_by_get() {
    let world = World::new().await;
    let customer = world.customer();
    let submit = "/messenger.bff.v1.MessengerService/SubmitTicket?encoding=json&message=%7B%7D";
    let answer = send(&world, &format!("GET {submit}"), &bearer(&customer), b"").await;
    answer.is(405);
    assert!(answer.says("allow: post"), "{}", answer.head);
}

#[tokio::test]
async fn other_services_are_not_reached_through_this_port() {
    let world = World::new().await;
    let customer = world.customer();
    let behind = "POST /messenger.tickets.v1.TicketService/GetTicket";
    send(&world, behind, &json_of(&customer), b"{}")
        .await
        .is(404);
}

#[tokio::test]
async fn health_is_asked_in_json_too() {
    let world = World::new().await;
    let json = "content-type: application/json\r\n";
    let answer = send(&world, "POST /grpc.health.v1.Health/Check", json, b"{}").await;
    answer.is(200);
    assert_eq!(answer.json(), json!({ "status": "SERVING" }));
}

#[tokio::test]
async fn no_other_origin_may_call_unless_it_is_named() {
    let origin = "origin: https://app.example.com\r\n";
    let asking = format!(
        "{origin}access-control-request-method: POST\r\n\
         access-control-request-headers: authorization,content-type\r\n"
    );
    let options = format!("OPTIONS {HOME}");
    let world = World::new().await;
    let refused = send(&world, &options, &asking, b"").await;
    refused.is(405);
    assert!(
        !refused.head.contains("access-control-allow"),
        "{}",
        refused.head
    );

    let world = World::naming(&["https://app.example.com"]).await;
    let allowed = send(&world, &options, &asking, b"").await;
    allowed.is(200);
    assert!(
        allowed.says("access-control-allow-origin: https://app.example.com"),
        "{}",
        allowed.head
    );
    assert!(allowed.head.contains("authorization"));
    assert!(!allowed.head.contains("access-control-allow-credentials"));
    let customer = world.customer();
    let head = format!("{}{origin}", json_of(&customer));
    let called = send(&world, &format!("POST {HOME}"), &head, WEB.as_bytes()).await;
    called.is(200);
    assert!(
        called.says("access-control-allow-origin: https://app.example.com"),
        "{}",
        called.head
    );
    let other = asking.replace("app.example", "other.example");
    let other = send(&world, &options, &other, b"").await;
    assert!(
        !other.head.contains("access-control-allow-origin"),
        "{}",
        other.head
    );
}

#[tokio::test]
async fn the_contract_is_published_as_openapi_and_nothing_else_is_a_page() {
    let world = World::new().await;
    let answer = send(&world, "GET /openapi.json", "", b"").await;
    answer.is(200);
    assert!(
        answer.says("content-type: application/json"),
        "{}",
        answer.head
    );
    let document = answer.json();
    let home = &document["paths"][HOME]["post"];
    assert!(
        home["description"]
            .as_str()
            .unwrap()
            .starts_with("Home: spaces"),
        "{home}"
    );
    let open = &document["paths"]["/messenger.bff.v1.SessionService/CreateSession"]["post"];
    assert_eq!(open["security"], json!([]));
    assert!(document["paths"].get(WATCH).is_none());
    for nothing in [
        "GET /",
        "GET /openapi",
        "POST /openapi.json",
        "GET /../etc/passwd",
    ] {
        let answer = send(&world, nothing, "", b"").await;
        assert!(
            answer.head.starts_with("http/1.1 40"),
            "{nothing}: {}",
            answer.head
        );
    }
}
