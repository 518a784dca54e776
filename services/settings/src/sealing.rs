//! Identity keys' secrets at rest: sealed with keys from a file that the database never sees, so that who
//! reads the database, or a copy of it, can sign nothing.

mod rows;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rand::{RngCore, rngs::OsRng};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use runtime::StartError;
use secrecy::ExposeSecret;

use crate::{
    domain::{IdentityKeyId, KeySecret},
    store::identity_keys::{KeptKey, KeptSecret},
};
use types::WorkspaceId;

pub(crate) use rows::{check, seal_all};

/// Name of the file with the sealing keys in the directory of keys, unless another is named.
pub const FILE: &str = "settings.sealing";
/// What the sealed text is, so that it can stand for nothing else.
const PURPOSE: &str = "settings.identity_key";
/// Keys in a file at the most.
const MAX_KEYS: usize = 100;
/// Characters of a key's name at the most.
const MAX_NAME: usize = 40;

/// The keys that seal: the first seals, all open.
pub(crate) struct SealingKeys {
    file: PathBuf,
    keys: Vec<(String, LessSafeKey)>,
}

/// A secret cannot be opened: it is sealed with a key that is not in the file, or is not as it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be opened")]
pub struct Unopened;

impl SealingKeys {
    /// Reads a file of lines `NAME BASE64`, 32 bytes each; empty lines and those that begin with `#` are
    /// passed over.
    ///
    /// # Errors
    /// When it is not there or malformed; the sentence says what to do, and nothing that is in it.
    pub fn load(file: &Path) -> Result<Self, StartError> {
        let problem = |cause: String| {
            StartError::Keys(format!(
                "the sealing keys {} cannot be used: {cause}. Identity keys are kept sealed with them: put \
                 the file back from where you keep it, or make one with `suite keys --dir {}` if this is a \
                 new installation or the first start of this version",
                file.display(),
                file.parent().unwrap_or(Path::new(".")).display()
            ))
        };
        let text = fs::read_to_string(file).map_err(|e| problem(e.to_string()))?;
        let mut keys: Vec<(String, LessSafeKey)> = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = read_line(line).ok_or_else(|| {
                problem(format!(
                    "line {number} is not a name of lower-case letters, digits and hyphens, a space, and 32 \
                     bytes in base64"
                ))
            })?;
            if keys.iter().any(|(name, _)| *name == key.0) {
                return Err(problem(format!(
                    "line {number} has a name for the second time"
                )));
            }
            keys.push(key);
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(problem(format!(
                "it has {} keys, of 1 to {MAX_KEYS}",
                keys.len()
            )));
        }
        Ok(Self {
            file: file.to_owned(),
            keys,
        })
    }

    /// The name of the key that seals.
    fn newest(&self) -> &str {
        &self.keys[0].0
    }

    /// Seals a key's secret, for this key of this workspace alone.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn seal(
        &self,
        workspace: &WorkspaceId,
        key: &IdentityKeyId,
        secret: &KeySecret,
    ) -> Result<KeptSecret, Unopened> {
        let (name, with) = &self.keys[0];
        let mut nonce = [0; NONCE_LEN];
        OsRng.fill_bytes(&mut nonce);
        let mut sealed = secret.text.expose_secret().as_bytes().to_vec();
        // random nonces are safe for 2^32 secrets of a key
        with.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(belonging(workspace, key, name)),
            &mut sealed,
        )
        .map_err(|_| Unopened)?;
        let text = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok(KeptSecret {
            text,
            sealed_with: Some(name.clone()),
        })
    }

    /// The secret of a key as it is kept: sealed, or in clear from a version before.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self, key: &KeptKey) -> Result<KeySecret, Unopened> {
        let text = match &key.secret.sealed_with {
            None => key.secret.text.clone(),
            Some(name) => self.open_sealed(key, name).ok_or(Unopened)?,
        };
        Ok(KeySecret {
            algorithm: key.algorithm,
            text: text.into(),
        })
    }

    fn open_sealed(&self, key: &KeptKey, name: &str) -> Option<String> {
        let (_, with) = self.keys.iter().find(|(known, _)| known == name)?;
        let bytes = URL_SAFE_NO_PAD.decode(&key.secret.text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(belonging(&key.workspace, &key.id, name));
        let mut sealed = sealed.to_vec();
        let text = with.open_in_place(nonce, aad, &mut sealed).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// What a sealed secret is bound to: moved to another row it does not open. Ids and names have no line
/// breaks.
fn belonging(workspace: &WorkspaceId, key: &IdentityKeyId, name: &str) -> Vec<u8> {
    format!("{PURPOSE}\n{workspace}\n{key}\n{name}").into_bytes()
}

fn read_line(line: &str) -> Option<(String, LessSafeKey)> {
    let (name, key) = line.split_once(char::is_whitespace)?;
    let fits = name.len() <= MAX_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let bytes = STANDARD.decode(key.trim()).ok()?;
    let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
    fits.then(|| (name.to_owned(), LessSafeKey::new(key)))
}

/// Makes the file `settings.sealing` with one new key in a directory of keys, unless it is there. Only its
/// owner can read it.
///
/// # Errors
/// When the directory cannot be written.
pub fn generate_sealing_keys(directory: &Path) -> Result<(), StartError> {
    let file = directory.join(FILE);
    let problem = |cause: std::io::Error| {
        StartError::Keys(format!(
            "the sealing keys {} cannot be written: {cause}",
            file.display()
        ))
    };
    fs::create_dir_all(directory).map_err(problem)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = match options.open(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened.map_err(problem)?,
    };
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    let text = format!(
        "# Settings keeps identity keys sealed with these: the first seals, all open. Lost with them are the\n\
         # identity keys. To change: add a line at the end and restart every replica, move it to the front and\n\
         # restart again, and remove the old line an hour later.\n\
         first {}\n",
        STANDARD.encode(key)
    );
    opened.write_all(text.as_bytes()).map_err(problem)
}

#[cfg(test)]
mod tests;
