//! The console's built pages: who is logged in gets them at every address below, everybody else the way in.

use std::fs;

use testing::Scratch;

use super::{Browser, choose, developed, log_in};
use crate::{fakes::APP, world::World};

const PAGE: &str = "<!doctype html><script type=module src=/assets/console-1.js></script>";
const PREVIEW: &str = "<!doctype html><script type=module src=/assets/preview-1.js></script>";
const GRACE: &str = "grace@example.com";

/// A console with pages as a build writes them.
async fn built() -> (World, Scratch) {
    let pages = Scratch::new();
    let directory = pages.path("pages");
    fs::create_dir_all(directory.join("console")).unwrap();
    fs::create_dir_all(directory.join("assets")).unwrap();
    fs::write(directory.join("index.html"), "{{app}}{{origins}}").unwrap();
    fs::create_dir_all(directory.join("preview")).unwrap();
    fs::write(directory.join("console/index.html"), PAGE).unwrap();
    fs::write(directory.join("preview/index.html"), PREVIEW).unwrap();
    fs::write(directory.join("assets/console-1.js"), "go()").unwrap();
    let world = developed(|config| bff::Config {
        web: Some(directory),
        ..config
    })
    .await;
    (world, pages)
}

#[tokio::test]
async fn who_is_logged_in_gets_the_built_page_at_every_address_of_the_console() {
    let (world, _pages) = built().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    for place in [
        "/console/",
        "/console/?app=app_1",
        "/console/tickets",
        "/console/tickets/42?open=true",
        "/console/settings/messenger/spaces",
    ] {
        let page = browser.get(place).await;
        assert_eq!((page.status, page.body.as_str()), (200, PAGE), "{place}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "frame-src 'self'",
        ] {
            assert!(policy.contains(part), "{place}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    for nothing in ["/console/api/tickets", "/console/missing.js"] {
        assert_eq!(browser.get(nothing).await.status, 404, "{nothing}");
    }
    let script = browser.get("/assets/console-1.js").await;
    assert_eq!((script.status, script.body.as_str()), (200, "go()"));
}

#[tokio::test]
async fn the_preview_is_framed_by_the_console_alone_and_reaches_nobody() {
    let (world, _pages) = built().await;
    let mut browser = Browser::at(world.address());
    let stranger = browser.get("/console/preview/").await;
    assert_eq!(stranger.status, 303, "who is not logged in gets the way in");
    log_in(&mut browser, GRACE).await;
    let page = browser.get("/console/preview/").await;
    assert_eq!((page.status, page.body.as_str()), (200, PREVIEW));
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    // what is not said falls back to nothing
    for part in ["connect-src", "frame-src", "unsafe", "http"] {
        assert!(!policy.contains(part), "{part}: {policy}");
    }
}

#[tokio::test]
async fn no_other_page_is_framed_by_the_console_or_frames_anything() {
    let (world, _pages) = built().await;
    let mut browser = Browser::at(world.address());
    let mut policies = Vec::new();
    for place in [
        "/console/",
        "/console/?app=x",
        "/console/callback",
        "/console/preview.js",
    ] {
        let page = browser.get(place).await;
        policies.push((place, page.header("content-security-policy").to_owned()));
    }
    world
        .settings
        .state
        .allow(&world.workspace, &["https://shop.example.com"]);
    let messenger = format!("/m/{}/", world.app());
    let page = browser.get(&messenger).await;
    assert_eq!(page.status, 200);
    policies.push((
        messenger.as_str(),
        page.header("content-security-policy").to_owned(),
    ));
    for (place, policy) in &policies {
        assert!(!policy.contains("frame-src"), "{place}: {policy}");
    }
    log_in(&mut browser, GRACE).await;
    for place in [
        "/console/",
        "/console/preview",
        "/console/preview/x",
        "/console/api/me",
    ] {
        let page = browser.get(place).await;
        policies.push((place, page.header("content-security-policy").to_owned()));
    }
    for (place, policy) in policies {
        assert!(
            !policy.contains("frame-ancestors 'self'"),
            "{place}: {policy}"
        );
    }
}

#[tokio::test]
async fn a_login_that_a_deep_link_began_ends_at_the_deep_link() {
    let (world, _pages) = built().await;
    let mut browser = Browser::at(world.address());
    let link = "/console/tickets/42?open=true";
    let sent = browser.get(link).await;
    assert_eq!(sent.status, 303);
    let login = "/console/login?return_to=%2Fconsole%2Ftickets%2F42%3Fopen%3Dtrue";
    assert_eq!(sent.header("location"), login);
    // where a provider is for every workspace the page asks which, and keeps the link
    let page = browser.get(login).await;
    let kept = "<input type=\"hidden\" name=\"return_to\" value=\"/console/tickets/42?open=true\">";
    assert!(page.body.contains(kept), "{}", page.body);
    let asked = login.replace("login?", &format!("?app={APP}&"));
    let page = browser.get(&asked).await;
    let begin = format!(
        "/console/login?app={APP}&{}",
        &login["/console/login?".len()..]
    );
    let shown = begin.replace('&', "&amp;");
    assert!(page.body.contains(&shown), "{}", page.body);
    let provider = browser.get(&begin).await.header("location").to_owned();
    let back = choose(&mut browser, &provider, GRACE, true).await;
    assert_eq!(browser.get(&back).await.header("location"), link);
    assert_eq!(browser.get(link).await.body, PAGE);
}

#[tokio::test]
async fn after_a_logout_the_first_page_waits_for_a_person_and_lets_no_provider_log_in_again() {
    let (world, _pages) = built().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    assert_eq!(browser.log_out_at(world.address()).await.status, 200);
    let page = browser.get(&format!("/console/?app={APP}")).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(">Log in</a>"), "{}", page.body);
}
