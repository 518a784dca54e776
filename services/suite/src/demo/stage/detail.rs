//! What Maria does with one ticket: looks at it, and takes its button.

use anyhow::{Context, Result, ensure};
use proto::bff::v1::{
    CallToAction, CallToActionKind, GetTicketRequest, MarkTicketReadRequest,
    OpenTicketConversationRequest, TicketDetail,
};

use super::{Stage, Ticket};
use crate::client::explain;

impl Stage {
    /// Opens a ticket's detail, which acknowledges that ticket alone, as far as it is shown.
    pub(in crate::demo) async fn show_detail(&mut self, title: &str, on: usize) -> Result<()> {
        let ticket_id = self.ticket(title)?.id;
        let detail = self.detail(&ticket_id, on).await?;
        self.paper.page(&detail);
        let body = MarkTicketReadRequest {
            ticket_id,
            up_to_revision: detail.summary.unwrap_or_default().revision,
        };
        let read = self.messengers[on]
            .call(body, |mut c, r| async move { c.mark_ticket_read(r).await })
            .await;
        explain("reading a ticket", read)?;
        Ok(())
    }

    async fn detail(&self, ticket_id: &str, on: usize) -> Result<TicketDetail> {
        let body = GetTicketRequest {
            ticket_id: ticket_id.into(),
            ..Default::default()
        };
        let found = self.messengers[on]
            .call(body, |mut c, r| async move { c.get_ticket(r).await })
            .await;
        explain("opening a ticket", found)?
            .ticket
            .context("no ticket in the answer")
    }

    /// Takes the ticket's button, which is of this kind: goes to its conversation.
    pub(in crate::demo) async fn take_button(
        &mut self,
        title: &'static str,
        kind: CallToActionKind,
    ) -> Result<()> {
        let ticket = self.ticket(title)?;
        let CallToAction {
            kind: offered,
            label,
            ..
        } = self
            .detail(&ticket.id, 0)
            .await?
            .call_to_action
            .unwrap_or_default();
        ensure!(
            offered == i32::from(kind),
            "{title:?} offers {label:?}, should offer {kind:?}"
        );
        self.paper.act(&format!("Maria taps “{label}”."));
        let body = OpenTicketConversationRequest {
            ticket_id: ticket.id.clone(),
        };
        let opened = self
            .web()
            .call(body, |mut c, r| async move {
                c.open_ticket_conversation(r).await
            })
            .await;
        let conversation_id = explain("opening the conversation", opened)?
            .conversation
            .context("no conversation")?
            .conversation_id;
        self.tickets.insert(
            title,
            Ticket {
                conversation_id,
                ..ticket
            },
        );
        Ok(())
    }
}
