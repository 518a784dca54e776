//! Between the wire and the domain: requests become values that cannot be wrong, with everything that
//! is wrong with them told at once, and values become answers and events.

mod console;
mod events;
mod page;
mod parse;
mod reply;

pub use console::{
    OpenConsole, console_session, console_session_id, console_token_hash, open_console,
};
pub use events::{session_revoked, settings_changed};
pub use page::{audit_place, audit_token};
pub use parse::{
    OpenSession, access_token_hash, api_token_id, contact_id, contact_ids, identity_key_id,
    new_api_token, new_identity_key, new_teammate, open_session, profile, session_id, turn_space,
    workspace_name,
};
pub use reply::{
    api_token, assertion, audit_entry, contact, identity_key, messenger_settings, opened_session,
    session, teammate, workspace,
};
