use parking_lot::Mutex;
use runtime::{
    Actor, KeyRing, StartError,
    auth::Assertion,
    client::{bearer, is_fresh},
};
use tonic::metadata::{Ascii, MetadataValue};

/// For whom this service speaks. One signature is used for up to 45 s: making one for each call would
/// cost more than the call.
pub(crate) struct Credential {
    speaker: Actor,
    current: Mutex<Option<(Assertion, MetadataValue<Ascii>)>>,
}

impl Credential {
    pub(crate) fn new(speaker: Actor) -> Self {
        Self {
            speaker,
            current: Mutex::new(None),
        }
    }

    /// The value of the `authorization` header.
    ///
    /// # Errors
    /// When the ring cannot sign.
    pub(crate) fn header(&self, keys: &KeyRing) -> Result<MetadataValue<Ascii>, StartError> {
        let mut current = self.current.lock();
        if let Some((_, value)) = current.as_ref().filter(|(a, _)| is_fresh(a)) {
            return Ok(value.clone());
        }
        let assertion = keys.sign(&self.speaker)?;
        let value = bearer(&assertion.token)?;
        *current = Some((assertion, value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use runtime::{
        ActorKind,
        auth::{Assertions, Authenticator},
    };
    use testing::Scratch;
    use types::{ContactId, WorkspaceId};

    use super::*;

    #[tokio::test]
    async fn one_signature_serves_many_calls_and_says_who_calls() {
        let scratch = Scratch::new();
        scratch.keys(&["bff", "tickets"]);
        let keys = scratch.ring("bff");
        let speaker = testing::contact(&WorkspaceId::generate(), &ContactId::generate());
        let credential = Credential::new(speaker.clone());
        let header = credential.header(&keys).unwrap();
        assert_eq!(header, credential.header(&keys).unwrap());
        let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let heard = Assertions::new(scratch.ring("tickets"))
            .authenticate(token)
            .await
            .unwrap();
        assert_eq!(*heard, speaker);
        assert_eq!(heard.kind, ActorKind::Contact);
    }

    #[test]
    fn a_signature_that_would_soon_end_is_made_anew() {
        let scratch = Scratch::new();
        scratch.keys(&["bff"]);
        let keys = scratch.ring("bff");
        let credential = Credential::new(testing::contact(
            &WorkspaceId::generate(),
            &ContactId::generate(),
        ));
        credential.header(&keys).unwrap();
        if let Some((assertion, value)) = credential.current.lock().as_mut() {
            // signed 46 s ago
            assertion.expires_at -= 46;
            *value = "Bearer old".parse().unwrap();
        }
        assert_ne!(credential.header(&keys).unwrap(), "Bearer old");
    }
}
