//! The RPCs: each parses, loads, decides, saves and answers.

mod caller;
mod contacts;
mod export;
mod gone;
mod page;
mod teammates;
mod write;

use std::sync::Arc;

use database::Part;
use events::EventLog;
use proto::conversations::v1::{self as pb, conversation_service_server::ConversationService};
use tonic::{Request, Response, Status};
use types::{Clock, PageTokens};

use self::caller::Caller;

pub use self::write::tell;

/// The service, over its log and the database that the log lives in. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    log: EventLog,
    clock: Arc<dyn Clock>,
    tokens: PageTokens,
}

impl Conversations {
    /// `tokens` signs the places in lists.
    pub fn new(log: EventLog, clock: Arc<dyn Clock>, tokens: PageTokens) -> Self {
        Self { log, clock, tokens }
    }

    /// What the caller's tenant has.
    fn of(&self, caller: &Caller) -> Part {
        self.log.database().of(caller.workspace())
    }
}

/// One row an RPC: its handler has the same name and gets the caller and the request.
macro_rules! serve {
    ($($rpc:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl ConversationService for Conversations {$(
            async fn $rpc(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                let caller = Caller::of(&request)?;
                let answer = Self::$rpc(self, &caller, request.into_inner()).await?;
                Ok(Response::new(answer))
            }
        )*}
    };
}

serve! {
    start_conversation(StartConversationRequest) -> StartConversationResponse;
    ensure_conversation(EnsureConversationRequest) -> EnsureConversationResponse;
    get_conversation(GetConversationRequest) -> GetConversationResponse;
    batch_get_conversations(BatchGetConversationsRequest) -> BatchGetConversationsResponse;
    list_conversations(ListConversationsRequest) -> ListConversationsResponse;
    list_parts(ListPartsRequest) -> ListPartsResponse;
    send_message(SendMessageRequest) -> SendMessageResponse;
    add_note(AddNoteRequest) -> AddNoteResponse;
    close_conversation(CloseConversationRequest) -> CloseConversationResponse;
    reopen_conversation(ReopenConversationRequest) -> ReopenConversationResponse;
    mark_read(MarkReadRequest) -> MarkReadResponse;
    delete_conversation(DeleteConversationRequest) -> DeleteConversationResponse;
    start_contact_conversation(StartContactConversationRequest) -> StartContactConversationResponse;
    batch_get_contact_conversations(BatchGetContactConversationsRequest) -> BatchGetContactConversationsResponse;
    list_contact_conversations(ListContactConversationsRequest) -> ListContactConversationsResponse;
    list_contact_parts(ListContactPartsRequest) -> ListContactPartsResponse;
    send_contact_message(SendContactMessageRequest) -> SendContactMessageResponse;
    mark_contact_read(MarkContactReadRequest) -> MarkContactReadResponse;
}

#[cfg(test)]
mod tests;
