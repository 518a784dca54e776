//! The customer labels of a workspace's ticket states. Tickets owns them; rows elsewhere name a state by
//! its id, so that a rename needs no fan-out.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use proto::tickets::v1::{ListContactTicketFormsResponse, StateCategory};
use tokio::sync::Mutex;

use crate::{
    clients::{Clients, Credential},
    freshness::Freshness,
};

/// A rename shows after this long at the most, in microseconds.
const LIFETIME: u64 = 60 * 1_000_000;
/// Tickets is not asked again sooner than this for a state that it does not know, or while it is away,
/// in microseconds.
const PAUSE: u64 = 1_000_000;

/// The labels known at one time.
#[derive(Debug, Default)]
pub(crate) struct LabelSet {
    by_state: HashMap<String, String>,
    learned_at: Option<i64>,
}

impl LabelSet {
    /// The label of a state. A state whose label cannot be had is called what every workspace calls it
    /// at first.
    pub(crate) fn of(&self, state_id: &str, category: i32) -> String {
        match self.by_state.get(state_id) {
            Some(label) => label.clone(),
            None => first_label(category).to_owned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_states(states: &[(&str, &str)]) -> Self {
        Self {
            by_state: states
                .iter()
                .map(|(id, label)| ((*id).to_owned(), (*label).to_owned()))
                .collect(),
            learned_at: Some(0),
        }
    }
}

fn first_label(category: i32) -> &'static str {
    match StateCategory::try_from(category) {
        Ok(StateCategory::Submitted) => "Submitted",
        Ok(StateCategory::InProgress) => "In progress",
        Ok(StateCategory::WaitingOnCustomer) => "Waiting on you",
        Ok(StateCategory::Resolved) => "Resolved",
        Ok(StateCategory::Unspecified) | Err(_) => "",
    }
}

/// The labels of one workspace, asked for when they are needed and kept for a minute.
pub(crate) struct Labels {
    known: RwLock<Arc<LabelSet>>,
    /// When Tickets was last asked; held while it is.
    asked: Mutex<Option<i64>>,
    freshness: Arc<Freshness>,
}

impl Labels {
    pub(crate) fn new(freshness: Arc<Freshness>) -> Self {
        Self {
            known: RwLock::default(),
            asked: Mutex::new(None),
            freshness,
        }
    }

    /// Labels in which these states are, as far as they can be had. An unknown state makes this ask
    /// Tickets, a minute's age too; however many need them, Tickets is asked once at a time, and with
    /// Tickets away what was known goes on.
    pub(crate) async fn with<'a>(
        &self,
        states: impl IntoIterator<Item = &'a str>,
        clients: &Clients,
        by: &Credential,
    ) -> Arc<LabelSet> {
        let known = self.known.read().clone();
        let (mut any, mut all) = (false, true);
        for state in states {
            any = true;
            all &= known.by_state.contains_key(state);
        }
        let now = self.freshness.now();
        let young = known
            .learned_at
            .is_some_and(|at| now.abs_diff(at) < LIFETIME);
        if !any || all && young {
            return known;
        }
        let mut asked = if all {
            // old labels will do for those who would have to wait
            match self.asked.try_lock() {
                Ok(asked) => asked,
                Err(_) => return known,
            }
        } else {
            self.asked.lock().await
        };
        let current = self.known.read().clone();
        // asked a moment ago, perhaps by the one this call waited for
        if asked.is_some_and(|at| now.abs_diff(at) < PAUSE) {
            return current;
        }
        let answer = clients.forms(by, false).await;
        *asked = Some(self.freshness.now());
        match answer {
            Ok(answer) => self.learn(&answer),
            Err(_) => current,
        }
    }

    /// Keeps the labels of an answer.
    pub(crate) fn learn(&self, answer: &ListContactTicketFormsResponse) -> Arc<LabelSet> {
        let labels = Arc::new(LabelSet {
            by_state: answer
                .states
                .iter()
                .map(|state| (state.state_id.clone(), state.label.clone()))
                .collect(),
            learned_at: Some(self.freshness.now()),
        });
        *self.known.write() = labels.clone();
        labels
    }
}
