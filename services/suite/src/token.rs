//! `suite token`: a credential to call with by other means, such as curl.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use proto::settings::v1::Platform;

use crate::{Access, Endpoints, Layout, Messenger, Staff, client::explain};

/// Whose.
#[derive(Args)]
pub(crate) struct TokenArgs {
    /// A contact's user id, for the Messenger's services, or a teammate's name, for the others; a teammate's
    /// is good for a minute.
    #[arg(default_value = "ada", value_name = "WHO")]
    who: String,

    /// Data directory of the running suite.
    #[arg(long, env = "DATA", default_value = ".data", value_name = "DIRECTORY")]
    data: PathBuf,
}

/// Prints it, and nothing else.
pub(crate) async fn token(args: TokenArgs) -> Result<()> {
    let layout = Layout::new(args.data);
    let endpoints = Endpoints::load(&layout)?;
    let access = Access::load(&layout)?
        .context("the demo workspace is not there yet; wait for the first start")?;
    let token = match access.teammates.get(&args.who) {
        Some(token) => Staff::new(&endpoints, token)?.token().await,
        None => {
            Messenger::new(&endpoints, &access, &args.who, Platform::Web)?
                .token()
                .await
        }
    };
    println!("{}", explain("getting a token", token)?);
    Ok(())
}
