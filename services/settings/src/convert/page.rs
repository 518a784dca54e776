//! Page tokens.

use types::{InvalidPageToken, PageTokens, WorkspaceId, micros};

use crate::domain::{AuditPlace, Entry};

const LIST: &str = "audit";

/// Where a page of the audit starts.
///
/// # Errors
/// When the token is malformed, or was made for another list or workspace.
pub fn audit_place(
    tokens: &PageTokens,
    workspace: &WorkspaceId,
    token: &str,
) -> Result<AuditPlace, InvalidPageToken> {
    let Some(cursor) = tokens.decode(&[LIST, workspace.as_str()], token)? else {
        return Ok(AuditPlace::start());
    };
    let (at, id) = cursor.split_once('|').ok_or(InvalidPageToken)?;
    Ok(AuditPlace {
        at: at.parse().map_err(|_| InvalidPageToken)?,
        id: id.to_owned(),
    })
}

/// The token of the page after an entry.
pub fn audit_token(tokens: &PageTokens, workspace: &WorkspaceId, last: &Entry) -> String {
    tokens.encode(
        &[LIST, workspace.as_str()],
        &format!("{}|{}", micros(last.at), last.id),
    )
}
