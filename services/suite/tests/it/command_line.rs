//! What a person at a terminal gets when something is in the way: one sentence and an exit code.

use crate::support::{Site, stderr, stdout, stop, suite};

/// One line, and nothing of how the program is made.
fn one_sentence(text: &str) {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    for inside in ["panicked", "RUST_BACKTRACE", "Os {", "DbErr", "Custom("] {
        assert!(!text.contains(inside), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_in_one_sentence() {
    let site = Site::new();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", site.port + 2)).unwrap();
    let output = site.suite(&["run", "--port", &site.port.to_string()]).await;
    assert_eq!(output.status.code(), Some(1));
    one_sentence(&stderr(&output));
    assert!(
        stderr(&output).contains(&format!("127.0.0.1:{}", site.port + 2)),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("--port"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_said_in_one_sentence() {
    let site = Site::new();
    std::fs::write(site.dump("file"), "in the way").unwrap();
    let below = site.dump("file").join("data");
    let output = suite(&[
        "run",
        "--port",
        &site.port.to_string(),
        "--data",
        below.to_str().unwrap(),
    ])
    .await;
    assert_eq!(output.status.code(), Some(1));
    one_sentence(&stderr(&output));
    assert!(stderr(&output).contains("--data"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_database_is_said_in_one_sentence_and_fresh_starts_over() {
    let site = Site::new();
    std::fs::create_dir_all(site.data()).unwrap();
    std::fs::write(
        site.data().join("tickets.db"),
        "this is no database, whatever its name says",
    )
    .unwrap();
    let output = site.suite(&["run", "--port", &site.port.to_string()]).await;
    assert_eq!(output.status.code(), Some(1));
    one_sentence(&stderr(&output));
    assert!(
        stderr(&output).contains("tickets.db"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("--fresh"), "{}", stderr(&output));
    let suite = site.run(&["--fresh"]).await;
    assert_eq!(stop(suite).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_suites_on_one_directory_are_refused() {
    let site = Site::new();
    let first = site.run(&[]).await;
    let other = Site::new();
    let output = site
        .suite(&["run", "--port", &other.port.to_string()])
        .await;
    assert_eq!(output.status.code(), Some(1));
    one_sentence(&stderr(&output));
    assert!(
        stderr(&output).contains("another suite is running"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stop(first).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_running_suite_says_how_to_start_one() {
    let site = Site::new();
    let output = site.suite(&["call", "MessengerService/GetHome"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("make run"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_take_and_give_json_and_explain_refusals() {
    let site = Site::new();
    let running = site.run(&[]).await;
    let home = site
        .suite(&["call", "MessengerService/GetHome", r#"{"platform":"WEB"}"#])
        .await;
    assert!(home.status.success(), "{}", stderr(&home));
    let home: serde_json::Value = serde_json::from_str(&stdout(&home)).unwrap();
    assert_eq!(
        home["home"]["recentTickets"]["tickets"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    let refused = site
        .suite(&[
            "call",
            "MessengerService/GetTicket",
            r#"{"ticketId":"999"}"#,
        ])
        .await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("NotFound TICKET_NOT_FOUND"),
        "{}",
        stderr(&refused)
    );

    let invalid = site
        .suite(&["call", "MessengerService/SubmitTicket", "{}"])
        .await;
    assert!(
        stderr(&invalid).contains("InvalidArgument INVALID_FIELDS"),
        "{}",
        stderr(&invalid)
    );
    assert!(stderr(&invalid).contains("title"), "{}", stderr(&invalid));

    let wrong = site
        .suite(&["call", "MessengerService/GetHome", "--as", "grace"])
        .await;
    assert!(
        stderr(&wrong).contains("is a teammate"),
        "{}",
        stderr(&wrong)
    );
    let wrong = site
        .suite(&["call", "TicketService/ListTickets", "--as", "ada"])
        .await;
    assert!(
        stderr(&wrong).contains("is for teammates"),
        "{}",
        stderr(&wrong)
    );

    let frames = site
        .suite(&[
            "call",
            "MessengerService/WatchMessenger",
            r#"{"platform":"IOS"}"#,
            "--frames",
            "1",
        ])
        .await;
    assert!(
        stdout(&frames).contains("recentTickets"),
        "{}",
        stderr(&frames)
    );
    assert_eq!(stop(running).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_explains_its_flags() {
    for service in [
        "bff",
        "tickets",
        "conversations",
        "settings",
        "notifications",
    ] {
        let output = suite(&["service", service, "--help"]).await;
        assert!(output.status.success());
        for flag in [
            "--listen",
            "--keys",
            "--drain-seconds",
            "--log",
            "--print-config",
        ] {
            assert!(
                stdout(&output).contains(flag),
                "{service} {flag}\n{}",
                stdout(&output)
            );
        }
    }
}
