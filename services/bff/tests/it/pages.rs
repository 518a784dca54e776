//! The Messenger's document: whom it is for, who may embed it, and what it says to browsers.

use std::fs;

use testing::{Scratch, eventually};
use types::WorkspaceId;

use crate::{fakes::Mode, web::Browser, world::World};

const DOCUMENT: &str =
    r#"<meta name="msgr:app" content="{{app}}"><meta name="msgr:origins" content="{{origins}}">"#;
const SHOP: &str = "https://shop.example.com";

/// Pages as a build writes them, in a world that serves them.
async fn world(told: impl FnOnce(bff::Config) -> bff::Config) -> (World, Scratch) {
    let pages = Scratch::new();
    let directory = pages.path("pages");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("index.html"), DOCUMENT).unwrap();
    let world = World::configured(|config| {
        told(bff::Config {
            web: Some(directory),
            ..config
        })
    })
    .await;
    (world, pages)
}

/// The head and the body of a page, in lower case.
async fn get(world: &World, path: &str) -> (String, String) {
    let mut browser = Browser::send(world, &format!("GET {path}"), "", b"").await;
    let head = browser.head().await;
    while browser.more().await {}
    let body = String::from_utf8(browser.body()).unwrap();
    (head, body.to_lowercase())
}

fn page(world: &World) -> String {
    format!("/m/{}/", world.app())
}

fn ancestors(head: &str) -> &str {
    let (_, after) = head.split_once("frame-ancestors ").expect("a policy");
    after.split_once(';').unwrap().0
}

#[tokio::test]
async fn each_workspace_says_who_may_embed_its_messenger() {
    let (world, _pages) = world(|config| config).await;
    let all = [SHOP, "https://*.example.org"];
    world.settings.state.allow(&world.workspace, &all);
    let (head, body) = get(&world, &page(&world)).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(ancestors(&head), all.join(" "));
    assert!(body.contains(&format!("content=\"{}\"", all.join(" "))));
    assert!(body.contains(&format!("content=\"{}\"", world.app())));
    let other = WorkspaceId::generate();
    world
        .settings
        .state
        .allow(&other, &["https://other.example"]);
    let other = format!("/m/{}/", other.as_str().replace("wsp_", "app_"));
    let (head, body) = get(&world, &other).await;
    assert_eq!(ancestors(&head), "https://other.example");
    assert!(!body.contains(SHOP));
}

