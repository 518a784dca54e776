//! How full the pools are, for operators.

use std::time::Duration;

use metrics::gauge;
use sea_orm::{DatabaseConnection, DbBackend};

use crate::Database;

/// How often the connections are counted.
const EVERY: Duration = Duration::from_secs(5);

impl Database {
    /// Tells operators how many connections are used and idle, as `database_connections`, every 5 s for as
    /// long as it is polled. `name` is the service's.
    pub async fn count_connections(self, name: &'static str) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (used, idle) = self.connections();
            gauge!("database_connections", "database" => name, "state" => "used").set(used);
            gauge!("database_connections", "database" => name, "state" => "idle").set(idle);
        }
    }

    /// Connections used and idle, of both pools where there are two.
    fn connections(&self) -> (f64, f64) {
        let (size, idle) = of_pool(self.read());
        let (more, idler) = self.other().map_or((0, 0), of_pool);
        let idle = (idle + idler) as f64;
        (f64::from(size + more) - idle, idle)
    }
}

fn of_pool(pool: &DatabaseConnection) -> (u32, usize) {
    match pool.get_database_backend() {
        DbBackend::Postgres => {
            let pool = pool.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        }
        _ => {
            let pool = pool.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        }
    }
}
