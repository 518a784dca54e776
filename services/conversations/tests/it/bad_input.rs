//! Every RPC refuses what is malformed, names every field at once, and does nothing.

use proto::conversations::v1::{self as pb, mark_read_request::UpTo};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use types::ContactId;

use crate::world::{ConversationId, World, refused, service};

#[track_caller]
fn invalid<T: std::fmt::Debug>(answer: Result<T, Status>, fields: &[&str]) {
    refused(answer, Code::InvalidArgument, "INVALID_FIELDS", fields);
}

fn long(characters: usize) -> String {
    "é".repeat(characters)
}

#[tokio::test]
async fn every_malformed_field_of_a_teammates_request_is_named_at_once() {
    let world = World::start().await;
    let mut client = world.client();
    let request = pb::StartConversationRequest {
        request_id: long(65),
        contact_id: "con_1".into(),
        body: " \n".into(),
    };
    let answer = client.start_conversation(world.as_teammate(request)).await;
    invalid(answer, &["request_id", "contact_id", "body"]);

    let request = pb::EnsureConversationRequest {
        conversation_id: "tkt_1".into(),
        contact_id: String::new(),
    };
    let answer = client.ensure_conversation(world.as_bff(request)).await;
    invalid(answer, &["conversation_id", "contact_id"]);

    let request = pb::GetConversationRequest {
        conversation_id: "1".into(),
    };
    let answer = client.get_conversation(world.as_teammate(request)).await;
    invalid(answer, &["conversation_id"]);

    let request = pb::ListConversationsRequest {
        state: 9,
        contact_id: "x".into(),
        ..Default::default()
    };
    let answer = client.list_conversations(world.as_teammate(request)).await;
    invalid(answer, &["state", "contact_id"]);

    let request = pb::ListPartsRequest::default();
    let answer = client.list_parts(world.as_teammate(request)).await;
    invalid(answer, &["conversation_id"]);

    let request = pb::SendMessageRequest {
        request_id: "a\0b".into(),
        conversation_id: "CNV_".into(),
        body: long(10_001),
    };
    let answer = client.send_message(world.as_teammate(request)).await;
    invalid(answer, &["request_id", "conversation_id", "body"]);

    let request = pb::AddNoteRequest {
        request_id: long(65),
        conversation_id: String::new(),
        body: String::new(),
    };
    let answer = client.add_note(world.as_teammate(request)).await;
    invalid(answer, &["request_id", "conversation_id", "body"]);

    let fields = ["request_id", "conversation_id"];
    let (request_id, conversation_id) = (long(65), String::from("cnv_"));
    let request = pb::CloseConversationRequest {
        request_id: request_id.clone(),
        conversation_id: conversation_id.clone(),
    };
    invalid(
        client.close_conversation(world.as_teammate(request)).await,
        &fields,
    );
    let request = pb::ReopenConversationRequest {
        request_id: request_id.clone(),
        conversation_id: conversation_id.clone(),
    };
    invalid(
        client.reopen_conversation(world.as_teammate(request)).await,
        &fields,
    );
    let request = pb::DeleteConversationRequest {
        request_id,
        conversation_id,
    };
    invalid(
        client.delete_conversation(world.as_teammate(request)).await,
        &fields,
    );

    for (up_to, field) in [
        (None, "up_to"),
        (Some(UpTo::Seq(0)), "seq"),
        (Some(UpTo::Head(false)), "head"),
    ] {
        let request = pb::MarkReadRequest {
            conversation_id: "x".into(),
            contact_id: "y".into(),
            up_to,
        };
        let answer = client.mark_read(world.as_teammate(request)).await;
        invalid(answer, &["conversation_id", "contact_id", field]);
    }
}

#[tokio::test]
async fn every_malformed_field_of_a_contacts_request_is_named_at_once() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let mut client = world.client();
    let request = pb::StartContactConversationRequest {
        request_id: long(65),
        body: "a\u{202E}b".into(),
    };
    let answer = client
        .start_contact_conversation(world.as_contact(&ada, request))
        .await;
    invalid(answer, &["request_id", "body"]);

    let request = pb::ListContactPartsRequest {
        conversation_id: "?".into(),
        ..Default::default()
    };
    let answer = client
        .list_contact_parts(world.as_contact(&ada, request))
        .await;
    invalid(answer, &["conversation_id"]);

    let request = pb::SendContactMessageRequest {
        request_id: long(65),
        conversation_id: "?".into(),
        body: long(10_001),
        seen_up_to_seq: u64::MAX,
    };
    let answer = client
        .send_contact_message(world.as_contact(&ada, request))
        .await;
    invalid(answer, &["request_id", "conversation_id", "body"]);

    let request = pb::MarkContactReadRequest {
        conversation_id: "?".into(),
        up_to_seq: 0,
    };
    let answer = client
        .mark_contact_read(world.as_contact(&ada, request))
        .await;
    invalid(answer, &["conversation_id", "up_to_seq"]);

    let list = pb::ListContactConversationsRequest {
        page_token: "?".into(),
        ..Default::default()
    };
    let answer = client
        .list_contact_conversations(world.as_contact(&ada, list))
        .await;
    refused(
        answer,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        &["page_token"],
    );
    assert!(world.told(&ada).await.is_empty());
}

