//! The Messenger's spaces and their switches (rules S2, S3, S5, S6).

/// Where a Messenger runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// In a web page.
    Web,
    /// In an iOS app.
    Ios,
    /// In an Android app.
    Android,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 3] = [Self::Web, Self::Ios, Self::Android];

    /// Its name, as stored and audited.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "WEB",
            Self::Ios => "IOS",
            Self::Android => "ANDROID",
        }
    }

    /// The platform of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// A space that can be turned off. Home and Messages cannot, so they are not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SwitchableSpace {
    /// Tickets.
    Tickets,
}

impl SwitchableSpace {
    /// Every one.
    pub const ALL: [Self; 1] = [Self::Tickets];

    /// Its name, as stored and audited.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "TICKETS",
        }
    }

    /// The space of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// A switch that somebody has turned at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Where.
    pub platform: Platform,
    /// Which space.
    pub space: SwitchableSpace,
    /// On.
    pub enabled: bool,
    /// The version of the settings that turning it last made.
    pub version: u64,
}

/// A workspace's Messenger settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessengerSettings {
    version: u64,
    turned: Vec<Switch>,
}

/// A wish to turn one switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnSpace {
    /// Where.
    pub platform: Platform,
    /// Which space.
    pub space: SwitchableSpace,
    /// On or off.
    pub enabled: bool,
    /// The version that the caller has read.
    pub expected_version: u64,
}

/// What becomes of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The switch stands so already: nothing happens.
    AlreadySo,
    /// It is turned.
    Turned {
        /// How it stood.
        before: bool,
        /// How it stands.
        switch: Switch,
        /// The settings afterwards.
        settings: MessengerSettings,
    },
}

/// Somebody changed the settings after the caller read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the settings are at version {current}")]
pub struct StaleVersion {
    /// The version now.
    pub current: u64,
}

impl MessengerSettings {
    /// Of a version and the switches that were ever turned.
    pub fn new(version: u64, turned: Vec<Switch>) -> Self {
        Self { version, turned }
    }

    /// Grows by 1 with each change; 0 until the first.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The space is on; so it is until somebody turns it off (S2).
    pub fn enabled(&self, platform: Platform, space: SwitchableSpace) -> bool {
        self.switch(platform, space)
            .is_none_or(|switch| switch.enabled)
    }

    /// Every switch there is, turned or not, as (platform, space, on).
    pub fn switches(&self) -> impl Iterator<Item = (Platform, SwitchableSpace, bool)> {
        Platform::ALL.into_iter().flat_map(move |platform| {
            SwitchableSpace::ALL
                .into_iter()
                .map(move |space| (platform, space, self.enabled(platform, space)))
        })
    }

    /// Turns one switch and leaves the others. A wish already fulfilled is no change, whether its
    /// caller has read the settings or repeats the very call that fulfilled it.
    ///
    /// # Errors
    /// When the settings are at another version than the caller expects.
    pub fn turn(&self, wish: TurnSpace) -> Result<Decision, StaleVersion> {
        let before = self.enabled(wish.platform, wish.space);
        let stands = before == wish.enabled;
        if stands && (wish.expected_version == self.version || self.is_repeated(wish)) {
            return Ok(Decision::AlreadySo);
        }
        if wish.expected_version != self.version {
            return Err(StaleVersion {
                current: self.version,
            });
        }
        let switch = Switch {
            platform: wish.platform,
            space: wish.space,
            enabled: wish.enabled,
            version: self.version + 1,
        };
        let mut turned = self.turned.clone();
        turned.retain(|old| (old.platform, old.space) != (wish.platform, wish.space));
        turned.push(switch);
        Ok(Decision::Turned {
            before,
            switch,
            settings: Self::new(switch.version, turned),
        })
    }

    fn is_repeated(&self, wish: TurnSpace) -> bool {
        self.switch(wish.platform, wish.space)
            .is_some_and(|switch| wish.expected_version.checked_add(1) == Some(switch.version))
    }

    fn switch(&self, platform: Platform, space: SwitchableSpace) -> Option<&Switch> {
        self.turned
            .iter()
            .find(|switch| (switch.platform, switch.space) == (platform, space))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(platform: Platform, enabled: bool, expected_version: u64) -> TurnSpace {
        TurnSpace {
            platform,
            space: SwitchableSpace::Tickets,
            enabled,
            expected_version,
        }
    }

    fn turned(settings: &MessengerSettings, wish: TurnSpace) -> MessengerSettings {
        match settings.turn(wish) {
            Ok(Decision::Turned { settings, .. }) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn states(settings: &MessengerSettings) -> Vec<bool> {
        settings.switches().map(|(_, _, on)| on).collect()
    }

    /// S2
    #[test]
    fn every_switch_is_on_until_somebody_turns_it() {
        assert_eq!(states(&MessengerSettings::default()), [true; 3]);
    }

    /// S2, S3
    #[test]
    fn a_switch_moves_alone_and_off_then_on_is_as_before() {
        let off = turned(&MessengerSettings::default(), wish(Platform::Ios, false, 0));
        assert_eq!(states(&off), [true, false, true]);
        let on = turned(&off, wish(Platform::Ios, true, 1));
        assert_eq!(states(&on), [true; 3]);
        assert_eq!(on.version(), 2);
    }

    /// S6
    #[test]
    fn a_wish_already_fulfilled_changes_nothing() {
        let untouched = MessengerSettings::default();
        assert_eq!(
            untouched.turn(wish(Platform::Web, true, 0)),
            Ok(Decision::AlreadySo)
        );
        let off = turned(&untouched, wish(Platform::Web, false, 0));
        for expected in [0, 1] {
            assert_eq!(
                off.turn(wish(Platform::Web, false, expected)),
                Ok(Decision::AlreadySo)
            );
        }
    }

    /// S6
    #[test]
    fn a_repeated_wish_is_known_even_after_another_switch_was_turned() {
        let off = turned(&MessengerSettings::default(), wish(Platform::Web, false, 0));
        let both = turned(&off, wish(Platform::Ios, false, 1));
        assert_eq!(
            both.turn(wish(Platform::Web, false, 0)),
            Ok(Decision::AlreadySo)
        );
    }

    /// S6
    #[test]
    fn a_wish_on_another_version_is_stale() {
        let off = turned(&MessengerSettings::default(), wish(Platform::Web, false, 0));
        let stale = Err(StaleVersion { current: 1 });
        assert_eq!(off.turn(wish(Platform::Web, true, 0)), stale);
        assert_eq!(off.turn(wish(Platform::Ios, false, 0)), stale);
        assert_eq!(off.turn(wish(Platform::Web, false, 2)), stale);
        assert_eq!(off.turn(wish(Platform::Web, false, u64::MAX)), stale);
        // it is on, but nobody turned it: this is no repetition
        assert_eq!(off.turn(wish(Platform::Ios, true, 0)), stale);
    }
}
