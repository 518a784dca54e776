//! Page tokens.

use proto::settings::v1::ListAuditEntriesRequest;
use runtime::Violations;
use types::{InvalidPageToken, PageTokens, WorkspaceId, micros, text};

use crate::{
    Error,
    domain::{AuditPlace, Entry},
};

const LIST: &str = "audit";
/// Characters of an action's name at the most.
const MAX_ACTION: usize = 64;

/// A list of the audit's entries.
pub struct AuditList<'a> {
    workspace: &'a WorkspaceId,
    /// Of this action alone; empty: of all.
    pub action: &'a str,
}

/// Which list is asked for.
///
/// # Errors
/// When the action is no name.
pub fn audit_list<'a>(
    request: &'a ListAuditEntriesRequest,
    workspace: &'a WorkspaceId,
) -> Result<AuditList<'a>, Error> {
    let mut wrong = Violations::new();
    wrong.check("action", text::line(&request.action, 0, MAX_ACTION));
    wrong.finish()?;
    Ok(AuditList {
        workspace,
        action: &request.action,
    })
}

impl AuditList<'_> {
    /// Where a page starts.
    ///
    /// # Errors
    /// When the token is malformed, or was made for another list or workspace.
    pub fn place(&self, tokens: &PageTokens, token: &str) -> Result<AuditPlace, InvalidPageToken> {
        let Some(cursor) = tokens.decode(&self.scope(), token)? else {
            return Ok(AuditPlace::start());
        };
        let (at, id) = cursor.split_once('|').ok_or(InvalidPageToken)?;
        Ok(AuditPlace {
            at: at.parse().map_err(|_| InvalidPageToken)?,
            id: id.to_owned(),
        })
    }

    /// The token of the page after an entry.
    pub fn token(&self, tokens: &PageTokens, last: &Entry) -> String {
        tokens.encode(&self.scope(), &format!("{}|{}", micros(last.at), last.id))
    }

    fn scope(&self) -> Vec<&str> {
        let mut scope = vec![LIST, self.workspace.as_str()];
        // tokens of the list of all stay those of the version before
        scope.extend((!self.action.is_empty()).then_some(self.action));
        scope
    }
}
