use jiff::Timestamp;

/// Where the time comes from; handed in, so that tests decide what time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now, in whole microseconds, as stores keep it.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        timestamp(micros(Timestamp::now()))
    }
}

/// Microseconds since 1970, UTC: how stores keep a time.
pub fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time of so many microseconds since 1970, UTC; what is out of range becomes the nearest end.
pub fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
