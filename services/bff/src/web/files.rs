//! Files read once: no request reaches the disk, and none can name what is not there.

use std::{collections::HashMap, fs, path::Path};

use axum::body::Bytes;
use runtime::StartError;

/// All of a build together, in bytes: a directory that holds more is another one.
const MOST: u64 = 16 * 1024 * 1024;

/// A file in each form that was built.
#[derive(Default)]
pub(super) struct File {
    pub(super) plain: Bytes,
    pub(super) brotli: Option<Bytes>,
    pub(super) gzip: Option<Bytes>,
    pub(super) kind: &'static str,
}

/// Files by their path below the directory, with slashes.
pub(super) struct Files(HashMap<String, File>);

impl Files {
    /// Reads the directory and the ones directly below it.
    ///
    /// # Errors
    /// When something cannot be read, or it is too much.
    pub(super) fn read(directory: &Path) -> Result<Self, StartError> {
        let mut files = Self(HashMap::new());
        let mut left = MOST;
        files.add(directory, "", &mut left).map_err(|error| {
            StartError::Config(format!(
                "the pages in {} cannot be read: {error}",
                directory.display()
            ))
        })?;
        Ok(files)
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    pub(super) fn take(&mut self, path: &str) -> Option<File> {
        self.0.remove(path)
    }

    fn add(&mut self, directory: &Path, prefix: &str, left: &mut u64) -> std::io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                if prefix.is_empty() {
                    self.add(&entry.path(), &format!("{name}/"), left)?;
                }
                continue;
            }
            *left = left
                .checked_sub(entry.metadata()?.len())
                .ok_or_else(|| std::io::Error::other("it holds more than a build does"))?;
            let bytes = Bytes::from(fs::read(entry.path())?);
            if let Some(plain) = name.strip_suffix(".br") {
                self.0.entry(plain.to_owned()).or_default().brotli = Some(bytes);
            } else if let Some(plain) = name.strip_suffix(".gz") {
                self.0.entry(plain.to_owned()).or_default().gzip = Some(bytes);
            } else {
                let kind = kind(&name);
                let file = self.0.entry(name).or_default();
                file.plain = bytes;
                file.kind = kind;
            }
        }
        Ok(())
    }
}

/// What a browser is told that it is; unknown ones are only bytes.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
