//! The owner of a sample log on SQLite, which can be taken back to a backup.

use std::{fs, sync::Arc};

use database::Database;
use events::EventLog;
use parking_lot::Mutex;
use sea_orm::ConnectionTrait;
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
        let copy = self.scratch.path("copy");
        let sql = format!("vacuum into '{}'", copy.display());
        let log = self.log();
        log.database()
            .read()
            .execute_unprepared(&sql)
            .await
            .unwrap();
    }

    /// Nobody may have the database open any more.
    pub async fn restore(&self) {
        self.log().database().clone().close().await.unwrap();
        for left in ["owner.db", "owner.db-wal", "owner.db-shm"] {
            let _ = fs::remove_file(self.scratch.path(left));
        }
        fs::copy(self.scratch.path("copy"), self.scratch.path("owner.db")).unwrap();
        *self.log.lock() = open(&self.scratch).await;
    }
}

async fn open(scratch: &Scratch) -> EventLog {
    let db: Database = scratch.database::<SampleOwner>("owner").await;
    EventLog::open(db, "sample", Arc::new(SystemClock))
        .await
        .unwrap()
}
