//! Calls that were under way when a contact was merged or erased.

use events::departed::{self, Departure, Survivor, is_gone};
use types::ContactId;

use super::{Conversations, caller::Caller};
use crate::error::Error;

impl Conversations {
    /// Who a contact is by now for whom a write found nothing, or may begin nothing: to be done for them then.
    ///
    /// # Errors
    /// As it was refused when the contact is there, or for other reasons; [`Error::ContactGone`] when they were
    /// erased.
    pub(super) async fn survivor<T>(
        &self,
        caller: &Caller,
        contact: &ContactId,
        outcome: Result<T, Error>,
    ) -> Result<Outcome<T>, Error> {
        let refused = match outcome {
            Ok(done) => return Ok(Outcome::Done(done)),
            Err(refused) => refused,
        };
        let may_mean_gone = match &refused {
            Error::NotFound => true,
            Error::Database(error) => is_gone(error),
            _ => false,
        };
        if !may_mean_gone {
            return Err(refused);
        }
        let db = &self.of(caller);
        match departed::departure(db, caller.workspace(), contact).await? {
            None => Err(refused),
            Some(Departure::Merged(user)) => Ok(Outcome::Again(user)),
            Some(Departure::Erased) => Err(Error::ContactGone),
        }
    }
}

/// What became of a write.
pub(super) enum Outcome<T> {
    /// It was done.
    Done(T),
    /// It is to be done for the user who the contact is by now.
    Again(Survivor),
}
