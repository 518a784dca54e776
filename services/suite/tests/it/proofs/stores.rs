//! No finder without a workspace: every function of a store that reaches the database takes one, or a key that
//! has one in it, and every table and index begins with it. Whoever leaves it out is found here; that it is not
//! only taken but used, the isolation matrix shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const SERVICES: [&str; 4] = ["tickets", "conversations", "notifications", "settings"];

/// What works for all workspaces, and why it may.
const FOR_ALL: &[(&str, &str)] = &[
    (
        "tickets/store/conversations.rs::forget",
        "housekeeping: removes by age",
    ),
    (
        "tickets/store/lists.rs::everything",
        "a snapshot for the feed, which is for services",
    ),
    (
        "notifications/store.rs::epoch",
        "one number for the whole projection",
    ),
    (
        "notifications/store.rs::inboxes",
        "a rebuild goes through all",
    ),
    (
        "notifications/store/write.rs::blank",
        "a rebuild clears all",
    ),
    (
        "notifications/store/sets.rs::found",
        "handed keys that begin with the workspace",
    ),
    (
        "notifications/store/sets.rs::upsert",
        "handed rows that begin with the workspace",
    ),
    (
        "notifications/store/write.rs::begin_epoch",
        "one number for the whole projection",
    ),
    (
        "settings/store/identity_keys.rs::find_for_app",
        "a session is opened with an app's id: this finds its workspace",
    ),
    (
        "settings/store/sessions.rs::find_open",
        "a token's hash, of 256 random bits, finds its workspace",
    ),
    (
        "settings/store/sessions.rs::workspace_of",
        "the BFF ends a session by its id: this finds its workspace",
    ),
    (
        "settings/store/sessions.rs::unfinished_revocations",
        "the next start goes on with what the last one began",
    ),
    (
        "settings/store/sessions.rs::remove_old",
        "housekeeping: removes by age",
    ),
    (
        "settings/store/snapshot.rs::changed_workspaces",
        "a snapshot for the feed, which is for services",
    ),
    (
        "settings/store/snapshot.rs::ended_sessions",
        "a snapshot for the feed, which is for services",
    ),
    (
        "settings/store/console_sessions.rs::use_login",
        "a login's hash, of 256 random bits, is good once",
    ),
    (
        "settings/store/console_sessions.rs::find",
        "a token's hash, of 256 random bits, finds its workspace",
    ),
    (
        "settings/store/console_sessions.rs::owner_of",
        "the BFF ends a session by its id: this finds its workspace",
    ),
    (
        "settings/store/console_sessions.rs::remove_old",
        "housekeeping: removes by age",
    ),
    (
        "settings/store/identity_keys.rs::not_sealed_with",
        "a new sealing key is for the keys of all",
    ),
    (
        "settings/store/identity_keys.rs::samples",
        "the start tries whether it can open what was sealed",
    ),
    (
        "settings/store/identity_keys.rs::forget_revoked",
        "housekeeping: a revoked key's secret is good for nothing",
    ),
    (
        "settings/store/replays.rs::remove_old",
        "housekeeping: removes by age",
    ),
    (
        "settings/store/security.rs::workspace_of_app",
        "a page names its app: this finds its workspace",
    ),
    (
        "settings/store/snapshot.rs::merges",
        "a snapshot for the feed, which is for services",
    ),
    (
        "settings/store/snapshot.rs::erasures",
        "a snapshot for the feed, which is for services",
    ),
    (
        "settings/store/visitors.rs::remove_old",
        "housekeeping: removes by age",
    ),
    (
        "settings/store/tokens.rs::find_good",
        "an API token's id, checked with its hash, finds its workspace",
    ),
];

/// Tables that belong to a process, not to a tenant, and indices that begin with something else, and why.
const PLUMBING: &[(&str, &str)] = &[
    ("answered_request_age", "housekeeping goes by age"),
    ("consumer_*", "where a reader is in a feed"),
    ("evlog*", "the log, in the order of its partitions"),
    ("projection_epoch", "one number"),
    ("service_secret", "the process's own"),
    ("api_token", "see find_good"),
    ("console_login*", "see use_login; housekeeping goes by age"),
    ("console_session_age", "housekeeping goes by age"),
    ("console_session_id", "see owner_of"),
    ("console_session_token", "see find"),
    ("session_age", "housekeeping goes by age"),
    ("session_id", "see workspace_of"),
    ("session_token", "see find_open"),
    ("used_token_age", "housekeeping goes by age"),
    ("visitor_secret_age", "housekeeping goes by age"),
    ("visitor_session_age", "housekeeping goes by age"),
    ("visitor_session_id", "see workspace_of"),
    ("visitor_session_token", "see find_open"),
    ("workspace", "the list of workspaces itself"),
    ("workspace_app", "an app's id finds its workspace"),
];

