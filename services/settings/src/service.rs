//! The RPCs: each parses, loads, decides, saves with its audit and events, and answers.

mod console_sessions;
mod contacts;
mod ending;
mod erasure;
mod identity_keys;
mod opening;
mod security;
mod sessions;
mod spaces;
mod teammates;
mod testing_tokens;
mod tokens;
mod workspaces;

use std::sync::Arc;

use database::{Part, retried};
use events::EventLog;
use proto::settings::v1::{
    contact_service_server::ContactService, session_store_service_server::SessionStoreService,
    settings_service_server::SettingsService, workspace_service_server::WorkspaceService, *,
};
use rand::{RngCore, rngs::OsRng};
use runtime::{Actor, KeyRing, Tasks, auth};
use tonic::{Request, Response, Status};
use types::{PageTokens, WorkspaceId};

use crate::{Error, sealing::SealingKeys, uses::Uses};

pub(crate) use ending::end_all;

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    /// The log, with its database and clock.
    pub log: EventLog,
    /// Signs assertions in exchange for API tokens.
    pub keys: Arc<KeyRing>,
    /// Seals and opens identity keys' secrets.
    pub sealing: Arc<SealingKeys>,
    /// When keys and tokens were last used.
    pub uses: Arc<Uses>,
    /// Signs page tokens.
    pub pages: PageTokens,
    /// Runs what must be finished even if the caller gives up.
    pub tasks: Tasks,
}

impl Service {
    fn now(&self) -> jiff::Timestamp {
        self.log.clock().now()
    }

    /// What a workspace has.
    fn of(&self, workspace: &WorkspaceId) -> Part {
        self.log.database().of(workspace)
    }

    /// What all have, for what finds the workspace itself: by a secret's hash, or by an app's or a session's id.
    fn of_all(&self) -> &sea_orm::DatabaseConnection {
        self.log.database().read()
    }
}

/// The caller and what they ask.
fn called<T>(request: Request<T>) -> Result<(Arc<Actor>, T), Error> {
    Ok((auth::actor(&request)?, request.into_inner()))
}

/// 256 random bits from the system.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

#[tonic::async_trait]
impl SettingsService for Service {
    async fn get_messenger_settings(
        &self,
        request: Request<GetMessengerSettingsRequest>,
    ) -> Result<Response<GetMessengerSettingsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            spaces::get_messenger_settings(self, &actor, request).await?,
        ))
    }

    async fn update_space(
        &self,
        request: Request<UpdateSpaceRequest>,
    ) -> Result<Response<UpdateSpaceResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            spaces::update_space(self, &actor, request)
        });
        Ok(Response::new(done.await?))
    }

    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            spaces::list_audit_entries(self, &actor, request).await?,
        ))
    }
}

