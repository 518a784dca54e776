//! Workspaces and the people in them.

use jiff::Timestamp;
use types::{ContactId, TeammateId, WorkspaceId};

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

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teammate {
    /// Their id.
    pub id: TeammateId,
    /// 1 to 80 characters.
    pub name: String,
    /// May be empty.
    pub email: String,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Our id.
    pub id: ContactId,
    /// The workspace's own id for them.
    pub user_id: UserId,
    /// May be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// When first met.
    pub created_at: Timestamp,
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
