use futures::{FutureExt, StreamExt};
use testing::{Scratch, on_sqlite_for};
use types::{ContactId, WorkspaceId};

use super::*;
use crate::{
    migration::Migrations,
    projection::{Category, Event, StateId, Ticket, TicketChanged, TicketId, Told},
    store::{self, InboxId, Store},
};

struct Watched {
    _scratch: Scratch,
    db: database::Database,
    inboxes: Arc<Inboxes>,
    id: InboxId,
    ticket_id: TicketId,
    stop: CancellationToken,
}

impl Watched {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let db = scratch.database::<Migrations>("notifications").await;
        Self {
            inboxes: Arc::new(Inboxes::new(Store::new(db.clone()))),
            _scratch: scratch,
            db,
            id: InboxId {
                workspace: WorkspaceId::generate(),
                contact: ContactId::generate(),
            },
            ticket_id: TicketId::generate(),
            stop: CancellationToken::new(),
        }
    }

    fn watch(&self, held: Option<Version>) -> impl Stream<Item = Result<Frame, Error>> + Unpin {
        let subscription = self.inboxes.watch(&self.id).unwrap();
        let stop = self.stop.clone();
        Box::pin(frames(self.inboxes.clone(), subscription, held, stop))
    }

    /// The ticket's title becomes another.
    async fn change(&self, version: u64) {
        let time = types::timestamp(0);
        let state = Ticket {
            visible: true,
            revision: version,
            notify_revision: 1,
            state_id: StateId::derive(&[]),
            category: Category::Submitted,
            number: 1,
            title: version.to_string(),
            conversation_id: None,
            create_time: time,
            ticket_update_time: time,
            activity_time: time,
        };
        let told = Told { version, state };
        let event = Event::TicketChanged(TicketChanged {
            ticket_id: self.ticket_id.clone(),
            told,
        });
        let tx = self.db.begin().await.unwrap();
        store::apply(&tx, vec![(self.id.clone(), event)])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.inboxes.changed(&self.id);
    }
}

fn title(frame: Option<Result<Frame, Error>>) -> String {
    match frame.unwrap().unwrap() {
        Frame::Inbox(snapshot, _) => snapshot
            .inbox
            .recent_tickets
            .first()
            .map(|t| t.title.clone())
            .unwrap_or_default(),
        Frame::Bookmark(_) => "bookmark".into(),
    }
}

#[tokio::test]
async fn whoever_reads_slowly_meets_only_the_newest() {
    let watched = Watched::new().await;
    let mut frames = watched.watch(None);
    assert_eq!(title(frames.next().await), "");
    for version in 1..=10 {
        watched.change(version).await;
    }
    assert_eq!(title(frames.next().await), "10");
    assert!(
        frames.next().now_or_never().is_none(),
        "there is nothing more to say"
    );
}

#[tokio::test]
async fn a_change_between_subscribing_and_reading_is_not_missed_nor_told_twice() {
    let watched = Watched::new().await;
    let mut frames = watched.watch(None);
    watched.change(1).await;
    assert_eq!(title(frames.next().await), "1");
    assert!(frames.next().now_or_never().is_none());
    watched.change(2).await;
    assert_eq!(title(frames.next().await), "2");
}

#[tokio::test]
async fn a_wake_without_a_difference_says_nothing() {
    let watched = Watched::new().await;
    watched.change(1).await;
    let mut frames = watched.watch(None);
    frames.next().await;
    watched.inboxes.all_changed();
    let mut next = std::pin::pin!(frames.next());
    for _ in 0..3 {
        // reads again, finds the same, waits on
        assert!((&mut next).now_or_never().is_none());
        watched.inboxes.read(&watched.id).await.unwrap();
    }
    watched.change(2).await;
    assert_eq!(title(next.await), "2");
}

#[tokio::test]
async fn whoever_asks_once_does_not_wait_behind_all_who_watch() {
    let watched = Watched::new().await;
    let mut frames = watched.watch(None);
    frames.next().await;
    watched.change(1).await;
    let others = watched.inboxes.all_turns().await;
    let mut next = std::pin::pin!(frames.next());
    assert!((&mut next).now_or_never().is_none());
    let asked = watched.inboxes.read(&watched.id).await.unwrap();
    assert_eq!(asked.inbox.recent_tickets[0].title, "1");
    assert!(
        (&mut next).now_or_never().is_none(),
        "the stream did not wait for its turn"
    );
    drop(others);
    assert_eq!(title(next.await), "1");
}

#[tokio::test]
async fn a_silent_stream_says_every_20_seconds_that_it_is_alive() {
    if !on_sqlite_for("a clock that stands still: it runs ahead while a server is waited for") {
        return;
    }
    let watched = Watched::new().await;
    watched.change(1).await;
    let mut frames = watched.watch(None);
    assert_eq!(title(frames.next().await), "1");
    // not before: the database has timers of its own
    tokio::time::pause();
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(title(frames.next().await), "bookmark");
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}

#[tokio::test]
async fn a_drain_ends_a_stream_once() {
    let watched = Watched::new().await;
    let mut frames = watched.watch(Some(Version {
        epoch: 1,
        ..Version::default()
    }));
    assert_eq!(title(frames.next().await), "bookmark");
    watched.stop.cancel();
    assert!(matches!(frames.next().await, Some(Err(Error::Draining))));
    assert!(frames.next().await.is_none());
}
