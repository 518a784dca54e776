//! Between the wire and the domain: requests are parsed once, all that is wrong with them at once, and
//! answers and events are spelled out.

mod parse;
mod tell;

pub use parse::{
    batch, conversation, ensure_conversation, exported, list_conversations, mark_contact_read,
    mark_read, send_contact_message, start_contact_conversation, start_conversation, text_to,
    ticket_update, transition,
};
pub use tell::{
    Answer, changed, contact_conversation, contact_part, conversation as told_conversation,
    exported_conversation, part,
};
