//! Bringing in many tickets at once.

use std::sync::Arc;

use super::support::*;
use proto::tickets::v1::StateCategory;
use tickets::import::{Import, import};

#[tokio::test]
async fn imported_tickets_are_tickets_like_any_other() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Submitted").await;
    let old = desk.now();
    desk.minutes(9);
    let imports = (0..1_200).map(|number| Import {
        workspace: desk.workspace.clone(),
        requester: if number == 7 {
            desk.bob.clone()
        } else {
            desk.ada.clone()
        },
        title: format!("Imported {number}"),
        description: "From elsewhere".into(),
        category: tickets::import::StateCategory::WaitingOnCustomer,
        created_at: old,
        notify: number != 7,
    });
    let (url, clock) = (
        desk.scratch.database_url("tickets"),
        Arc::new(desk.clock.clone()),
    );
    import(&url, clock, imports.collect()).await.unwrap();

    let bobs = desk.list(&desk.bob).await.remove(0);
    assert_eq!((bobs.number, bobs.title.as_str()), (9, "Imported 7"));
    assert_eq!((bobs.revision, bobs.notify_revision), (1, 0));
    assert_eq!(
        bobs.conversation_id,
        ConversationId::derive(&[&bobs.ticket_id, "1"]).as_str()
    );
    assert_eq!(
        (bobs.create_time, bobs.activity_time),
        (Some(wire(old)), Some(wire(old)))
    );
    let told = desk.told(&desk.bob).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].1.visible && told[0].1.number == 9);
    assert_eq!(desk.told(&desk.ada).await.len(), 1_200);

    let moved = desk.set_state("#9", StateCategory::Resolved).await;
    assert_eq!(
        (moved.revision, moved.notify_revision, moved.version),
        (2, 2, 2)
    );
    assert_eq!(desk.history("#9").await.len(), 2);
    assert_eq!(desk.submit(&desk.ada, "Next").await.number, 1_202);
}
