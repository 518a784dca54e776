//! Where a Messenger runs, what spaces it has, and which of them are switched on.

/// Where a Messenger runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Web,
    Ios,
    Android,
}

/// A space of the Messenger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Home,
    Messages,
    Tickets,
}

/// A workspace's switches, small enough to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Switches {
    /// Grows with every change.
    pub(crate) version: u64,
    // what is off, not what is on: a switch that nobody spoke of is on (S2)
    off: u16,
}

impl Platform {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Web, Self::Ios, Self::Android];
}

impl Switches {
    /// Everything on, at this version.
    pub(crate) fn all_on(version: u64) -> Self {
        Self { version, off: 0 }
    }

    /// With one switch turned.
    #[must_use]
    pub(crate) fn with(mut self, platform: Platform, space: Space, enabled: bool) -> Self {
        let bit = bit(platform, space);
        if enabled {
            self.off &= !bit;
        } else {
            self.off |= bit;
        }
        self
    }

    /// Whether a space is switched on. Messages cannot be turned off, whatever the row says (S5).
    pub(crate) fn enabled(self, platform: Platform, space: Space) -> bool {
        space == Space::Messages || self.off & bit(platform, space) == 0
    }
}

fn bit(platform: Platform, space: Space) -> u16 {
    1 << (platform as u16 * 3 + space as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S2
    #[test]
    fn every_space_is_on_until_somebody_turns_it_off() {
        for platform in Platform::ALL {
            for space in [Space::Home, Space::Messages, Space::Tickets] {
                assert!(Switches::all_on(0).enabled(platform, space));
            }
        }
    }

    /// S2, S3
    #[test]
    fn a_switch_turns_one_space_on_one_platform_and_back() {
        let on = Switches::all_on(1);
        let off = on.with(Platform::Ios, Space::Tickets, false);
        assert!(!off.enabled(Platform::Ios, Space::Tickets));
        assert!(off.enabled(Platform::Ios, Space::Home));
        assert!(off.enabled(Platform::Web, Space::Tickets));
        assert!(off.enabled(Platform::Android, Space::Tickets));
        assert_eq!(off.with(Platform::Ios, Space::Tickets, true), on);
    }

    /// S5
    #[test]
    fn messages_stay_on_whatever_a_row_says() {
        let off = Switches::all_on(1).with(Platform::Web, Space::Messages, false);
        assert!(off.enabled(Platform::Web, Space::Messages));
    }
}