#[tonic::async_trait]
impl WorkspaceService for Service {
    async fn create_workspace(
        &self,
        request: Request<CreateWorkspaceRequest>,
    ) -> Result<Response<CreateWorkspaceResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            workspaces::create_workspace(self, &actor, request).await?,
        ))
    }

    async fn get_workspace(
        &self,
        request: Request<GetWorkspaceRequest>,
    ) -> Result<Response<GetWorkspaceResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            workspaces::get_workspace(self, &actor, request).await?,
        ))
    }

    async fn create_identity_key(
        &self,
        request: Request<CreateIdentityKeyRequest>,
    ) -> Result<Response<CreateIdentityKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            identity_keys::create_identity_key(self, &actor, request)
        });
        Ok(Response::new(done.await?))
    }

    async fn test_user_token(
        &self,
        request: Request<TestUserTokenRequest>,
    ) -> Result<Response<TestUserTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        let tested = testing_tokens::test_user_token(self, &actor, request);
        Ok(Response::new(tested.await?))
    }

    async fn list_identity_keys(
        &self,
        request: Request<ListIdentityKeysRequest>,
    ) -> Result<Response<ListIdentityKeysResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            identity_keys::list_identity_keys(self, &actor, request).await?,
        ))
    }

    async fn revoke_identity_key(
        &self,
        request: Request<RevokeIdentityKeyRequest>,
    ) -> Result<Response<RevokeIdentityKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            identity_keys::revoke_identity_key(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn get_messenger_security(
        &self,
        request: Request<GetMessengerSecurityRequest>,
    ) -> Result<Response<GetMessengerSecurityResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            security::get_messenger_security(self, &actor, request).await?,
        ))
    }

    async fn set_identity_mode(
        &self,
        request: Request<SetIdentityModeRequest>,
    ) -> Result<Response<SetIdentityModeResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            security::set_identity_mode(self, &actor, request)
        });
        Ok(Response::new(done.await?))
    }

    async fn set_allowed_origins(
        &self,
        request: Request<SetAllowedOriginsRequest>,
    ) -> Result<Response<SetAllowedOriginsResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            security::set_allowed_origins(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn create_teammate(
        &self,
        request: Request<CreateTeammateRequest>,
    ) -> Result<Response<CreateTeammateResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            teammates::create_teammate(self, &actor, request).await?,
        ))
    }

    async fn list_teammates(
        &self,
        request: Request<ListTeammatesRequest>,
    ) -> Result<Response<ListTeammatesResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            teammates::list_teammates(self, &actor, request).await?,
        ))
    }

    async fn update_teammate(
        &self,
        request: Request<UpdateTeammateRequest>,
    ) -> Result<Response<UpdateTeammateResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            teammates::update_teammate(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn unbind_teammate(
        &self,
        request: Request<UnbindTeammateRequest>,
    ) -> Result<Response<UnbindTeammateResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            teammates::unbind_teammate(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn create_api_token(
        &self,
        request: Request<CreateApiTokenRequest>,
    ) -> Result<Response<CreateApiTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            tokens::create_api_token(self, &actor, request).await?,
        ))
    }

    async fn list_api_tokens(
        &self,
        request: Request<ListApiTokensRequest>,
    ) -> Result<Response<ListApiTokensResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            tokens::list_api_tokens(self, &actor, request).await?,
        ))
    }

    async fn revoke_api_token(
        &self,
        request: Request<RevokeApiTokenRequest>,
    ) -> Result<Response<RevokeApiTokenResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            tokens::revoke_api_token(self, &actor, request).await?,
        ))
    }

    async fn exchange_token(
        &self,
        request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        // nobody has called yet: the token in the request says who does
        let answer = tokens::exchange_token(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl ContactService for Service {
    async fn identify_contact(
        &self,
        request: Request<IdentifyContactRequest>,
    ) -> Result<Response<IdentifyContactResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            contacts::identify_contact(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            contacts::get_contact(self, &actor, request).await?,
        ))
    }

    async fn batch_get_contacts(
        &self,
        request: Request<BatchGetContactsRequest>,
    ) -> Result<Response<BatchGetContactsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            contacts::batch_get_contacts(self, &actor, request).await?,
        ))
    }

    async fn search_contacts(
        &self,
        request: Request<SearchContactsRequest>,
    ) -> Result<Response<SearchContactsResponse>, Status> {
        let (actor, request) = called(request)?;
        let found = contacts::search_contacts(self, &actor, &request);
        Ok(Response::new(found.await?))
    }

    async fn erase_contact(
        &self,
        request: Request<EraseContactRequest>,
    ) -> Result<Response<EraseContactResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            erasure::erase_contact(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn export_contact(
        &self,
        request: Request<ExportContactRequest>,
    ) -> Result<Response<ExportContactResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            erasure::export_contact(self, &actor, request).await?,
        ))
    }
}

#[tonic::async_trait]
impl SessionStoreService for Service {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Result<Response<OpenSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            opening::open_session(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn look_up_session(
        &self,
        request: Request<LookUpSessionRequest>,
    ) -> Result<Response<LookUpSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            sessions::look_up_session(self, &actor, request).await?,
        ))
    }

    async fn look_up_app(
        &self,
        request: Request<LookUpAppRequest>,
    ) -> Result<Response<LookUpAppResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            security::look_up_app(self, &actor, request).await?,
        ))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            sessions::revoke_session(self, &actor, request).await?,
        ))
    }

    async fn open_console_session(
        &self,
        request: Request<OpenConsoleSessionRequest>,
    ) -> Result<Response<OpenConsoleSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        let done = retried(Error::is_undone, || {
            console_sessions::open(self, &actor, request.clone())
        });
        Ok(Response::new(done.await?))
    }

    async fn look_up_console_session(
        &self,
        request: Request<LookUpConsoleSessionRequest>,
    ) -> Result<Response<LookUpConsoleSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            console_sessions::look_up(self, &actor, request).await?,
        ))
    }

    async fn revoke_console_session(
        &self,
        request: Request<RevokeConsoleSessionRequest>,
    ) -> Result<Response<RevokeConsoleSessionResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(
            console_sessions::revoke(self, &actor, request).await?,
        ))
    }
}
