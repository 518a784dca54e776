//! What a teammate may ask of the services behind. Those refuse what the role does not allow.

use std::time::Duration;

use proto::{conversations::v1 as cv, settings::v1 as st, tickets::v1 as tk};

use super::{Clients, Credential, WRITE};
use crate::error::Error;

/// Calls that change nothing, each made again while the service is away, within the caller's limit.
macro_rules! reads {
    ($($name:ident: $peer:ident.$method:ident($request:ty) -> $answer:ty;)*) => {
        impl Clients { $(
            pub(crate) async fn $name(
                &self,
                by: &Credential,
                limit: Duration,
                body: $request,
            ) -> Result<$answer, Error> {
                self.$peer
                    .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                        to.$method(body).await
                    })
                    .await
            }
        )* }
    };
}

/// Calls that change something, made again only if their request says when that has one effect.
macro_rules! writes {
    ($($name:ident: $peer:ident.$method:ident($request:ty) -> $answer:ty, $again:expr;)*) => {
        impl Clients { $(
            pub(crate) async fn $name(
                &self,
                by: &Credential,
                body: $request,
            ) -> Result<$answer, Error> {
                let again: fn(&$request) -> bool = $again;
                self.$peer
                    .call(self.signed(by), again(&body), WRITE, &body, |mut to, body| async move {
                        to.$method(body).await
                    })
                    .await
            }
        )* }
    };
}

reads! {
    team_ticket: tickets.get_ticket(tk::GetTicketRequest) -> tk::GetTicketResponse;
    team_tickets: tickets.list_tickets(tk::ListTicketsRequest) -> tk::ListTicketsResponse;
    count_tickets: tickets.count_tickets(tk::CountTicketsRequest) -> tk::CountTicketsResponse;
    history: tickets.list_ticket_history(tk::ListTicketHistoryRequest) -> tk::ListTicketHistoryResponse;
    ticket_types: types.list_ticket_types(tk::ListTicketTypesRequest) -> tk::ListTicketTypesResponse;
    ticket_states: types.list_ticket_states(tk::ListTicketStatesRequest) -> tk::ListTicketStatesResponse;
    team_conversation: conversations.get_conversation(cv::GetConversationRequest) -> cv::GetConversationResponse;
    team_conversations: conversations.list_conversations(cv::ListConversationsRequest) -> cv::ListConversationsResponse;
    timeline: conversations.list_parts(cv::ListPartsRequest) -> cv::ListPartsResponse;
    contacts: contacts.batch_get_contacts(st::BatchGetContactsRequest) -> st::BatchGetContactsResponse;
    search_contacts: contacts.search_contacts(st::SearchContactsRequest) -> st::SearchContactsResponse;
    teammates: workspaces.list_teammates(st::ListTeammatesRequest) -> st::ListTeammatesResponse;
    keys: workspaces.list_identity_keys(st::ListIdentityKeysRequest) -> st::ListIdentityKeysResponse;
    security: workspaces.get_messenger_security(st::GetMessengerSecurityRequest) -> st::GetMessengerSecurityResponse;
    test_user_token: workspaces.test_user_token(st::TestUserTokenRequest) -> st::TestUserTokenResponse;
    changes: settings.list_audit_entries(st::ListAuditEntriesRequest) -> st::ListAuditEntriesResponse;
}

writes! {
    create_team_ticket: tickets.create_ticket(tk::CreateTicketRequest) -> tk::CreateTicketResponse,
        |body| !body.request_id.is_empty();
    update_ticket: tickets.update_ticket(tk::UpdateTicketRequest) -> tk::UpdateTicketResponse,
        |body| !body.request_id.is_empty();
    change_state: tickets.change_ticket_state(tk::ChangeTicketStateRequest) -> tk::ChangeTicketStateResponse,
        |body| !body.request_id.is_empty();
    ensure_team_conversation: tickets.ensure_conversation(tk::EnsureConversationRequest) -> tk::EnsureConversationResponse,
        |_| true;
    link: tickets.link_conversation(tk::LinkConversationRequest) -> tk::LinkConversationResponse,
        |body| !body.request_id.is_empty();
    unlink: tickets.unlink_conversation(tk::UnlinkConversationRequest) -> tk::UnlinkConversationResponse,
        |body| !body.request_id.is_empty();
    share: tickets.share_ticket(tk::ShareTicketRequest) -> tk::ShareTicketResponse,
        |body| !body.request_id.is_empty();
    unshare: tickets.unshare_ticket(tk::UnshareTicketRequest) -> tk::UnshareTicketResponse,
        |body| !body.request_id.is_empty();
    say: conversations.send_message(cv::SendMessageRequest) -> cv::SendMessageResponse,
        |body| !body.request_id.is_empty();
    note: conversations.add_note(cv::AddNoteRequest) -> cv::AddNoteResponse,
        |body| !body.request_id.is_empty();
    close: conversations.close_conversation(cv::CloseConversationRequest) -> cv::CloseConversationResponse,
        |body| !body.request_id.is_empty();
    reopen: conversations.reopen_conversation(cv::ReopenConversationRequest) -> cv::ReopenConversationResponse,
        |body| !body.request_id.is_empty();
    // of a version read: a second try would meet the first one's version
    update_space: settings.update_space(st::UpdateSpaceRequest) -> st::UpdateSpaceResponse, |_| false;
    set_identity: workspaces.set_identity_mode(st::SetIdentityModeRequest) -> st::SetIdentityModeResponse, |_| false;
    set_origins: workspaces.set_allowed_origins(st::SetAllowedOriginsRequest) -> st::SetAllowedOriginsResponse, |_| false;
    create_key: workspaces.create_identity_key(st::CreateIdentityKeyRequest) -> st::CreateIdentityKeyResponse, |_| false;
    revoke_key: workspaces.revoke_identity_key(st::RevokeIdentityKeyRequest) -> st::RevokeIdentityKeyResponse, |_| true;
}
