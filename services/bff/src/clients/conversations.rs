//! Conversations: the contact's threads.

use proto::conversations::v1 as cv;

use super::{Clients, Credential, GARNISH, MAIN, WRITE};
use crate::error::Error;

impl Clients {
    pub(crate) async fn conversations(
        &self,
        by: &Credential,
        body: cv::ListContactConversationsRequest,
    ) -> Result<cv::ListContactConversationsResponse, Error> {
        self.conversations
            .call(
                self.signed(by),
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.list_contact_conversations(body).await },
            )
            .await
    }

    /// What Conversations knows of one conversation.
    pub(crate) async fn conversation(
        &self,
        by: &Credential,
        conversation_id: String,
    ) -> Result<cv::BatchGetContactConversationsResponse, Error> {
        let body = cv::BatchGetContactConversationsRequest {
            conversation_ids: vec![conversation_id],
        };
        self.conversations
            .call(
                self.signed(by),
                true,
                GARNISH,
                &body,
                |mut to, body| async move { to.batch_get_contact_conversations(body).await },
            )
            .await
    }

    pub(crate) async fn parts(
        &self,
        by: &Credential,
        body: cv::ListContactPartsRequest,
    ) -> Result<cv::ListContactPartsResponse, Error> {
        self.conversations
            .call(
                self.signed(by),
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.list_contact_parts(body).await },
            )
            .await
    }

    pub(crate) async fn start_conversation(
        &self,
        by: &Credential,
        body: cv::StartContactConversationRequest,
    ) -> Result<cv::StartContactConversationResponse, Error> {
        let again = !body.request_id.is_empty();
        self.conversations
            .call(
                self.signed(by),
                again,
                WRITE,
                &body,
                |mut to, body| async move { to.start_contact_conversation(body).await },
            )
            .await
    }

    pub(crate) async fn send_message(
        &self,
        by: &Credential,
        body: &cv::SendContactMessageRequest,
    ) -> Result<cv::SendContactMessageResponse, Error> {
        let again = !body.request_id.is_empty();
        self.conversations
            .call(
                self.signed(by),
                again,
                WRITE,
                body,
                |mut to, body| async move { to.send_contact_message(body).await },
            )
            .await
    }

    pub(crate) async fn mark_read(
        &self,
        by: &Credential,
        body: cv::MarkContactReadRequest,
    ) -> Result<cv::MarkContactReadResponse, Error> {
        self.conversations
            .call(
                self.signed(by),
                true,
                WRITE,
                &body,
                |mut to, body| async move { to.mark_contact_read(body).await },
            )
            .await
    }

    /// Makes sure that a conversation exists; `by` speaks for this service in the contact's workspace.
    pub(crate) async fn ensure_conversation(
        &self,
        by: &Credential,
        body: cv::EnsureConversationRequest,
        needed: bool,
    ) -> Result<cv::EnsureConversationResponse, Error> {
        let limit = if needed { WRITE } else { GARNISH };
        self.conversations
            .call(
                self.signed(by),
                true,
                limit,
                &body,
                |mut to, body| async move { to.ensure_conversation(body).await },
            )
            .await
    }
}
