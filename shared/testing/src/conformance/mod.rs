//! What every transport of events must do, whatever carries them: order, density, the chain, resumption,
//! explicit resets, bounded memory, signs of life, snapshots. A transport passes by running
//! [`crate::conformance!`] over its harness.

pub mod flow;
pub mod forks;
pub mod history;
pub mod order;
pub mod owner;
pub mod reader;
pub mod resume;
pub mod snapshot;
pub mod stretch;

use std::sync::Arc;

use events::{EventLog, EventSource};

pub use owner::{SampleOwner, SampleTables};
pub use reader::Reader;

/// A transport under test: the owner of a log, and a source over it, with the means to hurt both.
///
/// The owner keeps the table of [`owner::SampleTables`] beside its log and tells of it in snapshots.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The owner's log.
    fn log(&self) -> EventLog;

    /// The log as another process of the owner has it open, whose hints reach nobody here.
    async fn other_process(&self) -> EventLog;

    /// The source over the log. It connects again by itself after an interruption.
    fn source(&self) -> Arc<dyn EventSource>;

    /// Breaks every open stream, in the middle of whatever it carries.
    async fn interrupt(&self);

    /// Keeps a copy of the owner's database as it is now.
    async fn back_up(&self);

    /// Stops the owner, puts the copy back in place of its database, and starts it again: [`Self::log`]
    /// and [`Self::source`] are new afterwards.
    async fn restore(&self);

    /// Prunes a partition up to a position, wherever this transport keeps it.
    async fn prune(&self, partition: usize, up_to: u64) {
        self.log().prune(partition, up_to).await.unwrap();
    }
}

/// Makes a test of each promise, over what the given async function returns: something that implements
/// [`conformance::Transport`](crate::conformance::Transport), new for each test.
#[macro_export]
macro_rules! conformance {
    ($start:path) => {
        $crate::conformance!(
            $start:
            order::events_come_in_order_and_dense_from_the_cursor,
            order::only_the_partitions_asked_for_are_sent,
            order::writers_that_wait_and_roll_back_leave_no_hole,
            order::one_transaction_with_events_of_several_partitions_arrives_whole,
            order::what_is_committed_arrives_at_once,
            order::what_another_process_writes_arrives_without_a_hint,
            resume::a_broken_stream_resumes_from_the_cursor_without_a_hole,
            resume::a_reader_that_did_not_move_its_cursor_gets_the_same_again,
            resume::an_interruption_is_no_reset,
            history::what_was_pruned_is_out_of_range_and_the_floor_resumes,
            history::pruning_everything_keeps_the_newest_event_and_the_numbers,
            history::a_reader_overtaken_by_pruning_is_told,
            history::another_epoch_event_or_future_has_diverged,
            history::a_restored_log_has_diverged_from_its_readers,
            history::a_restored_log_that_nobody_wrote_to_is_behind_its_readers,
            forks::a_fork_under_an_open_stream_is_told,
            forks::what_a_process_remembers_of_a_lost_history_is_told_to_nobody,
            flow::a_batch_is_bounded_in_events_and_bytes,
            flow::nothing_is_read_far_ahead_of_a_slow_reader,
            flow::an_idle_feed_gives_a_sign_of_life_with_the_heads,
            flow::a_busy_feed_gives_a_sign_of_life_too,
            flow::a_busy_partition_starves_no_other,
            flow::a_cursor_that_makes_no_sense_is_refused,
            snapshot::a_snapshot_tells_its_cursors_then_every_state_then_ends,
            snapshot::what_changes_during_a_snapshot_is_not_lost,
            snapshot::pages_of_large_states_arrive,
            snapshot::a_snapshot_of_some_contacts_tells_of_nobody_else,
            stretch::a_gap_is_filled_from_the_log_with_its_chain,
            stretch::a_stretch_is_bounded_in_events_and_bytes,
            stretch::a_stretch_that_was_pruned_is_out_of_range,
            stretch::beyond_the_head_there_is_nothing,
        );
    };
    ($start:path: $($module:ident :: $promise:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::conformance::$module::$promise(&$start().await).await;
            }
        )*
    };
}
