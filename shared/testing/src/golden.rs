//! Golden files: what was released once is kept in a crate's `tests/golden` and held against today's code
//! for ever. A file there is never changed. With `ADD_GOLDEN=1` a test adds those that are missing, for a
//! person to look at and commit; it writes over none.

mod database;
mod events;
mod schema;

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

/// Whether files that are missing are added.
#[allow(
    clippy::disallowed_methods,
    reason = "what a person says who adds to what is kept"
)]
fn adding() -> bool {
    std::env::var("ADD_GOLDEN").is_ok_and(|said| said == "1")
}

/// The golden files of a crate.
pub struct Golden(PathBuf);

impl Golden {
    /// Those of the crate in a directory, which is `env!("CARGO_MANIFEST_DIR")`.
    pub fn of(manifest: &str) -> Self {
        Self(Path::new(manifest).join("tests/golden"))
    }

    /// Those in a directory, for tests of these tests.
    pub fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Names of the files of a directory that end so, without that end, in order.
    fn names(&self, directory: &str, end: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(directory)) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter_map(|name| name.strip_suffix(end).map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// A place for a file that is missing, if it is to be added.
    ///
    /// # Panics
    /// When it is not, with what is missing and how to add it.
    fn add(&self, name: &str, what: &str) -> PathBuf {
        let path = self.path(name);
        assert!(!path.exists(), "{} is never changed", path.display());
        assert!(
            adding(),
            "{what} has no golden file {}: run this test once with ADD_GOLDEN=1, look at what it adds, and \
             commit it",
            path.display()
        );
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn add_text(&self, name: &str, what: &str, text: &str) {
        fs::write(self.add(name, what), text).unwrap();
    }
}

/// Where `today` says less than `golden`, or something else; what it says beyond is new and no difference.
fn lost(golden: &Value, today: &Value, at: &str, found: &mut Vec<String>) {
    match (golden, today) {
        (Value::Object(golden), Value::Object(today)) => {
            for (name, value) in golden {
                let at = format!("{at}.{name}");
                lost(value, today.get(name).unwrap_or(&Value::Null), &at, found);
            }
        }
        (Value::Array(golden), Value::Array(today)) if golden.len() == today.len() => {
            for (place, (golden, today)) in golden.iter().zip(today).enumerate() {
                lost(golden, today, &format!("{at}[{place}]"), found);
            }
        }
        _ if golden == today => {}
        _ => found.push(format!("{at} was {golden} and is {today}")),
    }
}

/// A message of the contract, by its whole name, as JSON.
///
/// # Panics
/// When the contract has no such message.
pub fn json<M: Message>(name: &str, message: &M) -> Value {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let descriptor = pool.get_message_by_name(name);
    let descriptor = descriptor.unwrap_or_else(|| panic!("the contract has no {name}"));
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
    serde_json::to_value(&message).unwrap()
}

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}
