//! Between the wire and the domain: requests become values that cannot be wrong, with everything that
//! is wrong with them told at once, and values become answers and events.

mod console;
mod events;
mod page;
mod parse;
mod people;
mod reply;
mod security;
mod trial;

pub use console::{
    OpenConsole, console_session, console_session_id, console_token_hash, open_console,
};
pub use events::{
    contact_erased, contact_merged, security_changed, session_revoked, settings_changed,
};
pub use page::audit_list;
pub use parse::{
    OpenSession, Said, access_token_hash, api_token_id, identity_key_id, new_api_token,
    new_identity_key, open_session, session_id, turn_space, workspace_name,
};
pub use people::{
    contact, contact_id, contact_ids, exported_session, new_teammate, profile, search_text,
    teammate, teammate_change, teammate_id,
};
pub use reply::{
    api_token, assertion, audit_entry, identity_key, messenger_settings, opened_session, session,
    workspace,
};
pub use security::{app_id, identity_mode, messenger_security, origins};
pub use trial::{tested_token, token_to_test};
