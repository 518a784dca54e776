//! What a message's headers say about its event, so that a place can be checked without its body.

use async_nats::HeaderMap;
use proto::events::v1::Envelope;

const ID: &str = "Ev-Id";
const PREVIOUS: &str = "Ev-Prev";
const EPOCH: &str = "Ev-Epoch";
const TRACE: &str = "traceparent";

/// An event's identity and its link to the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub id: Vec<u8>,
    pub previous: Vec<u8>,
    pub epoch: Vec<u8>,
}

impl Mark {
    /// `None` when the message is not a relay's.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let bytes = |name: &str| unhex(headers.get(name)?.as_str());
        Some(Self {
            id: bytes(ID).filter(|id| !id.is_empty())?,
            // the server does not keep an empty value apart from none
            previous: bytes(PREVIOUS).unwrap_or_default(),
            epoch: bytes(EPOCH)?,
        })
    }

    pub fn headers(event: &Envelope) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ID, hex(&event.event_id));
        if !event.prev_event_id.is_empty() {
            headers.insert(PREVIOUS, hex(&event.prev_event_id));
        }
        headers.insert(EPOCH, hex(&event.log_epoch));
        // W3C's are short and plain; whatever else a client sent stays in the body
        let trace = &event.traceparent;
        if !trace.is_empty() && trace.bytes().all(|byte| byte.is_ascii_graphic()) {
            headers.insert(TRACE, trace.as_str());
        }
        headers
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_what_was_published() {
        let mut event = Envelope {
            event_id: vec![0, 1, 0xab],
            log_epoch: vec![9; 16],
            traceparent: "two\nlines".into(),
            ..Default::default()
        };
        let mark = Mark::of(&Mark::headers(&event)).unwrap();
        assert_eq!(mark.id, event.event_id);
        assert!(mark.previous.is_empty());
        assert_eq!(mark.epoch, event.log_epoch);
        event.prev_event_id = vec![255; 16];
        let mark = Mark::of(&Mark::headers(&event)).unwrap();
        assert_eq!(mark.previous, event.prev_event_id);
    }

    #[test]
    fn foreign_headers_are_no_mark() {
        let mut headers = HeaderMap::new();
        assert_eq!(Mark::of(&headers), None);
        headers.insert(EPOCH, "00");
        for foreign in ["", "0", "zz", "é", "+1"] {
            headers.insert(ID, foreign);
            assert_eq!(Mark::of(&headers), None, "{foreign}");
        }
    }
}
