//! What the console is told by flags, checked before anything listens.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use http::Uri;
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use runtime::{ServerArgs, StartError};
use types::id;

use super::dev_issuer;
use crate::origin::Origin;

id!(
    /// The public name of a workspace.
    AppId, "app"
);

/// A client secret is no longer than this, in bytes; what is longer is another file.
const MAX_SECRET: usize = 4 * 1024;

/// Who may log in to the console, and how.
#[derive(Debug, Clone, Default, clap::Args, serde::Serialize)]
pub struct ConsoleArgs {
    /// Address of the console as browsers see it, such as `https://console.example.com`; plain http on this
    /// machine only. The provider has to know its /console/callback.
    #[arg(long, env = "CONSOLE_ORIGIN", value_name = "ORIGIN")]
    pub console_origin: Option<Origin>,

    /// The OpenID Connect provider at which teammates log in, exactly as its id tokens name it. Without it there
    /// is no console.
    #[arg(long, env = "OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,

    /// This console's name at the provider.
    #[arg(long, env = "OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// File with this console's secret at the provider; a public client has none.
    #[arg(long, env = "OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// The workspace whose teammates the provider vouches for, by its app id; or `any` for a provider that is
    /// trusted for all workspaces alike, who then name theirs when they log in.
    #[arg(long, env = "OIDC_WORKSPACE", value_name = "APP")]
    pub oidc_workspace: Option<WorkspaceOfProvider>,

    /// For development: a provider of its own that lets anybody log in as anybody, and proposes these, such as
    /// `Grace Hopper <grace@example.com>`; several with commas. Refused unless the BFF listens on loopback.
    #[arg(long, env = "DEV_AUTH", value_name = "PEOPLE", value_delimiter = ',')]
    pub dev_auth: Vec<Person>,
}

/// For whom the provider is believed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(into = "String")]
pub enum WorkspaceOfProvider {
    /// For teammates of one workspace.
    One(AppId),
    /// For teammates of each.
    Any,
}

impl FromStr for WorkspaceOfProvider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            text => AppId::parse(text)
                .map(Self::One)
                .map_err(|_| format!("{text:?} is neither an app id, app_…, nor the word any")),
        }
    }
}

impl From<WorkspaceOfProvider> for String {
    fn from(workspace: WorkspaceOfProvider) -> Self {
        match workspace {
            WorkspaceOfProvider::One(app) => app.into(),
            WorkspaceOfProvider::Any => "any".into(),
        }
    }
}

/// Somebody whom the development issuer proposes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Person {
    /// Shown.
    pub name: String,
    /// Who they are.
    pub email: String,
}

impl FromStr for Person {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.trim().strip_suffix('>');
        let parts = parts.and_then(|text| text.split_once('<'));
        match parts {
            Some((name, email)) if !name.trim().is_empty() && email.contains('@') => Ok(Self {
                name: name.trim().into(),
                email: email.into(),
            }),
            _ => Err(format!(
                "{text:?} is not like Grace Hopper <grace@example.com>"
            )),
        }
    }
}

/// A console that can be started.
pub(super) struct Setup {
    /// Of the console, without a slash at the end.
    pub origin: String,
    pub issuer: IssuerUrl,
    pub client_id: ClientId,
    pub secret: Option<ClientSecret>,
    pub redirect: RedirectUrl,
    pub workspace: WorkspaceOfProvider,
    /// Whom the development issuer proposes; nobody when there is a real provider.
    pub people: Vec<Person>,
}

impl Setup {
    /// # Errors
    /// When flags are missing or contradict each other, or would let strangers in.
    pub fn of(args: &ConsoleArgs, server: &ServerArgs) -> Result<Option<Self>, StartError> {
        match (&args.oidc_issuer, args.dev_auth.as_slice()) {
            (Some(_), [_, ..]) => Err(wrong(
                "--dev-auth and --oidc-issuer exclude each other: take one of them away",
            )),
            (None, [_, ..]) => Self::development(args, server).map(Some),
            (Some(issuer), []) => Self::production(args, issuer).map(Some),
            (None, []) if args.is_empty() => Ok(None),
            (None, []) => Err(wrong(
                "flags for the console's login are there, but --oidc-issuer is missing",
            )),
        }
    }

