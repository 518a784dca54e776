//! The owner of a sample log, which can be taken back to a backup.

use std::sync::Arc;

use database::Database;
use events::EventLog;
use parking_lot::Mutex;
use testing::{Scratch, conformance::SampleOwner};
use types::SystemClock;

pub struct Owner {
    pub scratch: Scratch,
    log: Mutex<EventLog>,
}

impl Owner {
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        let log = open(&scratch).await;
        Self {
            scratch,
            log: Mutex::new(log),
        }
    }

    pub fn log(&self) -> EventLog {
        self.log.lock().clone()
    }

    pub async fn other_process(&self) -> EventLog {
        open(&self.scratch).await
    }

    pub async fn back_up(&self) {
        let log = self.log();
        self.scratch.back_up("owner", log.database()).await;
    }

    /// Nobody may have the database open any more.
    pub async fn restore(&self) {
        self.log().database().clone().close().await.unwrap();
        self.scratch.restore("owner");
        *self.log.lock() = open(&self.scratch).await;
    }
}

async fn open(scratch: &Scratch) -> EventLog {
    let db: Database = scratch.database::<SampleOwner>("owner").await;
    EventLog::open(db, "sample", Arc::new(SystemClock))
        .await
        .unwrap()
}