fn source(service: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(service)
        .join("src");
    let mut files = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let inside: PathBuf = path.strip_prefix(&root).unwrap().into();
            files.push((
                inside.display().to_string(),
                fs::read_to_string(path).unwrap(),
            ));
        }
    }
    files.sort();
    files
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Code without comments.
fn bare(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands between the first of these and the one that closes it.
fn inside(text: &str, open: char, close: char) -> &str {
    let from = text.find(open).map_or(text.len(), |at| at + 1);
    let mut depth = 1;
    for (at, c) in text[from..].char_indices() {
        depth += i32::from(c == open) - i32::from(c == close);
        if depth == 0 {
            return &text[from..from + at];
        }
    }
    ""
}

/// Names of types with the bodies of all definitions of that name.
fn types(files: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, text) in files {
        let text = bare(text);
        for keyword in ["struct ", "enum ", "type "] {
            for (at, _) in text.match_indices(keyword) {
                let rest = &text[at + keyword.len()..];
                let name = words(rest).next().unwrap_or_default().to_owned();
                if !name.starts_with(char::is_uppercase) {
                    continue;
                }
                let end = rest.find([';', '{']).unwrap_or(rest.len());
                let body = match rest[end..].starts_with('{') {
                    true => inside(rest, '{', '}'),
                    false => &rest[name.len()..end],
                };
                found.entry(name).or_default().push(body.to_owned());
            }
        }
    }
    found
}

