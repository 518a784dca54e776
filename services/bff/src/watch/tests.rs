use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::mpsc::{UnboundedSender, unbounded};
use parking_lot::Mutex;
use proto::{
    bff::v1::{GoAwayReason, HomeToken, watch_messenger_response::Frame},
    notifications::v1::{
        Inbox, InboxVersion, WatchInboxResponse, watch_inbox_response::Frame as InboxFrame,
    },
    settings::v1::Space as SpaceKind,
};
use testing::{ManualClock, Scratch};
use tokio::time::timeout;
use tonic::Status;
use types::WorkspaceId;

use super::*;
use crate::{
    clients::Addresses,
    sessions::End,
    spaces::{Space, Switches},
    workspace::Workspaces,
};

mod polls;

type Sender = UnboundedSender<Result<WatchInboxResponse, Status>>;

/// Notifications, as a watch sees it.
#[derive(Clone, Default)]
struct Notifications {
    down: Arc<AtomicBool>,
    opened: Arc<Mutex<Vec<Option<InboxVersion>>>>,
    current: Arc<Mutex<Option<Sender>>>,
    newest: Arc<Mutex<Option<Inbox>>>,
}

impl Notifications {
    fn upstream(&self) -> Upstream {
        let this = self.clone();
        Upstream::new(Box::new(move |after| {
            let this = this.clone();
            Box::pin(async move {
                this.opened.lock().push(after);
                if this.down.load(Ordering::Relaxed) {
                    return Err(Error::Away("notifications"));
                }
                let (sender, receiver) = unbounded();
                if let Some(newest) = this.newest.lock().clone() {
                    let frame = match newest.version == after {
                        true => InboxFrame::Bookmark(after.unwrap_or_default()),
                        false => InboxFrame::Inbox(newest),
                    };
                    sender.unbounded_send(Ok(frame_of(frame))).unwrap();
                }
                *this.current.lock() = Some(sender);
                Ok(receiver.boxed())
            })
        }))
    }

    fn tell(&self, inbox: Inbox) {
        *self.newest.lock() = Some(inbox.clone());
        if let Some(current) = self.current.lock().as_ref() {
            current
                .unbounded_send(Ok(frame_of(InboxFrame::Inbox(inbox))))
                .unwrap();
        }
    }

    fn go_down(&self) {
        self.down.store(true, Ordering::Relaxed);
        *self.current.lock() = None;
    }

    fn come_back(&self) {
        self.down.store(false, Ordering::Relaxed);
    }
}

fn frame_of(frame: InboxFrame) -> WatchInboxResponse {
    WatchInboxResponse {
        frame: Some(frame),
        ..Default::default()
    }
}

fn inbox(epoch: u64, version: u64) -> Inbox {
    Inbox {
        unread_tickets: version as u32,
        any_ticket_visible: true,
        version: Some(InboxVersion {
            epoch,
            version,
            tickets_version: version,
            conversations_version: 0,
        }),
        ..Default::default()
    }
}

/// One watch with everything around it.
struct Stage {
    notifications: Notifications,
    workspaces: Arc<Workspaces>,
    workspace: WorkspaceId,
    freshness: Arc<Freshness>,
    watches: Watches,
    session: Arc<Session>,
    _scratch: Scratch,
}

impl Stage {
    /// At settings version 1, the session good for an hour.
    fn new() -> Self {
        let scratch = Scratch::new();
        scratch.keys(&["bff"]);
        let nowhere = "http://127.0.0.1:1";
        let at = Addresses {
            tickets: nowhere,
            conversations: nowhere,
            settings: nowhere,
            notifications: nowhere,
        };
        let clients = Arc::new(Clients::new(scratch.ring("bff"), &at).unwrap());
        let freshness = Arc::new(Freshness::new(Arc::new(ManualClock::new())));
        let workspaces = Arc::new(Workspaces::new(freshness.clone()));
        let workspace = WorkspaceId::generate();
        let hour = 3_600 * 1_000_000;
        let session = Session::in_test(workspaces.get(&workspace), freshness.now() + hour);
        workspaces.told(&workspace, Switches::all_on(1));
        Self {
            notifications: Notifications::default(),
            watches: Watches::new(clients, freshness.clone(), CancellationToken::new()),
            session: Arc::new(session),
            workspaces,
            workspace,
            freshness,
            _scratch: scratch,
        }
    }

    async fn watch(&self, resume: Option<HomeToken>) -> Watch {
        let upstream = self.notifications.upstream();
        self.watches
            .watch(self.session.clone(), Platform::Web, resume, upstream)
            .await
            .unwrap()
    }

