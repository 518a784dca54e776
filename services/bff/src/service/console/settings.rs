//! The Messenger's settings: what Settings keeps, as it tells it.

use proto::{bff::v1 as pb, settings::v1 as st};

use super::ConsoleHandler;
use crate::{
    clients::{GARNISH, MAIN},
    console::Teammate,
    error::Error,
};

/// What the audit calls a switch that was turned.
const SPACE_UPDATED: &str = "space.updated";

impl ConsoleHandler {
    pub(super) async fn spaces(&self, by: &Teammate) -> Result<pb::GetSpacesResponse, Error> {
        let settings = self.clients.messenger_settings(by.speaks()).await?;
        let last_change = match settings.version {
            0 => None,
            _ => self.last_turn(by).await,
        };
        Ok(pb::GetSpacesResponse {
            settings: Some(settings),
            last_change,
        })
    }

    /// The last turn of a switch.
    async fn last_turn(&self, by: &Teammate) -> Option<st::AuditEntry> {
        let body = st::ListAuditEntriesRequest {
            page_size: 1,
            page_token: String::new(),
            action: SPACE_UPDATED.into(),
        };
        let page = self.clients.changes(by.speaks(), GARNISH, body).await;
        page.ok()?.entries.pop()
    }

    pub(super) async fn set_space(
        &self,
        by: &Teammate,
        request: pb::SetSpaceRequest,
    ) -> Result<pb::SetSpaceResponse, Error> {
        let body = st::UpdateSpaceRequest {
            platform: request.platform,
            space: request.space,
            enabled: request.enabled,
            expected_version: request.expected_version,
        };
        let answer = self.clients.update_space(by.speaks(), body).await?;
        Ok(pb::SetSpaceResponse {
            settings: Some(answer.settings.ok_or(Error::Garbage("settings"))?),
        })
    }

    pub(super) async fn security(&self, by: &Teammate) -> Result<pb::GetSecurityResponse, Error> {
        let (security, keys) = tokio::try_join!(
            self.clients.security(by.speaks(), MAIN, Default::default()),
            self.clients.keys(by.speaks(), MAIN, Default::default()),
        )?;
        Ok(pb::GetSecurityResponse {
            security: Some(security.security.ok_or(SECURITY)?),
            keys: keys.keys,
        })
    }

    pub(super) async fn set_identity(
        &self,
        by: &Teammate,
        request: pb::SetIdentityRequest,
    ) -> Result<pb::SetIdentityResponse, Error> {
        let body = st::SetIdentityModeRequest {
            platform: request.platform,
            mode: request.mode,
            expected_version: request.expected_version,
        };
        let answer = self.clients.set_identity(by.speaks(), body).await?;
        Ok(pb::SetIdentityResponse {
            security: Some(answer.security.ok_or(SECURITY)?),
        })
    }

    pub(super) async fn set_origins(
        &self,
        by: &Teammate,
        request: pb::SetOriginsRequest,
    ) -> Result<pb::SetOriginsResponse, Error> {
        let body = st::SetAllowedOriginsRequest {
            origins: request.origins,
            expected_version: request.expected_version,
        };
        let answer = self.clients.set_origins(by.speaks(), body).await?;
        Ok(pb::SetOriginsResponse {
            security: Some(answer.security.ok_or(SECURITY)?),
        })
    }

    pub(super) async fn create_key(
        &self,
        by: &Teammate,
        request: pb::CreateKeyRequest,
    ) -> Result<pb::CreateKeyResponse, Error> {
        let body = st::CreateIdentityKeyRequest {
            platform: request.platform,
        };
        let made = self.clients.create_key(by.speaks(), body).await?;
        Ok(pb::CreateKeyResponse {
            key: Some(made.key.ok_or(Error::Garbage("the key"))?),
            secret: made.secret,
        })
    }

    pub(super) async fn revoke_key(
        &self,
        by: &Teammate,
        request: pb::RevokeKeyRequest,
    ) -> Result<pb::RevokeKeyResponse, Error> {
        let body = st::RevokeIdentityKeyRequest {
            key_id: request.key_id,
        };
        let revoked = self.clients.revoke_key(by.speaks(), body).await?;
        Ok(pb::RevokeKeyResponse {
            sessions_revoked: revoked.sessions_revoked,
        })
    }

    pub(super) async fn test_user_token(
        &self,
        by: &Teammate,
        request: pb::TestUserTokenRequest,
    ) -> Result<pb::TestUserTokenResponse, Error> {
        let body = st::TestUserTokenRequest {
            platform: request.platform,
            user_jwt: request.user_jwt,
        };
        let tested = self
            .clients
            .test_user_token(by.speaks(), MAIN, body)
            .await?;
        Ok(pb::TestUserTokenResponse {
            accepted: tested.accepted,
            problem: tested.problem,
            key_id: tested.key_id,
            user_id: tested.user_id,
            expire_time: tested.expire_time,
        })
    }

    pub(super) async fn changes(
        &self,
        by: &Teammate,
        request: pb::ListChangesRequest,
    ) -> Result<pb::ListChangesResponse, Error> {
        let body = st::ListAuditEntriesRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            action: String::new(),
        };
        let page = self.clients.changes(by.speaks(), MAIN, body).await?;
        Ok(pb::ListChangesResponse {
            entries: page.entries,
            next_page_token: page.next_page_token,
        })
    }
}

const SECURITY: Error = Error::Garbage("identity and origins");
