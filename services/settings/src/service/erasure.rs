//! Forgetting a contact, and telling them all that is known of them.

use events::{NewEvent, UnitOfWork};
use jiff::{SignedDuration, Timestamp};
use proto::settings::v1::{
    EraseContactRequest, EraseContactResponse, ExportContactRequest, ExportContactResponse,
};
use runtime::Actor;
use types::{ContactId, WorkspaceId, micros};

use super::{
    Service,
    ending::{end_some, end_the_rest},
    random,
};
use crate::{
    Error, convert,
    domain::{Action, Entry, Erasure, Merge, Opener, StandIn},
    store,
};

/// Sessions and lines of the audit that an export tells at the most.
const EXPORTED: i32 = 1_000;
/// Merges whose events one transaction empties.
const MERGES: i32 = 50;
/// Clocks of two replicas may differ by this much: what was merged since an erasure began was merged after that.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// The id stays, with the time, so that nothing that comes late brings the person back; everything else
/// of the contact goes.
pub(super) async fn erase_contact(
    service: &Service,
    actor: &Actor,
    request: EraseContactRequest,
) -> Result<EraseContactResponse, Error> {
    let workspace = actor.workspace()?;
    let contact = convert::contact_id(&request.contact_id)?;
    let now = service.now();
    unname_merges(service, workspace, &contact).await?;
    let mut work = service.log.begin_of(workspace).await?;
    let before = store::contacts::hold(work.tx(), workspace, &contact)
        .await?
        .ok_or(Error::NotFound("contact"))?;
    if before.erased_at.is_some() {
        return Ok(EraseContactResponse {});
    }
    if let Some(user) = before.merged_into {
        return Err(Error::Merged(user));
    }
    let opener = Opener::Contact(contact.clone());
    let ended = end_some(&mut work, workspace, &opener, now).await?;
    store::sessions::remove_past_of(work.tx(), workspace, &contact, micros(now)).await?;
    store::visitors::remove(work.tx(), workspace, &contact).await?;
    let stand_in = StandIn::new(random());
    store::contacts::erase(work.tx(), workspace, &contact, &stand_in, micros(now)).await?;
    // nobody is merged into somebody who is held: these few are the last
    let since = Timestamp::saturating_sub(now, SKEW).map_or(0, micros);
    let page = (since, String::new());
    let (nameless, _) = unname_some(&work, workspace, &contact, &page, i32::MAX).await?;
    let entry = Entry::new(
        Action::ContactErased,
        &actor.id,
        contact.as_str(),
        "",
        "erased",
        now,
    );
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.emit(convert::contact_erased(Erasure {
        workspace: workspace.clone(),
        contact,
        at: now,
    }));
    work.commit().await?;
    for event in &nameless {
        service.log.read_anew(event);
    }
    if ended.more {
        end_the_rest(service, workspace.clone(), opener).await?;
    }
    // it may wait for readers, and is no part of what was asked for
    let database = service.log.database().clone();
    service.tasks.spawn(async move {
        match database.leave_no_trace().await {
            Ok(true) => {}
            Ok(false) => tracing::info!("older pages of the database stay until nobody reads them"),
            Err(error) => tracing::warn!(%error, "older pages of the database stay for now"),
        }
    });
    Ok(EraseContactResponse {})
}

/// The log tells by what name a visitor's user goes: no more. Of a user whom many visitors became, in steps.
async fn unname_merges(
    service: &Service,
    workspace: &WorkspaceId,
    user: &ContactId,
) -> Result<(), Error> {
    let mut after = (0, String::new());
    loop {
        let work = service.log.begin_of(workspace).await?;
        let (nameless, last) = unname_some(&work, workspace, user, &after, MERGES).await?;
        work.commit().await?;
        for event in &nameless {
            service.log.read_anew(event);
        }
        if nameless.len() < MERGES as usize {
            return Ok(());
        }
        after.1 = last;
    }
}

/// The same for merges since a time, after a visitor; also tells which visitor was the last.
async fn unname_some(
    work: &UnitOfWork,
    workspace: &WorkspaceId,
    user: &ContactId,
    (since, after): &(i64, String),
    limit: i32,
) -> Result<(Vec<NewEvent>, String), Error> {
    let merges =
        store::snapshot::merges_into(work.tx(), workspace, user, *since, after, limit).await?;
    let last = merges.last().map(|merge| merge.from.to_string());
    let mut nameless = Vec::with_capacity(merges.len());
    for merge in merges {
        let event = convert::contact_merged(Merge {
            into_name: String::new(),
            ..merge
        });
        work.replace(&event).await?;
        nameless.push(event);
    }
    Ok((nameless, last.unwrap_or_default()))
}

pub(super) async fn export_contact(
    service: &Service,
    actor: &Actor,
    request: ExportContactRequest,
) -> Result<ExportContactResponse, Error> {
    let workspace = actor.workspace()?;
    let id = convert::contact_id(&request.contact_id)?;
    let db = service.log.database().snapshot_of(workspace).await?;
    let contact = store::contacts::find(&db, workspace, std::slice::from_ref(&id))
        .await?
        .remove(&id)
        .ok_or(Error::NotFound("contact"))?;
    let sessions = store::sessions::of_contact(&db, workspace, &id, EXPORTED).await?;
    let audit = store::audit::about_contact(&db, workspace, &id, EXPORTED).await?;
    db.rollback().await?;
    Ok(ExportContactResponse {
        contact: Some(convert::contact(contact)),
        sessions: sessions
            .into_iter()
            .map(convert::exported_session)
            .collect(),
        audit_entries: audit.into_iter().map(convert::audit_entry).collect(),
    })
}
