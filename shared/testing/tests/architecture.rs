//! The shape of the workspace, as tests: what may name what, and how long a file may grow.
//!
//! The rules read source text, not types, so they need nothing but `std` and hold for code that a
//! feature or a platform leaves out. Each rule is a pure function from files to offences; beside
//! the test that runs it over the workspace stands one that feeds it an offence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "an unreadable workspace fails the test, as it should"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A file of the workspace; the path is relative to its root, with `/`.
struct File {
    path: String,
    text: String,
}

// ---------------------------------------------------------------- rules

#[test]
fn rules_and_projections_name_no_runtime_no_storage_and_no_wire() {
    check(is_domain, |files| {
        naming(files, &["tokio", "tonic", "sea_orm", "proto"])
    });
}

#[test]
fn stores_name_no_wire() {
    check(is_store, |files| naming(files, &["tonic", "proto"]));
}

#[test]
fn conversions_name_no_storage() {
    check(is_convert, |files| naming(files, &["sea_orm"]));
}

#[test]
fn a_main_has_at_most_fifteen_lines() {
    check(is_main, |files| longer_than(files, 15));
}

#[test]
fn shared_code_names_no_business_noun() {
    check(is_shared, |files| mentioning(files, &business_nouns()));
}

#[test]
fn a_source_file_stays_short() {
    // 400 lines is the aim; the rest is room to finish a thought before splitting the file.
    check(|path| !is_test(path), |files| longer_than(files, 450));
}

#[test]
fn a_test_file_stays_short() {
    check(is_test, |files| longer_than(files, 600));
}

