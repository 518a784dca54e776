use std::net::SocketAddr;

use super::*;

fn server(listen: &str) -> ServerArgs {
    ServerArgs {
        listen: listen.parse::<SocketAddr>().unwrap(),
        ..ServerArgs::loopback("keys".into())
    }
}

fn development() -> ConsoleArgs {
    ConsoleArgs {
        dev_auth: vec!["Grace Hopper <grace@example.com>".parse().unwrap()],
        ..ConsoleArgs::default()
    }
}

fn production() -> ConsoleArgs {
    ConsoleArgs {
        console_origin: Some("https://console.example.com".parse().unwrap()),
        oidc_issuer: Some("https://login.example.com".into()),
        oidc_client_id: Some("console".into()),
        oidc_workspace: Some(WorkspaceOfProvider::Any),
        ..ConsoleArgs::default()
    }
}

fn refused(args: &ConsoleArgs, listen: &str) -> String {
    match Setup::of(args, &server(listen)) {
        Ok(_) => panic!("it was let through"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_development_issuer_refuses_to_start_on_anything_but_loopback() {
    for listen in ["127.0.0.1:7100", "127.8.8.8:7100", "[::1]:7100"] {
        let setup = Setup::of(&development(), &server(listen)).unwrap();
        assert_eq!(setup.unwrap().people.len(), 1);
    }
    for listen in [
        "0.0.0.0:7100",
        "[::]:7100",
        "192.168.1.5:7100",
        "10.0.0.1:7100",
    ] {
        assert!(
            refused(&development(), listen).contains("loopback"),
            "{listen}"
        );
    }
    let mut elsewhere = development();
    elsewhere.console_origin = Some("https://console.example.com".parse().unwrap());
    assert!(refused(&elsewhere, "127.0.0.1:7100").contains("on this machine"));
    let mut both = production();
    both.dev_auth = development().dev_auth;
    assert!(refused(&both, "127.0.0.1:7100").contains("exclude each other"));
    assert!(refused(&development(), "127.0.0.1:0").contains("port"));
}

#[test]
fn without_a_provider_there_is_no_console() {
    let none = Setup::of(&ConsoleArgs::default(), &server("0.0.0.0:7100"));
    assert!(none.unwrap().is_none());
    let mut lacking = production();
    lacking.oidc_issuer = None;
    assert!(refused(&lacking, "0.0.0.0:7100").contains("--oidc-issuer is missing"));
}

#[test]
fn whatever_a_provider_needs_and_is_missing_is_named() {
    let setup = Setup::of(&production(), &server("0.0.0.0:7100")).unwrap();
    let setup = setup.unwrap();
    let callback = "https://console.example.com/console/callback";
    assert_eq!(setup.redirect.as_str(), callback);
    assert!(setup.people.is_empty());
    type Change = fn(&mut ConsoleArgs);
    let changes: [(Change, &str); 3] = [
        (|args| args.console_origin = None, "--console-origin"),
        (|args| args.oidc_client_id = None, "--oidc-client-id"),
        (|args| args.oidc_workspace = None, "--oidc-workspace"),
    ];
    for (change, flag) in changes {
        let mut args = production();
        change(&mut args);
        assert!(refused(&args, "0.0.0.0:7100").contains(flag));
    }
}

#[test]
fn what_could_be_read_or_changed_on_its_way_is_refused() {
    let mut plain = production();
    plain.oidc_issuer = Some("http://login.example.com".into());
    assert!(refused(&plain, "0.0.0.0:7100").contains("https"));
    let mut plain = production();
    plain.console_origin = Some("http://console.example.com".parse().unwrap());
    assert!(refused(&plain, "0.0.0.0:7100").contains("https"));
    for own in [
        "http://127.0.0.1:7100",
        "http://localhost",
        "http://[::1]:80/a",
        "https://a.example",
    ] {
        assert!(is_safe(own), "{own}");
    }
    for strange in [
        "",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://evil.example/127.0.0.1",
        "http://127.0.0.1@evil.example",
        "ftp://evil.example",
    ] {
        assert!(!is_safe(strange), "{strange}");
    }
}

#[test]
fn a_secret_is_read_from_its_file_and_never_printed() {
    let scratch = testing::Scratch::new();
    let file = scratch.path("secret");
    let mut args = production();
    args.oidc_client_secret_file = Some(file.clone());
    assert!(refused(&args, "0.0.0.0:7100").contains("cannot be used"));
    std::fs::write(&file, " \n").unwrap();
    assert!(refused(&args, "0.0.0.0:7100").contains("empty"));
    std::fs::write(&file, "x".repeat(MAX_SECRET + 1)).unwrap();
    assert!(refused(&args, "0.0.0.0:7100").contains("4 KiB"));
    std::fs::write(&file, "s3cret\n").unwrap();
    let setup = Setup::of(&args, &server("0.0.0.0:7100")).unwrap().unwrap();
    assert_eq!(setup.secret.unwrap().secret(), "s3cret");
    assert!(!serde_json::to_string(&args).unwrap().contains("s3cret"));
}

#[test]
fn a_workspace_is_named_by_its_app_id_or_is_any() {
    let app = "app_00000000000000000000000000000001";
    let one = WorkspaceOfProvider::One(AppId::parse(app).unwrap());
    assert_eq!(app.parse(), Ok(one.clone()));
    assert_eq!("any".parse(), Ok(WorkspaceOfProvider::Any));
    assert_eq!(String::from(one), app);
    for wrong in ["", "all", "*", "wsp_00000000000000000000000000000001"] {
        assert!(wrong.parse::<WorkspaceOfProvider>().is_err(), "{wrong}");
    }
    for wrong in [
        "",
        "Grace",
        "grace@example.com",
        "<grace@example.com>",
        "Grace <grace>",
    ] {
        assert!(wrong.parse::<Person>().is_err(), "{wrong}");
    }
}
