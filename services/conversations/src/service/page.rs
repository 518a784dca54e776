//! Places in lists, as tokens that are good for one list of one caller.

use types::micros;

use super::Conversations;
use crate::{
    domain::{Conversation, ConversationId},
    error::Error,
    store::Place,
};

impl Conversations {
    /// The place after which a page of conversations starts.
    pub(super) fn after(&self, scope: &[&str], token: &str) -> Result<Option<Place>, Error> {
        let Some(cursor) = self.tokens.decode(scope, token)? else {
            return Ok(None);
        };
        let (at, id) = cursor.split_once('|').ok_or(Error::InvalidPageToken)?;
        Ok(Some(Place {
            at: at.parse().map_err(|_| Error::InvalidPageToken)?,
            conversation: ConversationId::parse(id).map_err(|_| Error::InvalidPageToken)?,
        }))
    }

    /// The place below which a page of a timeline starts.
    pub(super) fn before(&self, scope: &[&str], token: &str) -> Result<Option<u64>, Error> {
        let cursor = self.tokens.decode(scope, token)?;
        cursor
            .map(|seq| seq.parse().map_err(|_| Error::InvalidPageToken))
            .transpose()
    }

    /// The token for what comes after a conversation in a list ordered by `at`.
    pub(super) fn token(
        &self,
        scope: &[&str],
        at: jiff::Timestamp,
        conversation: &Conversation,
    ) -> String {
        let cursor = format!("{}|{}", micros(at), conversation.key.conversation);
        self.tokens.encode(scope, &cursor)
    }

    /// The token for what comes before a part.
    pub(super) fn token_below(&self, scope: &[&str], seq: u64) -> String {
        self.tokens.encode(scope, &seq.to_string())
    }
}

/// Cuts a page that was read with one entry more than fits; the last that stays, if more follow.
pub(super) fn cut<T>(page: &mut Vec<T>, size: usize) -> Option<&T> {
    if page.len() <= size {
        return None;
    }
    page.truncate(size);
    page.last()
}
