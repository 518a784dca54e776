//! Console sessions, which Settings keeps.

use proto::settings::v1 as st;

use super::{Clients, MAIN, WRITE, peer::Caller};
use crate::error::Error;

impl Clients {
    pub(crate) async fn open_console_session(
        &self,
        body: st::OpenConsoleSessionRequest,
    ) -> Result<st::OpenConsoleSessionResponse, Error> {
        self.sessions
            .call(
                Caller::Channel,
                false,
                WRITE,
                &body,
                |mut to, body| async move { to.open_console_session(body).await },
            )
            .await
    }

    pub(crate) async fn look_up_console_session(
        &self,
        hash: [u8; 32],
    ) -> Result<st::ConsoleSession, Error> {
        let body = st::LookUpConsoleSessionRequest {
            token_sha256: hash.to_vec(),
        };
        let answer = self
            .sessions
            .call(
                Caller::Channel,
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.look_up_console_session(body).await },
            )
            .await?;
        answer.session.ok_or(Error::Garbage("console session"))
    }

    pub(crate) async fn revoke_console_session(&self, session_id: String) -> Result<(), Error> {
        let body = st::RevokeConsoleSessionRequest { session_id };
        self.sessions
            .call(
                Caller::Channel,
                true,
                WRITE,
                &body,
                |mut to, body| async move { to.revoke_console_session(body).await },
            )
            .await
            .map(drop)
    }
}
