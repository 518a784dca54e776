//! `suite contact`: all that is kept of one contact, from every service; and forgetting them, everywhere.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use tonic::client::Grpc;
use types::ContactId;

use crate::{
    Access, Endpoints, Layout, Staff,
    client::{explain, signed},
    dynamic::{self, DynamicCodec, answered, describe},
};

/// Who keeps anything of contacts: the service, and what it exports with.
const KEEPERS: [(&str, &str); 4] = [
    ("settings", "messenger.settings.v1.ContactService"),
    ("tickets", "messenger.tickets.v1.ContactDataService"),
    (
        "conversations",
        "messenger.conversations.v1.ContactDataService",
    ),
    (
        "notifications",
        "messenger.notifications.v1.ContactDataService",
    ),
];
/// Wait between looks at how far the services have come.
const PAUSE: Duration = Duration::from_millis(200);

/// What to do.
#[derive(Args)]
pub(crate) struct ContactArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print all that is kept of a contact, as JSON.
    Export(Whose),
    /// Forget a contact: nothing they said or are called stays, and nothing that comes late brings them back. It
    /// cannot be undone.
    Erase(EraseArgs),
}

#[derive(Args)]
struct Whose {
    /// The contact, `con_…`.
    #[arg(long, value_name = "CONTACT")]
    id: ContactId,

    /// The teammate who answers for it: one whose API token may write settings.
    #[arg(long = "as", default_value = "grace", value_name = "WHO")]
    caller: String,

    /// Data directory of the running suite.
    #[arg(long, env = "DATA", default_value = ".data", value_name = "DIRECTORY")]
    data: PathBuf,
}

#[derive(Args)]
struct EraseArgs {
    #[command(flatten)]
    whose: Whose,

    /// Longest wait until every service has erased what it kept; it goes on after that.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

/// Carries it out.
pub(crate) async fn contact(args: ContactArgs) -> Result<()> {
    match args.what {
        What::Export(whose) => {
            let everything = Keepers::open(&whose)?.export().await?;
            println!("{}", serde_json::to_string_pretty(&everything)?);
            Ok(())
        }
        What::Erase(args) => {
            let keepers = Keepers::open(&args.whose)?;
            erase(&keepers, Duration::from_secs(args.wait)).await
        }
    }
}

/// Every service that keeps anything, asked about one contact.
struct Keepers {
    contact: ContactId,
    endpoints: Endpoints,
    staff: Staff,
    pool: DescriptorPool,
}

impl Keepers {
    fn open(whose: &Whose) -> Result<Self> {
        let layout = Layout::new(whose.data.clone());
        let endpoints = Endpoints::load(&layout)?;
        let access = Access::load(&layout)?
            .context("the demo workspace is not there yet; wait for the first start")?;
        let token = access.teammates.get(&whose.caller).ok_or_else(|| {
            let there: Vec<&str> = access.teammates.keys().map(String::as_str).collect();
            anyhow!(
                "{} is no teammate; there are: {}",
                whose.caller,
                there.join(", ")
            )
        })?;
        Ok(Self {
            contact: whose.id.clone(),
            staff: Staff::new(&endpoints, token)?,
            endpoints,
            pool: DescriptorPool::decode(proto::DESCRIPTORS)?,
        })
    }

    async fn call(&self, service: &str, method: &str, body: Value) -> Result<Value> {
        let method = dynamic::find(&self.pool, &format!("{service}/{method}"))?;
        let package = method.parent_service().package_name().to_owned();
        let address = self.endpoints.of_package(&package);
        let address = address.ok_or_else(|| anyhow!("{service} has no address here"))?;
        let body = DynamicMessage::deserialize(method.input(), body)?;
        let token = explain("getting a credential", self.staff.token().await)?;
        let request = signed(&token, body).map_err(|status| describe(&status))?;
        let mut client = Grpc::new(runtime::client::channel(address)?);
        client
            .ready()
            .await
            .map_err(|_| anyhow!("nothing answers on {address}; is the suite running?"))?;
        let path = format!("/{service}/{}", method.name()).parse()?;
        let codec = DynamicCodec::of(&method);
        dynamic::json(&answered(&mut client, request, path, codec).await?)
    }

    /// A service's whole export: its pages as one.
    async fn export_of(&self, service: &str) -> Result<Value> {
        let mut whole = Map::new();
        let mut body = json!({ "contact_id": self.contact.as_str() });
        loop {
            let page = self.call(service, "ExportContact", body.clone()).await?;
            let Value::Object(page) = page else {
                bail!("{service} exported no object");
            };
            let next = page.get("nextPageToken").and_then(Value::as_str);
            let next = next.unwrap_or_default().to_owned();
            for (name, value) in page {
                match (whole.get_mut(&name), value) {
                    (Some(Value::Array(known)), Value::Array(more)) => join(known, more),
                    (_, value) => {
                        whole.insert(name, value);
                    }
                }
            }
            if next.is_empty() {
                whole.remove("nextPageToken");
                return Ok(Value::Object(whole));
            }
            body["page_token"] = next.into();
        }
    }

