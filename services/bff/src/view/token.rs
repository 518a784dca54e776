use proto::{bff::v1 as pb, notifications::v1 as nt};

/// Where a Home stands. Without an inbox it stands before every other, so that a client which shows one
/// keeps it.
pub(crate) fn token(inbox: Option<&nt::InboxVersion>, settings_version: u64) -> pb::HomeToken {
    pb::HomeToken {
        epoch: inbox.map_or(0, |inbox| inbox.epoch),
        contact_version: inbox.map_or(0, |inbox| inbox.version),
        settings_version,
    }
}

/// Something is newer and nothing older than in the token before. A greater epoch makes the contact's
/// version newer, whatever it says.
pub(crate) fn follows(token: &pb::HomeToken, before: &pb::HomeToken) -> bool {
    let contact = |token: &pb::HomeToken| (token.epoch, token.contact_version);
    contact(token) >= contact(before)
        && token.settings_version >= before.settings_version
        && token != before
}
