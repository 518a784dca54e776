//! Contacts.

use proto::settings::v1::*;
use tonic::Code;
use types::Clock;

use crate::world::{Tenant, World, instant, refused};

async fn identify(
    world: &World,
    tenant: &Tenant,
    user_id: &str,
    name: &str,
    email: &str,
) -> Contact {
    let body = IdentifyContactRequest {
        user_id: user_id.into(),
        name: name.into(),
        email: email.into(),
    };
    let made = world
        .contacts()
        .identify_contact(world.by(tenant, body))
        .await;
    made.unwrap().into_inner().contact.unwrap()
}

#[tokio::test]
async fn a_contact_is_created_once_and_updated_by_what_is_said() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let met = world.clock.now();
    let first = identify(&world, &tenant, "7", "Ada", "").await;
    assert_eq!(instant(first.create_time), met);
    world.clock.advance(jiff::SignedDuration::from_secs(60));
    let second = identify(&world, &tenant, "7", "", "ada@example.com").await;
    let expected = Contact {
        email: "ada@example.com".into(),
        ..first
    };
    assert_eq!(second, expected);
    let third = identify(&world, &tenant, "7", "Ada L.", "").await;
    assert_eq!((&*third.name, &*third.email), ("Ada L.", "ada@example.com"));
    assert_eq!(
        world.contact(&tenant, &third.contact_id).await.unwrap(),
        third
    );
    assert_ne!(
        identify(&world, &tenant, "07", "", "").await.contact_id,
        third.contact_id
    );
    assert_eq!(world.count("contact").await, 2);
}

#[tokio::test]
async fn the_same_user_id_in_two_workspaces_is_two_people() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let our_ada = identify(&world, &ours, "7", "Ada", "").await;
    let their_ada = identify(&world, &theirs, "7", "Adam", "").await;
    assert_ne!(our_ada.contact_id, their_ada.contact_id);
    assert_eq!(
        world
            .contact(&ours, &our_ada.contact_id)
            .await
            .unwrap()
            .name,
        "Ada"
    );
    let foreign = world.contact(&ours, &their_ada.contact_id).await;
    let nobody = world
        .contact(&ours, "con_00000000000000000000000000000000")
        .await;
    let foreign = refused(foreign, Code::NotFound, "NOT_FOUND");
    assert_eq!(foreign.message(), nobody.unwrap_err().message());
}

#[tokio::test]
async fn many_contacts_are_read_in_the_order_asked_for_and_unknown_ones_left_out() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(
            identify(&world, &ours, &n.to_string(), "", "")
                .await
                .contact_id,
        );
    }
    let foreign = identify(&world, &theirs, "0", "", "").await.contact_id;
    let nobody = "con_00000000000000000000000000000000".to_owned();
    let asked = [&ids[2], &nobody, &ids[0], &foreign, &ids[1]].map(String::clone);
    let body = BatchGetContactsRequest {
        contact_ids: asked.to_vec(),
    };
    let found = world
        .contacts()
        .batch_get_contacts(world.by(&ours, body))
        .await;
    let found: Vec<String> = found
        .unwrap()
        .into_inner()
        .contacts
        .into_iter()
        .map(|contact| contact.contact_id)
        .collect();
    assert_eq!(found, [&*ids[2], &*ids[0], &*ids[1]]);
}

#[tokio::test]
async fn a_contact_told_of_twice_at_once_is_one() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let calls = (0..8).map(|_| identify(&world, &tenant, "7", "Ada", ""));
    let mut ids: Vec<String> = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|contact| contact.contact_id)
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.count("contact").await, 1);
}
