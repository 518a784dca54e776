//! Whoever tries to get in by somebody else's login, or to keep them from getting out of it.

use proto::{bff::v1::GetHomeRequest, settings::v1::Platform};
use tonic::{Code, Request};

use super::{begin, browser::Browser, choose, development, log_in};
use crate::{fakes::APP, world::World};

const GRACE: &str = "grace@example.com";

/// Nobody is logged in.
async fn stays_out(browser: &mut Browser) {
    let me = browser.get("/console/api/me").await;
    assert_eq!(me.status, 401, "{}", me.body);
    assert!(me.body.contains("unauthenticated"));
}

#[tokio::test]
async fn a_callback_without_a_state_or_with_a_foreign_one_lets_nobody_in() {
    let world = development().await;
    for change in ["", "&state=", "&state=foreign"] {
        let mut browser = Browser::at(world.address());
        let page = begin(&mut browser).await;
        let back = choose(&mut browser, &page, GRACE, true).await;
        let code = back.split("code=").nth(1).unwrap();
        let code = code.split('&').next().unwrap();
        let answer = browser
            .get(&format!("/console/callback?code={code}{change}"))
            .await;
        assert_eq!(answer.status, 400, "{change}");
        assert!(answer.body.contains("Begin it again"), "{}", answer.body);
        stays_out(&mut browser).await;
        // that login is over, its right state included
        assert_eq!(browser.get(&back).await.status, 400);
    }
    let state_twice = {
        let mut browser = Browser::at(world.address());
        let page = begin(&mut browser).await;
        let back = choose(&mut browser, &page, GRACE, true).await;
        browser.get(&format!("{back}&state=foreign")).await
    };
    assert_eq!(state_twice.status, 400);
}

#[tokio::test]
async fn a_callback_is_good_once_even_with_the_cookie_put_back() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let page = begin(&mut browser).await;
    let before = browser.clone();
    let back = choose(&mut browser, &page, GRACE, true).await;
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(browser.get(&back).await.status, 400);
    // the provider takes no code twice
    let mut again = before.clone();
    assert_eq!(again.get(&back).await.status, 403);
    stays_out(&mut again).await;
    // and with a fresh code Settings takes no login twice
    let mut again = before;
    let back = choose(&mut again, &page, GRACE, true).await;
    let answer = again.get(&back).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    stays_out(&mut again).await;
    assert_eq!(world.settings.state.console.open_sessions(), 1);
}

#[tokio::test]
async fn the_callback_of_another_login_lets_nobody_in() {
    let world = development().await;
    let (mut victim, mut attacker) = (Browser::at(world.address()), Browser::at(world.address()));
    let theirs = begin(&mut attacker).await;
    let back = choose(&mut attacker, &theirs, "alan@example.com", true).await;
    // a link to the attacker's callback would log the victim in as the attacker
    assert_eq!(victim.get(&back).await.status, 400);
    stays_out(&mut victim).await;
    // even while the victim has a login of their own under way
    begin(&mut victim).await;
    assert_eq!(victim.get(&back).await.status, 400);
    stays_out(&mut victim).await;
}

/// RFC 9207: who has an account at another provider must not pass its answer off as ours.
#[tokio::test]
async fn an_answer_that_names_another_provider_lets_nobody_in() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let page = begin(&mut browser).await;
    let back = choose(&mut browser, &page, GRACE, true).await;
    let (before, _) = back.split_once("iss=").expect("it says who it is");
    let answer = browser
        .get(&format!("{before}iss=https://other.example"))
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    stays_out(&mut browser).await;
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_in_another_login() {
    let world = development().await;
    let (mut victim, mut attacker) = (Browser::at(world.address()), Browser::at(world.address()));
    let page = begin(&mut victim).await;
    let stolen = choose(&mut victim, &page, GRACE, true).await;
    let stolen = stolen
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let own = begin(&mut attacker).await;
    let state = own
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let injected = format!("/console/callback?code={stolen}&state={state}");
    let answer = attacker.get(&injected).await;
    assert_eq!(answer.status, 403, "the verifier is the attacker's own");
    stays_out(&mut attacker).await;
}

#[tokio::test]
async fn an_unverified_unknown_or_deactivated_address_lets_nobody_in() {
    let world = development().await;
    for (email, verified, sentence) in [
        (GRACE, false, "has not verified"),
        (
            "eve@example.com",
            true,
            "not the address of an active teammate",
        ),
        (
            "gone@example.com",
            true,
            "not the address of an active teammate",
        ),
        ("", true, "not"),
    ] {
        let mut browser = Browser::at(world.address());
        let page = begin(&mut browser).await;
        let back = choose(&mut browser, &page, email, verified).await;
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, 403, "{email}");
        assert!(answer.body.contains(sentence), "{}", answer.body);
        stays_out(&mut browser).await;
    }
    assert_eq!(world.settings.state.console.open_sessions(), 0);
}

#[tokio::test]
async fn a_login_leads_to_a_page_of_the_console_and_nowhere_else() {
    let world = development().await;
    for (asked, led) in [
        ("/console/?app=1", "/console/?app=1"),
        ("%2Fconsole%2Ftickets", "/console/tickets"),
        ("https://evil.example/", "/console/"),
        ("//evil.example", "/console/"),
        ("/%5Cevil.example", "/console/"),
        ("/console/%0d%0aset-cookie:a=b", "/console/"),
        ("javascript:alert(1)", "/console/"),
    ] {
        let mut browser = Browser::at(world.address());
        let begin = format!("/console/login?app={APP}&return_to={asked}");
        let page = browser.get(&begin).await.header("location").to_owned();
        let back = choose(&mut browser, &page, GRACE, true).await;
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.header("location")), (303, led));
    }
}

