use events::PARTITIONS;
use proto::{events::v1::LogPosition, notifications::v1 as pb};
use runtime::Violations;
use types::ContactId;

use crate::{
    error::Error,
    feed::Position,
    projection::{TicketId, TicketRead},
    store::{Source, Version},
};

/// Positions to wait for at the most.
const MAX_POSITIONS: usize = 64;
/// Ids in a batch at the most.
const MAX_BATCH: usize = 100;

/// What to wait for before answering.
///
/// # Errors
/// Every malformed field.
pub fn at_least(positions: &[LogPosition]) -> Result<Vec<Position>, Error> {
    let mut violations = Violations::new();
    let parsed = check_positions(&mut violations, positions);
    violations.finish().map_err(Error::Invalid)?;
    Ok(parsed)
}

/// Which tickets' reads, and what to wait for.
///
/// # Errors
/// Every malformed field.
pub fn ticket_reads(
    request: &pb::BatchGetTicketReadsRequest,
) -> Result<(Vec<TicketId>, Vec<Position>), Error> {
    let mut violations = Violations::new();
    let count = request.ticket_ids.len();
    let mut ticket_ids = Vec::new();
    if count == 0 || count > MAX_BATCH {
        violations.add(
            "ticket_ids",
            format!("must be 1 to {MAX_BATCH} ids, are {count}"),
        );
    } else {
        for (place, id) in request.ticket_ids.iter().enumerate() {
            let field = format!("ticket_ids[{place}]");
            ticket_ids.extend(violations.check(&field, TicketId::parse(id)));
        }
    }
    let positions = check_positions(&mut violations, &request.at_least);
    violations.finish().map_err(Error::Invalid)?;
    Ok((ticket_ids, positions))
}

/// What was shown.
///
/// # Errors
/// Every malformed field.
pub fn mark_ticket_read(request: &pb::MarkTicketReadRequest) -> Result<TicketRead, Error> {
    let mut violations = Violations::new();
    let ticket_id = violations.check("ticket_id", TicketId::parse(&request.ticket_id));
    let up_to_revision = request.up_to_revision;
    if up_to_revision == 0 || i64::try_from(up_to_revision).is_err() {
        violations.add("up_to_revision", format!("must be 1 to {}", i64::MAX));
    }
    violations.finish().map_err(Error::Invalid)?;
    match ticket_id {
        Some(ticket_id) => Ok(TicketRead {
            ticket_id,
            up_to_revision,
        }),
        None => Err(Error::Invalid(Vec::new())),
    }
}

/// Whose data is asked for.
///
/// # Errors
/// When the id is malformed.
pub fn exported(request: &pb::ExportContactRequest) -> Result<ContactId, Error> {
    let mut violations = Violations::new();
    let contact = violations.check("contact_id", ContactId::parse(&request.contact_id));
    violations.finish().map_err(Error::Invalid)?;
    contact.ok_or_else(|| Error::Invalid(Vec::new()))
}

/// What is wrong with a page token of another list.
pub fn invalid_page_token() -> Error {
    let mut violations = Violations::new();
    let what = "is malformed or belongs to another list; start from the first page";
    violations.add("page_token", what);
    violations
        .finish()
        .map_or_else(Error::Invalid, |()| Error::Invalid(Vec::new()))
}

/// The newest inbox that the watcher holds.
pub fn watch(request: pb::WatchInboxRequest) -> Option<Version> {
    request.after.map(|after| Version {
        epoch: after.epoch,
        version: after.version,
        tickets: after.tickets_version,
        conversations: after.conversations_version,
    })
}

fn check_positions(violations: &mut Violations, positions: &[LogPosition]) -> Vec<Position> {
    if positions.len() > MAX_POSITIONS {
        let count = positions.len();
        violations.add(
            "at_least",
            format!("must be at most {MAX_POSITIONS}, are {count}"),
        );
        return Vec::new();
    }
    let mut parsed = Vec::new();
    for (place, wanted) in positions.iter().enumerate() {
        let partition = wanted.partition as usize;
        if partition >= PARTITIONS {
            let field = format!("at_least[{place}].partition");
            violations.add(&field, format!("must be 0 to {}", PARTITIONS - 1));
            continue;
        }
        let source = match wanted.source.as_str() {
            "tickets" => Source::Tickets,
            "conversations" => Source::Conversations,
            // nothing of it is shown here, so there is nothing to wait for
            _ => continue,
        };
        parsed.push(Position {
            source,
            partition,
            position: wanted.position,
        });
    }
    parsed
}
