//! The demo is the customer's story with every promise checked: it must come out the same however
//! the services run and whatever dies meanwhile.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use testing::eventually;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::support::{SUITE, Site, process_of, signal, stderr, stdout, stop};

async fn play(site: &Site, name: &str) -> Value {
    let path = site.dump(name);
    let output = site
        .suite(&["demo", "--dump", path.to_str().unwrap()])
        .await;
    assert!(
        output.status.success(),
        "{}\n{}",
        stdout(&output),
        stderr(&output)
    );
    assert!(stdout(&output).contains("Every promise was kept."));
    read(&path)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_story_is_kept_in_one_process_and_a_restart_finds_everything_again() {
    let site = Site::new();
    let first = site.run(&[]).await;
    play(&site, "one").await;
    let list = ["call", "MessengerService/ListTickets", "--as", "ada"];
    let before = site.suite(&list).await;
    assert!(before.status.success(), "{}", stderr(&before));
    assert_eq!(stop(first).await, Some(0));
    let second = site.run(&[]).await;
    let after = site.suite(&list).await;
    assert_eq!(stdout(&before), stdout(&after));
    assert!(stdout(&after).contains("The invoice of May is missing"));
    assert_eq!(stop(second).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_ends_the_same_when_each_service_is_killed_and_comes_back() {
    let site = Site::new();
    let suite = site.run(&["--separate"]).await;
    let calm = play(&site, "calm").await;
    let path = site.dump("stormy");
    let mut story = Command::new(SUITE)
        .args(["demo", "--dump"])
        .arg(&path)
        .arg("--data")
        .arg(site.data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(story.stdout.take().unwrap()).lines();
    let mut victims = [
        "conversations",
        "tickets",
        "notifications",
        "settings",
        "bff",
    ]
    .into_iter();
    let mut text = String::new();
    let mut scenes = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        // the heading of a scene: what it does is about to happen
        if line.starts_with("── ") {
            scenes += 1;
            // every third, so that each service dies once somewhere in the story
            if scenes % 3 == 0
                && let Some(victim) = victims.next()
            {
                let process = eventually("the service runs", || async {
                    process_of(&site.data(), victim)
                })
                .await;
                signal("-KILL", process).await;
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    assert!(story.wait().await.unwrap().success(), "{text}");
    assert_eq!(victims.next(), None, "every service died once\n{text}");
    assert_eq!(calm, read(&path));
    assert_eq!(stop(suite).await, Some(0));
}

/// Otherwise they would hold the ports and the data against the next start.
#[tokio::test(flavor = "multi_thread")]
async fn services_end_with_the_program_that_started_them_even_if_it_is_killed() {
    let site = Site::new();
    let mut suite = site.run(&["--separate"]).await;
    assert!(process_of(&site.data(), "bff").is_some());
    suite.kill().await.unwrap();
    for service in [
        "bff",
        "tickets",
        "conversations",
        "settings",
        "notifications",
    ] {
        eventually("the service is gone", || async {
            process_of(&site.data(), service).is_none().then_some(())
        })
        .await;
    }
    let again = site.run(&["--separate"]).await;
    play(&site, "again").await;
    assert_eq!(stop(again).await, Some(0));
}
