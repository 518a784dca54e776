//! Copies that forget what the log was made to forget.

use events::departed::LogCopies;
use futures::future::BoxFuture;

use crate::{Error, Streams};

impl LogCopies for Streams {
    /// Streams refuse to delete a message out of their middle, which keeps whoever reaches NATS from rewriting
    /// what was told; so everything up to there goes. Readers that were further behind go on over the feed.
    fn forget(&self, partition: usize, up_to: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            match self.try_forget(partition, up_to).await {
                Ok(done) => done,
                Err(why) => {
                    tracing::warn!(partition, %why, "what was erased may still be in NATS; tried again");
                    false
                }
            }
        })
    }
}

impl Streams {
    async fn try_forget(&self, partition: usize, up_to: u64) -> Result<bool, Error> {
        let Some(info) = self.look(partition).await? else {
            return Ok(true);
        };
        // what is on its way arrives first: purged before, it would come after
        if info.state.last_sequence < up_to {
            return Ok(false);
        }
        if info.state.first_sequence <= up_to {
            self.prune(partition, up_to).await?;
        }
        Ok(true)
    }
}
