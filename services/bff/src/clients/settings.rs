//! Settings: sessions, and what a workspace switched on.

use proto::settings::v1 as st;

use super::{Clients, Credential, MAIN, WRITE, peer::Caller};
use crate::error::Error;

impl Clients {
    /// The settings of a workspace; `by` speaks for this service in it.
    pub(crate) async fn messenger_settings(
        &self,
        by: &Credential,
    ) -> Result<st::MessengerSettings, Error> {
        let body = st::GetMessengerSettingsRequest {};
        let answer = self
            .settings
            .call(
                self.signed(by),
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.get_messenger_settings(body).await },
            )
            .await?;
        answer.settings.ok_or(Error::Garbage("settings"))
    }

    pub(crate) async fn open_session(
        &self,
        body: st::OpenSessionRequest,
    ) -> Result<st::OpenSessionResponse, Error> {
        self.sessions
            .call(
                Caller::Channel,
                false,
                WRITE,
                &body,
                |mut to, body| async move { to.open_session(body).await },
            )
            .await
    }

    /// The workspace of an app id, and who may embed its Messenger.
    pub(crate) async fn look_up_app(&self, app_id: String) -> Result<st::LookUpAppResponse, Error> {
        let body = st::LookUpAppRequest { app_id };
        self.sessions
            .call(
                Caller::Channel,
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.look_up_app(body).await },
            )
            .await
    }

    pub(crate) async fn look_up_session(&self, hash: [u8; 32]) -> Result<st::Session, Error> {
        let body = st::LookUpSessionRequest {
            access_token_sha256: hash.to_vec(),
        };
        let answer = self
            .sessions
            .call(
                Caller::Channel,
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.look_up_session(body).await },
            )
            .await?;
        answer.session.ok_or(Error::Garbage("session"))
    }

    pub(crate) async fn revoke_session(&self, session_id: String) -> Result<(), Error> {
        let body = st::RevokeSessionRequest { session_id };
        self.sessions
            .call(
                Caller::Channel,
                true,
                WRITE,
                &body,
                |mut to, body| async move { to.revoke_session(body).await },
            )
            .await
            .map(drop)
    }
}
