//! A configuration made from files, and made again when they change.

use std::{
    fmt::Display,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};

use super::lifetime::{self, Holds};
use crate::StartError;

/// Files are looked at again this often. Their contents are compared: a mounted Secret is changed by a symlink
/// several levels up, which no file's time tells reliably.
pub(crate) const LOOK: Duration = Duration::from_secs(2);
/// Largest file, in bytes: a CA bundle of hundreds fits.
const LARGEST: u64 = 1 << 20;

/// What a file holds.
pub(super) struct Pem {
    path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Pem {
    fn read(path: &Path) -> Result<Self, String> {
        let mut pem = Self {
            path: path.to_owned(),
            bytes: Vec::new(),
        };
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut pem.bytes))
            .map_err(|why| pem.problem(&why))?;
        if pem.bytes.len() as u64 > LARGEST {
            return Err(pem.problem("it is larger than 1 MiB"));
        }
        Ok(pem)
    }

    pub(super) fn problem(&self, why: impl Display) -> String {
        format!("{} cannot be used: {why}", self.path.display())
    }
}

type Make<C> = fn(&[(Holds, Pem)]) -> Result<C, String>;
type Fingerprint = [u8; 32];

/// The configuration that the files made last.
pub(crate) struct Reloaded<C> {
    side: &'static str,
    files: Vec<(Holds, PathBuf)>,
    make: Make<C>,
    current: RwLock<Arc<C>>,
    /// Of the contents that were looked at last, whether they could be used or not.
    seen: Mutex<Fingerprint>,
}

impl<C> Reloaded<C> {
    /// From these files, in the order that `make` knows. `side` names it in logs and numbers.
    ///
    /// # Errors
    /// The sentence of what cannot be used.
    pub(super) fn load(
        side: &'static str,
        files: Vec<(Holds, PathBuf)>,
        make: Make<C>,
    ) -> Result<Self, StartError> {
        let (seen, pem) = read(&files).map_err(StartError::Config)?;
        let made = make(&pem).map_err(StartError::Config)?;
        metrics::gauge!("tls_certificates_broken", "side" => side).set(0);
        lifetime::tell(side, &pem);
        Ok(Self {
            side,
            files,
            make,
            current: RwLock::new(Arc::new(made)),
            seen: Mutex::new(seen),
        })
    }

    /// For the next connection; those that are open keep what they were made with.
    pub(crate) fn current(&self) -> Arc<C> {
        self.current.read().clone()
    }

    /// Takes what the files hold now. What cannot be used is told once, and what was used before stays: whoever
    /// has half of a new pair on the disk must not be locked out meanwhile.
    pub(crate) fn refresh(&self) {
        // whoever is at it does it for all
        let Some(mut seen) = self.seen.try_lock() else {
            return;
        };
        let broken = metrics::gauge!("tls_certificates_broken", "side" => self.side);
        let made = match read(&self.files) {
            Ok((now, _)) if now == *seen => return,
            Ok((now, pem)) => (self.make)(&pem).map(|made| (now, pem, made)),
            Err(why) => Err(why),
        };
        match made {
            Ok((now, pem, made)) => {
                *seen = now;
                *self.current.write() = Arc::new(made);
                broken.set(0);
                lifetime::tell(self.side, &pem);
                tracing::info!(side = self.side, "new certificates are in use");
            }
            Err(why) => {
                let now = Sha256::digest(&why).into();
                if *seen != now {
                    *seen = now;
                    broken.set(1);
                    tracing::warn!(
                        side = self.side,
                        why,
                        "the new certificates cannot be used; those before stay in use"
                    );
                }
            }
        }
    }
}

fn read(files: &[(Holds, PathBuf)]) -> Result<(Fingerprint, Vec<(Holds, Pem)>), String> {
    let mut hash = Sha256::new();
    let mut all = Vec::new();
    for (holds, file) in files {
        let pem = Pem::read(file)?;
        hash.update(pem.bytes.len().to_be_bytes());
        hash.update(&pem.bytes);
        all.push((*holds, pem));
    }
    Ok((hash.finalize().into(), all))
}
