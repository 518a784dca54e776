//! Between wire and domain: nothing else names both.

mod answer;
mod event;
mod filter;
mod new_type;
mod page;
mod parse;

pub(crate) use answer::{
    contact_form, contact_ticket, contact_update, counts, history_entry, said, seen_by, state,
    ticket, ticket_type,
};
pub(crate) use event::{changed, contact_ticket_changed, conversation_news};
pub(crate) use filter::{counted, inbox};
pub(crate) use new_type::new_type;
pub(crate) use page::{
    inbox_cursor, inbox_place, inbox_scope, list_cursor, list_place, version_place,
};
pub(crate) use parse::{
    Create, Target, batch, change_state, contact_batch, create, create_by_contact, delete, edit,
    ensure, exported, link, share, ticket_ref, unlink, unshare,
};
