//! The job that migrates before a service runs.

use runtime::{Errand, StartError, config::DatabaseArgs};
use sea_orm_migration::MigratorTrait;

use crate::Database;

/// `migrate`: creates what is missing in the database, or brings it to this version, and ends. For a job before a
/// deployment; the service does the same as it starts. May be repeated, and by several at once.
pub fn migrate_errand<M: MigratorTrait + 'static>() -> Errand {
    Errand::new(
        "migrate",
        "Bring the database to this version, and end",
        |args: DatabaseArgs| async move {
            let unusable = |why: String| StartError::Database(why);
            let db = Database::open_with::<M>(&args)
                .await
                .map_err(|e| unusable(e.to_string()))?;
            let newest = M::migrations().last().map(|step| step.name().to_owned());
            db.close().await.map_err(|e| unusable(e.to_string()))?;
            Ok(match newest {
                Some(step) => format!("the database is at {step}"),
                None => "the database needs no tables".into(),
            })
        },
    )
}