#[tokio::test]
async fn a_token_planted_before_the_login_is_not_the_one_after_it() {
    let world = development().await;
    let mut attacker = Browser::at(world.address());
    log_in(&mut attacker, "alan@example.com").await;
    let planted = attacker.cookies["msgr_console"].clone();
    let mut victim = Browser::at(world.address());
    victim
        .cookies
        .insert("msgr_console".into(), planted.clone());
    assert_eq!(log_in(&mut victim, GRACE).await.status, 303);
    assert_ne!(victim.cookies["msgr_console"], planted);
    // and what was planted is worth nothing any more
    stays_out(&mut attacker).await;
    let me = victim.get("/console/api/me").await;
    assert!(me.body.contains(GRACE), "{}", me.body);
}

#[tokio::test]
async fn a_page_elsewhere_cannot_log_a_teammate_out() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    let own = format!("http://{}", world.address());
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (headers, status) in [
        (vec![json], 403),
        (vec![json, ("origin", "https://evil.example")], 403),
        (vec![json, ("origin", "null")], 403),
        (vec![json, ("origin", "http://127.0.0.1:1")], 403),
        (vec![form, ("origin", own.as_str())], 415),
        (
            vec![("content-type", "text/plain"), ("origin", own.as_str())],
            415,
        ),
        (vec![("origin", own.as_str())], 415),
    ] {
        let answer = browser.send("POST", "/console/logout", &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(browser.get("/console/logout").await.status, 405);
    assert_eq!(browser.get("/console/api/me").await.status, 200);
    let right = [json, ("origin", own.as_str())];
    let copy = browser.clone();
    let answer = browser.send("POST", "/console/logout", &right).await;
    assert_eq!(answer.status, 200);
    assert!(answer.cookie("msgr_console").unwrap().contains("Max-Age=0"));
    stays_out(&mut browser).await;
    // whoever kept the token has nothing either
    stays_out(&mut copy.clone()).await;
}

#[tokio::test]
async fn a_teammate_who_is_deactivated_is_out_with_the_next_call() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    assert_eq!(browser.get("/console/api/me").await.status, 200);
    world.settings.state.console.end_all();
    stays_out(&mut browser).await;
}

#[tokio::test]
async fn the_consoles_cookie_is_nothing_to_the_messenger_nor_its_token_to_the_console() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, GRACE).await;
    let token = browser.cookies["msgr_console"].clone();
    let customer = world.customer();
    let body = GetHomeRequest {
        platform: Platform::Web.into(),
        ..Default::default()
    };
    let mut by_cookie = Request::new(body.clone());
    let cookie = format!("msgr_console={token}").parse().unwrap();
    by_cookie.metadata_mut().insert("cookie", cookie);
    let mut by_bearer = Request::new(body);
    let bearer = runtime::client::bearer(&token).unwrap();
    by_bearer.metadata_mut().insert("authorization", bearer);
    for request in [by_cookie, by_bearer] {
        let answer = customer.messenger.clone().get_home(request).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
    }
    browser
        .cookies
        .insert("msgr_console".into(), customer.token.clone());
    stays_out(&mut browser).await;
    let bearer = format!("Bearer {token}");
    let mut bare = Browser::at(world.address());
    let headers = [("authorization", bearer.as_str())];
    let me = bare.send("GET", "/console/api/me", &headers).await;
    assert_eq!(me.status, 401, "the console knows cookies alone");
}

#[tokio::test]
async fn the_development_issuer_speaks_to_this_machine_alone() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let page = begin(&mut browser).await;
    // a name on the internet that leads to this machine
    let rebound = browser
        .send("GET", &page, &[("host", "evil.example")])
        .await;
    assert_eq!(rebound.status, 403);
    let elsewhere = page.replace("callback", "elsewhere");
    assert_eq!(browser.get(&elsewhere).await.status, 400);
}

#[tokio::test]
async fn an_address_that_tries_too_many_logins_has_to_wait() {
    let address = testing::free_address();
    let world = World::configured(|mut config| {
        config.server.listen = address;
        config.console.dev_auth = vec!["Grace Hopper <grace@example.com>".parse().unwrap()];
        config.limits.limit_sessions = 2.try_into().unwrap();
        config
    })
    .await;
    super::hire(&world);
    for status in [303, 303, 429] {
        let mut browser = Browser::at(world.address());
        let answer = log_in(&mut browser, GRACE).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.header("retry-after").is_empty(), status == 303);
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier_and_is_gone_with_the_first_try() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    // the example of RFC 7636, appendix B
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let page = format!("/dev-issuer/authorize?state=s&nonce=n&code_challenge={challenge}");
    let redirect = format!("http://{}/console/callback", world.address());
    for (tries, granted) in [
        (vec![verifier], vec![200]),
        (vec![verifier, verifier], vec![200, 400]),
        (vec!["another", verifier], vec![400, 400]),
        (vec![challenge], vec![400]),
        (vec![""], vec![400]),
    ] {
        let back = choose(&mut browser, &page, GRACE, true).await;
        let code = back.split("code=").nth(1).unwrap();
        let code = code.split('&').next().unwrap();
        let mut answers = Vec::new();
        for verifier in tries {
            let form = format!(
                "grant_type=authorization_code&client_id=console&code={code}&redirect_uri={redirect}\
                 &code_verifier={verifier}"
            );
            answers.push(browser.submit("/dev-issuer/token", &form).await.status);
        }
        assert_eq!(answers, granted);
    }
}
