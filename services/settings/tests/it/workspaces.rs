//! Workspaces, teammates and the audit.

use jiff::SignedDuration;
use proto::settings::v1::*;
use tonic::Code;
use types::Clock;

use crate::world::{Tenant, World, fields, instant, refused};

#[tokio::test]
async fn an_operator_creates_a_workspace_and_its_people_see_it() {
    let world = World::start().await;
    let tenant = world.tenant("  Acme Ltd ").await;
    let found = world
        .workspaces()
        .get_workspace(world.by(&tenant, GetWorkspaceRequest {}))
        .await
        .unwrap()
        .into_inner()
        .workspace
        .unwrap();
    assert_eq!(found.workspace_id, tenant.id.as_str());
    assert_eq!((&*found.name, &found.app_id), ("Acme Ltd", &tenant.app_id));
    assert_eq!(instant(found.create_time), world.clock.now());
    let audit = world.audit(&tenant).await;
    let entry = &audit[0];
    assert_eq!(
        (&*entry.action, &*entry.actor_id),
        ("workspace.created", "operator")
    );
    assert_eq!(
        (&*entry.subject, &*entry.after),
        (tenant.id.as_str(), "Acme Ltd")
    );
}

#[tokio::test]
async fn an_admin_of_a_workspace_creates_no_other() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let body = CreateWorkspaceRequest {
        name: "Mine".into(),
    };
    let made = world
        .workspaces()
        .create_workspace(world.by(&tenant, body))
        .await;
    refused(made, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(world.count("workspace").await, 1);
}

#[tokio::test]
async fn teammates_are_listed_by_name_capitals_or_not() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for name in ["ben", "Ada", "Chen", "ada b."] {
        let body = CreateTeammateRequest {
            name: name.into(),
            email: format!("{}@example.com", name.replace(' ', "")),
            ..Default::default()
        };
        world
            .workspaces()
            .create_teammate(world.by(&tenant, body))
            .await
            .unwrap();
    }
    let listed = world
        .workspaces()
        .list_teammates(world.by(&tenant, ListTeammatesRequest {}))
        .await;
    let listed = listed.unwrap().into_inner().teammates;
    let names: Vec<&str> = listed.iter().map(|teammate| &*teammate.name).collect();
    assert_eq!(names, ["Ada", "ada b.", "ben", "Chen"]);
    assert_eq!(listed[0].email, "Ada@example.com");
    let audit = world.audit(&tenant).await;
    let last = audit.last().unwrap();
    assert_eq!(
        (&*last.action, &*last.after),
        ("teammate.created", "ada b., AGENT")
    );
    assert_eq!(last.actor_id, tenant.admin.id);
}

async fn page(world: &World, tenant: &Tenant, size: u32, token: &str) -> ListAuditEntriesResponse {
    let body = ListAuditEntriesRequest {
        page_size: size,
        page_token: token.into(),
        ..Default::default()
    };
    let listed = world
        .settings()
        .list_audit_entries(world.by(tenant, body))
        .await;
    listed.unwrap().into_inner()
}

#[tokio::test]
async fn the_audit_is_read_page_by_page_newest_first_each_entry_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for version in 0..24 {
        // several in the same microsecond, then a step, once even backwards
        match version % 8 {
            0 => world.clock.advance(SignedDuration::from_secs(10)),
            5 => world.clock.advance(SignedDuration::from_secs(-3)),
            _ => {}
        }
        let turned = world
            .turn(&tenant, Platform::Web, version % 2 == 1, version)
            .await;
        turned.unwrap();
    }
    let mut read = Vec::new();
    let mut token = String::new();
    let mut pages = 0;
    loop {
        let answer = page(&world, &tenant, 4, &token).await;
        pages += 1;
        read.extend(answer.entries);
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((read.len(), pages), (25, 7));
    let order: Vec<_> = read
        .iter()
        .map(|e| (instant(e.time), e.entry_id.clone()))
        .collect();
    let mut sorted = order.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(order, sorted);
    assert_eq!(page(&world, &tenant, 0, "").await.entries.len(), 20);
    assert_eq!(page(&world, &tenant, 5_000, "").await.entries.len(), 25);
    let exact = page(&world, &tenant, 25, "").await;
    assert_eq!(exact.next_page_token, "", "there is no empty last page");
}

#[tokio::test]
async fn a_page_token_of_another_workspace_or_of_none_is_refused() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    for version in 0..3 {
        let turned = world
            .turn(&theirs, Platform::Web, version % 2 == 1, version)
            .await;
        turned.unwrap();
    }
    let foreign = page(&world, &theirs, 1, "").await.next_page_token;
    assert!(!foreign.is_empty());
    for token in [foreign, "x".into(), "é".repeat(9), "A".repeat(5_000)] {
        let body = ListAuditEntriesRequest {
            page_size: 1,
            page_token: token,
            ..Default::default()
        };
        let listed = world
            .settings()
            .list_audit_entries(world.by(&ours, body))
            .await;
        refused(listed, Code::InvalidArgument, "INVALID_PAGE_TOKEN");
    }
}

#[tokio::test]
async fn the_audit_is_asked_for_what_was_done_in_one_way_and_its_pages_go_on_so() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let platforms = [Platform::Web, Platform::Ios, Platform::Android];
    for version in 0..3 {
        let on = version % 2 == 1;
        world
            .turn(&tenant, Platform::Web, on, version)
            .await
            .unwrap();
        world.key(&tenant, platforms[version as usize]).await;
    }
    let ask = async |action: &str, token: &str| {
        let body = ListAuditEntriesRequest {
            page_size: 2,
            page_token: token.into(),
            action: action.into(),
        };
        let mut settings = world.settings();
        let listed = settings.list_audit_entries(world.by(&tenant, body)).await;
        listed.map(tonic::Response::into_inner)
    };
    let first = ask("space.updated", "").await.unwrap();
    let last = ask("space.updated", &first.next_page_token).await.unwrap();
    let turned: Vec<_> = [&first, &last]
        .iter()
        .flat_map(|page| page.entries.iter())
        .map(|entry| (entry.action.as_str(), entry.after.as_str()))
        .collect();
    let off = ("space.updated", "off");
    assert_eq!(turned, [off, ("space.updated", "on"), off]);
    assert_eq!(last.next_page_token, "");
    assert_eq!(ask("nothing.done", "").await.unwrap().entries, []);
    let other = ask("", &first.next_page_token).await;
    refused(other, Code::InvalidArgument, "INVALID_PAGE_TOKEN");
    let long = ask(&"x".repeat(65), "").await.unwrap_err();
    assert_eq!(fields(&long), ["action"]);
    if testing::on_sqlite_for("how the entries are found") {
        let plan = "explain query plan select id from audit_entry where workspace_id = 'w' and action = 'a' \
                    and (happened_at, id) < (9, 'x') order by happened_at desc, id desc limit 1";
        let steps = world.rows(plan).await;
        let steps: Vec<String> = steps
            .iter()
            .map(|step| step.try_get("", "detail").unwrap())
            .collect();
        assert!(
            steps.len() == 1 && steps[0].contains("audit_entry_action"),
            "{steps:?}"
        );
    }
}
