//! Pages of every list, and batches.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proto::conversations::v1::{self as pb, ConversationState};
use tonic::{Code, Status};
use types::{ContactId, WorkspaceId};

use crate::world::{ConversationId, World, refused};

impl World {
    async fn page_of(
        &self,
        contact: &ContactId,
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<String>, String), Status> {
        let request = pb::ListContactConversationsRequest {
            page_size,
            page_token: page_token.into(),
        };
        let mut client = self.client();
        let answer = client.list_contact_conversations(self.as_contact(contact, request));
        let page = answer.await?.into_inner();
        let ids = page.conversations.into_iter().map(|c| c.conversation_id);
        Ok((ids.collect(), page.next_page_token))
    }

    async fn inbox(
        &self,
        request: pb::ListConversationsRequest,
    ) -> Result<(Vec<String>, String), Status> {
        let answer = self
            .client()
            .list_conversations(self.as_teammate(request))
            .await;
        let page = answer?.into_inner();
        let ids = page.conversations.into_iter().map(|c| c.conversation_id);
        Ok((ids.collect(), page.next_page_token))
    }

    async fn several_of(&self, contact: &ContactId, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.started_by(contact).await);
            // every other two at the same time: the id decides between them
            if ids.len() % 2 == 0 {
                self.clock.advance(SignedDuration::from_secs(1));
            }
        }
        ids
    }
}

/// S4: all of a contact's conversations, newest message first, each once over all pages.
#[tokio::test]
async fn a_contacts_conversations_come_newest_activity_first_in_pages() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let ids = world.several_of(&ada, 7).await;
    world.clock.advance(SignedDuration::from_secs(1));
    world.reply(&ids[2], "up").await;
    // neither a read nor a state nor a note is activity
    world.clock.advance(SignedDuration::from_secs(1));
    world.read(&ada, &ids[0], 1).await.unwrap();
    world.close(&ids[0]).await;
    world.note(&ids[0], "note").await;

    let (whole, rest) = world.page_of(&ada, 0, "").await.unwrap();
    assert_eq!(rest, "");
    assert_eq!(whole[0], ids[2]);
    assert_eq!(whole.iter().collect::<BTreeSet<_>>(), ids.iter().collect());
    let activity = pb::BatchGetContactConversationsRequest {
        conversation_ids: whole.clone(),
    };
    let batch = world
        .client()
        .batch_get_contact_conversations(world.as_contact(&ada, activity))
        .await;
    let batch = batch.unwrap().into_inner().conversations;
    let keys: Vec<_> = whole
        .iter()
        .map(|id| {
            let copy = batch.iter().find(|c| c.conversation_id == *id).unwrap();
            let at = copy.activity_time.unwrap();
            (at.seconds, at.nanos, id.clone())
        })
        .collect();
    assert!(keys.is_sorted_by(|a, b| a > b), "newest activity, then id");

    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = world.page_of(&ada, 3, &token).await.unwrap();
        assert!(page.len() <= 3);
        paged.extend(page);
        if next.is_empty() {
            break;
        }
        token = next;
    }
    assert_eq!(paged, whole);
}

/// L3: 20 when not said, 100 at most.
#[tokio::test]
async fn a_page_has_20_entries_unless_asked_and_never_more_than_100() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    for _ in 0..101 {
        world.reply(&id, "more").await;
    }
    for (asked, size) in [(0, 20), (7, 7), (100, 100), (u32::MAX, 100)] {
        let request = pb::ListContactPartsRequest {
            conversation_id: id.clone(),
            page_size: asked,
            ..Default::default()
        };
        let page = world
            .client()
            .list_contact_parts(world.as_contact(&ada, request))
            .await;
        let page = page.unwrap().into_inner();
        assert_eq!(page.parts.len(), size);
        assert!(!page.next_page_token.is_empty());
    }
}

/// The timeline newest first, notes for teammates alone, each part once over all pages.
#[tokio::test]
async fn timelines_come_newest_first_in_pages() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    for n in 0..6 {
        if n % 2 == 0 {
            world.note(&id, "note").await;
        }
        world.reply(&id, "more").await;
    }
    let (mut seqs, mut token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListContactPartsRequest {
            conversation_id: id.clone(),
            page_size: 3,
            page_token: token,
        };
        let page = world
            .client()
            .list_contact_parts(world.as_contact(&ada, request))
            .await;
        let page = page.unwrap().into_inner();
        assert_eq!(page.conversation.unwrap().head_seq, 7, "with every page");
        seqs.extend(page.parts.iter().map(|part| part.seq));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seqs, (1..=7).rev().collect::<Vec<_>>());

    let (mut seqs, mut token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListPartsRequest {
            conversation_id: id.clone(),
            page_size: 4,
            page_token: token,
        };
        let page = world.client().list_parts(world.as_teammate(request)).await;
        let page = page.unwrap().into_inner();
        seqs.extend(page.parts.iter().map(|part| part.seq));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seqs, (1..=10).rev().collect::<Vec<_>>());
}

