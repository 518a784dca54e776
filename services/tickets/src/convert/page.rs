//! Places in lists, as the text that page tokens sign.

use jiff::Timestamp;
use types::{micros, timestamp};

use crate::{
    domain::{InboxFilter, InboxPlace, ListPlace, StateCategory},
    error::Error,
};

pub(crate) fn list_cursor(place: &ListPlace) -> String {
    let (activity, created) = (micros(place.activity_at), micros(place.created_at));
    format!("{activity}|{created}|{}", place.ticket)
}

pub(crate) fn list_place(cursor: &str) -> Result<ListPlace, Error> {
    let mut parts = cursor.splitn(3, '|');
    let mut place = || {
        Some(ListPlace {
            activity_at: time(parts.next()?)?,
            created_at: time(parts.next()?)?,
            ticket: parts.next()?.parse().ok()?,
        })
    };
    place().ok_or(Error::InvalidPageToken)
}

pub(crate) fn inbox_cursor(place: &InboxPlace) -> String {
    format!("{}|{}", micros(place.updated_at), place.ticket)
}

pub(crate) fn inbox_place(cursor: &str) -> Result<InboxPlace, Error> {
    let place = || {
        let (updated, ticket) = cursor.split_once('|')?;
        Some(InboxPlace {
            updated_at: time(updated)?,
            ticket: ticket.parse().ok()?,
        })
    };
    place().ok_or(Error::InvalidPageToken)
}

pub(crate) fn version_place(cursor: &str) -> Result<u64, Error> {
    cursor.parse().map_err(|_| Error::InvalidPageToken)
}

/// The filters, so that a token goes on with the list it came from and no other.
pub(crate) fn inbox_scope(filter: &InboxFilter) -> [String; 7] {
    let category = match filter.category {
        None => "",
        Some(StateCategory::Submitted) => "submitted",
        Some(StateCategory::InProgress) => "in progress",
        Some(StateCategory::WaitingOnCustomer) => "waiting",
        Some(StateCategory::Resolved) => "resolved",
    };
    let said = |id: Option<&dyn ToString>| id.map(ToString::to_string).unwrap_or_default();
    [
        category.into(),
        said(filter.state.as_ref().map(|id| id as _)),
        said(filter.requester.as_ref().map(|id| id as _)),
        said(filter.assignee.as_ref().map(|id| id as _)),
        said(filter.open.as_ref().map(|open| open as _)),
        said(filter.shared.as_ref().map(|shared| shared as _)),
        filter.text.clone().unwrap_or_default(),
    ]
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(timestamp)
}
