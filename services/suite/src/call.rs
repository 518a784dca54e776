//! `suite call`: one RPC, JSON in and out, as a contact or a teammate.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use futures::StreamExt;
use http::uri::PathAndQuery;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage,
};
use proto::settings::v1::Platform;
use runtime::StopSignals;
use serde_json::Value;
use tonic::{Status, client::Grpc};

use crate::{
    Access, Endpoints, Layout, Messenger, Staff,
    client::signed,
    dynamic::{DynamicCodec, answered, describe, find, text},
};

/// What to call.
#[derive(Args)]
pub(crate) struct CallArgs {
    /// Service and method, such as `MessengerService/GetHome`; without one, all are listed.
    method: Option<String>,

    /// The request as JSON; enum values may be given without their prefix.
    #[arg(default_value = "{}")]
    body: String,

    /// Who calls: a contact's user id for the Messenger's services, a teammate's name for the others.
    /// Default: `ada` and `grace` of the demo workspace.
    #[arg(long = "as", value_name = "WHO")]
    caller: Option<String>,

    /// Frames of a stream to print before it is closed; all until Ctrl-C when not given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    frames: Option<u32>,

    /// Data directory of the running suite.
    #[arg(long, env = "DATA", default_value = ".data", value_name = "DIRECTORY")]
    data: PathBuf,
}

/// Makes the call and prints each answer.
pub(crate) async fn call(args: CallArgs) -> Result<()> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS)?;
    let Some(name) = &args.method else {
        return list(&pool);
    };
    let method = find(&pool, name)?;
    let service = method.parent_service().full_name().to_owned();
    let package = method.parent_service().package_name().to_owned();
    let layout = Layout::new(args.data);
    let endpoints = Endpoints::load(&layout)?;
    let access = Access::load(&layout)?
        .context("the demo workspace is not there yet; wait for the first start")?;
    let body = parse(&method.input(), &args.body)?;
    let address = endpoints
        .of_package(&package)
        .ok_or_else(|| anyhow!("{service} has no address here"))?;
    let token = credential(
        &endpoints,
        &access,
        &package,
        &service,
        args.caller.as_deref(),
        &body,
    )
    .await?;
    let mut client = Grpc::new(runtime::client::channel(address)?);
    client
        .ready()
        .await
        .map_err(|_| anyhow!("nothing answers on {address}; start the suite with `make run`"))?;
    let mut request = match token {
        Some(token) => signed(&token, body).map_err(|status| describe(&status))?,
        None => tonic::Request::new(body),
    };
    let path: PathAndQuery = format!("/{service}/{}", method.name()).parse()?;
    let codec = DynamicCodec::of(&method);
    if method.is_server_streaming() {
        request.metadata_mut().remove("grpc-timeout");
        let answer = client
            .server_streaming(request, path, codec)
            .await
            .map_err(|status| describe(&status))?;
        let mut frames = answer
            .into_inner()
            .take(args.frames.map_or(usize::MAX, |frames| frames as usize));
        let mut signals = StopSignals::listen()?;
        loop {
            tokio::select! {
                () = signals.next() => return Ok(()),
                frame = frames.next() => match frame {
                    Some(frame) => println!("{}", text(&frame.map_err(|status| describe(&status))?)?),
                    None => return Ok(()),
                },
            }
        }
    }
    println!(
        "{}",
        text(&answered(&mut client, request, path, codec).await?)?
    );
    Ok(())
}

async fn credential(
    endpoints: &Endpoints,
    access: &Access,
    package: &str,
    service: &str,
    caller: Option<&str>,
    body: &DynamicMessage,
) -> Result<Option<String>> {
    if service.ends_with(".SessionService")
        && package == "messenger.bff.v1"
        && body.descriptor().name() == "CreateSessionRequest"
    {
        return Ok(None);
    }
    let names = |map: &std::collections::BTreeMap<String, String>| {
        map.keys().cloned().collect::<Vec<_>>().join(", ")
    };
    let refused = |status: Status| describe(&status);
    if package == "messenger.bff.v1" {
        let who = caller.unwrap_or("ada");
        if access.teammates.contains_key(who) {
            bail!(
                "{who} is a teammate; {service} is for contacts, such as {}",
                names(&access.contacts)
            );
        }
        if !access.contacts.contains_key(who) {
            eprintln!(
                "{who} is new here and becomes a customer with this call; others: {}",
                names(&access.contacts)
            );
        }
        let messenger = Messenger::new(endpoints, access, who, Platform::Web)?;
        return Ok(Some(messenger.token().await.map_err(refused)?));
    }
    let who = caller.unwrap_or("grace");
    let token = access.teammates.get(who).ok_or_else(|| {
        anyhow!(
            "{service} is for teammates, and {who} is none of them; there are: {}",
            names(&access.teammates)
        )
    })?;
    Ok(Some(
        Staff::new(endpoints, token)?
            .token()
            .await
            .map_err(refused)?,
    ))
}

