//! Events as they were written: today's code reads the old bytes, and still says the same.

use std::collections::BTreeSet;

use events::NewEvent;
use prost::Message;
use prost_reflect::{DescriptorPool, Kind};
use serde_json::{Value, json};

use super::{Golden, json as json_of, lost, pretty};

/// Where they are.
const EVENTS: &str = "events";

impl Golden {
    /// Holds an event that today's code makes of a fixed value against every version of it that is kept:
    /// today's code reads the kept bytes as the JSON beside them says, and today's event says all that the
    /// newest kept one does, in the same words. A field that is new is a new version, to be added.
    ///
    /// `M` is the message of its payload.
    ///
    /// # Panics
    /// When one of it does not hold.
    pub fn event<M: Message + Default>(&self, event: &NewEvent) {
        let kind = event.kind;
        let told = told::<M>(event);
        let mut newest = None;
        for version in 1.. {
            let name = format!("{EVENTS}/{kind}.{version}");
            let (bytes, kept) = (
                self.read(&format!("{name}.hex")),
                self.read(&format!("{name}.json")),
            );
            let (Some(bytes), Some(kept)) = (bytes, kept) else {
                break;
            };
            let kept: Value = serde_json::from_str(&kept).unwrap();
            let read = payload::<M>(kind, &unhex(bytes.trim()));
            assert_eq!(
                read, kept["payload"],
                "{name}.hex was written by a released version, and today's code reads it differently: give \
                 the field its old number and type back, and add another one"
            );
            if let Some(older) = newest.replace(kept.clone()) {
                differs(&older, &kept, &format!("version {version} of {kind}"));
            }
        }
        let version = self.versions(kind) + 1;
        let Some(newest) = newest else {
            return self.add_event(kind, version, event, &told);
        };
        differs(&newest, &told, kind);
        if newest != told {
            self.add_event(kind, version, event, &told);
        }
    }

    /// Every event of a package has a golden file: its events are the messages of its `events.proto` that
    /// are no part of another one.
    ///
    /// # Panics
    /// When one has none, or one that has was removed from the contract.
    pub fn covers_events_of(&self, package: &str) {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let file = format!("{}/events.proto", package.replace('.', "/"));
        let file = pool.get_file_by_name(&file).unwrap();
        let parts: BTreeSet<String> = pool
            .all_messages()
            .flat_map(|message| message.fields().collect::<Vec<_>>())
            .filter_map(|field| match field.kind() {
                Kind::Message(part) => Some(part.full_name().to_owned()),
                _ => None,
            })
            .collect();
        let names = file
            .messages()
            .map(|message| message.full_name().to_owned());
        let events: BTreeSet<String> = names.filter(|name| !parts.contains(name)).collect();
        let kept = self.names(EVENTS, ".1.hex");
        for event in &events {
            assert!(
                kept.contains(event),
                "the event {event} has no golden file: give it a test that calls Golden::event, and run it \
                 once with ADD_GOLDEN=1"
            );
        }
        for event in kept {
            assert!(
                events.contains(&event),
                "{event} was released and is no event any more: logs and consumers still hold it"
            );
        }
    }

    /// Versions of an event that are kept.
    fn versions(&self, kind: &str) -> usize {
        let start = format!("{kind}.");
        let names = self.names(EVENTS, ".hex");
        names.iter().filter(|name| name.starts_with(&start)).count()
    }

    fn add_event(&self, kind: &str, version: usize, event: &NewEvent, told: &Value) {
        let name = format!("{EVENTS}/{kind}.{version}");
        let what = format!("version {version} of the event {kind}");
        self.add_text(&format!("{name}.hex"), &what, &hex(&event.payload));
        self.add_text(&format!("{name}.json"), &what, &pretty(told));
    }
}

/// An event as JSON, read by today's code.
fn told<M: Message + Default>(event: &NewEvent) -> Value {
    json!({
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "contact_id": event.contact.as_ref().map(ToString::to_string),
        "workspace_id": event.workspace.to_string(),
        "occurred_at": event.occurred_at,
        "payload": payload::<M>(event.kind, &event.payload),
    })
}

/// Read as services read it, which know only what their contract names, then by its names.
fn payload<M: Message + Default>(kind: &str, bytes: &[u8]) -> Value {
    let message = M::decode(bytes).unwrap_or_else(|e| {
        panic!("today's code cannot read a released {kind}: {e}");
    });
    json_of(kind, &message)
}

#[track_caller]
fn differs(older: &Value, newer: &Value, what: &str) {
    let mut found = Vec::new();
    lost(older, newer, "event", &mut found);
    assert!(
        found.is_empty(),
        "{what} says something else of the same value than was released, and consumers would take it \
         wrongly:\n{}",
        found.join("\n")
    );
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        text.extend(line.iter().map(|byte| format!("{byte:02x}")));
        text.push('\n');
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}