#[test]
fn the_audit_only_grows() {
    check(
        |path| path.starts_with("services/") && !is_test(path),
        rewriting_the_audit,
    );
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_skipped() {
    check(|_| true, unfinished);
}

#[test]
fn every_proto_package_has_its_directory() {
    assert_clean(&read("proto", "proto"), misplaced_packages);
}

#[test]
fn only_the_suite_is_built_from_services() {
    let mut manifests = read("services", "toml");
    let services: BTreeSet<String> = manifests
        .iter()
        .filter_map(|file| file.path.split('/').nth(1))
        .map(str::to_owned)
        .collect();
    assert!(services.contains("suite"), "{services:?}");
    manifests.extend(read("shared", "toml"));
    assert_clean(&manifests, |files| built_from_services(files, &services));
}

// ---------------------------------------------------------------- each rule catches its offence

#[test]
fn a_rule_that_names_the_runtime_is_caught() {
    for text in [
        "use tokio::sync::Mutex;\n",
        "fn f() -> sea_orm::DbErr {}\n",
        "use proto::orders::v1 as pb;\n",
        "use tonic_types::ErrorDetails;\n",
    ] {
        for path in [
            "services/orders/src/domain/state.rs",
            "services/orders/src/domain.rs",
            "services/notifications/src/projection/apply.rs",
        ] {
            assert!(is_domain(path), "{path}");
            let offences = naming(
                &[&file(path, text)],
                &["tokio", "tonic", "sea_orm", "proto"],
            );
            assert_eq!(offences.len(), 1, "{text}");
        }
    }
}

#[test]
fn a_name_in_a_comment_a_text_or_a_longer_word_is_no_offence() {
    let text = "// tokio\n/* tonic /* nested */ tonic */\nlet protocol = \"proto \\\" tonic\";\nlet c = '\"'; fn f<'tokio>() {}\nlet r = r#\"a \" tonic\"#;\n";
    let offences = naming(&[&file("x.rs", text)], &["tonic", "proto"]);
    assert_eq!(offences, Vec::<String>::new());
    assert_eq!(
        naming(&[&file("x.rs", "let c = '\\''; tonic\n")], &["tonic"]).len(),
        1,
        "code after a literal still counts"
    );
}

#[test]
fn a_store_that_names_the_wire_is_caught() {
    let path = "services/orders/src/store/rows.rs";
    assert!(is_store(path) && is_store("services/orders/src/store.rs"));
    let text = "use sea_orm::*;\nfn f() -> proto::orders::v1::Order {}\n";
    let offences = naming(&[&file(path, text)], &["tonic", "proto"]);
    assert_eq!(offences.len(), 1);
    assert!(offences[0].starts_with(&format!("{path}:2: ")));
}

#[test]
fn a_conversion_that_names_storage_is_caught() {
    let path = "services/orders/src/convert.rs";
    assert!(is_convert(path) && !is_convert("services/orders/src/domain/convert.rs"));
    assert_eq!(
        naming(&[&file(path, "use sea_orm::Value;\n")], &["sea_orm"]).len(),
        1
    );
}

#[test]
fn a_long_file_is_caught() {
    assert!(is_main("services/bff/src/main.rs"));
    assert!(is_test("services/bff/tests/it/rpc.rs") && is_test("services/bff/src/view/tests.rs"));
    assert!(!is_test("shared/testing/src/lib.rs"));
    let path = "services/bff/src/main.rs";
    assert!(longer_than(&[&file(path, &"\n".repeat(15))], 15).is_empty());
    assert_eq!(
        longer_than(&[&file(path, &"\n".repeat(16))], 15),
        ["services/bff/src/main.rs:16: 16 lines, at most 15"]
    );
}

#[test]
fn a_business_noun_in_shared_code_is_caught_in_any_case_even_in_a_comment() {
    assert!(is_shared("shared/types/src/lib.rs") && !is_shared("services/bff/src/lib.rs"));
    for noun in business_nouns() {
        let text = format!("// fine\n// new{}Id\n", noun.to_uppercase());
        let offences = mentioning(
            &[&file("shared/types/src/lib.rs", &text)],
            &business_nouns(),
        );
        assert_eq!(offences.len(), 1, "{noun}");
        assert!(offences[0].starts_with("shared/types/src/lib.rs:2: "));
    }
}

#[test]
fn unfinished_code_is_caught() {
    let text = "fn f() { todo!() }\nfn g() { unimplemented!(\"later\") }\n#[ignore = \"slow\"]\nfn h() { status::unimplemented(\"todo!\") }\n";
    let offences = unfinished(&[&file("x.rs", text)]);
    assert_eq!(offences.len(), 3, "{offences:?}");
}

#[test]
fn a_statement_that_changes_the_audit_is_caught() {
    for text in [
        "run(\"delete from audit_entry where 1 = 1\")\n",
        "\"UPDATE audit_entry set actor_id = ''\"\n",
        "\"delete \\\n   from  audit_entry\"\n",
        "\"truncate table audit_entry\"\n",
        "\"drop table audit_entry\"\n",
        "\"insert into audit_entry (id) values ($1) on conflict (id) do update set id = $1\"\n",
    ] {
        let caught = rewriting_the_audit(&[&file("services/settings/src/store/audit.rs", text)]);
        assert_eq!(caught.len(), 1, "{text}");
    }
    let fine = "\"insert into audit_entry (id) values ($1)\"; \"select id from audit_entry\"\n";
    let fine = rewriting_the_audit(&[&file("services/settings/src/store/audit.rs", fine)]);
    assert_eq!(fine, Vec::<String>::new());
}

#[test]
fn a_misplaced_package_is_caught() {
    let at = |path, package| {
        let text = format!("syntax = \"proto3\";\n\npackage {package};\n");
        misplaced_packages(&[&file(path, &text)]).len()
    };
    assert_eq!(
        at("proto/messenger/bff/v1/bff.proto", "messenger.bff.v1"),
        0
    );
    assert_eq!(
        at("proto/messenger/bff/v1/bff.proto", "messenger.bff.v2"),
        1
    );
    assert_eq!(misplaced_packages(&[&file("proto/a/a.proto", "")]).len(), 1);
}

#[test]
fn a_dependency_on_a_service_is_caught() {
    let services = BTreeSet::from(["bff".to_owned(), "suite".to_owned()]);
    let caught = |path: &str, text: &str| built_from_services(&[&file(path, text)], &services);
    let text = "[package]\nname = \"bff\"\n\n[dependencies]\nbff.workspace = true\n";
    assert_eq!(caught("services/other/Cargo.toml", text).len(), 1);
    assert_eq!(caught("shared/runtime/Cargo.toml", text).len(), 1);
    assert!(caught("services/suite/Cargo.toml", text).is_empty());
    let in_tests = text.replace("[dep", "[dev-dep");
    assert!(caught("services/other/Cargo.toml", &in_tests).is_empty());
}

// ---------------------------------------------------------------- which file is what

/// `services/NAME/src/REST` as `REST`.
fn in_service(path: &str) -> Option<&str> {
    let (_, inside) = path.strip_prefix("services/")?.split_once('/')?;
    inside.strip_prefix("src/")
}

fn is_module(path: &str, name: &str) -> bool {
    in_service(path)
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_domain(path: &str) -> bool {
    is_module(path, "domain")
        || path.starts_with("services/notifications/") && is_module(path, "projection")
}

fn is_store(path: &str) -> bool {
    is_module(path, "store")
}

fn is_convert(path: &str) -> bool {
    is_module(path, "convert")
}

fn is_main(path: &str) -> bool {
    in_service(path) == Some("main.rs")
}

fn is_shared(path: &str) -> bool {
    path.starts_with("shared/")
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.ends_with("/tests.rs")
}

/// Written in pieces, so that this file, itself shared, names none of them.
fn business_nouns() -> [&'static str; 3] {
    [
        concat!("tick", "et"),
        concat!("conver", "sation"),
        concat!("bad", "ge"),
    ]
}

// ---------------------------------------------------------------- what is an offence

/// Code, comments and texts aside, that names one of these crates or a part of its family (`tokio_util`).
fn naming(files: &[&File], crates: &[&str]) -> Vec<String> {
    offences(files, code, |line| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .find(|word| {
                crates.iter().any(|name| {
                    word.strip_prefix(name)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
                })
            })
            .map(|word| format!("names {word}"))
    })
}

/// Any text, comments included, that contains one of these words in any case.
fn mentioning(files: &[&File], words: &[&str]) -> Vec<String> {
    offences(files, str::to_lowercase, |line| {
        let word = words.iter().find(|word| line.contains(**word))?;
        Some(format!("says {word}"))
    })
}

fn unfinished(files: &[&File]) -> Vec<String> {
    offences(files, code, |line| {
        let mark = ["todo!", "unimplemented!", "#[ignore"]
            .into_iter()
            .find(|mark| line.contains(mark))?;
        Some(format!("has {mark}"))
    })
}

/// Statements that change or remove lines of the audit: it is kept as it was written.
fn rewriting_the_audit(files: &[&File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        // texts may be broken over lines
        let words: String = file.text.replace('\\', " ").to_lowercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        let flat = words.join(" ");
        for (at, _) in flat.match_indices("audit_entry") {
            let before = flat[..at].trim_end_matches(['"', ' ']);
            let after = &flat[at..];
            let statement = after.split(['"', ';']).next().unwrap_or_default();
            let changes = [
                "update",
                "delete from",
                "truncate",
                "truncate table",
                "drop table",
            ]
            .iter()
            .any(|verb| before.ends_with(verb))
                || statement.contains(" do update");
            if changes {
                found.push(format!("{}: changes the audit: {statement}", file.path));
            }
        }
    }
    found
}

fn longer_than(files: &[&File], most: usize) -> Vec<String> {
    files
        .iter()
        .map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > most)
        .map(|(path, lines)| format!("{path}:{lines}: {lines} lines, at most {most}"))
        .collect()
}

