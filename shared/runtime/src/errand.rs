//! What a service's program can do once, instead of serving.

use clap::{ArgMatches, Args, Command, Parser};
use futures::{FutureExt, future::BoxFuture};

use crate::StartError;

type Outcome = BoxFuture<'static, Result<String, StartError>>;

/// A subcommand that does something and ends: with one sentence of what was done and exit code 0, or of why
/// not and exit code 1. For jobs.
pub struct Errand {
    name: &'static str,
    command: Command,
    #[allow(clippy::type_complexity, reason = "named once")]
    begin: Box<dyn FnOnce(&ArgMatches) -> Result<(String, Outcome), clap::Error>>,
}

#[derive(Parser)]
struct Told<A: Args> {
    #[command(flatten)]
    args: A,

    /// What to log, such as `info` or `warn,runtime=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "warn", value_name = "FILTER")]
    log: String,
}

impl Errand {
    /// One with flags of its own; `about` is what `--help` says of it. What `carry_out` answers is the
    /// sentence, without the program's name.
    pub fn new<A, F>(
        name: &'static str,
        about: &'static str,
        carry_out: impl FnOnce(A) -> F + 'static,
    ) -> Self
    where
        A: Args + 'static,
        F: Future<Output = Result<String, StartError>> + Send + 'static,
    {
        let command = <Told<A> as clap::CommandFactory>::command();
        Self {
            name,
            command: command.name(name).about(about),
            begin: Box::new(move |matches| {
                let told = <Told<A> as clap::FromArgMatches>::from_arg_matches(matches)?;
                Ok((told.log, carry_out(told.args).boxed()))
            }),
        }
    }

    /// The program's command with this beside it.
    pub(crate) fn beside(&self, program: Command) -> Command {
        program
            .subcommand(self.command.clone())
            // whoever serves has flags that an errand does not need
            .subcommand_negates_reqs(true)
            .args_conflicts_with_subcommands(true)
    }

    /// What to log, and the work, if it was asked for.
    pub(crate) fn asked_for(
        self,
        matches: &ArgMatches,
    ) -> Option<Result<(String, Outcome), clap::Error>> {
        let matches = matches.subcommand_matches(self.name)?;
        Some((self.begin)(matches))
    }
}
