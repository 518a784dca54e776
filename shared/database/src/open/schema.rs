//! Whether a schema is of this version, of one before, or of one after.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait};

/// Takes the steps that are missing. A schema that has all of ours and more is served as it is: steps only expand,
/// so that the version before runs on while, and after, the next one is rolled out. The library's own `up` refuses
/// it, and a pod that is started again in the middle of a rollout, or by a rollback, would not come back.
///
/// # Errors
/// When a step fails, or the schema lacks some of our steps and has others: it was made by something else.
pub(super) async fn bring_up<'c, M: MigratorTrait, C>(db: &'c C) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let taken = M::get_migration_models(db).await?;
    let taken: BTreeSet<String> = taken.into_iter().map(|step| step.version).collect();
    let ours = M::migrations();
    let ours: BTreeSet<String> = ours.iter().map(|step| step.name().to_owned()).collect();
    if taken.is_subset(&ours) {
        return M::up(db, None).await;
    }
    let later: Vec<&str> = taken.difference(&ours).map(String::as_str).collect();
    if ours.is_subset(&taken) {
        tracing::warn!(
            steps = later.join(", "),
            "the schema is of a later version; it is served as it is"
        );
        return Ok(());
    }
    Err(DbErr::Custom(format!(
        "it has steps that this version does not know ({}) and lacks some of its own, so another program made it",
        later.join(", ")
    )))
}
