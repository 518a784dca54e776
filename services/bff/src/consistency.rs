//! Consistency tokens: where a write is in the services' logs, as text that a client passes on.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::PARTITIONS;
use proto::events::v1::LogPosition;

use crate::error::Error;

/// Form of the token, its first byte.
const FORM: u8 = 1;
/// Services whose positions a token can name; the index is the name on the wire.
const SOURCES: [&str; 2] = ["tickets", "conversations"];
/// One place of each partition of each source: a byte for both, eight for the position.
const ENTRY: usize = 9;
/// The longest token, in characters: all entries, as base64.
const MAX_TOKEN: usize = (1 + ENTRY * SOURCES.len() * PARTITIONS).div_ceil(3) * 4;

/// A token for the newest of these positions; empty when there is none. Sources that nobody waits for
/// are left out.
pub(crate) fn encode(positions: &[LogPosition]) -> String {
    let mut newest = [[0; PARTITIONS]; SOURCES.len()];
    for position in positions {
        let source = SOURCES.iter().position(|name| *name == position.source);
        let place = source.and_then(|s| newest[s].get_mut(position.partition as usize));
        if let Some(place) = place {
            *place = position.position.max(*place);
        }
    }
    let mut bytes = vec![FORM];
    for (source, partitions) in newest.iter().enumerate() {
        for (partition, position) in partitions.iter().enumerate().filter(|(_, p)| **p > 0) {
            bytes.push((source << 4 | partition) as u8);
            bytes.extend_from_slice(&position.to_be_bytes());
        }
    }
    if bytes.len() == 1 {
        return String::new();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The positions in a token; none for the empty one.
///
/// # Errors
/// [`Error::ConsistencyToken`] when it was not made here.
pub(crate) fn decode(token: &str) -> Result<Vec<LogPosition>, Error> {
    if token.is_empty() {
        return Ok(Vec::new());
    }
    if token.len() > MAX_TOKEN {
        return Err(Error::ConsistencyToken);
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| Error::ConsistencyToken)?;
    let Some((&FORM, entries)) = bytes.split_first() else {
        return Err(Error::ConsistencyToken);
    };
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(Error::ConsistencyToken);
    }
    let mut positions = Vec::with_capacity(entries.len());
    let mut before = None;
    for &[place, ref position @ ..] in entries {
        let source = SOURCES
            .get(usize::from(place >> 4))
            .ok_or(Error::ConsistencyToken)?;
        let position = u64::from_be_bytes(*position);
        // stores count in signed numbers; and each place comes once, in order
        if position == 0 || i64::try_from(position).is_err() || before >= Some(place) {
            return Err(Error::ConsistencyToken);
        }
        before = Some(place);
        positions.push(LogPosition {
            source: (*source).to_owned(),
            partition: u32::from(place & 0xf),
            position,
        });
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str, partition: u32, position: u64) -> LogPosition {
        LogPosition {
            source: source.into(),
            partition,
            position,
        }
    }

    #[test]
    fn a_token_says_the_newest_place_of_each_partition() {
        let token = encode(&[
            at("conversations", 3, 9),
            at("tickets", 15, 7),
            at("tickets", 15, 12),
            at("settings", 1, 1),
        ]);
        assert_eq!(
            decode(&token).unwrap(),
            [at("tickets", 15, 12), at("conversations", 3, 9)]
        );
    }

    #[test]
    fn a_write_that_moved_nothing_has_an_empty_token() {
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[at("settings", 0, 1)]), "");
        assert!(decode("").unwrap().is_empty());
    }

    #[test]
    fn the_largest_token_is_read_and_nothing_longer() {
        let all: Vec<_> = SOURCES
            .iter()
            .flat_map(|source| (0..16).map(|p| at(source, p, i64::MAX as u64)))
            .collect();
        let token = encode(&all);
        assert!(token.len() <= MAX_TOKEN);
        assert_eq!(decode(&token).unwrap(), all);
        assert!(decode(&format!("{token}AAAA")).is_err());
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let raw = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let entry = |place: u8, position: u64| {
            let mut bytes = vec![FORM, place];
            bytes.extend_from_slice(&position.to_be_bytes());
            bytes
        };
        let twice = [entry(1, 1), entry(1, 2)[1..].to_vec()].concat();
        for bad in [
            "!".to_owned(),
            "x".repeat(5_000),
            raw(&[FORM]),
            raw(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            raw(&entry(1, 1)[..9]),
            raw(&entry(0x2f, 1)),
            raw(&entry(1, 0)),
            raw(&entry(1, u64::MAX)),
            raw(&twice),
        ] {
            assert!(decode(&bad).is_err(), "{bad}");
        }
        assert!(decode(&raw(&entry(0x1f, 1))).is_ok());
    }
}
