//! Customers and teammates whom a ticket names: found, told by name, and there at all.

use std::collections::HashMap;

use proto::{bff::v1 as pb, settings::v1 as st};

use super::ConsoleHandler;
use crate::{
    clients::{GARNISH, MAIN},
    console::Teammate,
    error::Error,
};

/// Contacts that Settings tells of at once.
const CONTACTS: usize = 100;
/// Teammates that Settings tells of; who comes behind them may be there too.
const TEAM: usize = 500;

impl ConsoleHandler {
    pub(super) async fn find(
        &self,
        by: &Teammate,
        request: pb::FindContactsRequest,
    ) -> Result<pb::FindContactsResponse, Error> {
        let body = st::SearchContactsRequest { text: request.text };
        let found = self
            .clients
            .search_contacts(by.speaks(), MAIN, body)
            .await?;
        Ok(pb::FindContactsResponse {
            contacts: found.contacts.into_iter().map(shown).collect(),
            more: found.more,
        })
    }

    /// Contacts by id, without those who were erased; none while Settings is away.
    pub(super) async fn contacts(
        &self,
        by: &Teammate,
        mut ids: Vec<String>,
    ) -> HashMap<String, pb::ConsoleContact> {
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(CONTACTS);
        if ids.is_empty() {
            return HashMap::new();
        }
        let body = st::BatchGetContactsRequest { contact_ids: ids };
        let found = self.clients.contacts(by.speaks(), GARNISH, body).await;
        let found = found.map(|found| found.contacts).unwrap_or_default();
        let there = found
            .into_iter()
            .filter(|contact| contact.erase_time.is_none());
        there
            .map(|contact| (contact.contact_id.clone(), shown(contact)))
            .collect()
    }

    /// Makes sure that the workspace has a customer: Tickets would take any id for one whom it has not heard of
    /// yet. A malformed id is for Tickets to refuse, with whatever else is wrong.
    ///
    /// # Errors
    /// When they are not there, were erased, or became somebody else; or it cannot be found out.
    pub(super) async fn has_contact(&self, by: &Teammate, contact_id: &str) -> Result<(), Error> {
        if types::id::check("con", contact_id).is_err() {
            return Ok(());
        }
        let body = st::BatchGetContactsRequest {
            contact_ids: vec![contact_id.to_owned()],
        };
        let found = self.clients.contacts(by.speaks(), MAIN, body).await?;
        let there = found.contacts.iter().any(|contact| {
            contact.erase_time.is_none() && contact.merged_into_contact_id.is_empty()
        });
        match there {
            true => Ok(()),
            false => Err(Error::NoSuchContact),
        }
    }

    /// Makes sure that a ticket can be given to a teammate; to nobody it always can.
    ///
    /// # Errors
    /// When nobody active has the id, or it cannot be found out.
    pub(super) async fn has_teammate(&self, by: &Teammate, id: Option<&str>) -> Result<(), Error> {
        let Some(id) = id.filter(|id| types::id::check("tea", id).is_ok()) else {
            return Ok(());
        };
        let team = self
            .clients
            .teammates(by.speaks(), MAIN, Default::default())
            .await?;
        let team = team.teammates;
        let there = team.iter().any(|one| one.active && one.teammate_id == id);
        match there || team.len() >= TEAM {
            true => Ok(()),
            false => Err(Error::NoSuchTeammate),
        }
    }
}

/// A contact as teammates see them.
fn shown(contact: st::Contact) -> pb::ConsoleContact {
    pb::ConsoleContact {
        contact_id: contact.contact_id,
        name: contact.name,
        email: contact.email,
        kind: contact.kind,
        user_id: contact.user_id,
    }
}
