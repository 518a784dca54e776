//! Failures that another try may well not meet, and the other try.

use std::time::Duration;

use rand::Rng;
use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError, sqlx::postgres::PgSeverity};
use tokio::time::Instant;

/// Tries of a transaction, the first included.
const TRIES: u32 = 6;
/// None begins later than this after the first, so that a call is answered within its deadline: who waited
/// for a lock in vain, which takes 2 s, does not wait for it again. A deadlock is found after one.
const PATIENCE: Duration = Duration::from_millis(1_900);
/// The first wait is up to so long, and each after it up to twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Whether another try may well succeed: the database is away or busy, or a transaction met another.
/// SQLite: busy, locked, a full disk, or one that fails. Postgres: serialization failure, deadlock, lock not
/// available, statement cancelled for its time, no more connections, memory or disk, shutting down or starting,
/// only a copy since another became the first, or at fault itself.
pub fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            match &**cause {
                SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::BeginFailed
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
            cause.as_database_error().is_some_and(|told| {
                let code = told.code();
                !ended_the_session(told) && code.is_some_and(|code| is_passing_code(&code))
            })
        }
        _ => false,
    }
}

/// Whether Postgres gave up more than the transaction, at any moment: its commit may have been written by then.
fn ended_the_session(told: &dyn sea_orm::sqlx::error::DatabaseError) -> bool {
    told.try_downcast_ref::<SqlxPostgresError>()
        .is_some_and(|told| matches!(told.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

fn is_passing_code(code: &str) -> bool {
    match code {
        // what a transaction met: another one, its time, a server that became a copy of another
        "40001" | "40P01" | "55P03" | "57014" | "25006" => true,
        // the session was ended, or not begun
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => true,
        // A fault of the server's own. It is no fault of the statement, which another time, or another server, does:
        // a file that cannot grow is told as XX000 unless the system says that the disk is full. What it found
        // damaged, XX001 and XX002, stays so.
        "XX000" | "58000" | "58030" => true,
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR and SQLITE_FULL with their variants; Postgres has five characters
        code if code.len() < 5 => code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13)),
        // too little of something (connections, memory, disk), or the connection broke
        code if code.starts_with("53") || code.starts_with("08") => true,
        _ => false,
    }
}

/// Does a whole transaction until it succeeds, its failure is none that `passing` lets pass, or the tries
/// are over. `passing` is [`is_passing`] for one that may safely happen twice when the answer to a commit
/// was lost, since a request id, a version check or the work itself makes a second time harmless; for all
/// others it is [`is_undone`].
///
/// # Errors
/// The last failure.
pub async fn retried<T, E, F>(
    passing: impl Fn(&E) -> bool,
    mut work: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut tries = Tries::new();
    loop {
        match work().await {
            Err(error) if passing(&error) && tries.again().await => {}
            done => return done,
        }
    }
}

/// What is left of the tries.
#[derive(Debug)]
struct Tries {
    began: Instant,
    left: u32,
    wait: Duration,
}

impl Tries {
    /// The first one is about to begin.
    fn new() -> Self {
        Self {
            began: Instant::now(),
            left: TRIES - 1,
            wait: FIRST_WAIT,
        }
    }

    /// After a failure that passes: waits a little and says that there is another try, or says at once that
    /// they are over.
    async fn again(&mut self) -> bool {
        if self.left == 0 || self.began.elapsed() > PATIENCE {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for passing in [
            "5", "6", "10", "13", "261", "517", "773", "778", "08006", "25006", "40001", "40P01",
            "55P03", "57P01", "57P05", "53100", "53300", "58030", "XX000",
        ] {
            assert!(is_passing_code(passing), "{passing}");
        }
        for lasting in [
            "1", "11", "19", "1555", "2067", "23505", "42P01", "22021", "57P04", "58P01", "XX001",
            "",
        ] {
            assert!(!is_passing_code(lasting), "{lasting}");
        }
    }

    fn busy() -> DbErr {
        DbErr::Conn(RuntimeErr::Internal("away".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again_until_the_tries_are_over() {
        let begin = Instant::now();
        let mut count = 0;
        let outcome: Result<(), DbErr> = retried(is_passing, || {
            count += 1;
            async { Err(busy()) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(count, TRIES);
        assert!(begin.elapsed() < Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_too_long_is_not_tried_again() {
        let mut count = 0;
        let outcome: Result<(), DbErr> = retried(is_passing, || {
            count += 1;
            async {
                tokio::time::advance(PATIENCE * 2).await;
                Err(busy())
            }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(count, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_succeeds_is_the_last() {
        let mut count = 0;
        let outcome = retried(is_passing, || {
            count += 1;
            let done = if count == 3 { Ok(count) } else { Err(busy()) };
            async { done }
        })
        .await;
        assert_eq!(outcome.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_told_at_once() {
        let mut count = 0;
        let outcome: Result<(), DbErr> = retried(is_passing, || {
            count += 1;
            async { Err(DbErr::RecordNotInserted) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(count, 1);
        assert!(!is_undone(&busy()));
    }
}
