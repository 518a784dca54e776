//! Members of staff and what their role allows.

use types::TeammateId;

use super::{Action, Scope};

/// What a teammate may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads everything, changes nothing.
    Viewer,
    /// Works on tickets, conversations and contacts.
    Agent,
    /// Changes settings, keys, tokens and teammates as well.
    Admin,
}

impl Role {
    /// Its name, as stored and audited.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "VIEWER",
            Self::Agent => "AGENT",
            Self::Admin => "ADMIN",
        }
    }

    /// The role of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Agent, Self::Admin]
            .into_iter()
            .find(|one| one.as_str() == name)
    }

    /// Whether one who holds it may hold a scope. A new one that does more than to read is an admin's until
    /// it is said otherwise here.
    pub fn allows(self, scope: Scope) -> bool {
        let scope = scope.as_str().split_once(':');
        let reads = matches!(scope, Some((_, "read")));
        let works = matches!(
            scope,
            Some(("tickets" | "conversations" | "contacts", "write"))
        );
        match self {
            Self::Viewer => reads,
            Self::Agent => reads || works,
            Self::Admin => true,
        }
    }
}

/// The first scope that is above a role.
pub fn first_above(role: Role, scopes: &[Scope]) -> Option<Scope> {
    scopes.iter().copied().find(|scope| !role.allows(*scope))
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
    /// What they may do at most.
    pub role: Role,
    /// False: they may do nothing.
    pub active: bool,
}

/// What to change of a teammate; `None` leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TeammateChange {
    /// Their name from now on.
    pub name: Option<String>,
    /// Their role from now on.
    pub role: Option<Role>,
    /// Whether they may do anything from now on.
    pub active: Option<bool>,
}

/// One thing that a change changes, for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What is done.
    pub action: Action,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// The workspace would be left without an active admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workspace needs an active admin")]
pub struct LastAdmin;

impl Teammate {
    /// The teammate after a change, and what of it is new; nothing new, no change.
    ///
    /// # Errors
    /// When they are an active admin, would be none any more, and there is no other one.
    pub fn changed(
        &self,
        change: TeammateChange,
        another_admin: bool,
    ) -> Result<(Self, Vec<Changed>), LastAdmin> {
        let next = Self {
            name: change.name.unwrap_or_else(|| self.name.clone()),
            role: change.role.unwrap_or(self.role),
            active: change.active.unwrap_or(self.active),
            ..self.clone()
        };
        if self.governs() && !next.governs() && !another_admin {
            return Err(LastAdmin);
        }
        let lines = [
            (
                Action::TeammateRenamed,
                self.name.clone(),
                next.name.clone(),
            ),
            (
                Action::TeammateRoleChanged,
                self.role.as_str().into(),
                next.role.as_str().into(),
            ),
            (
                Action::TeammateActivityChanged,
                activity(self.active).into(),
                activity(next.active).into(),
            ),
        ];
        let changed = lines
            .into_iter()
            .filter(|(_, before, after)| before != after)
            .map(|(action, before, after)| Changed {
                action,
                before,
                after,
            })
            .collect();
        Ok((next, changed))
    }

    fn governs(&self) -> bool {
        self.active && self.role == Role::Admin
    }
}

fn activity(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SCOPES;

    fn allowed(role: Role) -> Vec<&'static str> {
        SCOPES
            .into_iter()
            .filter(|scope| role.allows(Scope::parse(scope).unwrap()))
            .collect()
    }

    #[test]
    fn a_viewer_reads_an_agent_works_and_an_admin_does_everything() {
        assert_eq!(
            allowed(Role::Viewer),
            [
                "tickets:read",
                "conversations:read",
                "settings:read",
                "contacts:read"
            ]
        );
        assert_eq!(
            allowed(Role::Agent),
            [
                "tickets:read",
                "tickets:write",
                "conversations:read",
                "conversations:write",
                "settings:read",
                "contacts:read",
                "contacts:write"
            ]
        );
        assert_eq!(allowed(Role::Admin), SCOPES);
        let scopes = ["tickets:read", "settings:write"].map(|s| Scope::parse(s).unwrap());
        assert_eq!(first_above(Role::Agent, &scopes), Some(scopes[1]));
        assert_eq!(first_above(Role::Admin, &scopes), None);
    }

    fn grace() -> Teammate {
        Teammate {
            id: TeammateId::derive(&["grace"]),
            name: "Grace".into(),
            email: String::new(),
            role: Role::Admin,
            active: true,
        }
    }

    #[test]
    fn a_change_tells_what_it_changed_and_nothing_else() {
        let change = TeammateChange {
            name: Some("Grace".into()),
            role: Some(Role::Viewer),
            active: None,
        };
        let (after, changed) = grace().changed(change.clone(), true).unwrap();
        assert_eq!((after.role, after.active), (Role::Viewer, true));
        let expected = Changed {
            action: Action::TeammateRoleChanged,
            before: "ADMIN".into(),
            after: "VIEWER".into(),
        };
        assert_eq!(changed, [expected]);
        assert_eq!(after.changed(change, false).unwrap().1, []);
    }

    #[test]
    fn the_last_active_admin_stays_one() {
        let demoted = TeammateChange {
            role: Some(Role::Agent),
            ..TeammateChange::default()
        };
        let away = TeammateChange {
            active: Some(false),
            ..TeammateChange::default()
        };
        for change in [demoted, away.clone()] {
            assert_eq!(grace().changed(change.clone(), false), Err(LastAdmin));
            assert!(grace().changed(change, true).is_ok());
        }
        let viewer = Teammate {
            role: Role::Viewer,
            ..grace()
        };
        assert!(viewer.changed(away, false).is_ok());
    }
}
