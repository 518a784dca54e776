//! The rows that are sealed.

use events::EventLog;
use runtime::StartError;

use super::SealingKeys;
use crate::{
    Error,
    store::{self, identity_keys::KeptKey},
};

/// Secrets sealed in one transaction.
const AT_ONCE: i32 = 100;

/// Makes sure that what is sealed can be opened, one secret of each sealing key.
///
/// # Errors
/// When it cannot, with the name of the key that is missing or another one; or the database fails.
pub(crate) async fn check(keys: &SealingKeys, log: &EventLog) -> Result<(), StartError> {
    let failed = |e: sea_orm::DbErr| StartError::Database(e.to_string());
    let samples = store::identity_keys::samples(log.database().read()).await;
    for sample in samples.map_err(failed)? {
        if keys.open(&sample).is_err() {
            return Err(StartError::Keys(format!(
                "identity keys are sealed with the key {}, and {} does not have it as it was: put it back, \
                 as any line of the file",
                sample.secret.sealed_with.unwrap_or_default(),
                keys.file.display()
            )));
        }
    }
    Ok(())
}

/// Seals with the newest key what is in clear or sealed with an older one, and forgets the secrets of
/// revoked keys. Replicas may do so at once.
///
/// # Errors
/// When the database fails; what is sealed stays so, and the next call goes on.
pub(crate) async fn seal_all(keys: &SealingKeys, log: &EventLog) -> Result<(), Error> {
    let tx = log.database().begin().await?;
    let mut changed = store::identity_keys::forget_revoked(&tx).await? > 0;
    tx.commit().await?;
    loop {
        let tx = log.database().begin().await?;
        let found = store::identity_keys::not_sealed_with(&tx, keys.newest(), AT_ONCE).await?;
        for key in &found {
            reseal(keys, &tx, key).await?;
        }
        tx.commit().await?;
        changed |= !found.is_empty();
        if found.len() < AT_ONCE as usize {
            break;
        }
    }
    if changed && !log.database().leave_no_trace().await? {
        tracing::info!("older pages of the database are kept until nobody reads them");
    }
    Ok(())
}

async fn reseal(
    keys: &SealingKeys,
    tx: &sea_orm::DatabaseTransaction,
    key: &KeptKey,
) -> Result<(), Error> {
    let secret = keys.open(key)?;
    let sealed = keys.seal(&key.workspace, &key.id, &secret)?;
    store::identity_keys::reseal(tx, key, &sealed).await?;
    Ok(())
}
