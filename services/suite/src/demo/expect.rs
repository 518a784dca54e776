//! What a scene promises, compared with what the customer sees.

use proto::bff::v1::CallToActionKind;

use super::seen::Seen;

/// A promise about every platform where the Tickets space is on, the list and one ticket's button.
#[derive(Debug, Clone, Default)]
pub(super) struct Promise {
    space: bool,
    tickets: u32,
    messages: u32,
    card: Vec<&'static str>,
    list: Option<Vec<&'static str>>,
    button: Option<(&'static str, CallToActionKind)>,
    state: Option<(&'static str, &'static str)>,
    off: Vec<&'static str>,
}

impl Promise {
    /// The space does not show anywhere.
    pub(super) fn no_space() -> Self {
        Self::default()
    }

    /// The space shows, with these badges.
    pub(super) fn badges(tickets: u32, messages: u32) -> Self {
        Self {
            space: true,
            tickets,
            messages,
            ..Self::default()
        }
    }

    /// Titles on the card, top first; none: no card.
    pub(super) fn card(mut self, titles: &[&'static str]) -> Self {
        self.card = titles.to_vec();
        self
    }

    /// Titles in the list, top first.
    pub(super) fn list(mut self, titles: &[&'static str]) -> Self {
        self.list = Some(titles.to_vec());
        self
    }

    /// A ticket's call to action.
    pub(super) fn button(mut self, title: &'static str, kind: CallToActionKind) -> Self {
        self.button = Some((title, kind));
        self
    }

    /// The label of a ticket's state.
    pub(super) fn state(mut self, title: &'static str, label: &'static str) -> Self {
        self.state = Some((title, label));
        self
    }

    /// The space is off on this platform.
    pub(super) fn off(mut self, platform: &'static str) -> Self {
        self.off.push(platform);
        self
    }

    /// What differs, as a sentence; `None` when the promise is kept.
    pub(super) fn broken(&self, seen: &Seen) -> Option<String> {
        for home in &seen.homes {
            let on = self.space && !self.off.contains(&home.platform);
            let at = home.platform;
            if home.tickets_space != on {
                return Some(format!(
                    "{at}: the Tickets space should {}show",
                    if on { "" } else { "not " }
                ));
            }
            let tickets = on.then_some(self.tickets);
            if home.tickets_badge != tickets {
                return Some(format!(
                    "{at}: the Tickets badge is {:?}, should be {tickets:?}",
                    home.tickets_badge
                ));
            }
            if home.messages_badge != Some(self.messages) {
                return Some(format!(
                    "{at}: the Messages badge is {:?}, should be {}",
                    home.messages_badge, self.messages
                ));
            }
            let card: &[&str] = if on { &self.card } else { &[] };
            if home.card != card {
                return Some(format!(
                    "{at}: the card shows {:?}, should show {card:?}",
                    home.card
                ));
            }
        }
        let titles: Vec<&str> = seen.list.iter().map(|row| row.title.as_str()).collect();
        if let Some(list) = self.list.as_ref().filter(|list| **list != titles) {
            return Some(format!("the list shows {titles:?}, should show {list:?}"));
        }
        let find = |title: &str| seen.list.iter().find(|row| row.title == title);
        if let Some((title, kind)) = self.button {
            let found = find(title).map(|row| row.action);
            if found != Some(kind) {
                return Some(format!("{title:?} offers {found:?}, should offer {kind:?}"));
            }
        }
        if let Some((title, label)) = self.state {
            let found = find(title).map(|row| row.state.as_str());
            if found != Some(label) {
                return Some(format!("{title:?} is {found:?}, should be {label:?}"));
            }
        }
        None
    }
}