#[tokio::test]
async fn a_batch_has_1_to_100_ids_and_each_malformed_one_is_named() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let mut client = world.client();
    let good = ConversationId::generate().to_string();
    for (ids, fields) in [
        (vec![], vec!["conversation_ids"]),
        (vec![good.clone(); 101], vec!["conversation_ids"]),
        (
            vec!["x".into(), good.clone(), "cnv_".into()],
            vec!["conversation_ids[0]", "conversation_ids[2]"],
        ),
    ] {
        let request = pb::BatchGetConversationsRequest {
            conversation_ids: ids.clone(),
        };
        let answer = client
            .batch_get_conversations(world.as_teammate(request))
            .await;
        invalid(answer, &fields);
        let request = pb::BatchGetContactConversationsRequest {
            conversation_ids: ids,
        };
        let answer = client
            .batch_get_contact_conversations(world.as_contact(&ada, request))
            .await;
        invalid(answer, &fields);
    }
    let request = pb::BatchGetConversationsRequest {
        conversation_ids: vec![good; 100],
    };
    client
        .batch_get_conversations(world.as_teammate(request))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_longest_message_is_taken_and_a_larger_request_is_refused_unread() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let body = "\u{10FFFD}".repeat(10_000);
    world.say(&ada, &id, &body, 0).await.unwrap();
    assert_eq!(world.thread(&ada, &id).await[1].body, body);
    let huge = world.say(&ada, &id, &"x".repeat(70_000), 0).await;
    let refusal = huge.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    // not since the message is too long, which is found by reading it
    let reason = refusal.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "REQUEST_TOO_LARGE");
    assert_eq!(world.thread(&ada, &id).await.len(), 2);
}

/// Random bytes instead of a request, on every RPC of both services.
#[tokio::test]
async fn garbage_on_any_rpc_gets_a_clear_status_and_no_panic() {
    use prost::Message;
    let world = World::start().await;
    let ada = ContactId::generate();
    let scopes = [
        "conversations:read",
        "conversations:write",
        "conversations:ensure",
        "events:read",
        "settings:write",
    ];
    let teammate = testing::teammate(&world.workspace, &scopes);
    let contact = testing::contact(&world.workspace, &ada);
    let all = service("bff", Some(&world.workspace), &scopes);
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let served = ["messenger.conversations.v1", "messenger.events.v1"];
    let files = set.file.iter().filter(|f| served.contains(&f.package()));
    let mut paths = Vec::new();
    for file in files {
        for service in &file.service {
            let prefix = format!("/{}.{}", file.package(), service.name());
            paths.extend(
                service
                    .method
                    .iter()
                    .map(|m| format!("{prefix}/{}", m.name())),
            );
        }
    }
    assert_eq!(paths.len(), 23);
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice >> 32) as u8
    };
    for path in &paths {
        for actor in [&contact, &teammate, &all] {
            for length in [1, 2, 17, 300] {
                let mut bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
                // half of them start as a text in field 1 would
                if byte() % 2 == 0 {
                    bytes.splice(..0, [0x0a, length as u8 & 0x7f]);
                }
                let Err(status) = world.raw(actor, path, bytes).await else {
                    continue;
                };
                let clear = matches!(
                    status.code(),
                    Code::InvalidArgument | Code::PermissionDenied | Code::NotFound
                );
                assert!(clear, "{path}: {status:?}");
            }
        }
    }
    // still there
    world.started_by(&ada).await;
}

impl World {
    /// Calls with bytes that need not be a message; of a stream, the first answer.
    async fn raw(&self, actor: &runtime::Actor, path: &str, bytes: Vec<u8>) -> Result<(), Status> {
        let mut grpc = tonic::client::Grpc::new(self.channel());
        grpc.ready().await.unwrap();
        let request = self.signed(actor, bytes);
        let answer = grpc.server_streaming(request, path.parse().unwrap(), Raw);
        answer.await?.into_inner().message().await.map(|_| ())
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(
        &mut self,
        item: Vec<u8>,
        into: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        bytes::BufMut::put_slice(into, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, from: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes::Buf::advance(from, bytes::Buf::remaining(from));
        Ok(Some(()))
    }
}