/// Types that cannot be had without a workspace: all definitions of the name have one in them.
fn keyed(types: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let mut keyed = BTreeSet::from(["WorkspaceId".to_owned()]);
    loop {
        let more: Vec<String> = types
            .iter()
            .filter(|(name, _)| !keyed.contains(*name))
            .filter(|(_, bodies)| {
                bodies.iter().all(|body| {
                    words(&body.replace("Option<", "")).any(|word| keyed.contains(word))
                })
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return keyed;
        }
        keyed.extend(more);
    }
}

/// Functions of a store that others can call and that reach the database: name and parameters.
fn finders(file: &str, text: &str) -> Vec<(String, String)> {
    let text = bare(text);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("fn ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim();
        let visible = line.starts_with("pub ") || line.starts_with("pub(");
        let rest = &text[at + 3..];
        let name = words(rest).next().unwrap_or_default().to_owned();
        let parameters = inside(rest, '(', ')').to_owned();
        // whoever waits for the database is async; the others only build what is asked
        let reaches = line.contains("async")
            && words(&parameters)
                .any(|word| ["ConnectionTrait", "Database", "self"].contains(&word));
        if visible && reaches {
            found.push((format!("{file}::{name}"), parameters));
        }
    }
    found
}

fn offences(service: &str, files: &[(String, String)]) -> (usize, Vec<String>) {
    let keyed = keyed(&types(files));
    let mut looked_at = 0;
    let mut found = Vec::new();
    for (file, text) in files {
        let store = file == "store.rs" || file.starts_with("store/");
        if !store || file.contains("tests") || file.ends_with("migration.rs") {
            continue;
        }
        for (name, parameters) in finders(&format!("{service}/{file}"), text) {
            // helpers that are handed a statement are no finders: their callers are
            let helper = words(&parameters).any(|word| word == "sql" || word == "Statement");
            let excepted = FOR_ALL.iter().any(|(excepted, _)| *excepted == name);
            looked_at += 1;
            if !helper && !excepted && !words(&parameters).any(|word| keyed.contains(word)) {
                found.push(format!("{name}({})", parameters.trim()));
            }
        }
    }
    (looked_at, found)
}

#[test]
fn a_finder_without_a_workspace_is_not_written() {
    for service in SERVICES {
        let (looked_at, found) = offences(service, &source(service));
        assert!(looked_at >= 8, "{service}: {looked_at}");
        assert!(
            found.is_empty(),
            "take the workspace, or say why not: {found:#?}"
        );
    }
}

#[test]
fn an_exception_is_of_something_that_is_there() {
    for (name, why) in FOR_ALL {
        let (service, rest) = name.split_once('/').unwrap();
        let (file, function) = rest.split_once("::").unwrap();
        let said = ["(", "<"].map(|next| format!("fn {function}{next}"));
        let there = source(service).iter().any(|(path, text)| {
            path == file && said.iter().any(|said| text.contains(said.as_str()))
        });
        assert!(there, "{name}, {why}");
    }
}

#[test]
fn a_finder_that_leaves_the_workspace_out_is_found() {
    let file = |text: &str| vec![("store/rows.rs".to_owned(), text.to_owned())];
    let key =
        "pub struct Key { pub workspace: WorkspaceId }\npub struct Lone { pub id: OrderId }\n";
    for (parameters, caught) in [
        ("id: &OrderId", true),
        ("lone: &Lone", true),
        ("id: &OrderId, // of WorkspaceId\n", true),
        ("workspace: &WorkspaceId, id: &OrderId", false),
        ("keys: &[Key]", false),
    ] {
        let text =
            format!("{key}pub async fn find(db: &impl ConnectionTrait, {parameters}) {{}}\n");
        let (_, found) = offences("orders", &file(&text));
        assert_eq!(found.len(), usize::from(caught), "{parameters}");
    }
    // a second type of the same name, without one, makes the name no key any more
    let twice = format!("{key}mod other {{ pub struct Key {{ pub at: i64 }} }}\n");
    let text = format!("{twice}pub async fn find(db: &impl ConnectionTrait, key: &Key) {{}}\n");
    assert_eq!(offences("orders", &file(&text)).1.len(), 1);
}

/// Names of what a schema's text has, with the columns that each begins with.
fn leading(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let lower = line.to_lowercase();
        if let Some(rest) = lower.strip_prefix("table ") {
            let name = words(rest).next().unwrap_or_default().to_owned();
            let columns = match rest.split_once("primary key (") {
                Some((_, columns)) => columns.to_owned(),
                // a key of one column stands beside it
                None => {
                    let before = rest.split(" primary key").next().unwrap_or_default();
                    let column = before.rsplit(['(', ',']).next().unwrap_or_default();
                    column.trim().to_owned()
                }
            };
            found.push((name, columns));
        } else if let Some(rest) = lower.strip_prefix("index ") {
            let name = words(rest).next().unwrap_or_default().to_owned();
            let columns = rest
                .rsplit_once(" on ")
                .map_or("", |(_, on)| inside(on, '(', ')'));
            found.push((name, columns.to_owned()));
        }
    }
    found
}

#[test]
fn every_table_and_index_begins_with_the_workspace() {
    let mut looked_at = 0;
    for service in SERVICES {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(service)
            .join("tests/golden/schema");
        for entry in fs::read_dir(schema).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|kind| kind != "sqlite") {
                continue;
            }
            for (name, columns) in leading(&fs::read_to_string(&path).unwrap()) {
                looked_at += 1;
                let plumbing = PLUMBING.iter().any(|(excepted, _)| {
                    excepted
                        .strip_suffix('*')
                        .map_or(name == *excepted, |family| name.starts_with(family))
                });
                let first = words(&columns).next().unwrap_or_default();
                assert!(
                    plumbing || first == "workspace_id",
                    "{service}: {name} begins with {columns:?}"
                );
            }
        }
    }
    assert!(looked_at > 40, "{looked_at}");
}

/// Where a call works for all workspaces, how often, and why it may.
const CALLS_FOR_ALL: &[(&str, usize, &str)] = &[
    (
        "settings/service.rs",
        1,
        "hands it to those that find a workspace by what a caller has",
    ),
    (
        "settings/service/console_sessions.rs",
        3,
        "a token's hash and a session's id find it; what a browser had before a login may be another's",
    ),
    ("settings/service/opening.rs", 2, "an app's id finds it"),
    ("settings/service/security.rs", 1, "an app's id finds it"),
    (
        "settings/service/sessions.rs",
        2,
        "a token's hash and a session's id find it",
    ),
    ("settings/service/tokens.rs", 1, "a token's id finds it"),
];

