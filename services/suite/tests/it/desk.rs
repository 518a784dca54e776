//! A teammate at the console: a session as a login opens it, and calls as the console's own pages make them.

use bff::Person;
use proto::{
    bff::v1::console_service_client::ConsoleServiceClient,
    settings::v1::{
        OpenConsoleSessionRequest, RevokeConsoleSessionRequest,
        session_store_service_client::SessionStoreServiceClient,
    },
};
use runtime::KeyRing;
use suite::{Endpoints, Layout};
use tonic::{Request, Response, Status, transport::Channel};

/// Somebody who may log in to the console; that there is one turns the console on.
pub fn somebody() -> Vec<Person> {
    vec!["Grace Hopper <grace@example.com>".parse().unwrap()]
}

/// A browser with a session.
#[derive(Clone)]
pub struct Desk {
    pub origin: String,
    pub token: String,
    session_id: String,
    store: SessionStoreServiceClient<Channel>,
    service: String,
    console: ConsoleServiceClient<Channel>,
}

impl Desk {
    /// Logs the teammate with this address in to the workspace of this app.
    pub async fn open(layout: &Layout, at: &Endpoints, app_id: &str, email: &str) -> Self {
        let bff = KeyRing::load(&layout.keys(), "bff").unwrap();
        let service = bff.sign_self(None, &["sessions:write"]).unwrap().token;
        let channel = runtime::client::channel(&at.settings).unwrap();
        let mut store = SessionStoreServiceClient::new(channel);
        let body = OpenConsoleSessionRequest {
            app_id: app_id.into(),
            issuer: "https://login.example.com".into(),
            // always the same for the same person, who is bound to it
            subject: email.split('@').next().unwrap().into(),
            verified_email: email.into(),
            login_sha256: rand::random::<[u8; 32]>().to_vec(),
            ..Default::default()
        };
        let opened = store.open_console_session(suite::signed(&service, body).unwrap());
        let opened = opened.await.unwrap().into_inner();
        Self {
            origin: at.bff.clone(),
            token: opened.token,
            session_id: opened.session.unwrap().session_id,
            store,
            service,
            console: ConsoleServiceClient::new(runtime::client::channel(&at.bff).unwrap()),
        }
    }

    /// Makes a call as a page of the console does.
    pub async fn call<Q, A, F, Fut>(&self, body: Q, send: F) -> Result<A, Status>
    where
        F: FnOnce(ConsoleServiceClient<Channel>, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let mut request = Request::new(body);
        let headers = request.metadata_mut();
        headers.insert("origin", self.origin.parse().unwrap());
        let cookie = format!("msgr_console={}", self.token).parse().unwrap();
        headers.insert("cookie", cookie);
        Ok(send(self.console.clone(), request).await?.into_inner())
    }

    /// As the button does.
    pub async fn log_out(&self) {
        let body = RevokeConsoleSessionRequest {
            session_id: self.session_id.clone(),
        };
        let request = suite::signed(&self.service, body).unwrap();
        let mut store = self.store.clone();
        store.revoke_console_session(request).await.unwrap();
    }
}