fn misplaced_packages(files: &[&File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let inside = file.path.strip_prefix("proto/").unwrap_or(&file.path);
        let directory = inside
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory);
        let package = format!("package {};", directory.replace('/', "."));
        if !file.text.lines().any(|line| line == package) {
            found.push(format!("{}:1: does not say \"{package}\"", file.path));
        }
    }
    found
}

/// Services learn from each other through feeds, and shared code serves them all: neither links a service.
fn built_from_services(files: &[&File], services: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        if file.path.starts_with("services/suite/") {
            continue;
        }
        let mut linked = false;
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.starts_with('[') {
                linked = line == "[dependencies]" || line.ends_with(".dependencies]");
            }
            let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if linked && services.contains(key) {
                found.push(format!("{}:{number}: is built from {key}", file.path));
            }
        }
    }
    found
}

fn offences(
    files: &[&File],
    view: impl Fn(&str) -> String,
    judge: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in (1..).zip(view(&file.text).lines()) {
            if let Some(what) = judge(line) {
                found.push(format!("{}:{number}: {what}", file.path));
            }
        }
    }
    found
}

// ---------------------------------------------------------------- reading

/// Runs a rule over the Rust files of one kind.
fn check(kind: fn(&str) -> bool, rule: impl Fn(&[&File]) -> Vec<String>) {
    let mut files = Vec::new();
    for part in ["proto", "services", "shared"] {
        files.extend(read(part, "rs"));
    }
    files.retain(|file| kind(&file.path));
    assert_clean(&files, rule);
}

fn assert_clean(files: &[File], rule: impl Fn(&[&File]) -> Vec<String>) {
    assert!(
        !files.is_empty(),
        "no file is of this kind: the rule would hold for nothing"
    );
    let offences = rule(&files.iter().collect::<Vec<_>>());
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

fn read(part: &str, extension: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    let mut unread = vec![root.join(part)];
    while let Some(directory) = unread.pop() {
        for entry in fs::read_dir(&directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Not ours to judge: what a tool made or fetched.
            if name.starts_with('.') || ["target", "generated", "node_modules"].contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                unread.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let inside = path.strip_prefix(&root).unwrap().to_string_lossy();
                files.push(File {
                    path: inside.replace('\\', "/"),
                    text: fs::read_to_string(&path).expect("a readable file"),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// The text with comments and literals blanked and every line kept where it was.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = blank(rest);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (blanked, after) = rest.split_at(length);
        code.extend(blanked.chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = after;
    }
    code
}

/// How many bytes at the start are one comment or literal; 0 if it is code.
fn blank(text: &str) -> usize {
    let until = |end: &str, from: usize| {
        text[from..]
            .find(end)
            .map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return nested_comment(text);
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
        }
    }
    if text.starts_with('"') {
        return escaped(text, '"');
    }
    // A lifetime has no closing quote after its first character, nor an escape.
    let mut inside = text.strip_prefix('\'').unwrap_or_default().chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => escaped(text, '\''),
        _ => 0,
    }
}

fn escaped(text: &str, quote: char) -> usize {
    let mut escape = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escape {
            return at + 1;
        }
        escape = c == '\\' && !escape;
    }
    text.len()
}

fn nested_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
        if depth == 0 || at == text.len() {
            return at;
        }
    }
}
