//! How the story ended, so that two runs can be compared.

use anyhow::{Context, Result};
use proto::bff::v1::PartKind;
use serde_json::{Value, json};

use super::Stage;

impl Stage {
    /// All that the customer sees at the end, without ids and times.
    pub(in crate::demo) async fn final_state(&self) -> Result<Value> {
        let seen = self.last.as_ref().context("nothing was promised yet")?;
        let homes: Vec<Value> = seen
            .homes
            .iter()
            .map(|home| {
                json!({ "platform": home.platform, "tickets_space": home.tickets_space,
                    "tickets_badge": home.tickets_badge, "messages_badge": home.messages_badge, "card": home.card })
            })
            .collect();
        let list: Vec<Value> = seen
            .list
            .iter()
            .map(|row| {
                json!({ "number": row.number, "title": row.title, "state": row.state, "unread": row.unread,
                    "button": row.action_label })
            })
            .collect();
        let mut threads = serde_json::Map::new();
        for (title, ticket) in &self.tickets {
            let parts = self.parts(&ticket.conversation_id).await?;
            let mut lines: Vec<String> = parts
                .iter()
                .rev()
                .map(|part| match part.kind() {
                    PartKind::Message => {
                        format!(
                            "{}: {}",
                            part.author.clone().unwrap_or_default().name,
                            part.body
                        )
                    }
                    PartKind::TicketEvent => {
                        format!(
                            "ticket: {}",
                            part.ticket_state.clone().unwrap_or_default().label
                        )
                    }
                    _ => format!("conversation: {}", part.state().as_str_name()),
                })
                .collect();
            // a stamp lands a moment after what caused it: its place among messages may differ
            lines.sort();
            threads.insert((*title).to_owned(), json!(lines));
        }
        Ok(
            json!({ "homes": homes, "list": list, "messages": self.pills().await?, "threads": threads }),
        )
    }
}