/// On Postgres a statement that forgets the workspace then finds nothing.
#[test]
fn a_call_reads_and_writes_what_its_workspace_has_and_nothing_else() {
    const FOR_ALL_SAID: [&str; 4] = ["atabase().read()", ".begin()", ".snapshot()", ".of_all()"];
    let mut found = Vec::new();
    for service in SERVICES {
        for (file, text) in source(service) {
            if !(file == "service.rs" || file.starts_with("service/")) || file.contains("tests") {
                continue;
            }
            // however the lines are broken
            let text: String = bare(&text).split_whitespace().collect();
            let said = FOR_ALL_SAID.map(|said| text.matches(said).count());
            let said: usize = said.iter().sum();
            if said > 0 {
                found.push((format!("{service}/{file}"), said));
            }
        }
    }
    let excepted = CALLS_FOR_ALL.iter();
    let excepted: Vec<_> = excepted
        .map(|&(file, times, _)| (file.to_owned(), times))
        .collect();
    assert_eq!(
        found, excepted,
        "take `of`, `begin_of` or `snapshot_of` with the caller's workspace, or say why not"
    );
}

/// Columns by which it is decided whether a customer sees something.
const VISIBILITY: [&str; 6] = [
    "visible",
    "shared",
    "shareable",
    "offered",
    "listed",
    "kind",
];

/// What is told to nobody in particular is the team's: there is no third answer, and none that means "yes" by itself.
fn leaves_it_open(schema: &str) -> Vec<&str> {
    let columns = schema
        .lines()
        .filter_map(|line| line.strip_prefix("column "));
    columns
        .filter(|column| {
            let name = words(column).nth(1).unwrap_or_default();
            VISIBILITY.contains(&name)
                && (!column.contains(" not null") || column.contains("default true"))
        })
        .collect()
}

#[test]
fn a_column_that_decides_what_customers_see_always_says_so() {
    let mut looked_at = 0;
    for service in SERVICES {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(service)
            .join("tests/golden/schema");
        for entry in fs::read_dir(schema).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let decides = |line: &&str| {
                line.starts_with("column ")
                    && VISIBILITY.contains(&words(line).nth(2).unwrap_or_default())
            };
            looked_at += text.lines().filter(decides).count();
            assert_eq!(leaves_it_open(&text), Vec::<&str>::new(), "{service}");
        }
    }
    assert!(looked_at >= 14, "{looked_at}");
    for caught in [
        "column a.visible boolean",
        "column a.shared boolean not null default true",
    ] {
        assert_eq!(leaves_it_open(caught).len(), 1, "{caught}");
    }
}

/// Tables of which a row that was written stays as it was written, for as long as there is the workspace.
const WRITTEN_ONCE: [&str; 2] = ["audit_entry", "ticket_history"];
/// A person who is gone is no actor any more.
const BUT: &str = "update ticket_history set actor_id";

/// Statements that take away or change a row of these tables.
fn changes(text: &str) -> Vec<String> {
    let text = bare(text).to_lowercase().replace("\\\n", " ");
    let text = on_one_line(&text);
    let mut found = Vec::new();
    for table in WRITTEN_ONCE {
        for verb in [
            "update",
            "delete from",
            "truncate",
            "drop table",
            "replace into",
        ] {
            let statement = format!("{verb} {table}");
            for (at, _) in text.match_indices(&statement) {
                let line: String = text[at..].chars().take(60).collect();
                if !line.starts_with(BUT) {
                    found.push(line);
                }
            }
        }
        let insert = format!("insert into {table}");
        for rest in text.split(&insert).skip(1) {
            let statement = rest.split(';').next().unwrap_or_default();
            if statement.contains("do update") {
                found.push(format!("{insert} … do update"));
            }
        }
    }
    found
}

/// With one blank wherever there are some.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_entry_of_the_audit_is_never_changed_nor_taken_away() {
    let mut looked_at = 0;
    for service in SERVICES {
        for (file, text) in source(service) {
            looked_at += usize::from(WRITTEN_ONCE.iter().any(|table| text.contains(table)));
            assert_eq!(changes(&text), Vec::<String>::new(), "{service}/{file}");
        }
    }
    assert!(looked_at >= 4, "{looked_at}");
    for caught in [
        "update audit_entry set actor_id = $2",
        "delete from \\\n   audit_entry where happened_at < $1",
        "insert into ticket_history (a) values ($1) on conflict (a) do update set a = $1",
    ] {
        assert_eq!(changes(caught).len(), 1, "{caught}");
    }
}