#[tokio::test]
async fn where_nobody_is_named_nothing_embeds_but_what_the_flag_says() {
    let (closed, _pages) = world(|config| config).await;
    closed.settings.state.allow(&closed.workspace, &[]);
    let (head, _) = get(&closed, &page(&closed)).await;
    assert_eq!(ancestors(&head), "'none'");
    let (world, _pages) = world(|config| bff::Config {
        embedders: vec!["http://localhost:*".parse().unwrap()],
        ..config
    })
    .await;
    world.settings.state.allow(&world.workspace, &[]);
    let (head, body) = get(&world, &page(&world)).await;
    assert_eq!(ancestors(&head), "http://localhost:*");
    assert!(body.contains("http://localhost:*"));
    // who names somebody names everybody
    world.settings.allow(&world.workspace, &[SHOP]).await;
    eventually("the flag is out", async || {
        let (head, _) = get(&world, &page(&world)).await;
        (ancestors(&head) == SHOP).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_origin_reaches_no_header_and_no_page() {
    let (world, _pages) = world(|config| bff::Config {
        embedders: vec!["http://localhost:*".parse().unwrap()],
        ..config
    })
    .await;
    let wrong = [
        "*",
        "https://a.example; script-src *",
        "\"><script>",
        "null",
    ];
    world.settings.state.allow(&world.workspace, &wrong);
    let (head, body) = get(&world, &page(&world)).await;
    assert_eq!(ancestors(&head), "'none'");
    assert!(!body.contains("script"));
}

#[tokio::test]
async fn a_change_reaches_the_page_within_a_second_even_while_the_page_is_looked_up() {
    let (world, _pages) = world(|config| config).await;
    world.settings.state.allow(&world.workspace, &[SHOP]);
    let gate = &world.settings.state.gate;
    let page = page(&world);
    let path = page.clone();
    gate.set(
        "LookUpApp",
        Mode::Slow(std::time::Duration::from_millis(300)),
    );
    let (_, ()) = tokio::join!(get(&world, &path), async {
        eventually("the app is looked up", async || {
            (gate.count("LookUpApp") > 0).then_some(())
        })
        .await;
        let newer = ["https://new.example"];
        world.settings.allow(&world.workspace, &newer).await;
    });
    eventually("the change is there", async || {
        let (head, _) = get(&world, &page).await;
        (ancestors(&head) == "https://new.example").then_some(())
    })
    .await;
    assert_eq!(gate.count("LookUpApp"), 1, "the feed told it");
}

#[tokio::test]
async fn an_app_that_is_not_there_looks_like_any_address_that_is_not() {
    let (world, _pages) = world(|config| config).await;
    let unknown = page(&world);
    let (mut heads, mut bodies) = (Vec::new(), Vec::new());
    for path in [
        unknown.as_str(),
        "/m/app_1/",
        "/m/app_%22%3e/",
        "/m/x/",
        "/assets/none.js",
    ] {
        let (head, body) = get(&world, path).await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
        let lines = head.lines().filter(|line| !line.starts_with("date:"));
        heads.push(lines.collect::<Vec<_>>().join("\n"));
        bodies.push(body);
    }
    heads.dedup();
    bodies.dedup();
    assert_eq!((heads.len(), bodies.len()), (1, 1), "{heads:?}");
    // and is asked for once in a while only
    let asked = world.settings.state.gate.count("LookUpApp");
    get(&world, &unknown).await;
    assert_eq!(world.settings.state.gate.count("LookUpApp"), asked);
}

#[tokio::test]
async fn who_tries_app_ids_is_stopped_and_a_page_that_is_known_goes_on() {
    let (world, _pages) = world(|config| bff::Config {
        limits: bff::LimitArgs {
            limit_misses: std::num::NonZeroU32::new(3).unwrap(),
            ..Default::default()
        },
        ..config
    })
    .await;
    world.settings.state.allow(&world.workspace, &[SHOP]);
    get(&world, &page(&world)).await;
    for turn in 0..3 {
        let (head, _) = get(&world, &format!("/m/app_{turn}/")).await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
    }
    let (head, _) = get(&world, "/m/app_9/").await;
    assert!(head.starts_with("http/1.1 429"), "{head}");
    assert!(head.contains("\r\nretry-after: "), "{head}");
    let (head, _) = get(&world, &page(&world)).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

/// D3
#[tokio::test]
async fn with_settings_down_known_pages_are_served_for_five_minutes() {
    let (world, _pages) = world(|config| config).await;
    world.settings.state.allow(&world.workspace, &[SHOP]);
    get(&world, &page(&world)).await;
    world.settings.host.go_down().await;
    let (head, _) = get(&world, &page(&world)).await;
    assert_eq!(ancestors(&head), SHOP);
    world.advance(301);
    let (head, body) = get(&world, &page(&world)).await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(body.contains("try again"), "{body}");
}

#[tokio::test]
async fn the_document_says_everything_that_keeps_it_safe() {
    let (world, _pages) = world(|config| config).await;
    world.settings.state.allow(&world.workspace, &[SHOP]);
    let (head, _) = get(&world, &page(&world)).await;
    for line in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors \
         https://shop.example.com; require-trusted-types-for 'script'; trusted-types 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "permissions-policy: camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
        "cross-origin-embedder-policy: require-corp",
        "cross-origin-resource-policy: cross-origin",
        "cache-control: no-cache",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}\n{head}");
    }
    assert!(!head.contains("set-cookie"), "{head}");
}