/// The teammates' inbox with each filter.
#[tokio::test]
async fn the_inbox_comes_newest_update_first_and_filters_by_state_and_contact() {
    let world = World::start().await;
    let (ada, bob) = (ContactId::generate(), ContactId::generate());
    let mut adas = world.several_of(&ada, 4).await;
    world.clock.advance(SignedDuration::from_secs(1));
    let bobs = world.several_of(&bob, 2).await;
    world.clock.advance(SignedDuration::from_secs(1));
    world.close(&adas[0]).await;
    world.delete(&adas[3]).await;
    let gone = adas.pop().unwrap();

    let (all, _) = world.inbox(Default::default()).await.unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!(all[0], adas[0]);
    assert!(!all.contains(&gone));
    let of = async |state: ConversationState, contact: &str, page_size| {
        let (mut ids, mut token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListConversationsRequest {
                page_size,
                page_token: token,
                state: state.into(),
                contact_id: contact.into(),
            };
            let (page, next) = world.inbox(request).await.unwrap();
            ids.extend(page);
            if next.is_empty() {
                return ids;
            }
            token = next;
        }
    };
    let filtered = |keep: &dyn Fn(&String) -> bool| -> Vec<String> {
        all.iter().filter(|id| keep(id)).cloned().collect()
    };
    let any = ConversationState::Unspecified;
    for page_size in [0, 1, 2] {
        assert_eq!(of(any, "", page_size).await, all);
        let closed = of(ConversationState::Closed, "", page_size).await;
        assert_eq!(closed, [adas[0].clone()]);
        let open = of(ConversationState::Open, "", page_size).await;
        assert_eq!(open, filtered(&|id| *id != adas[0]));
        let theirs = of(any, ada.as_str(), page_size).await;
        assert_eq!(theirs, filtered(&|id| adas.contains(id)));
        let theirs = of(any, bob.as_str(), page_size).await;
        assert_eq!(theirs, filtered(&|id| bobs.contains(id)));
        let both = of(ConversationState::Open, ada.as_str(), page_size).await;
        assert_eq!(both, filtered(&|id| adas[1..].contains(id)));
    }
}

/// L3: a page token is good for one list of one reader.
#[tokio::test]
async fn a_foreign_or_tampered_page_token_is_refused() {
    let world = World::start().await;
    let (ada, eve) = (ContactId::generate(), ContactId::generate());
    let ids = world.several_of(&ada, 3).await;
    world.several_of(&eve, 3).await;
    world.reply(&ids[0], "two").await;
    world.reply(&ids[1], "two").await;
    let (_, list) = world.page_of(&ada, 1, "").await.unwrap();
    let parts = async |contact: &ContactId, id: &str, page_token: &str| {
        let request = pb::ListContactPartsRequest {
            conversation_id: id.into(),
            page_size: 1,
            page_token: page_token.into(),
        };
        let mut client = world.client();
        let answer = client.list_contact_parts(world.as_contact(contact, request));
        answer.await.map(|page| page.into_inner().next_page_token)
    };
    let thread = parts(&ada, &ids[0], "").await.unwrap();
    let refuse = |answer: Result<String, Status>| {
        refused(
            answer,
            Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
            &["page_token"],
        )
    };
    let next = |answer: Result<(Vec<String>, String), Status>| answer.map(|(_, next)| next);
    refuse(next(world.page_of(&eve, 1, &list).await));
    refuse(next(world.page_of(&ada, 1, &thread).await));
    refuse(next(world.page_of(&ada, 1, "garbage").await));
    refuse(next(world.page_of(&ada, 1, &format!("{list}A")).await));
    refuse(parts(&ada, &ids[0], &list).await);
    refuse(parts(&ada, &ids[1], &thread).await);

    let (_, inbox) = world
        .inbox(pb::ListConversationsRequest {
            page_size: 1,
            ..Default::default()
        })
        .await
        .unwrap();
    for (state, contact) in [
        (ConversationState::Open, ""),
        (ConversationState::Unspecified, ada.as_str()),
    ] {
        let other = pb::ListConversationsRequest {
            page_size: 1,
            page_token: inbox.clone(),
            state: state.into(),
            contact_id: contact.into(),
        };
        refuse(next(world.inbox(other).await));
    }
    let mut elsewhere = testing::teammate(&WorkspaceId::generate(), crate::world::SCOPES);
    elsewhere.name.clear();
    let request = pb::ListConversationsRequest {
        page_size: 1,
        page_token: inbox,
        ..Default::default()
    };
    let answer = world
        .client()
        .list_conversations(world.signed(&elsewhere, request))
        .await;
    refuse(answer.map(|_| String::new()));
}

/// D2: what is there but cannot be read is named, what is not known yet is not.
#[tokio::test]
async fn a_batch_tells_readable_unreadable_and_unknown_apart() {
    let world = World::start().await;
    let (ada, eve) = (ContactId::generate(), ContactId::generate());
    let mine = world.started_by(&ada).await;
    let gone = world.started_by(&ada).await;
    world.delete(&gone).await;
    let theirs = world.started_by(&eve).await;
    let unknown = ConversationId::generate().to_string();
    let request = pb::BatchGetContactConversationsRequest {
        conversation_ids: vec![
            mine.clone(),
            gone.clone(),
            theirs.clone(),
            unknown.clone(),
            mine.clone(),
        ],
    };
    let batch = world
        .client()
        .batch_get_contact_conversations(world.as_contact(&ada, request))
        .await
        .unwrap()
        .into_inner();
    let ids: Vec<_> = batch
        .conversations
        .iter()
        .map(|c| &c.conversation_id)
        .collect();
    assert_eq!(ids, [&mine]);
    let unreadable: BTreeSet<_> = batch.unreadable_ids.iter().collect();
    assert_eq!(unreadable, BTreeSet::from([&gone, &theirs]));

    let request = pb::BatchGetConversationsRequest {
        conversation_ids: vec![unknown, theirs.clone(), gone, mine.clone()],
    };
    let batch = world
        .client()
        .batch_get_conversations(world.as_teammate(request))
        .await
        .unwrap()
        .into_inner()
        .conversations;
    let ids: Vec<_> = batch
        .iter()
        .map(|c| (c.conversation_id.as_str(), c.contact_ids.as_slice()))
        .collect();
    let (adas, eves) = ([ada.to_string()], [eve.to_string()]);
    assert_eq!(
        ids,
        [(theirs.as_str(), &eves[..]), (mine.as_str(), &adas[..])]
    );
}
