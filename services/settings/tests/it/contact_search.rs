//! Teammates look for contacts.

use proto::settings::v1::*;
use testing::request;
use tonic::{Code, Status};

use crate::world::{Tenant, World, fields, refused, service};

async fn add(world: &World, tenant: &Tenant, user: &str, name: &str, email: &str) -> String {
    let body = IdentifyContactRequest {
        user_id: user.into(),
        name: name.into(),
        email: email.into(),
    };
    let mut contacts = world.contacts();
    let made = contacts.identify_contact(world.by(tenant, body)).await;
    made.unwrap().into_inner().contact.unwrap().contact_id
}

async fn search(
    world: &World,
    tenant: &Tenant,
    text: &str,
) -> Result<SearchContactsResponse, Status> {
    let body = SearchContactsRequest { text: text.into() };
    let mut contacts = world.contacts();
    let found = contacts.search_contacts(world.by(tenant, body)).await?;
    Ok(found.into_inner())
}

/// The names that are found, in their order.
async fn names(world: &World, tenant: &Tenant, text: &str) -> Vec<String> {
    let found = search(world, tenant, text).await.unwrap().contacts;
    found.into_iter().map(|one| one.name).collect()
}

#[tokio::test]
async fn a_contact_is_found_by_how_their_name_address_or_id_begins_whatever_the_case() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let ada = add(
        &world,
        &tenant,
        "U-7",
        "Ada Lovelace",
        "countess@example.com",
    )
    .await;
    add(
        &world,
        &tenant,
        "U-8",
        "Grace Hopper",
        "Ada.Fan@example.com",
    )
    .await;
    add(&world, &tenant, "adam", "Zoe", "").await;
    let cases: [(&str, &[&str]); 9] = [
        ("ada", &["Ada Lovelace", "Grace Hopper", "Zoe"]),
        (" ADA L", &["Ada Lovelace"]),
        ("COUNT", &["Ada Lovelace"]),
        ("u-", &["Ada Lovelace", "Grace Hopper"]),
        ("lovelace", &[]),
        ("%", &[]),
        ("a_a", &[]),
        (&ada, &["Ada Lovelace"]),
        (&ada[..20], &[]),
    ];
    for (text, found) in cases {
        assert_eq!(names(&world, &tenant, text).await, found, "{text:?}");
    }
}

#[tokio::test]
async fn twenty_are_found_in_order_and_that_there_are_others_is_said() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for n in (0..21).rev() {
        let name = format!("Ben {n:02}");
        add(
            &world,
            &tenant,
            &format!("ben-{n:02}"),
            &name,
            &format!("ben{n}@x"),
        )
        .await;
    }
    let found = search(&world, &tenant, "ben").await.unwrap();
    let all: Vec<&str> = found.contacts.iter().map(|one| &*one.name).collect();
    assert_eq!(all, Vec::from_iter((0..20).map(|n| format!("Ben {n:02}"))));
    assert!(found.more);
    let found = search(&world, &tenant, "ben 0").await.unwrap();
    assert_eq!((found.contacts.len(), found.more), (10, false));
}

#[tokio::test]
async fn who_was_erased_or_became_somebody_else_is_not_found() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let gone = add(&world, &tenant, "ada", "Ada", "ada@example.com").await;
    world.erase(&tenant, &gone).await.unwrap();
    let key = world.key(&tenant, Platform::Web).await;
    let visitor = world.visit(&tenant, "").await.unwrap();
    let mut claims = world.claims(&tenant, "ben");
    claims["name"] = "Ben".into();
    let token = key.sign(&claims);
    let secret = &visitor.visitor_secret;
    let opened = world
        .open_as(&tenant, Platform::Web, token, secret, "")
        .await;
    assert!(opened.unwrap().merged);
    let merged = visitor.session.unwrap().contact_id;
    for text in ["a", "ada@", &gone, &merged] {
        assert_eq!(
            search(&world, &tenant, text).await.unwrap(),
            SearchContactsResponse::default(),
            "{text}"
        );
    }
    // what stands where a visitor's id would finds nobody, either
    world.visit(&tenant, "").await.unwrap();
    assert_eq!(names(&world, &tenant, "~").await, [""; 0]);
}

#[tokio::test]
async fn nobody_of_another_workspace_is_found() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let ada = add(&world, &theirs, "ada", "Ada", "ada@example.com").await;
    for text in ["a", "ada", "ada@example.com", &ada] {
        assert_eq!(names(&world, &ours, text).await, [""; 0], "{text}");
        assert_eq!(names(&world, &theirs, text).await, ["Ada"], "{text}");
    }
}

#[tokio::test]
async fn only_a_teammate_looks_for_contacts() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let body = || SearchContactsRequest { text: "a".into() };
    let mut program = service("bff", Some(&tenant.id));
    program.scopes = vec!["contacts:read".into()];
    let mut contacts = world.contacts();
    let asked = contacts
        .search_contacts(request(&world.bff, &program, body()))
        .await;
    let told = refused(asked, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(
        told.message().contains("only teammates"),
        "{}",
        told.message()
    );
    let mut customer = testing::contact(&tenant.id, &types::ContactId::generate());
    customer.scopes = vec!["contacts:read".into()];
    let asked = contacts
        .search_contacts(request(&world.bff, &customer, body()))
        .await;
    assert_eq!(asked.unwrap_err().code(), Code::PermissionDenied);
    let mut viewer = tenant.admin.clone();
    viewer.scopes = vec!["contacts:read".into()];
    contacts
        .search_contacts(request(&world.bff, &viewer, body()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_search_needs_a_text_that_something_can_begin_with() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for text in ["", "  ", &"x".repeat(255), "a\0b", "a\nb"] {
        let asked = search(&world, &tenant, text).await;
        assert_eq!(fields(&asked.unwrap_err()), ["text"], "{text:?}");
    }
    search(&world, &tenant, &"é".repeat(254)).await.unwrap();
}

#[tokio::test]
async fn a_search_reads_no_more_of_a_workspace_than_it_finds() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    add(&world, &tenant, "ada", "Ada", "ada@example.com").await;
    if testing::on_postgres() {
        // of a table this small Postgres reads all, whatever the index
        return;
    }
    for (index, column, held) in [
        ("contact_by_name", "name", "name <> ''"),
        ("contact_by_email", "email", "email <> ''"),
        ("contact_by_user_id", "user_id", "kind = 'USER'"),
    ] {
        let sql = format!(
            "explain query plan select id from contact where workspace_id = 'w' and (lower({column})) >= lower('a') \
             and (lower({column})) < lower('a') || 'z' and {held} and merged_into is null and erased_at is null \
             order by (lower({column})), id limit 21"
        );
        let plan: Vec<String> = world
            .rows(&sql)
            .await
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        assert_eq!(plan.len(), 1, "sorted by nothing but the index: {plan:?}");
        assert!(plan[0].contains(index), "{plan:?}");
    }
}
