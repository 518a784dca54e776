//! When a part of the product is down, the rest says so instead of saying something wrong.

use proto::{
    bff::v1::{CallToActionKind, GetHomeRequest, GetTicketRequest, ListTicketsRequest},
    settings::v1::Platform,
    tickets::v1::StateCategory,
};
use tonic::Code;

use crate::office::{Office, badges, home, id, shows, submit};

/// D1
#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_while_notifications_was_down_is_badged_when_it_is_back() {
    let mut office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Patience").await;
    shows(&web, Some(1), Some(0)).await;
    let up_to_revision = ticket.summary.as_ref().unwrap().revision;
    let body = proto::bff::v1::MarkTicketReadRequest {
        ticket_id: id(&ticket),
        up_to_revision,
    };
    web.call(body, |mut c, r| async move { c.mark_ticket_read(r).await })
        .await
        .unwrap();
    shows(&web, Some(0), Some(0)).await;
    office.suite.stop_service("notifications").await;
    office.state(&ticket, StateCategory::InProgress).await;
    office.suite.start_service("notifications").await.unwrap();
    shows(&web, Some(1), Some(0)).await;
}

/// D2
#[tokio::test(flavor = "multi_thread")]
async fn without_conversations_tickets_are_listed_and_the_button_is_marked_not_guessed() {
    let mut office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Still here").await;
    office.suite.stop_service("conversations").await;
    let list = web
        .call(ListTicketsRequest::default(), |mut c, r| async move {
            c.list_tickets(r).await
        })
        .await;
    assert_eq!(list.unwrap().tickets.len(), 1);
    let body = GetTicketRequest {
        ticket_id: id(&ticket),
        ..Default::default()
    };
    let detail = web
        .call(body, |mut c, r| async move { c.get_ticket(r).await })
        .await
        .unwrap()
        .ticket
        .unwrap();
    assert_eq!(
        detail.call_to_action.unwrap().kind(),
        CallToActionKind::Unavailable
    );
    assert_eq!(detail.summary.unwrap().title, "Still here");
}

/// D3
#[tokio::test(flavor = "multi_thread")]
async fn without_settings_an_open_messenger_goes_on_with_what_was_last_known() {
    let mut office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    submit(&web, "Known").await;
    shows(&web, Some(1), Some(0)).await;
    office.suite.stop_service("settings").await;
    assert_eq!(badges(&web).await, (Some(1), Some(0)));
}

/// D4
#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_home_says_that_badges_are_missing_and_the_list_still_comes() {
    let mut office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    submit(&web, "Main dish").await;
    shows(&web, Some(1), Some(0)).await;
    office.suite.stop_service("notifications").await;
    let seen = home(&web).await;
    assert!(seen.inbox_unavailable && seen.recent_tickets.is_none());
    assert_eq!(seen.badges.unwrap_or_default(), Default::default());
    let list = web
        .call(ListTicketsRequest::default(), |mut c, r| async move {
            c.list_tickets(r).await
        })
        .await;
    let list = list.unwrap();
    assert!(list.unread_unavailable);
    assert_eq!(list.tickets.len(), 1);
}

/// D4: a main dish that is missing is not replaced by an empty plate.
#[tokio::test(flavor = "multi_thread")]
async fn without_tickets_the_list_is_unavailable_and_home_still_comes() {
    let mut office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    submit(&web, "Away").await;
    shows(&web, Some(1), Some(0)).await;
    office.suite.stop_service("tickets").await;
    let token = web.token().await.unwrap();
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut client = proto::bff::v1::messenger_service_client::MessengerServiceClient::new(channel);
    let list = client
        .list_tickets(suite::signed(&token, ListTicketsRequest::default()).unwrap())
        .await;
    assert_eq!(list.unwrap_err().code(), Code::Unavailable);
    let body = GetHomeRequest {
        platform: Platform::Web.into(),
        ..Default::default()
    };
    let seen = client
        .get_home(suite::signed(&token, body).unwrap())
        .await
        .unwrap()
        .into_inner()
        .home
        .unwrap();
    assert_eq!(seen.badges.unwrap().tickets, Some(1));
}

/// Whoever copies a database after a clean stop copies one file.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_each_database_in_one_file() {
    let office = Office::open().await;
    submit(&office.messenger("ada", Platform::Web), "Tidy").await;
    let Office {
        site, mut suite, ..
    } = office;
    suite.drain().await;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(site.data()).unwrap() {
        files.push(entry.unwrap().file_name().into_string().unwrap());
    }
    let databases = files.iter().filter(|file| file.ends_with(".db")).count();
    assert_eq!(databases, 4, "{files:?}");
    assert!(
        !files
            .iter()
            .any(|file| file.ends_with("-wal") || file.ends_with("-shm")),
        "{files:?}"
    );
}
