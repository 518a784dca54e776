//! Bytes that are no request: at every RPC of every service, from somebody who may call it. The answer is always a
//! clear refusal, or the request was one after all; nothing panics, and nothing grows.

use std::fmt::Write;

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tonic::{Code, Status};

use super::{
    rows::cells,
    stage::{Stage, Who},
    wire,
};

/// What the whole process may grow by in all of it, in KiB: five services, their databases' caches, and the test.
const GROWTH: u64 = 128 * 1024;
/// Bytes of the largest request that is read.
const LARGEST: usize = 64 * 1024;

/// Codes that say that the request is wrong, or that nothing is there.
const CLEAR: [Code; 9] = [
    Code::InvalidArgument,
    Code::NotFound,
    Code::FailedPrecondition,
    Code::AlreadyExists,
    Code::Aborted,
    Code::OutOfRange,
    Code::ResourceExhausted,
    Code::Unauthenticated,
    Code::PermissionDenied,
];

#[allow(
    clippy::disallowed_methods,
    reason = "what a failure printed is played again"
)]
fn seed() -> u64 {
    let told = std::env::var("FUZZ_SEED").ok();
    told.map_or_else(rand::random, |seed| seed.parse().expect("a number"))
}

fn delimited(tag: u32, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(tag, WireType::LengthDelimited, &mut field);
    encode_varint(bytes.len() as u64, &mut field);
    field.extend(bytes);
    field
}

fn varint(tag: u32, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(tag, WireType::Varint, &mut field);
    encode_varint(value, &mut field);
    field
}

/// One field with what it must not have; the last of a field counts, so it goes behind a good request.
fn bad_values(field: &FieldDescriptor) -> Vec<(String, Vec<u8>)> {
    let tag = field.number();
    let mut bad = match field.kind() {
        Kind::String => vec![
            ("no UTF-8", delimited(tag, &[0xff, 0xfe, 0xc0])),
            ("NULs", delimited(tag, b"a\0b\0")),
            ("a text of 60 KiB", delimited(tag, &[b'x'; 60 * 1024])),
            (
                "controls",
                delimited(tag, "\u{202e}\u{7}\r\n\u{1b}[2J".as_bytes()),
            ),
        ],
        Kind::Bytes => vec![
            ("60 KiB", delimited(tag, &[7; 60 * 1024])),
            ("one byte", delimited(tag, &[0])),
        ],
        Kind::Message(_) => vec![
            ("rubbish inside", delimited(tag, &[0xff; 40])),
            ("nothing inside", delimited(tag, &[])),
            ("itself 2,000 levels deep", deep(tag)),
        ],
        _ => vec![
            ("the largest number", varint(tag, u64::MAX)),
            ("2^63", varint(tag, 1 << 63)),
            ("2^31", varint(tag, 1 << 31)),
            ("an unknown value", varint(tag, 77_777)),
        ],
    };
    let wrong = match field.kind() {
        Kind::String | Kind::Bytes | Kind::Message(_) => varint(tag, 1),
        _ => delimited(tag, b"text"),
    };
    bad.push(("another type", wrong));
    if field.is_list() {
        let empty = delimited(tag, &[]);
        bad.push(("20,000 of it", empty.repeat(20_000)));
    }
    let named = |(what, bytes): (&str, Vec<u8>)| (format!("{}: {what}", field.name()), bytes);
    bad.into_iter().map(named).collect()
}

fn deep(tag: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..2_000 {
        bytes = delimited(tag, &bytes);
    }
    bytes
}

/// Requests of one RPC, by what is wrong with them.
fn hostile(kind: &MessageDescriptor, good: &[u8], rng: &mut StdRng) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for field in kind.fields() {
        for (what, bad) in bad_values(&field) {
            all.push((what, [good, &bad].concat()));
        }
    }
    for turn in 0..6 {
        let length = rng.gen_range(1..2_000);
        let bytes = (0..length).map(|_| rng.r#gen()).collect();
        all.push((format!("random {turn}"), bytes));
    }
    for turn in 0..6 {
        let mut bytes = good.to_vec();
        for _ in 0..rng.gen_range(1..4) {
            if let Some(length) = std::num::NonZeroUsize::new(bytes.len()) {
                bytes[rng.gen_range(0..length.get())] ^= 1 << rng.gen_range(0..8);
            }
        }
        all.push((format!("flipped {turn}"), bytes));
    }
    if !good.is_empty() {
        let cut = rng.gen_range(0..good.len());
        all.push(("cut off".into(), good[..cut].to_vec()));
    }
    all.push(("twice".into(), good.repeat(2)));
    all.push(("groups without end".into(), vec![0x0b; 30_000]));
    all.push((
        "a length without end".into(),
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ));
    all.push(("a number without end".into(), vec![0xff; 64]));
    let field = 12_345;
    all.push(("a byte too many".into(), delimited(field, &[0; LARGEST])));
    all.push((
        "1 MiB too many".into(),
        delimited(field, &[0; 17 * LARGEST]),
    ));
    all
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn is_clear(status: &Status) -> bool {
    let (code, reason, _) = wire::told(status);
    // what was never heard of may be on its way: whoever asks is told when to ask again
    let soon = code == Code::Unavailable && reason == "CONVERSATION_NOT_KNOWN_YET";
    soon || (CLEAR.contains(&code) && !reason.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_bytes_come_the_answer_is_clear_and_the_services_live_on() {
    let seed = seed();
    println!("FUZZ_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let stage = Stage::set().await;
    let (mut wrong, mut calls) = (String::new(), 0);
    let before = resident();
    for (rpc, row) in cells() {
        let kind = rpc.method.input();
        let good = wire::encode(&kind, &stage.example(row, false));
        for (what, bytes) in hostile(&kind, &good, &mut rng) {
            let token = stage.token(row.caller, Who::Mallory);
            calls += 1;
            let answer = wire::call(stage.channel(&rpc), &rpc.method, token.as_deref(), bytes);
            if let Err(status) = answer.await
                && !is_clear(&status)
            {
                let _ = writeln!(wrong, "{} | {what} | {:?}", rpc.name(), wire::told(&status));
            }
        }
    }
    println!("{calls} requests");
    assert!(calls > 2_000, "{calls}");
    assert!(wrong.is_empty(), "FUZZ_SEED={seed}\n{wrong}");
    let grown = resident().saturating_sub(before);
    println!("grown by {grown} KiB");
    assert!(grown < GROWTH, "FUZZ_SEED={seed}: grown by {grown} KiB");
    // the victim's side works as before
    let home = crate::office::home(&stage.ada).await;
    assert!(home.recent_tickets.is_some(), "{home:?}");
}
