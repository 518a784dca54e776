//! Prefixed ids: `abc_` and 32 hexadecimal digits of a UUID, so that an id says what it names and a
//! mixed-up one is refused at the edge.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {prefix}_ followed by 32 lowercase hexadecimal digits")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// Makes a newtype of an id with the given prefix.
#[macro_export]
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// What every id of this kind starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that sorts after the ones made before it (UUIDv7).
            pub fn generate() -> Self {
                Self($crate::id::fresh($prefix).into())
            }

            /// The id that follows from these parts: the same parts give the same id, everywhere.
            pub fn derive(parts: &[&str]) -> Self {
                Self($crate::id::derived($prefix, parts).into())
            }

            /// # Errors
            /// When the text is no id of this kind.
            pub fn parse(text: &str) -> Result<Self, $crate::InvalidId> {
                $crate::id::check($prefix, text).map(|()| Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }
    };
}

id!(
    /// A tenant.
    WorkspaceId, "wsp"
);
id!(
    /// A customer.
    ContactId, "con"
);
id!(
    /// A member of staff.
    TeammateId, "tea"
);

/// A new UUIDv7: the one place that draws random ids.
#[allow(clippy::disallowed_methods, reason = "the one place that draws ids")]
pub fn uuid() -> Uuid {
    Uuid::now_v7()
}

#[doc(hidden)]
pub fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", uuid().simple())
}

#[doc(hidden)]
pub fn derived(prefix: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // the length keeps ("ab", "c") and ("a", "bc") apart
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    format!(
        "{prefix}_{}",
        uuid::Builder::from_custom_bytes(bytes).into_uuid().simple()
    )
}

/// Whether a text is an id of the kind with this prefix, for those who only pass it on.
///
/// # Errors
/// When it is not.
pub fn check(prefix: &'static str, text: &str) -> Result<(), InvalidId> {
    let valid = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|hex| {
            hex.len() == 32
                && hex
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
    valid.then_some(()).ok_or(InvalidId { prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_or_shape_is_refused() {
        let id = ContactId::generate();
        assert_eq!(ContactId::parse(id.as_str()), Ok(id.clone()));
        for bad in [
            "",
            "con_",
            "con_1",
            &id.as_str().to_uppercase(),
            &id.as_str().replace("con", "wsp"),
        ] {
            assert!(ContactId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_derived_id_depends_on_every_part_and_nothing_else() {
        let id = ContactId::derive(&["a", "bc"]);
        assert_eq!(id, ContactId::derive(&["a", "bc"]));
        assert_ne!(id, ContactId::derive(&["ab", "c"]));
        assert!(ContactId::parse(id.as_str()).is_ok());
    }
}