fn list(pool: &DescriptorPool) -> Result<()> {
    for service in pool
        .services()
        .filter(|service| service.package_name().starts_with("messenger."))
    {
        for method in service.methods() {
            if let Some(who) = callers(service.name(), method.name()) {
                println!(
                    "{:<54} --as {who}",
                    format!("{}/{}", service.name(), method.name())
                );
            }
        }
    }
    Ok(())
}

/// Who of the demo workspace may call a method; `None` for what services alone call each other for.
fn callers(service: &str, method: &str) -> Option<&'static str> {
    match service {
        "MessengerService" | "SessionService" => Some("ada"),
        "EventFeedService" | "NotificationService" | "SessionStoreService" => None,
        // the BFF calls these for the contact who called it
        "TicketService" | "ConversationService" if method.contains("Contact") => None,
        "WorkspaceService" if matches!(method, "CreateWorkspace" | "ExchangeToken") => None,
        _ => Some("grace"),
    }
}

fn parse(message: &MessageDescriptor, text: &str) -> Result<DynamicMessage> {
    let mut json: Value = serde_json::from_str(text).context("the body is not JSON")?;
    expand(message, &mut json);
    DynamicMessage::deserialize(message.clone(), json)
        .with_context(|| format!("the body is not a {}", message.full_name()))
}

/// Lets people write `WEB` where the contract says `PLATFORM_WEB`.
fn expand(message: &MessageDescriptor, json: &mut Value) {
    let Value::Object(fields) = json else { return };
    for (name, value) in fields {
        let field = message
            .get_field_by_name(name)
            .or_else(|| message.get_field_by_json_name(name));
        let Some(field) = field else { continue };
        match value {
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| expand_value(&field, value)),
            value => expand_value(&field, value),
        }
    }
}

fn expand_value(field: &FieldDescriptor, value: &mut Value) {
    match field.kind() {
        Kind::Message(message) => expand(&message, value),
        Kind::Enum(values) => {
            let Value::String(given) = value else { return };
            if values.get_value_by_name(given).is_none() {
                let suffix = format!("_{}", given.to_uppercase());
                let full = values.values().find(|known| {
                    known.name().strip_suffix(&suffix).is_some_and(|prefix| {
                        prefix.replace('_', "").eq_ignore_ascii_case(values.name())
                    })
                });
                if let Some(full) = full {
                    *given = full.name().to_owned();
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_value_may_be_given_without_its_prefix() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let method = find(&pool, "MessengerService/GetHome").unwrap();
        for platform in ["WEB", "web", "PLATFORM_WEB"] {
            let message =
                parse(&method.input(), &format!(r#"{{"platform":"{platform}"}}"#)).unwrap();
            assert_eq!(
                message
                    .get_field_by_name("platform")
                    .unwrap()
                    .as_enum_number(),
                Some(1)
            );
        }
        assert!(parse(&method.input(), r#"{"platform":"TOASTER"}"#).is_err());
        assert!(parse(&method.input(), r#"{"plattform":"WEB"}"#).is_err());
    }

    #[test]
    fn an_answer_shows_what_is_false_and_zero_too() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let space = pool.get_message_by_name("messenger.bff.v1.SpaceView");
        let shown = text(&DynamicMessage::new(space.unwrap())).unwrap();
        assert!(shown.contains(r#""visible": false"#), "{shown}");
    }

    #[test]
    fn a_method_is_found_by_its_short_name_and_an_ambiguous_one_is_not_guessed() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        assert!(find(&pool, "/messenger.tickets.v1.TicketService/GetTicket").is_ok());
        assert!(find(&pool, "TicketService/Nothing").is_err());
        assert!(find(&pool, "GetTicket").is_err());
    }
}
