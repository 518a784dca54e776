//! Failures that another try may well not meet, and the other try.

use std::time::Duration;

use rand::Rng;
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::time::Instant;

/// Tries of a transaction, the first included.
const TRIES: u32 = 6;
/// None begins later than this after the first, so that a call is answered within its deadline: who waited
/// for a lock in vain, which takes 2 s, does not wait for it again. A deadlock is found after one.
const PATIENCE: Duration = Duration::from_millis(1_900);
/// The first wait is up to so long, and each after it up to twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Whether another try may well succeed: the database is away or busy, or a transaction met another.
/// SQLite: busy or locked. Postgres: serialization failure, deadlock, lock not available, statement
/// cancelled for its time, too many connections, shutting down or starting.
pub fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            match &**cause {
                SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::WorkerCrashed => true,
                SqlxError::Database(told) => told.code().is_some_and(|code| is_passing_code(&code)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether it is passing, and nothing of the transaction has happened for sure: what has no request id
/// may be tried again too. Not so when the connection was lost: the answer to the commit may have been.
pub fn is_undone(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            match cause.as_database_error().and_then(|told| told.code()) {
                // the session was ended, at any moment
                Some(code) if code.starts_with("57P") || code == "25P03" => false,
                Some(code) => is_passing_code(&code),
                None => false,
            }
        }
        _ => false,
    }
}

fn is_passing_code(code: &str) -> bool {
    match code {
        "40001" | "40P01" | "55P03" | "57014" | "53300" | "57P01" | "57P02" | "57P03" | "25P03" => {
            true
        }
        // SQLITE_BUSY and SQLITE_LOCKED with their variants; Postgres has five characters
        code if code.len() < 5 => code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
        _ => false,
    }
}

/// The tries of a whole transaction that fails for passing reasons. Only for one that may safely happen
/// when the answer to a commit was lost: a request id, a version check or the work itself makes a second
/// time harmless.
#[derive(Debug)]
pub struct Tries {
    began: Instant,
    left: u32,
    wait: Duration,
}

impl Tries {
    /// The first one is about to begin.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            left: TRIES - 1,
            wait: FIRST_WAIT,
        }
    }

    /// After a failure: waits a little and says that there is another try, or says at once that there is
    /// none, since the failure does not pass or the tries are over.
    pub async fn again(&mut self, passing: bool) -> bool {
        if !passing || self.left == 0 || self.began.elapsed() > PATIENCE {
            return false;
        }
        self.left -= 1;
        tracing::debug!("a transaction failed for a passing reason and is tried again");
        // apart from those who met each other just now
        let jittered = rand::thread_rng().gen_range(self.wait / 2..=self.wait);
        tokio::time::sleep(jittered).await;
        self.wait *= 2;
        true
    }
}

impl Default for Tries {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for passing in [
            "5", "6", "261", "517", "773", "40001", "40P01", "55P03", "57P01",
        ] {
            assert!(is_passing_code(passing), "{passing}");
        }
        for lasting in ["1", "19", "1555", "2067", "23505", "42P01", "22021", ""] {
            assert!(!is_passing_code(lasting), "{lasting}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again_until_the_tries_are_over() {
        let begin = tokio::time::Instant::now();
        let mut tries = Tries::new();
        let mut count = 1;
        while tries.again(true).await {
            count += 1;
        }
        assert_eq!(count, TRIES);
        assert!(begin.elapsed() < Duration::from_millis(500));
        let mut tries = Tries::new();
        tokio::time::advance(PATIENCE * 2).await;
        assert!(!tries.again(true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_told_at_once() {
        assert!(!Tries::new().again(false).await);
        assert!(is_passing(&DbErr::Conn(RuntimeErr::Internal(
            "away".into()
        ))));
        assert!(!is_passing(&DbErr::RecordNotInserted));
        assert!(!is_undone(&DbErr::Conn(RuntimeErr::Internal(
            "away".into()
        ))));
    }
}
