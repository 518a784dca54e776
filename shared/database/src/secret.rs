use rand::RngCore;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::Database;

/// The key that signs this service's page tokens, made at the first start and kept in the database,
/// so that all replicas share it.
///
/// # Errors
/// When the database is away.
pub async fn page_key(db: &Database) -> Result<[u8; 32], DbErr> {
    let mut fresh = [0; 32];
    rand::thread_rng().fill_bytes(&mut fresh);
    let tx = db.begin().await?;
    let backend = tx.get_database_backend();
    tx.execute_raw(Statement::from_sql_and_values(
        backend,
        "insert into service_secret (name, value) values ('page_tokens', $1) on conflict do nothing",
        [fresh.to_vec().into()],
    ))
    .await?;
    let row = tx
        .query_one_raw(Statement::from_string(
            backend,
            "select value from service_secret where name = 'page_tokens'",
        ))
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("page_tokens".into()))?;
    tx.commit().await?;
    let value: Vec<u8> = row.try_get("", "value")?;
    <[u8; 32]>::try_from(value).map_err(|_| DbErr::Custom("page_tokens must have 32 bytes".into()))
}
