//! Workspaces and their customers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use types::{ContactId, WorkspaceId};

use super::AppId;

/// Characters of a `user_id` at the most.
const MAX_USER_ID: usize = 255;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// 1 to 80 characters.
    pub name: String,
    /// Its public name.
    pub app_id: AppId,
    /// When it was created.
    pub created_at: Timestamp,
}

/// How sure it is who a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    /// A user whom the workspace's own server vouches for.
    User,
    /// Somebody who did not say who they are.
    Visitor,
    /// Somebody who says who they are, without proof.
    Unverified,
}

impl ContactKind {
    /// Its name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Visitor => "VISITOR",
            Self::Unverified => "UNVERIFIED",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Visitor, Self::Unverified]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Our id.
    pub id: ContactId,
    /// How sure it is who they are.
    pub kind: ContactKind,
    /// The workspace's own id for a user, or the one that an unverified contact claims; `None` for a
    /// visitor, and for who was erased.
    pub user_id: Option<UserId>,
    /// May be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// When first met.
    pub created_at: Timestamp,
    /// The user that this visitor turned out to be.
    pub merged_into: Option<ContactId>,
    /// When all that is personal was forgotten.
    pub erased_at: Option<Timestamp>,
}

impl Contact {
    /// They are neither part of another contact by now nor forgotten.
    pub fn is_somebody(&self) -> bool {
        self.merged_into.is_none() && self.erased_at.is_none()
    }
}

/// Contacts that were looked for in several ways, each once, in the order in which they were found.
#[derive(Debug)]
pub struct Found {
    most: usize,
    contacts: Vec<Contact>,
}

impl Found {
    /// Nobody yet.
    pub fn at_most(most: usize) -> Self {
        Self {
            most,
            contacts: Vec::new(),
        }
    }

    /// How many are told.
    pub fn most(&self) -> usize {
        self.most
    }

    /// More are there than are told.
    pub fn is_full(&self) -> bool {
        self.contacts.len() > self.most
    }

    /// Those who were found in another way.
    pub fn add(&mut self, contacts: impl IntoIterator<Item = Contact>) {
        for contact in contacts {
            if !self.contacts.iter().any(|held| held.id == contact.id) {
                self.contacts.push(contact);
            }
        }
    }

    /// Those who are told, and whether there are others.
    pub fn finish(mut self) -> (Vec<Contact>, bool) {
        let more = self.is_full();
        self.contacts.truncate(self.most);
        (self.contacts, more)
    }
}

/// A visitor who turned out to be a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// The visitor.
    pub from: ContactId,
    /// The user.
    pub into: ContactId,
    /// The user's name; may be empty.
    pub into_name: String,
    /// When it was proven.
    pub at: Timestamp,
}

/// A contact of whom nothing personal is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// The contact.
    pub contact: ContactId,
    /// When.
    pub at: Timestamp,
}

/// What stands where a user's id would, of a contact who has none: every row has one, and each only once.
/// Nobody can be called so but by guessing 256 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn(String);

impl StandIn {
    /// Of these random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(format!("~{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is told of a contact by the workspace that knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub user_id: UserId,
    /// Their name from now on; `None` leaves it.
    pub name: Option<String>,
    /// Their address from now on; `None` leaves it.
    pub email: Option<String>,
}

/// A workspace's own id for a contact: 1 to 255 characters, taken exactly as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

/// A text that cannot be a user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to 255 characters, no control characters, and no white space at its beginning or end"
)]
pub struct InvalidUserId;

impl UserId {
    /// # Errors
    /// When the text is empty, too long, or has control characters or white space around it: an id
    /// that was trimmed here would make two users one.
    pub fn parse(text: &str) -> Result<Self, InvalidUserId> {
        match types::text::line(text, 1, MAX_USER_ID) {
            Ok(line) if line == text => Ok(Self(line)),
            _ => Err(InvalidUserId),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_taken_as_it_is_or_refused() {
        for good in ["7", "ada@example.com", &"é".repeat(255), "a b"] {
            assert_eq!(UserId::parse(good).map(|id| id.0), Ok(good.to_owned()));
        }
        for bad in [
            "",
            " ",
            " ada",
            "ada\t",
            "a\0b",
            "a\u{202E}b",
            &"x".repeat(256),
        ] {
            assert_eq!(UserId::parse(bad), Err(InvalidUserId), "{bad:?}");
        }
    }
}
