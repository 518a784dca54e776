use types::WorkspaceId;

use super::Refusal;

types::id!(
    /// A state of a ticket.
    StateId, "tst"
);
types::id!(
    /// A type of ticket.
    TypeId, "tty"
);

/// What a state means to the product, whatever its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateCategory {
    /// Received, nobody works on it yet.
    Submitted,
    /// Somebody works on it.
    InProgress,
    /// The customer has to answer.
    WaitingOnCustomer,
    /// Done.
    Resolved,
}

impl StateCategory {
    /// All of them, in the order of a ticket's life.
    pub const ALL: [Self; 4] = [
        Self::Submitted,
        Self::InProgress,
        Self::WaitingOnCustomer,
        Self::Resolved,
    ];
}

/// Which kind of ticket a type makes; decides whether its tickets are shared with the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCategory {
    /// Always shared.
    Customer,
    /// For the team.
    BackOffice {
        /// Its tickets may be shared one by one.
        shareable: bool,
    },
}

impl TypeCategory {
    /// T1: tickets of this kind are shared from the start.
    pub fn shared(self) -> bool {
        match self {
            Self::Customer => true,
            Self::BackOffice { .. } => false,
        }
    }

    /// T1: tickets of this kind may be shared, and taken back, one by one.
    pub fn shareable(self) -> bool {
        match self {
            Self::Customer => false,
            Self::BackOffice { shareable } => shareable,
        }
    }
}

/// A state and its two labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: StateId,
    /// What it means.
    pub category: StateCategory,
    /// Teammates' label, unique in the workspace.
    pub internal_label: String,
    /// Customers' label; may repeat.
    pub customer_label: String,
    /// Stays on old tickets and cannot be chosen.
    pub archived: bool,
}

/// A type and the states its tickets may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketType {
    /// Its id.
    pub id: TypeId,
    /// Its name.
    pub name: String,
    /// What kind of ticket it makes.
    pub category: TypeCategory,
    /// Its states, in order; at least one of every category.
    pub states: Vec<StateId>,
    /// Contacts may submit it.
    pub offered_to_contacts: bool,
    /// Stays on old tickets and cannot be chosen.
    pub archived: bool,
}

/// A type to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewType {
    /// Its name.
    pub name: String,
    /// What kind of ticket it makes.
    pub category: TypeCategory,
    /// Its states, in order; none: all that are not archived.
    pub states: Vec<StateId>,
    /// Contacts may submit it.
    pub offered_to_contacts: bool,
}

/// Types of a workspace at the most: all of them are read and kept together.
pub const MAX_TYPES: usize = 100;

/// Every type and state of a workspace, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Archived ones too.
    pub types: Vec<TicketType>,
    /// Archived ones too.
    pub states: Vec<State>,
}

impl Catalog {
    /// T2: what every workspace starts with. The ids follow from the workspace, so that everybody who
    /// asks before anything is stored hears the same.
    pub fn defaults(workspace: &WorkspaceId) -> Self {
        let state = |category, internal_label: &str, customer_label: &str| State {
            id: StateId::derive(&["default", workspace.as_str(), internal_label]),
            category,
            internal_label: internal_label.into(),
            customer_label: customer_label.into(),
            archived: false,
        };
        let states = vec![
            state(StateCategory::Submitted, "Submitted", "Submitted"),
            state(StateCategory::InProgress, "In progress", "In progress"),
            state(
                StateCategory::WaitingOnCustomer,
                "Waiting on customer",
                "Waiting on you",
            ),
            state(StateCategory::Resolved, "Resolved", "Resolved"),
        ];
        let name = "Support request";
        let support = TicketType {
            id: TypeId::derive(&["default", workspace.as_str(), name]),
            name: name.into(),
            category: TypeCategory::Customer,
            states: states.iter().map(|state| state.id.clone()).collect(),
            offered_to_contacts: true,
            archived: false,
        };
        Self {
            types: vec![support],
            states,
        }
    }

    /// T2: a type that uses states of every category.
    ///
    /// # Errors
    /// When there are [`MAX_TYPES`], a state is unknown or archived, or a category has none.
    pub fn design(&self, id: TypeId, new: &NewType) -> Result<TicketType, Refusal> {
        if self.types.len() >= MAX_TYPES {
            return Err(Refusal::TooManyTypes);
        }
        let usable: Vec<&State> = self.states.iter().filter(|state| !state.archived).collect();
        let states = if new.states.is_empty() {
            usable
        } else {
            let find = |id: &StateId| usable.iter().copied().find(|state| state.id == *id);
            let found: Option<Vec<&State>> = new.states.iter().map(find).collect();
            found.ok_or(Refusal::StateNotAllowed)?
        };
        let has = |category| states.iter().any(|state| state.category == category);
        if !StateCategory::ALL.into_iter().all(has) {
            return Err(Refusal::CategoryWithoutState);
        }
        Ok(TicketType {
            id,
            name: new.name.clone(),
            category: new.category,
            states: states.into_iter().map(|state| state.id.clone()).collect(),
            offered_to_contacts: new.offered_to_contacts,
            archived: false,
        })
    }

    /// A state, archived or not.
    pub fn state(&self, id: &StateId) -> Option<&State> {
        self.states.iter().find(|state| state.id == *id)
    }

    /// A type, archived or not.
    pub fn ticket_type(&self, id: &TypeId) -> Option<&TicketType> {
        self.types.iter().find(|found| found.id == *id)
    }

    /// The type of a new ticket: the one asked for, or else the first.
    ///
    /// # Errors
    /// When there is none that may be used; contacts may use those that are offered to them.
    pub fn choose_type(
        &self,
        asked: Option<&TypeId>,
        by_contact: bool,
    ) -> Result<&TicketType, Refusal> {
        self.types
            .iter()
            .filter(|found| !found.archived && (found.offered_to_contacts || !by_contact))
            .find(|found| asked.is_none_or(|id| found.id == *id))
            .ok_or(Refusal::TypeNotAllowed)
    }

    /// A state that a ticket of the type may move to.
    ///
    /// # Errors
    /// When the type does not have it, or it is archived.
    pub fn choose_state(&self, of: &TicketType, id: &StateId) -> Result<&State, Refusal> {
        self.state(id)
            .filter(|state| !state.archived && of.states.contains(id))
            .ok_or(Refusal::StateNotAllowed)
    }

    /// The first state of a category that the type has.
    ///
    /// # Errors
    /// When all of them are archived.
    pub fn first_state(&self, of: &TicketType, category: StateCategory) -> Result<&State, Refusal> {
        of.states
            .iter()
            .filter_map(|id| self.state(id))
            .find(|state| !state.archived && state.category == category)
            .ok_or(Refusal::StateNotAllowed)
    }
}
