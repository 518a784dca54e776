//! Between the wire and the domain: the only file that names both.

mod event;
mod reply;
mod request;

pub use event::{event, inbox_id, ticket_read};
pub use reply::{frame, inbox, read, rebuilt};
pub use request::{at_least, exported, invalid_page_token, mark_ticket_read, ticket_reads, watch};