    async fn export(&self) -> Result<Value> {
        let mut everything = Map::new();
        everything.insert("contactId".into(), self.contact.as_str().into());
        for (name, service) in KEEPERS {
            let exported = self.export_of(service).await;
            let exported = exported.with_context(|| format!("{name} exported nothing"))?;
            everything.insert(name.into(), exported);
        }
        Ok(Value::Object(everything))
    }
}

/// A conversation that goes on on the next page is there again.
fn join(known: &mut Vec<Value>, more: Vec<Value>) {
    for next in more {
        let last = known.last_mut().filter(|last| {
            let id = next.get("conversationId");
            id.is_some() && last.get("conversationId") == id
        });
        let parts = last.and_then(|last| last.get_mut("parts"));
        match (parts, next.get("parts")) {
            (Some(Value::Array(parts)), Some(Value::Array(rest))) => {
                parts.extend(rest.iter().cloned());
            }
            _ => known.push(next),
        }
    }
}

async fn erase(keepers: &Keepers, wait: Duration) -> Result<()> {
    let contact = &keepers.contact;
    let mut kept = Vec::new();
    for (name, service) in KEEPERS.into_iter().filter(|(name, _)| *name != "settings") {
        kept.push((name, service, count(&keepers.export_of(service).await?)));
    }
    let body = json!({ "contact_id": contact.as_str() });
    let (_, settings) = KEEPERS[0];
    keepers.call(settings, "EraseContact", body).await?;
    println!("settings        the profile, sessions and visitor secrets of {contact} are erased");
    let deadline = Instant::now() + wait;
    for (name, service, kept) in kept {
        loop {
            let left = keepers.export_of(service).await?;
            let standing = left.get("standing").and_then(Value::as_str);
            if standing == Some("CONTACT_STANDING_ERASED") && count(&left).is_empty() {
                break;
            }
            if Instant::now() >= deadline {
                bail!(
                    "{name} has not erased everything after {} s; it goes on, and the same command says when it is \
                     done (does it reach Settings and, where there is one, NATS?)",
                    wait.as_secs()
                );
            }
            sleep(PAUSE).await;
        }
        let kept = if kept.is_empty() {
            "nothing was kept".to_owned()
        } else {
            format!("{} erased", kept.join(", "))
        };
        println!("{name:<15} {kept}");
    }
    println!(
        "\nWhat stays: ids without a name, the numbers of deleted tickets, the times at which something happened, and \
         the line in the audit that says so.\nWhat nobody here can reach: backups; on Postgres the dead rows until \
         vacuum has passed; memory of running services, which goes within minutes; whatever was exported."
    );
    Ok(())
}

/// What an export has, in words.
fn count(exported: &Value) -> Vec<String> {
    let Value::Object(exported) = exported else {
        return Vec::new();
    };
    let mut said = Vec::new();
    for (name, value) in exported {
        let count = match value {
            Value::Array(values) => values.len() as u64,
            Value::Number(number) => number.as_u64().unwrap_or_default(),
            _ => 0,
        };
        if count > 0 {
            said.push(format!("{count} {}", plain(name)));
        }
    }
    said
}

/// `mirroredTickets` as people write it.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            plain.push(' ');
        }
        plain.extend(c.to_lowercase());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_on_two_pages_is_one_in_the_export() {
        let part = |id: &str, parts: Value| json!({ "conversationId": id, "parts": parts });
        let mut known = vec![part("a", json!([1])), part("b", json!([2]))];
        join(
            &mut known,
            vec![part("b", json!([3])), part("c", json!([]))],
        );
        let expected = vec![
            part("a", json!([1])),
            part("b", json!([2, 3])),
            part("c", json!([])),
        ];
        assert_eq!(known, expected);
        // what has no such name is added as it is
        let mut reads = vec![json!({ "ticketId": "t" })];
        join(&mut reads, vec![json!({ "ticketId": "t" })]);
        assert_eq!(reads.len(), 2);
    }

    #[test]
    fn what_an_export_has_is_said_in_words() {
        let exported = json!({
            "tickets": [1, 2], "standing": "CONTACT_STANDING_PRESENT", "mirroredTickets": 3, "reads": []
        });
        let mut said = count(&exported);
        said.sort();
        assert_eq!(said, ["2 tickets", "3 mirrored tickets"]);
    }
}
