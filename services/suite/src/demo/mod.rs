//! `suite demo`: the customer's story, sentence by sentence, against the running suite. Each scene
//! says what the product promises, does it, waits until the customer's Messengers show it, and shows
//! them; a promise that is not kept ends the demo with an error.

mod expect;
mod paper;
mod seen;
mod stage;
mod story;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::{Endpoints, Layout};

/// How `demo` plays.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Data directory of the running suite.
    #[arg(long, env = "DATA", default_value = ".data", value_name = "DIRECTORY")]
    data: PathBuf,

    /// Write what the customer sees at the end to this file, without ids and times: two runs are alike.
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
}

/// Plays the story in a workspace of its own.
pub(crate) async fn demo(args: DemoArgs) -> Result<()> {
    let layout = Layout::new(args.data);
    let endpoints = Endpoints::load(&layout)?;
    if is_silent(&endpoints).await {
        println!(
            "nothing answers at {} yet; waiting up to a minute (`make run` starts the suite) …",
            endpoints.settings
        );
    }
    let mut stage = stage::Stage::open(&layout, &endpoints).await?;
    story::play(&mut stage).await?;
    if let Some(path) = args.dump {
        let text = serde_json::to_string_pretty(&stage.final_state().await?)?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Whether the first service that the story needs cannot be reached.
async fn is_silent(endpoints: &Endpoints) -> bool {
    let address = endpoints.settings.trim_start_matches("http://");
    tokio::net::TcpStream::connect(address).await.is_err()
}