    fn production(args: &ConsoleArgs, issuer: &str) -> Result<Self, StartError> {
        let missing = |flag: &str| wrong(&format!("--oidc-issuer needs {flag}"));
        let origin = args
            .console_origin
            .as_ref()
            .ok_or_else(|| missing("--console-origin"))?;
        let client_id = args.oidc_client_id.clone();
        let workspace = args.oidc_workspace.clone();
        let secret = args
            .oidc_client_secret_file
            .as_ref()
            .map(|file| secret(file))
            .transpose()?;
        if !is_safe(issuer) {
            return Err(wrong(
                "--oidc-issuer must be an https address: whoever can change what it says can log in as anybody",
            ));
        }
        Ok(Self {
            client_id: ClientId::new(client_id.ok_or_else(|| missing("--oidc-client-id"))?),
            workspace: workspace.ok_or_else(|| missing("--oidc-workspace"))?,
            secret,
            people: Vec::new(),
            ..Self::at(text(origin), issuer.to_owned())?
        })
    }

    fn development(args: &ConsoleArgs, server: &ServerArgs) -> Result<Self, StartError> {
        if !server.listen.ip().is_loopback() {
            return Err(wrong(&format!(
                "--dev-auth lets anybody log in as anybody, so it is for a loopback address such as \
                 127.0.0.1:7100; --listen is {}",
                server.listen
            )));
        }
        let origin = match &args.console_origin {
            Some(origin) => text(origin),
            None if server.listen.port() == 0 => {
                return Err(wrong("--dev-auth needs --listen with a port of its own"));
            }
            None => format!("http://{}", server.listen),
        };
        if !is_loopback(&origin) {
            return Err(wrong(
                "--dev-auth needs a --console-origin on this machine, such as http://127.0.0.1:7100",
            ));
        }
        let issuer = format!("{origin}{}", dev_issuer::PATH);
        Ok(Self {
            workspace: args
                .oidc_workspace
                .clone()
                .unwrap_or(WorkspaceOfProvider::Any),
            people: args.dev_auth.clone(),
            ..Self::at(origin, issuer)?
        })
    }

    fn at(origin: String, issuer: String) -> Result<Self, StartError> {
        if !is_safe(&origin) {
            return Err(wrong(
                "--console-origin must be an https address: what it shows and asks for is not for everybody",
            ));
        }
        let bad = |e| wrong(&format!("--oidc-issuer is no address: {e}"));
        Ok(Self {
            issuer: IssuerUrl::new(issuer).map_err(bad)?,
            client_id: ClientId::new(dev_issuer::CLIENT.into()),
            secret: None,
            redirect: RedirectUrl::new(format!("{origin}{}", super::CALLBACK)).map_err(bad)?,
            workspace: WorkspaceOfProvider::Any,
            people: Vec::new(),
            origin,
        })
    }
}

impl ConsoleArgs {
    fn is_empty(&self) -> bool {
        self.console_origin.is_none()
            && self.oidc_client_id.is_none()
            && self.oidc_client_secret_file.is_none()
            && self.oidc_workspace.is_none()
    }
}

/// What is sent there is seen and changed by nobody on the way.
pub(super) fn is_safe(address: &str) -> bool {
    address.starts_with("https://") || is_loopback(address)
}

fn is_loopback(address: &str) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

fn text(origin: &Origin) -> String {
    String::from_utf8_lossy(origin.header().as_bytes()).into_owned()
}

fn secret(file: &std::path::Path) -> Result<ClientSecret, StartError> {
    let unusable = |cause: &str| {
        wrong(&format!(
            "the client secret {} cannot be used: {cause}",
            file.display()
        ))
    };
    let text = std::fs::read_to_string(file).map_err(|e| unusable(&e.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty")),
        long if long.len() > MAX_SECRET => Err(unusable("it is longer than 4 KiB")),
        secret => Ok(ClientSecret::new(secret.to_owned())),
    }
}

fn wrong(sentence: &str) -> StartError {
    StartError::Config(sentence.to_owned())
}

#[cfg(test)]
mod tests;
