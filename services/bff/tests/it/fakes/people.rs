use std::sync::Arc;

use proto::settings::v1::{
    contact_service_server::ContactService, workspace_service_server::WorkspaceService, *,
};
use tonic::{Request, Response, Status};

use super::{refused, settings::State};

/// Somebody of the team.
pub const TEA_GRACE: &str = "tea_00000000000000000000000000000001";
/// Somebody who left it.
pub const TEA_GONE: &str = "tea_00000000000000000000000000000002";

/// Teammates and contacts, as the console asks for them.
pub(super) struct People(pub(super) Arc<State>);

#[tonic::async_trait]
impl WorkspaceService for People {
    async fn list_teammates(
        &self,
        request: Request<ListTeammatesRequest>,
    ) -> Result<Response<ListTeammatesResponse>, Status> {
        self.0.gate.pass("ListTeammates", &request).await?;
        Ok(Response::new(ListTeammatesResponse {
            teammates: [
                (TEA_GRACE, "Grace Hopper", true),
                (TEA_GONE, "Ken Thompson", false),
            ]
            .map(|(id, name, active)| Teammate {
                teammate_id: id.into(),
                name: name.into(),
                email: "grace@example.com".into(),
                role: Role::Admin.into(),
                active,
            })
            .into(),
        }))
    }

    refused! {
        create_workspace(CreateWorkspaceRequest) -> CreateWorkspaceResponse;
        get_workspace(GetWorkspaceRequest) -> GetWorkspaceResponse;
        create_identity_key(CreateIdentityKeyRequest) -> CreateIdentityKeyResponse;
        list_identity_keys(ListIdentityKeysRequest) -> ListIdentityKeysResponse;
        revoke_identity_key(RevokeIdentityKeyRequest) -> RevokeIdentityKeyResponse;
        test_user_token(TestUserTokenRequest) -> TestUserTokenResponse;
        get_messenger_security(GetMessengerSecurityRequest) -> GetMessengerSecurityResponse;
        set_identity_mode(SetIdentityModeRequest) -> SetIdentityModeResponse;
        set_allowed_origins(SetAllowedOriginsRequest) -> SetAllowedOriginsResponse;
        create_teammate(CreateTeammateRequest) -> CreateTeammateResponse;
        update_teammate(UpdateTeammateRequest) -> UpdateTeammateResponse;
        unbind_teammate(UnbindTeammateRequest) -> UnbindTeammateResponse;
        create_api_token(CreateApiTokenRequest) -> CreateApiTokenResponse;
        list_api_tokens(ListApiTokensRequest) -> ListApiTokensResponse;
        revoke_api_token(RevokeApiTokenRequest) -> RevokeApiTokenResponse;
        exchange_token(ExchangeTokenRequest) -> ExchangeTokenResponse;
    }
}

#[tonic::async_trait]
impl ContactService for People {
    /// Everybody is Ada; whose id ends with `e` was erased.
    async fn batch_get_contacts(
        &self,
        request: Request<BatchGetContactsRequest>,
    ) -> Result<Response<BatchGetContactsResponse>, Status> {
        self.0.gate.pass("BatchGetContacts", &request).await?;
        let ids = request.into_inner().contact_ids.into_iter();
        Ok(Response::new(BatchGetContactsResponse {
            contacts: ids
                .map(|contact_id| Contact {
                    name: "Ada".into(),
                    kind: ContactKind::User.into(),
                    erase_time: contact_id.ends_with('e').then(Default::default),
                    contact_id,
                    ..Default::default()
                })
                .collect(),
        }))
    }

    /// Ada, for whatever begins like her name; and others besides for nothing but its first letter.
    async fn search_contacts(
        &self,
        request: Request<SearchContactsRequest>,
    ) -> Result<Response<SearchContactsResponse>, Status> {
        self.0.gate.pass("SearchContacts", &request).await?;
        let text = request.into_inner().text;
        let ada = Contact {
            contact_id: "con_00000000000000000000000000000001".into(),
            user_id: "7".into(),
            name: "Ada".into(),
            email: "ada@example.com".into(),
            kind: ContactKind::User.into(),
            ..Default::default()
        };
        Ok(Response::new(SearchContactsResponse {
            contacts: "ada"
                .starts_with(&text)
                .then_some(ada)
                .into_iter()
                .collect(),
            more: text.len() == 1,
        }))
    }

    refused! {
        identify_contact(IdentifyContactRequest) -> IdentifyContactResponse;
        get_contact(GetContactRequest) -> GetContactResponse;
        erase_contact(EraseContactRequest) -> EraseContactResponse;
        export_contact(ExportContactRequest) -> ExportContactResponse;
    }
}
