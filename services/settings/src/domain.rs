//! The rules, pure: no clock, chance, network or storage. What they need of these is handed in.

mod api_token;
mod audit;
mod console;
mod identity_key;
mod people;
mod security;
mod session;
mod spaces;
mod teammate;
mod unique_json;
mod user_token;
mod visitor;

use types::id;

pub use api_token::{
    ApiToken, InvalidExpiry, Presented, SCOPES, Scope, expiry, first_lacking, mint_api_token,
};
pub use audit::{Action, AuditPlace, Entry};
pub use console::{
    ConsoleHash, ConsoleSession, OpenConsole, ProviderIdentity, hash_console_token,
    mint_console_token, only_active, scopes_of,
};
pub use identity_key::{
    Algorithm, IdentityKey, KeySecret, MAX_ACTIVE_KEYS, free_slot, mint_key_secret,
};
pub use people::{
    Contact, ContactKind, Erasure, Found, Merge, Profile, StandIn, UserId, Workspace,
};
pub use security::{IdentityMode, MAX_ORIGINS, MessengerSecurity, Origin};
pub use session::{
    AccessTokenHash, EndedSession, Opener, PastSession, SESSION_LIFETIME, Session,
    hash_access_token, mint_access_token,
};
pub use spaces::{
    Decision, MessengerSettings, Platform, StaleVersion, Switch, SwitchableSpace, TurnSpace,
};
pub use teammate::{LastAdmin, Role, Teammate, TeammateChange, first_above};
pub use user_token::{Once, Proven, Refusal, Trial, key_named_by, verify};
pub use visitor::{
    KnownSecret, Proof, Recognised, SECRET_LIFETIME, SecretHash, hash_visitor_secret,
    mint_visitor_secret,
};

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
