//! Teammates and contacts, both ways.

use proto::settings::v1 as pb;
use runtime::Violations;
use types::{ContactId, TeammateId, text};

use super::{
    parse::{MAX_NAME, finish},
    reply::{platform, timestamp},
};
use crate::{
    Error,
    domain::{Contact, ContactKind, PastSession, Profile, Role, Teammate, TeammateChange, UserId},
};

/// Characters of an e-mail address at the most.
const MAX_EMAIL: usize = 254;
/// Contacts asked for at once at the most.
const MAX_BATCH: usize = 100;

/// A teammate to add.
pub struct NewTeammate {
    /// 1 to 80 characters.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// What they may do.
    pub role: Role,
}

/// # Errors
/// All malformed fields.
pub fn new_teammate(request: &pb::CreateTeammateRequest) -> Result<NewTeammate, Error> {
    let mut violations = Violations::new();
    let name = violations.check("name", text::line(&request.name, 1, MAX_NAME));
    let email = violations.check("email", text::line(&request.email, 0, MAX_EMAIL));
    // whoever knows no roles adds somebody who works and governs nothing
    let role = role(&mut violations, request.role).map(|role| role.unwrap_or(Role::Agent));
    finish(violations, name.zip(email).zip(role)).map(|((name, email), role)| NewTeammate {
        name,
        email,
        role,
    })
}

/// # Errors
/// All malformed fields.
pub fn teammate_change(
    request: &pb::UpdateTeammateRequest,
) -> Result<(TeammateId, TeammateChange), Error> {
    let mut violations = Violations::new();
    let id = violations.check("teammate_id", TeammateId::parse(&request.teammate_id));
    let name = match &request.name {
        None => Some(None),
        Some(name) => violations
            .check("name", text::line(name, 1, MAX_NAME))
            .map(Some),
    };
    let role = role(&mut violations, request.role);
    finish(violations, id.zip(name.zip(role))).map(|(id, (name, role))| {
        let change = TeammateChange {
            name,
            role,
            active: request.active,
        };
        (id, change)
    })
}

/// # Errors
/// When it is no teammate's id.
pub fn teammate_id(id: &str) -> Result<TeammateId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("teammate_id", TeammateId::parse(id));
    finish(violations, id)
}

/// `Some(None)` when it is not set.
fn role(violations: &mut Violations, role: i32) -> Option<Option<Role>> {
    match pb::Role::try_from(role) {
        Ok(pb::Role::Unspecified) => Some(None),
        Ok(pb::Role::Viewer) => Some(Some(Role::Viewer)),
        Ok(pb::Role::Agent) => Some(Some(Role::Agent)),
        Ok(pb::Role::Admin) => Some(Some(Role::Admin)),
        Err(_) => {
            violations.add("role", "must be ROLE_VIEWER, ROLE_AGENT or ROLE_ADMIN");
            None
        }
    }
}

/// # Errors
/// All malformed fields.
pub fn profile(request: &pb::IdentifyContactRequest) -> Result<Profile, Error> {
    let mut violations = Violations::new();
    let user_id = violations.check("user_id", UserId::parse(&request.user_id));
    let name = violations.check("name", text::line(&request.name, 0, MAX_NAME));
    let email = violations.check("email", text::line(&request.email, 0, MAX_EMAIL));
    let told = |text: String| (!text.is_empty()).then_some(text);
    finish(violations, user_id.zip(name.zip(email))).map(|(user_id, (name, email))| Profile {
        user_id,
        name: told(name),
        email: told(email),
    })
}

/// # Errors
/// When it is no contact's id.
pub fn contact_id(contact_id: &str) -> Result<ContactId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("contact_id", ContactId::parse(contact_id));
    finish(violations, id)
}

/// How somebody's name, address or user id begins, without white space around it.
///
/// # Errors
/// When it is empty or too long for any of them.
pub fn search_text(asked: &str) -> Result<String, Error> {
    let mut violations = Violations::new();
    let text = violations.check("text", text::line(asked, 1, MAX_EMAIL));
    finish(violations, text)
}

/// # Errors
/// When there are none or too many, or some are no contacts' ids.
pub fn contact_ids(request: &pb::BatchGetContactsRequest) -> Result<Vec<ContactId>, Error> {
    let mut violations = Violations::new();
    let asked = &request.contact_ids;
    if asked.is_empty() || asked.len() > MAX_BATCH {
        violations.add(
            "contact_ids",
            format!("must have 1 to {MAX_BATCH} ids, has {}", asked.len()),
        );
    }
    let mut ids = Vec::with_capacity(asked.len().min(MAX_BATCH));
    for (at, id) in asked.iter().take(MAX_BATCH).enumerate() {
        ids.extend(violations.check(&format!("contact_ids[{at}]"), ContactId::parse(id)));
    }
    finish(violations, Some(ids))
}

/// A teammate.
pub fn teammate(teammate: Teammate) -> pb::Teammate {
    let role = match teammate.role {
        Role::Viewer => pb::Role::Viewer,
        Role::Agent => pb::Role::Agent,
        Role::Admin => pb::Role::Admin,
    };
    pb::Teammate {
        teammate_id: teammate.id.into(),
        name: teammate.name,
        email: teammate.email,
        role: role.into(),
        active: teammate.active,
    }
}

/// A contact.
pub fn contact(contact: Contact) -> pb::Contact {
    let user_id = contact.user_id.as_ref().map(UserId::as_str);
    pb::Contact {
        contact_id: contact.id.into(),
        user_id: user_id.unwrap_or_default().into(),
        name: contact.name,
        email: contact.email,
        create_time: Some(timestamp(contact.created_at)),
        kind: kind(contact.kind).into(),
        merged_into_contact_id: contact.merged_into.map(String::from).unwrap_or_default(),
        erase_time: contact.erased_at.map(timestamp),
    }
}

/// How sure it is who a contact is.
pub(super) fn kind(kind: ContactKind) -> pb::ContactKind {
    match kind {
        ContactKind::User => pb::ContactKind::User,
        ContactKind::Visitor => pb::ContactKind::Visitor,
        ContactKind::Unverified => pb::ContactKind::Unverified,
    }
}

/// A session as its contact's export shows it.
pub fn exported_session(session: PastSession) -> pb::ExportedSession {
    pb::ExportedSession {
        platform: platform(session.platform).into(),
        create_time: Some(timestamp(session.created_at)),
        expire_time: Some(timestamp(session.expires_at)),
        revoke_time: session.revoked_at.map(timestamp),
    }
}
