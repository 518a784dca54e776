//! Credentials of a workspace on this machine, for `call`, `demo` and people who try things.

use std::{collections::BTreeMap, fs, io::Write, time::Duration};

use anyhow::{Context, Result, anyhow};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::settings::v1::Platform;
use serde::{Deserialize, Serialize};

use crate::Layout;

/// How long a user token is good; it is exchanged at once.
const USER_TOKEN: Duration = Duration::from_secs(300);

/// A key that signs user tokens for one platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyAccess {
    /// The key's id.
    pub kid: String,
    /// Its secret.
    pub secret: String,
}

/// What a person needs to act in a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    /// `wsp_…`.
    pub workspace_id: String,
    /// `app_…`.
    pub app_id: String,
    /// By platform: `WEB`, `IOS`, `ANDROID`.
    pub keys: BTreeMap<String, KeyAccess>,
    /// API tokens by the teammate's short name.
    pub teammates: BTreeMap<String, String>,
    /// Contacts' full names by their `user_id`.
    pub contacts: BTreeMap<String, String>,
    /// `tst_…` of the demo workspace's states by their category, for the calls that are shown.
    #[serde(default)]
    pub states: BTreeMap<String, String>,
}

impl Access {
    /// Keeps them in the data directory, readable by their owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, layout: &Layout) -> Result<()> {
        let path = layout.access();
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(&serde_json::to_vec_pretty(self)?))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads them; `None` before the first start has finished.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn load(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.access();
        match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| {
                format!(
                    "{} is damaged; start over with {}",
                    path.display(),
                    layout.make("run --fresh")
                )
            })?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// A user token as the customer's own server would make it.
    ///
    /// # Errors
    /// When there is no key for the platform.
    pub fn user_token(&self, user_id: &str, platform: Platform) -> Result<String> {
        #[derive(Serialize)]
        struct Claims<'a> {
            user_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
            aud: &'a str,
            iat: i64,
            exp: i64,
        }
        let name = short_name(platform);
        let key = self
            .keys
            .get(name)
            .ok_or_else(|| anyhow!("there is no identity key for {name}"))?;
        let now = types::Clock::now(&types::SystemClock).as_second();
        let claims = Claims {
            user_id,
            name: self.contacts.get(user_id).map(String::as_str),
            aud: &self.app_id,
            iat: now,
            exp: now + USER_TOKEN.as_secs() as i64,
        };
        let header = Header {
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        Ok(jsonwebtoken::encode(
            &header,
            &claims,
            &EncodingKey::from_secret(key.secret.as_bytes()),
        )?)
    }
}

/// `WEB`, `IOS` or `ANDROID`.
pub(crate) fn short_name(platform: Platform) -> &'static str {
    platform.as_str_name().trim_start_matches("PLATFORM_")
}
