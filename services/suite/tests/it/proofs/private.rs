//! Private by default: a canary in every field that is for the team alone is in nothing that a customer is sent,
//! in no log line and in no number.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use proto::{
    conversations::v1::{AddNoteRequest, SendMessageRequest},
    settings::v1::{
        CreateApiTokenRequest, CreateTeammateRequest,
        workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{
        ChangeTicketStateRequest, CreateTicketRequest, CreateTicketTypeRequest, TypeCategory,
        UpdateTicketRequest,
    },
};
use tonic::transport::Channel;
use tracing_subscriber::fmt::MakeWriter;
use types::TeammateId;

use super::{
    methods,
    rows::{Caller, cells},
    stage::{Stage, Who},
    wire,
};

/// In what the team keeps to itself.
const SECRET: &str = "secret-9a1c";
/// The last thing that a customer hears.
const GOODBYE: &str = "That is all for today";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A secret in each field that no customer may see, through the team's own calls. Says what else is one.
async fn plant(stage: &Stage) -> Vec<String> {
    let (grace, name) = (&stage.grace, |name: &str| stage.name(name));
    let body = AddNoteRequest {
        conversation_id: name("conversation"),
        body: format!("Note {SECRET}"),
        ..Default::default()
    };
    grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.add_note(r).await
        })
        .await
        .unwrap();
    let assignee = TeammateId::derive(&[SECRET]).to_string();
    let body = UpdateTicketRequest {
        ticket_id: name("ticket"),
        assignee_teammate_id: Some(assignee.clone()),
        open: Some(false),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.update_ticket(r).await
        })
        .await
        .unwrap();
    // a state that the team calls by a name of its own
    let body = ChangeTicketStateRequest {
        ticket_id: name("ticket"),
        state_id: name("waiting"),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.change_ticket_state(r).await
        })
        .await
        .unwrap();
    // somebody else's ticket, of the same workspace
    let body = CreateTicketRequest {
        requester_contact_id: stage.eve.contact.to_string(),
        title: format!("Title {SECRET}"),
        description: format!("Description {SECRET}"),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.create_ticket(r).await
        })
        .await
        .unwrap();
    // one about the victim that is not shared, on the conversation where they are
    let body = CreateTicketTypeRequest {
        name: format!("Type {SECRET}"),
        category: TypeCategory::BackOffice.into(),
        shareable: true,
        ..Default::default()
    };
    let made = grace
        .call(&grace.types, body, |mut c, r| async move {
            c.create_ticket_type(r).await
        })
        .await;
    let body = CreateTicketRequest {
        requester_contact_id: name("contact"),
        type_id: made.unwrap().r#type.unwrap().type_id,
        conversation_id: name("conversation"),
        title: format!("Report {SECRET}"),
        description: format!("Description {SECRET}"),
        ..Default::default()
    };
    let made = grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.create_ticket(r).await
        })
        .await;
    let unshared = made.unwrap().ticket.unwrap().ticket_id;
    let body = ChangeTicketStateRequest {
        ticket_id: unshared.clone(),
        state_id: name("state"),
        ..Default::default()
    };
    grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.change_ticket_state(r).await
        })
        .await
        .unwrap();
    let channel: Channel = runtime::client::channel(&stage.suite.endpoints().settings).unwrap();
    let mut settings = WorkspaceServiceClient::new(channel);
    let token = grace.token().await.unwrap();
    let body = CreateTeammateRequest {
        name: format!("Name {SECRET}"),
        email: format!("{SECRET}@example.com"),
        ..Default::default()
    };
    settings
        .create_teammate(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    let body = CreateApiTokenRequest {
        name: format!("Script {SECRET}"),
        scopes: vec!["tickets:read".into()],
        ..Default::default()
    };
    settings
        .create_api_token(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    let internal = ["Waiting on customer", "grace@example.com"];
    let mut secrets: Vec<String> = internal.map(str::to_owned).to_vec();
    secrets.extend([SECRET.to_owned(), assignee, unshared]);
    secrets.extend([name("teammate"), name("token")]);
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_the_team_alone_is_sent_to_no_customer_logged_nowhere_and_counted_by_no_number()
{
    let lines = Lines::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .with_ansi(false)
        .init();
    runtime::metrics::start();
    let stage = Stage::set().await;
    // open while it happens
    let mut watches = Vec::new();
    for (rpc, row) in cells() {
        if rpc.method.is_server_streaming() && row.caller != Caller::Service("events:read") {
            let token = stage.token(row.caller, Who::Right).unwrap();
            let body = wire::encode(&rpc.method.input(), &stage.example(row, false));
            let stream = wire::watch(stage.channel(&rpc), &rpc.method, &token, body).await;
            watches.push((rpc, stream));
        }
    }
    assert_eq!(
        watches.len(),
        2,
        "a watch of the inbox, and one of the Messenger"
    );
    let secrets = plant(&stage).await;
    let body = SendMessageRequest {
        conversation_id: stage.name("conversation"),
        body: GOODBYE.into(),
        ..Default::default()
    };
    let grace = &stage.grace;
    grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.send_message(r).await
        })
        .await
        .unwrap();
    let mut told = Vec::new();
    for (rpc, mut stream) in watches {
        loop {
            let frame = testing::conformance::reader::soon("a frame", stream.message());
            let frame = frame.await.unwrap().expect("it stays open");
            let frame = wire::decode(&rpc.method.output(), frame);
            let last = frame.contains(GOODBYE);
            told.push((rpc.name(), frame));
            if last {
                break;
            }
        }
    }
    for (rpc, row) in cells() {
        if !matches!(row.caller, Caller::Session | Caller::Contact) {
            continue;
        }
        let token = stage.token(row.caller, Who::Right);
        let body = wire::encode(&rpc.method.input(), &stage.example(row, false));
        let answer = wire::call(stage.channel(&rpc), &rpc.method, token.as_deref(), body).await;
        // a refusal would tell nothing, of what is hidden or not
        let answer = answer.unwrap_or_else(|status| panic!("{}: {status}", rpc.name()));
        told.push((rpc.name(), wire::decode(&rpc.method.output(), answer)));
    }
    let for_customers = methods::all()
        .iter()
        .filter(|rpc| rpc.process == "bff" && !rpc.name().contains("ConsoleService"))
        .count();
    assert!(told.len() > for_customers, "{}", told.len());
    for (rpc, text) in &told {
        for secret in &secrets {
            assert!(!text.contains(secret), "{rpc} tells {secret}: {text}");
        }
    }
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(logged.contains("TRACE"), "nothing was logged");
    let leak = logged.lines().find(|line| line.contains(SECRET));
    assert_eq!(leak, None);
    let page = runtime::metrics::page();
    assert!(page.contains("log_events_total"), "{page}");
    assert!(!page.contains(SECRET), "{page}");
}
