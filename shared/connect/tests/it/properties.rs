//! What must hold for every message and for any bytes at all.

use std::sync::LazyLock;

use http::Request;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};
use tokio::runtime::Runtime;
use tonic::body::Body;

use crate::sample::{CHANGE, LOOK, POOL, Sample, WATCH, data, frame, grpc, post, proto, trailers};

const CASES: u32 = 20_000;
const JSON: &str = "application/json";

fn config() -> Config {
    Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Nothing is waited for, so one runtime serves all cases.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_time().build().unwrap()
});

fn call(sample: &Sample, request: Request<Body>) -> crate::sample::Answer {
    RUNTIME.block_on(sample.call(request))
}

fn everything() -> MessageDescriptor {
    POOL.get_message_by_name("sample.v1.Everything").unwrap()
}

/// Bytes that decide what a message holds; at their end everything is zero, so that fewer bytes are a
/// simpler message.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => 1 << (self.byte() % 64),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Not "not a number", which equals nothing.
    fn real(&mut self) -> f64 {
        match self.byte() % 4 {
            0 => f64::INFINITY,
            1 => f64::NEG_INFINITY,
            2 => f64::from(self.byte()) / 8.0,
            _ => Some(f64::from_bits(self.number()))
                .filter(|real| !real.is_nan() && *real != 0.0)
                .unwrap_or(f64::MIN_POSITIVE),
        }
    }

    fn text(&mut self) -> String {
        let length = self.byte() % 6;
        let awkward = [
            'a', '"', '\\', '\n', '\u{1}', 'é', '\u{2028}', '😀', '/', '\u{7f}',
        ];
        (0..length)
            .map(|_| awkward[usize::from(self.byte()) % awkward.len()])
            .collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.byte() % 6;
        (0..length).map(|_| self.byte()).collect()
    }
}

fn message(of: &MessageDescriptor, tape: &mut Tape<'_>, depth: u8) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    let mut set = |name: &str, value| message.set_field_by_name(name, value);
    match of.full_name() {
        "google.protobuf.Timestamp" => {
            let years = 253_402_300_800 + 62_135_596_800;
            let seconds = (tape.number() % years) as i64 - 62_135_596_800;
            set("seconds", Value::I64(seconds));
            set("nanos", Value::I32((tape.number() % 1_000_000_000) as i32));
        }
        "google.protobuf.Duration" => {
            let sign = if tape.byte().is_multiple_of(2) { 1 } else { -1 };
            let seconds = (tape.number() % 315_576_000_001) as i64;
            let nanos = (tape.number() % 1_000_000_000) as i32;
            set("seconds", Value::I64(seconds * i64::from(sign)));
            set("nanos", Value::I32(nanos * sign));
        }
        "google.protobuf.FieldMask" => {
            let paths = ["name", "some_field", "some_field.inner_one"];
            let count = usize::from(tape.byte()) % (paths.len() + 1);
            let paths = paths[..count]
                .iter()
                .map(|path| Value::String((*path).into()));
            set("paths", Value::List(paths.collect()));
        }
        "google.protobuf.Struct" => {
            let json = format!(
                r#"{{"object":{{"a":{},"b":[null,true,"c"],"d":{{}}}}}}"#,
                tape.byte()
            );
            let outer = DynamicMessage::decode(everything(), proto("Everything", &json).as_slice());
            return outer
                .unwrap()
                .get_field_by_name("object")
                .unwrap()
                .as_message()
                .unwrap()
                .clone();
        }
        _ => {
            let fields: Vec<_> = of.fields().collect();
            for _ in 0..tape.byte() % 8 {
                let field = &fields[usize::from(tape.byte()) % fields.len()];
                if depth > 0 || !matches!(field.kind(), Kind::Message(_)) {
                    let value = field_value(field, tape, depth.saturating_sub(1));
                    message.set_field(field, value);
                }
            }
        }
    }
    message
}

fn field_value(field: &FieldDescriptor, tape: &mut Tape<'_>, depth: u8) -> Value {
    let count = tape.byte() % 4;
    if field.is_list() {
        return Value::List(
            (0..count)
                .map(|_| value(field.kind(), tape, depth))
                .collect(),
        );
    }
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let pair = |_| {
            let key = match value(keys.kind(), tape, depth) {
                Value::String(key) => MapKey::String(key),
                Value::I64(key) => MapKey::I64(key),
                Value::Bool(key) => MapKey::Bool(key),
                other => panic!("{other:?} is no key in the sample"),
            };
            (key, value(values.kind(), tape, depth))
        };
        return Value::Map((0..count).map(pair).collect());
    }
    value(field.kind(), tape, depth)
}

