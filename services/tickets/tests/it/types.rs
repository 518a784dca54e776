//! Ticket types that a workspace makes itself.

use super::support::*;
use proto::tickets::v1::{self as pb, StateCategory, TypeCategory};
use tonic::Code;

fn back_office(name: &str) -> pb::CreateTicketTypeRequest {
    pb::CreateTicketTypeRequest {
        name: name.into(),
        category: TypeCategory::BackOffice.into(),
        ..Default::default()
    }
}

async fn types(desk: &Desk) -> Vec<pb::TicketType> {
    let request = desk.staff(pb::ListTicketTypesRequest {});
    answer(desk.types().list_ticket_types(request).await).types
}

async fn offered(desk: &Desk) -> Vec<String> {
    let request = desk.by(&desk.ada, pb::ListContactTicketFormsRequest {});
    let form = answer(desk.types().list_contact_ticket_forms(request).await);
    form.types.into_iter().map(|of| of.name).collect()
}

/// T2, F1
#[tokio::test]
async fn a_new_type_comes_after_the_others_and_contacts_are_offered_customer_types_only() {
    let desk = Desk::new().await;
    assert_eq!(types(&desk).await.len(), 1);
    let report = desk
        .create_type(pb::CreateTicketTypeRequest {
            shareable: true,
            ..back_office("Bug report")
        })
        .await
        .unwrap();
    assert_eq!(report.category(), TypeCategory::BackOffice);
    assert_eq!(report.state_ids.len(), 4, "all there are");
    assert!(report.shareable && !report.offered_to_contacts && !report.archived);
    let states = report.state_ids.iter().rev().cloned().collect();
    let refund = pb::CreateTicketTypeRequest {
        name: "Refund".into(),
        category: TypeCategory::Customer.into(),
        state_ids: states,
        offered_to_contacts: true,
        ..Default::default()
    };
    let refund = desk.create_type(refund).await.unwrap();
    let found = types(&desk).await;
    assert_eq!(found[1..], [report.clone(), refund.clone()]);
    assert_eq!(offered(&desk).await, ["Support request", "Refund"]);

    let submit = |type_id: &str| pb::CreateContactTicketRequest {
        type_id: type_id.into(),
        title: "Help".into(),
        ..Default::default()
    };
    let mut client = desk.tickets();
    let request = desk.by(&desk.ada, submit(&refund.type_id));
    let made = answer(client.create_contact_ticket(request).await);
    assert_eq!(made.ticket.unwrap().type_name, "Refund");
    let request = desk.by(&desk.ada, submit(&report.type_id));
    refused(
        client.create_contact_ticket(request).await,
        Code::FailedPrecondition,
        "TICKET_TYPE_NOT_ALLOWED",
    );
}

/// T10
#[tokio::test]
async fn a_retry_makes_one_type() {
    let desk = Desk::new().await;
    let request = pb::CreateTicketTypeRequest {
        request_id: "one".into(),
        ..back_office("Chore")
    };
    let first = desk.create_type(request.clone()).await.unwrap();
    assert_eq!(desk.create_type(request.clone()).await.unwrap(), first);
    let other = pb::CreateTicketTypeRequest {
        name: "Errand".into(),
        ..request
    };
    refused(
        desk.create_type(other).await,
        Code::FailedPrecondition,
        "REQUEST_ID_REUSED",
    );
    assert_eq!(types(&desk).await.len(), 2);
}

/// T2
#[tokio::test]
async fn a_type_that_breaks_a_rule_is_refused_with_the_field_or_the_reason() {
    let desk = Desk::new().await;
    let (invalid, precondition) = (Code::InvalidArgument, Code::FailedPrecondition);
    let mut three = Vec::new();
    for category in [
        StateCategory::Submitted,
        StateCategory::InProgress,
        StateCategory::Resolved,
    ] {
        three.push(desk.state_id(category).await);
    }
    let of = |state_ids: Vec<String>| pb::CreateTicketTypeRequest {
        state_ids,
        ..back_office("Chore")
    };
    let outcome = desk.create_type(of(three.clone())).await;
    assert_eq!(refused(outcome, invalid, "INVALID_FIELDS"), ["state_ids"]);
    three.push("tst_00000000000000000000000000000000".into());
    refused(
        desk.create_type(of(three)).await,
        precondition,
        "TICKET_STATE_NOT_ALLOWED",
    );
    let outcome = desk
        .create_type(pb::CreateTicketTypeRequest::default())
        .await;
    let fields = refused(outcome, invalid, "INVALID_FIELDS");
    assert_eq!(fields, ["name", "category"]);
    let request = desk.staff(back_office("Chore"));
    refused(
        desk.types().create_ticket_type(request).await,
        Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
    assert_eq!(types(&desk).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn types_made_at_once_have_a_place_each_and_a_hundred_are_enough() {
    let desk = Desk::new().await;
    let names: Vec<String> = (1..100).map(|number| format!("Type {number}")).collect();
    let (at_once, later) = names.split_at(8);
    let made = at_once
        .iter()
        .map(|name| desk.create_type(back_office(name)));
    let made = futures::future::join_all(made).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    for name in later {
        desk.create_type(back_office(name)).await.unwrap();
    }
    let found = types(&desk).await;
    assert_eq!(found.len(), 100);
    let places = "select count(distinct place) as places from ticket_type where workspace_id = $1";
    let db = desk.database().await;
    let statement = sea_orm::Statement::from_sql_and_values(
        sea_orm::ConnectionTrait::get_database_backend(&db),
        places,
        [desk.workspace.as_str().into()],
    );
    let row = sea_orm::ConnectionTrait::query_one_raw(&db, statement).await;
    let places: i64 = row.unwrap().unwrap().try_get("", "places").unwrap();
    assert_eq!(places, 100);
    refused(
        desk.create_type(back_office("One more")).await,
        Code::FailedPrecondition,
        "TOO_MANY_TYPES",
    );
}

/// T7: a type that another replica made a moment ago is no surprise
#[tokio::test]
async fn a_type_that_another_replica_made_can_be_used_at_once() {
    let desk = Desk::new().await;
    // what this replica remembers from now on
    assert_eq!(types(&desk).await.len(), 1);
    let other = Desk::start(desk.scratch.clone(), "http://127.0.0.1:9").await;
    let admin = testing::teammate(&desk.workspace, &["settings:write"]);
    let request = other.as_actor(&admin, back_office("Chore"));
    let made = answer(other.types().create_ticket_type(request).await);
    let made = made.r#type.unwrap();
    let report = pb::CreateTicketRequest {
        requester_contact_id: desk.ada.to_string(),
        type_id: made.type_id.clone(),
        title: "Clean up".into(),
        ..Default::default()
    };
    let ticket = desk.create(report).await.unwrap();
    assert_eq!(ticket.type_name, "Chore");
}