    /// A watch that has sent Home at version 5.
    async fn settled(&self) -> Watch {
        self.notifications.tell(inbox(1, 5));
        let mut watch = self.watch(None).await;
        assert_eq!(home(&mut watch).await, token(1, 5, 1));
        watch
    }

    fn turn(&self, version: u64, tickets: bool) {
        let switches = Switches::all_on(version).with(Platform::Web, Space::Tickets, tickets);
        self.workspaces.told(&self.workspace, switches);
    }
}

fn token(epoch: u64, contact_version: u64, settings_version: u64) -> HomeToken {
    HomeToken {
        epoch,
        contact_version,
        settings_version,
    }
}

async fn frame(watch: &mut Watch) -> Frame {
    watch.next().await.unwrap().frame.unwrap()
}

async fn home(watch: &mut Watch) -> HomeToken {
    match frame(watch).await {
        Frame::Home(home) => home.token.unwrap(),
        other => panic!("{other:?} instead of Home"),
    }
}

async fn ends(watch: &mut Watch, reason: GoAwayReason) -> u32 {
    let last = frame(watch).await;
    let Frame::GoAway(go_away) = last else {
        panic!("{last:?} instead of {reason:?}");
    };
    assert_eq!(go_away.reason(), reason);
    assert_eq!(watch.next().await, None);
    go_away.retry_after_ms
}

