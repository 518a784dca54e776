//! Values that every service speaks of: ids, time, page tokens, text. Without this crate each service
//! would parse them in its own way. No I/O.

mod clock;
pub mod id;
mod page;
pub mod text;

pub use clock::{Clock, SystemClock, micros, timestamp};
pub use id::{ContactId, InvalidId, TeammateId, WorkspaceId};
pub use page::{InvalidPageToken, PageTokens, page_size};
