//! The whole suite, logging all that anybody can ask it to log, plays the demo; and then no secret is in a log.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::Stdio,
    time::Duration,
};

use proto::{
    bff::v1::{
        CreateSessionRequest, GetConsoleRequest, session_service_client::SessionServiceClient,
    },
    settings::v1::Platform,
};
use sea_orm::{ConnectionTrait, Database, Statement};
use suite::{Access, Endpoints, Layout, Messenger, Staff};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    desk::Desk,
    support::{SUITE, Site, stop},
};

/// A first start that writes down everything takes no longer, on a slow machine either.
const START: Duration = Duration::from_secs(120);
/// What secrets begin with; ids do not.
const SHAPES: [&str; 7] = [
    "msgr_pat_",
    "msgr_ses_",
    "msgr_msk_",
    "msgr_vis_",
    "msgr_con_",
    "PRIVATE KEY",
    "eyJ",
];

/// Those who are in no demo: a visitor, who comes twice, and a teammate at the console.
async fn others(layout: &Layout, at: &Endpoints, app_id: &str) -> Vec<(String, String)> {
    let channel = runtime::client::channel(&at.bff).unwrap();
    let mut sessions = SessionServiceClient::new(channel);
    let visit = |visitor_secret: &str| CreateSessionRequest {
        app_id: app_id.into(),
        platform: Platform::Web.into(),
        visitor_secret: visitor_secret.into(),
        ..Default::default()
    };
    let first = sessions.create_session(visit("")).await.unwrap();
    let first = first.into_inner();
    let again = sessions.create_session(visit(&first.visitor_secret)).await;
    let again = again.unwrap().into_inner();
    assert_eq!(again.identity, first.identity);
    let desk = Desk::open(layout, at, app_id, "grace@example.com").await;
    let page = desk.call(GetConsoleRequest {}, |mut c, r| async move {
        c.get_console(r).await
    });
    page.await.unwrap();
    vec![
        ("a visitor's secret".into(), first.visitor_secret),
        ("a visitor's access token".into(), again.access_token),
        ("a session at the console".into(), desk.token),
    ]
}

/// Every secret that can be had after the run, by what it is.
async fn known(site: &Site) -> Vec<(String, String)> {
    let layout = site.layout();
    let access = Access::load(&layout).unwrap().unwrap();
    let endpoints = Endpoints::load(&layout).unwrap();
    let mut known = others(&layout, &endpoints, &access.app_id).await;
    for (whose, token) in &access.teammates {
        known.push((format!("the API token of {whose}"), token.clone()));
        let assertion = Staff::new(&endpoints, token).unwrap().token().await;
        known.push((format!("an assertion of {whose}"), assertion.unwrap()));
    }
    for (platform, key) in &access.keys {
        known.push((
            format!("the identity key of {platform}"),
            key.secret.clone(),
        ));
    }
    let ada = Messenger::new(&endpoints, &access, "ada", Platform::Web).unwrap();
    known.push(("an access token".into(), ada.token().await.unwrap()));
    for entry in fs::read_dir(layout.keys()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "key") {
            let pem = fs::read_to_string(&path).unwrap();
            let body = pem.lines().nth(1).unwrap().to_owned();
            known.push((path.display().to_string(), body));
        }
    }
    for service in ["tickets", "conversations", "settings"] {
        let db = Database::connect(layout.database_url(service))
            .await
            .unwrap();
        let sql = "select value from service_secret";
        let ask = Statement::from_string(db.get_database_backend(), sql);
        for row in db.query_all_raw(ask).await.unwrap() {
            let value: Vec<u8> = row.try_get("", "value").unwrap();
            known.push((format!("a page key of {service}"), format!("{value:?}")));
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            known.push((format!("a page key of {service}, in hex"), hex));
        }
    }
    assert!(known.len() > 17, "{}", known.len());
    known
}

fn logging(command: &mut Command, log: &std::path::Path) -> std::process::Stdio {
    command.env("RUST_LOG", "trace").stdin(Stdio::null());
    File::create(log).unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_logs_everything_logs_no_secret() {
    let site = Site::new();
    fs::create_dir_all(site.data().parent().unwrap()).unwrap();
    let (services, demo) = (site.dump("services.log"), site.dump("demo.log"));
    let port = site.port.to_string();
    let mut command = Command::new(SUITE);
    let log = logging(&mut command, &services);
    let mut running = command
        .args(["run", "--port", &port, "--data"])
        .arg(site.data())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // it says where it listens when all is there; with so much to write that takes its time
    let mut said = BufReader::new(running.stdout.take().unwrap()).lines();
    let address = format!("http://127.0.0.1:{port}");
    tokio::time::timeout(START, async {
        while let Some(line) = said.next_line().await.unwrap() {
            if line.contains(&address) {
                return;
            }
        }
        panic!("it ended");
    })
    .await
    .expect("the suite serves");
    let mut command = Command::new(SUITE);
    let log = logging(&mut command, &demo);
    let played = command
        .args(["demo", "--data"])
        .arg(site.data())
        .stdout(Stdio::null())
        .stderr(log)
        .status()
        .await
        .unwrap();
    assert!(played.success());
    let known = known(&site).await;
    assert_eq!(stop(running).await, Some(0));
    let mut leaks = BTreeSet::new();
    for log in [services, demo] {
        let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        assert!(text.contains("\"TRACE\""), "it logged all there is");
        // a line of the log is one object, and says where it is from
        let from = |at: usize| {
            let line = text[at..].lines().next().unwrap_or_default();
            let begins = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let target = text[begins..at].rsplit("\"target\":").next();
            (
                line.len(),
                target
                    .unwrap_or_default()
                    .chars()
                    .take(40)
                    .collect::<String>(),
            )
        };
        for (what, secret) in &known {
            let found = text.find(secret.as_str());
            leaks.extend(found.map(|at| format!("{what} {:?}", from(at))));
        }
        for shape in SHAPES {
            let found = text.find(shape);
            leaks.extend(found.map(|at| format!("{shape} {:?}", from(at))));
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}