fn value(kind: Kind, tape: &mut Tape<'_>, depth: u8) -> Value {
    match kind {
        Kind::Double => Value::F64(tape.real()),
        Kind::Float => Value::F32(
            Some(tape.real() as f32)
                .filter(|f| *f != 0.0)
                .unwrap_or(1.5),
        ),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(tape.number() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(tape.number() as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(tape.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(tape.number()),
        Kind::Bool => Value::Bool(tape.byte() % 2 == 1),
        Kind::String => Value::String(tape.text()),
        Kind::Bytes => Value::Bytes(tape.bytes().into()),
        // numbers that are not known included
        Kind::Enum(_) => Value::EnumNumber(i32::from(tape.byte() % 5)),
        Kind::Message(of) => Value::Message(message(&of, tape, depth)),
    }
}

/// What comes back of a message that is answered in JSON, and sent again as it was answered.
fn there_and_back(sent: &DynamicMessage) -> (String, DynamicMessage) {
    let bytes = frame(0, &sent.encode_to_vec());
    let sample = Sample::new(move || {
        grpc(
            &[],
            vec![data(bytes.clone()), trailers(&[("grpc-status", "0")])],
        )
    });
    let answered = call(&sample, post(CHANGE, JSON, "{}"));
    assert_eq!(answered.status, 200, "{answered:?}");
    let again = Sample::found();
    call(&again, post(CHANGE, JSON, answered.body.clone()));
    let json = String::from_utf8(answered.body.to_vec()).unwrap();
    let received = DynamicMessage::decode(sent.descriptor(), &again.asked().body[5..]);
    (json, received.unwrap())
}

#[test]
fn a_message_is_the_same_after_being_json() {
    let tapes = proptest::collection::vec(any::<u8>(), 0..200);
    let asked = TestRunner::new(config()).run(&tapes, |tape| {
        let sent = message(&everything(), &mut Tape(&tape), 3);
        let (json, received) = there_and_back(&sent);
        // compared as it would be sent, without what is set to nothing; and not printed, since a message that
        // holds its own kind has no end of a description
        let sent = DynamicMessage::decode(everything(), sent.encode_to_vec().as_slice()).unwrap();
        prop_assert!(sent == received, "{}", json);
        Ok(())
    });
    asked.unwrap();
}

#[test]
fn what_is_no_number_is_still_none_after_being_json() {
    let mut sent = DynamicMessage::new(everything());
    sent.set_field_by_name("double", Value::F64(f64::NAN));
    let (json, received) = there_and_back(&sent);
    assert_eq!(json, r#"{"double":"NaN"}"#);
    assert!(
        received
            .get_field_by_name("double")
            .unwrap()
            .as_f64()
            .unwrap()
            .is_nan()
    );
}

#[test]
fn any_bytes_as_json_are_a_message_or_refused() {
    let cut = |text: &str| text.as_bytes().to_vec();
    let valid = cut(
        r#"{"int64":"-1","byName":{"a":{"bytes":"AAE="}},"shades":["SHADE_DARK",7],"timestamp":"2025-01-01T00:00:00Z","object":{"a":[null]}}"#,
    );
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        // valid but for a few bytes
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4).prop_map(
            move |changes| {
                let mut bytes = valid.clone();
                for (at, byte) in changes {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            }
        ),
        // deep, or never closed
        (
            0..3_000_usize,
            prop_oneof![
                Just("["),
                Just(r#"{"inner":"#),
                Just(r#"{"x":"#),
                Just("\"")
            ]
        )
            .prop_map(move |(times, open)| cut(&open.repeat(times))),
    ];
    let asked = TestRunner::new(config()).run(&bytes, |bytes| {
        let sample = Sample::found();
        let answer = call(&sample, post(CHANGE, JSON, bytes));
        let refused = answer.status == 400 && answer.reason() == "MALFORMED_REQUEST";
        prop_assert!(refused || sample.calls() == 1);
        if !refused {
            let body = sample.asked().body;
            prop_assert!(DynamicMessage::decode(everything(), &body[5..]).is_ok());
        }
        Ok(())
    });
    asked.unwrap();
}

#[test]
fn any_bytes_as_envelopes_are_a_call_or_one_last_envelope() {
    let envelope = (
        any::<u8>(),
        any::<u32>(),
        proptest::collection::vec(any::<u8>(), 0..32),
    );
    let lying = envelope.prop_map(|(flags, length, rest)| {
        let honest = rest.len() as u32;
        let length = if length % 3 == 0 { length } else { honest };
        [&[flags % 4][..], &length.to_be_bytes(), &rest].concat()
    });
    let bytes = prop_oneof![proptest::collection::vec(any::<u8>(), 0..32), lying];
    let kind = prop_oneof![
        Just("application/connect+json"),
        Just("application/connect+proto")
    ];
    let asked = TestRunner::new(config()).run(&(bytes, kind), |(bytes, kind)| {
        let sample = Sample::found();
        let answer = call(&sample, post(WATCH, kind, bytes));
        prop_assert_eq!(answer.status, 200);
        prop_assert_eq!(answer.header("content-type"), kind);
        let envelopes = answer.envelopes();
        prop_assert_eq!(envelopes.iter().filter(|(flags, _)| *flags == 2).count(), 1);
        prop_assert!(sample.calls() == 1 || !answer.reason().is_empty());
        Ok(())
    });
    asked.unwrap();
}

#[test]
fn any_query_is_a_call_or_refused() {
    let asked = TestRunner::new(config()).run(&"[a-z0-9%=&+._~-]{0,80}", |query| {
        let uri = format!("{LOOK}?encoding=json&base64=1&message={query}");
        let Ok(request) = Request::get(uri).body(Body::empty()) else {
            return Ok(());
        };
        let sample = Sample::found();
        let answer = call(&sample, request);
        prop_assert!(sample.calls() == 1 || !answer.reason().is_empty());
        Ok(())
    });
    asked.unwrap();
}