async fn nothing_for(watch: &mut Watch, time: Duration) {
    if let Ok(frame) = timeout(time, watch.next()).await {
        panic!("{frame:?} instead of silence");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_is_home() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    let mut watch = stage.watch(None).await;
    let start = Instant::now();
    assert_eq!(home(&mut watch).await, token(1, 5, 1));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_up_to_date_gets_a_bookmark_first() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    let mut watch = stage.watch(Some(token(1, 5, 1))).await;
    assert_eq!(frame(&mut watch).await, Frame::Bookmark(token(1, 5, 1)));
    stage.notifications.tell(inbox(1, 6));
    assert_eq!(home(&mut watch).await, token(1, 6, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_behind_in_anything_gets_home_first() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(2, 5));
    for behind in [token(2, 4, 1), token(2, 5, 0), token(1, 5, 1)] {
        let mut watch = stage.watch(Some(behind)).await;
        assert_eq!(home(&mut watch).await, token(2, 5, 1));
    }
}

/// D4: the space is absent, and comes with the inbox
#[tokio::test(start_paused = true)]
async fn without_notifications_the_first_frame_says_what_is_known_within_a_second() {
    let stage = Stage::new();
    stage.notifications.go_down();
    let mut watch = stage.watch(None).await;
    let start = Instant::now();
    let Frame::Home(first) = frame(&mut watch).await else {
        panic!("Home comes first");
    };
    assert!(start.elapsed() <= Duration::from_secs(1));
    assert!(first.inbox_unavailable);
    assert_eq!(first.token, Some(token(0, 0, 1)));
    stage.notifications.come_back();
    stage.notifications.tell(inbox(1, 5));
    assert_eq!(home(&mut watch).await, token(1, 5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_says_that_nothing_changed_every_25_seconds_give_or_take_a_fifth() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let start = Instant::now();
        assert_eq!(frame(&mut watch).await, Frame::Bookmark(token(1, 5, 1)));
        pauses.push(start.elapsed());
        // Notifications shows that it is there, as it does every 20 s
        let alive = frame_of(InboxFrame::Bookmark(InboxVersion::default()));
        let current = stage.notifications.current.lock().clone();
        current.unwrap().unbounded_send(Ok(alive)).unwrap();
    }
    assert!(
        pauses
            .iter()
            .all(|pause| (20.0..=30.01).contains(&pause.as_secs_f64())),
        "{pauses:?}"
    );
    pauses.dedup();
    assert!(pauses.len() > 1, "all at the same time: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_the_newest_state_instead_of_every_one() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    for version in 6..20 {
        stage.notifications.tell(inbox(1, version));
    }
    stage.turn(2, false);
    // whichever is seen first, the newest inbox comes next and nothing after it
    let mut newest = home(&mut watch).await;
    if newest != token(1, 19, 2) {
        assert_eq!(newest, token(1, 5, 2));
        newest = home(&mut watch).await;
    }
    assert_eq!(newest, token(1, 19, 2));
    nothing_for(&mut watch, Duration::from_secs(19)).await;
}

#[tokio::test(start_paused = true)]
async fn no_frame_is_older_in_anything_than_the_one_before() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.turn(3, true);
    assert_eq!(home(&mut watch).await, token(1, 5, 3));
    stage.turn(2, false);
    stage.notifications.tell(inbox(1, 4));
    nothing_for(&mut watch, Duration::from_secs(15)).await;
    // after a rebuild versions count anew
    stage.notifications.tell(inbox(2, 1));
    assert_eq!(home(&mut watch).await, token(2, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_behind_is_waited_for() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.notifications.go_down();
    *stage.notifications.newest.lock() = Some(inbox(1, 3));
    stage.notifications.come_back();
    nothing_for(&mut watch, Duration::from_secs(10)).await;
    // what it said is not shown with the next change of settings either
    stage.turn(2, false);
    assert_eq!(home(&mut watch).await, token(1, 5, 2));
    stage.notifications.tell(inbox(1, 6));
    assert_eq!(home(&mut watch).await, token(1, 6, 2));
}

#[tokio::test(start_paused = true)]
async fn notifications_may_go_away_and_come_back_without_the_client_noticing() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.notifications.go_down();
    nothing_for(&mut watch, Duration::from_secs(10)).await;
    stage.notifications.come_back();
    nothing_for(&mut watch, Duration::from_secs(9)).await;
    let opened = stage.notifications.opened.lock().clone();
    assert!(opened.len() > 2, "tried again");
    assert!(opened.len() < 20, "not in a hurry: {}", opened.len());
    assert_eq!(opened[0], None);
    assert_eq!(
        opened.last(),
        Some(&inbox(1, 5).version),
        "from where it stood"
    );
    stage.notifications.tell(inbox(1, 6));
    assert_eq!(home(&mut watch).await, token(1, 6, 1));
}

#[tokio::test(start_paused = true)]
async fn with_notifications_away_for_long_the_client_is_sent_away_before_a_bookmark_could_lie() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.notifications.go_down();
    let start = Instant::now();
    let retry_after_ms = ends(&mut watch, GoAwayReason::Unavailable).await;
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(retry_after_ms <= 8_000);
}

/// S6
#[tokio::test(start_paused = true)]
async fn a_toggle_reaches_an_open_watch_without_a_new_inbox() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    for (version, on) in [(2, false), (3, true)] {
        stage.turn(version, on);
        let Frame::Home(home) = frame(&mut watch).await else {
            panic!("Home follows a toggle");
        };
        let row = home
            .spaces
            .iter()
            .find(|row| row.space() == SpaceKind::Tickets);
        assert_eq!(row.unwrap().visible, on);
        assert_eq!(home.badges.unwrap().tickets.is_some(), on);
        assert_eq!(home.token, Some(token(1, 5, version)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_10_to_30_minutes_so_that_load_spreads() {
    for _ in 0..10 {
        let stage = Stage::new();
        let mut watch = stage.settled().await;
        let start = Instant::now();
        loop {
            // kept alive by nobody, the stream upstream is opened anew now and then
            match frame(&mut watch).await {
                Frame::Bookmark(_) => {}
                Frame::GoAway(go_away) => {
                    assert_eq!(go_away.reason(), GoAwayReason::Rebalance);
                    break;
                }
                other @ Frame::Home(_) => panic!("{other:?}"),
            }
        }
        assert_eq!(watch.next().await, None);
        let age = start.elapsed().as_secs();
        assert!((599..=1_800).contains(&age), "{age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_session() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.session.end(End::Revoked);
    assert_eq!(ends(&mut watch, GoAwayReason::SessionEnded).await, 0);

    let mut short = Stage::new();
    let ends_at = short.freshness.now() + 90 * 1_000_000;
    let session = Session::in_test(short.workspaces.get(&short.workspace), ends_at);
    short.session = Arc::new(session);
    let mut watch = short.settled().await;
    let start = Instant::now();
    while let Some(frame) = watch.next().await {
        if let Some(Frame::GoAway(go_away)) = frame.frame {
            assert_eq!(go_away.reason(), GoAwayReason::SessionEnded);
        }
    }
    assert_eq!(start.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_server_drains_and_clients_do_not_come_back_at_once() {
    let stage = Stage::new();
    let mut watches = Vec::new();
    for _ in 0..10 {
        watches.push(stage.settled().await);
    }
    stage.watches.stopping.cancel();
    let mut waits = Vec::new();
    for watch in &mut watches {
        waits.push(ends(watch, GoAwayReason::Draining).await);
    }
    assert!(waits.iter().all(|wait| *wait <= 2_000), "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 1, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_a_revocation_may_have_been_missed() {
    let stage = Stage::new();
    let mut watch = stage.settled().await;
    stage.freshness.gap();
    ends(&mut watch, GoAwayReason::Rebalance).await;
}
