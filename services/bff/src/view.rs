//! What a Messenger shows, composed from what the services behind know. Pure: no waiting, no clock.

mod conversation;
mod home;
mod ticket;
mod token;

pub(crate) use conversation::{part, part_states, pill, pills, summary as conversation_summary};
pub(crate) use home::{Who, home, inbox_states};
pub(crate) use ticket::{Linked, created, detail, linked, summary as ticket_summary, unread};
pub(crate) use token::{follows, token};

#[cfg(test)]
mod tests;
