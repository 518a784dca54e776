use prost_types::Timestamp;

/// Microseconds since 1970 as a protobuf timestamp.
pub(crate) fn wire(micros: i64) -> Timestamp {
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

/// The other way; no timestamp is the beginning of time.
pub(crate) fn stored(time: Option<Timestamp>) -> i64 {
    time.map_or(0, |time| {
        time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
    })
}
