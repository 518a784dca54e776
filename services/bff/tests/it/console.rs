//! Teammates log in to the console: the real login against the development issuer, over HTTP, and against a
//! provider that lies.

mod attacks;
mod browser;
mod built;
mod calls;
mod entrance;
mod forgeries;
mod pages;
mod people;

use bff::ConsoleArgs;
use proto::settings::v1::Role;

use types::Clock;

use crate::{
    fakes::{APP, FakeIssuer, Staff},
    world::World,
};
use browser::{Answer, Browser};

/// A BFF with the development issuer, and Grace and others in its workspace.
async fn development() -> World {
    developed(|config| config).await
}

/// The same with something else told.
async fn developed(told: impl FnOnce(bff::Config) -> bff::Config) -> World {
    let address = testing::free_address();
    let world = World::configured(|mut config| {
        config.server.listen = address;
        config.console.dev_auth = vec!["Grace Hopper <grace@example.com>".parse().unwrap()];
        told(config)
    })
    .await;
    hire(&world);
    world
}

/// A BFF with a provider of the test's own.
async fn provided(issuer: &FakeIssuer) -> World {
    let url = issuer.url.clone();
    let world = World::configured(|config| bff::Config {
        console: at(&url),
        ..config
    })
    .await;
    hire(&world);
    world
}

fn at(issuer: &str) -> ConsoleArgs {
    ConsoleArgs {
        console_origin: Some("https://console.example.com".parse().unwrap()),
        oidc_issuer: Some(issuer.into()),
        oidc_client_id: Some("console".into()),
        oidc_workspace: Some(APP.parse().unwrap()),
        ..ConsoleArgs::default()
    }
}

fn hire(world: &World) {
    for (email, name, role, active) in [
        ("grace@example.com", "Grace Hopper", Role::Admin, true),
        ("alan@example.com", "Alan Turing", Role::Viewer, true),
        ("ada@example.com", "Ada Lovelace", Role::Agent, true),
        ("gone@example.com", "Gone", Role::Agent, false),
    ] {
        world.settings.state.console.hire(Staff {
            email,
            name,
            role,
            active,
        });
    }
}

/// What the BFF takes for now, in seconds since 1970.
fn now(world: &World) -> i64 {
    world.clock.now().as_second()
}

/// Begins a login; where the provider's page is.
async fn begin(browser: &mut Browser) -> String {
    let answer = browser.get(&format!("/console/login?app={APP}")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").to_owned()
}

/// Chooses somebody at the development issuer; where the browser is sent back to.
async fn choose(browser: &mut Browser, page: &str, email: &str, verified: bool) -> String {
    let query = page.split_once('?').unwrap().1;
    let chosen = format!("/dev-issuer/choose?{query}&email={email}&verified={verified}");
    let answer = browser.get(&chosen).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").to_owned()
}

/// The whole login at the development issuer.
async fn log_in(browser: &mut Browser, email: &str) -> Answer {
    let page = begin(browser).await;
    let back = choose(browser, &page, email, true).await;
    browser.get(&back).await
}

#[tokio::test]
async fn a_teammate_logs_in_and_the_console_says_who_they_are() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let page = browser.get(&format!("/console/?app={APP}")).await;
    assert!(
        page.body
            .contains(&format!("href=\"/console/login?app={APP}\""))
    );
    let place = begin(&mut browser).await;
    let page = browser.get(&place).await;
    assert!(page.body.contains("For development only"), "{}", page.body);
    assert!(page.body.contains("<strong>Grace Hopper</strong>"));
    let back = choose(&mut browser, &place, "grace@example.com", true).await;
    let answer = browser.get(&back).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/console/")
    );
    let page = browser.get("/console/").await;
    assert!(page.body.contains("<h1>Grace Hopper</h1>"), "{}", page.body);
    let me = browser.get("/console/api/me").await;
    let me: serde_json::Value = serde_json::from_str(&me.body).unwrap();
    assert_eq!(me["teammate"]["email"], "grace@example.com");
    assert_eq!(
        (&me["role"], &me["workspace"]["appId"]),
        (&"admin".into(), &APP.into())
    );
    let asked = world.settings.state.console.asked();
    assert_eq!(
        asked[0].issuer,
        format!("http://{}/dev-issuer", world.address())
    );
    assert_eq!(asked[0].subject, "dev|grace@example.com");
}

#[tokio::test]
async fn a_login_that_one_replica_began_ends_at_another_and_its_logout_counts_at_both() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    let clock = std::sync::Arc::new(world.clock.clone());
    let other = bff::start_with(world.config.clone(), clock).await.unwrap();
    let mut browser = Browser::at(world.address());
    let login = forgeries::Login::begin(&mut browser).await;
    issuer.gives(&issuer.key.sign(&login.claims(&issuer, now(&world))));
    let mut there = browser.moved_to(other.address());
    let answer = there.get(&login.back()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mut browser = there.moved_to(world.address());
    assert_eq!(browser.get("/console/api/me").await.status, 200);
    assert_eq!(browser.log_out().await.status, 200);
    assert_eq!(there.get("/console/api/me").await.status, 401);
    other.drain().await;
}
