//! The rules, pure: no clock, chance, network or storage. What they need of these is handed in.

mod api_token;
mod audit;
mod console;
mod identity_key;
mod people;
mod session;
mod spaces;
mod unique_json;
mod user_token;

use types::id;

pub use api_token::{
    ApiToken, InvalidExpiry, Presented, SCOPES, Scope, expiry, first_lacking, mint_api_token,
};
pub use audit::{Action, AuditPlace, Entry};
pub use console::{
    ConsoleHash, ConsoleSession, OpenConsole, ProviderIdentity, hash_console_token, mint_console_token,
    only_active, scopes_of,
};
pub use identity_key::{
    Algorithm, IdentityKey, KeySecret, MAX_ACTIVE_KEYS, free_slot, mint_key_secret,
};
pub use people::{Contact, Profile, Teammate, UserId, Workspace};
pub use session::{
    AccessTokenHash, EndedSession, SESSION_LIFETIME, Session, hash_access_token, mint_access_token,
};
pub use spaces::{
    Decision, MessengerSettings, Platform, StaleVersion, Switch, SwitchableSpace, TurnSpace,
};
pub use user_token::{Refusal, key_named_by, verify};

id!(
    /// The public name of a workspace, which its Messengers carry.
    AppId, "app"
);
id!(
    /// A key that signs user tokens: their `kid`.
    IdentityKeyId, "idk"
);
id!(
    /// An API token.
    ApiTokenId, "tok"
);
id!(
    /// A session of a contact.
    SessionId, "ses"
);
id!(
    /// A session of a teammate in the console.
    ConsoleSessionId, "cse"
);
id!(
    /// A line of the audit.
    EntryId, "aud"
);
