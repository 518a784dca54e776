use proto::bff::v1::poll_messenger_response::Outcome;

use super::*;

const WAIT: Duration = Duration::from_secs(8);

impl Stage {
    async fn poll(&self, resume: Option<HomeToken>) -> Outcome {
        self.watch(resume).await.news(WAIT).await
    }
}

fn told(outcome: Outcome) -> HomeToken {
    match outcome {
        Outcome::Home(home) => home.token.unwrap(),
        other => panic!("{other:?} instead of Home"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_somebody_who_is_behind_is_answered_with_home_at_once() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    for behind in [None, Some(token(1, 4, 1)), Some(token(1, 5, 0))] {
        let start = Instant::now();
        assert_eq!(told(stage.poll(behind).await), token(1, 5, 1));
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_answered_as_soon_as_something_changes() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    let mut watch = stage.watch(Some(token(1, 5, 1))).await;
    let start = Instant::now();
    let change = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.notifications.tell(inbox(1, 6));
    };
    let (outcome, ()) = tokio::join!(watch.news(WAIT), change);
    assert_eq!(told(outcome), token(1, 6, 1));
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_poll_with_no_news_says_so_when_its_wait_is_over() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    let start = Instant::now();
    let outcome = stage.poll(Some(token(1, 5, 1))).await;
    assert_eq!(outcome, Outcome::Bookmark(token(1, 5, 1)));
    assert_eq!(start.elapsed(), WAIT);
}

/// Else it would be asked for again and again, as fast as it can be answered.
#[tokio::test(start_paused = true)]
async fn a_poll_tells_less_than_its_client_knows_only_when_the_wait_is_over() {
    let stage = Stage::new();
    stage.notifications.go_down();
    let start = Instant::now();
    assert_eq!(told(stage.poll(Some(token(1, 5, 1))).await), token(0, 0, 1));
    assert_eq!(start.elapsed(), WAIT);
}

#[tokio::test(start_paused = true)]
async fn a_poll_does_not_say_that_nothing_changed_when_nobody_knows() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    let mut watch = stage.watch(Some(token(1, 5, 1))).await;
    let breaks = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.notifications.go_down();
    };
    let (outcome, ()) = tokio::join!(watch.news(WAIT), breaks);
    let Outcome::GoAway(go_away) = outcome else {
        panic!("{outcome:?} instead of GoAway");
    };
    assert_eq!(go_away.reason(), GoAwayReason::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_with_its_session() {
    let stage = Stage::new();
    stage.notifications.tell(inbox(1, 5));
    stage.session.end(End::Revoked);
    let outcome = stage.poll(Some(token(1, 5, 1))).await;
    assert!(
        matches!(&outcome, Outcome::GoAway(why) if why.reason() == GoAwayReason::SessionEnded),
        "{outcome:?}"
    );
}
