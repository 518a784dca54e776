//! No secret in a log, at any level.

use std::{io::Write, sync::Arc};

use parking_lot::Mutex;
use proto::settings::v1::*;
use tonic::Request;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{SEALING, World};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_a_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // server and client run on this thread
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let user_token = key.sign(&world.claims(&tenant, "ada"));
    let opened = world.open(&tenant, Platform::Web, user_token.clone()).await;
    let opened = opened.unwrap();
    world.look_up(&opened.access_token).await.unwrap();
    let visitor = world.visit(&tenant, "").await.unwrap();
    let visitor_secret = visitor.visitor_secret;
    world.visit(&tenant, &visitor_secret).await.unwrap();
    let wrong_secret = visitor_secret.replace("vis_", "vis_X");
    world.visit(&tenant, &wrong_secret).await.unwrap_err();
    let token = key.sign(&world.claims(&tenant, "ada"));
    let merged = world.open_as(&tenant, Platform::Web, token, &visitor_secret, "");
    assert!(merged.await.unwrap().merged);
    let foreign = key.sign(&world.claims(&world.tenant("Other").await, "ada"));
    world
        .open(&tenant, Platform::Web, foreign.clone())
        .await
        .unwrap_err();
    let body = CreateApiTokenRequest {
        name: "Report".into(),
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let made = world
        .workspaces()
        .create_api_token(world.by(&tenant, body))
        .await;
    let api_token = made.unwrap().into_inner().secret;
    let body = ExchangeTokenRequest {
        token: api_token.clone(),
    };
    world
        .workspaces()
        .exchange_token(Request::new(body))
        .await
        .unwrap();
    let body = ExchangeTokenRequest {
        token: api_token.replace('a', "b"),
    };
    world
        .workspaces()
        .exchange_token(Request::new(body))
        .await
        .unwrap_err();

    let text = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(
        text.contains("a user token was refused"),
        "nothing was logged"
    );
    let secret = |token: &str| token.rsplit('_').nth(1).unwrap().to_owned();
    for (what, secret) in [
        ("the key's secret", key.secret.clone()),
        ("the access token", opened.access_token),
        ("the user token", user_token),
        ("the visitor's secret", visitor_secret),
        ("the wrong visitor's secret", wrong_secret),
        ("the sealing key", SEALING[5..].to_owned()),
        ("the refused user token", foreign),
        ("the API token's secret", secret(&api_token)),
    ] {
        assert!(!text.contains(&secret), "{what} was logged");
    }
}
