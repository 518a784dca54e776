//! Logs: lines for people on a terminal, JSON elsewhere. Traces, where a collector is named. And the
//! start of [`metrics`](crate::metrics).

use std::{io::IsTerminal, time::Duration};

use clap::Args;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use serde::Serialize;
use tonic::transport::Endpoint;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, fmt, layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::StartError;

/// A batch of spans is given up after this long: a collector that is away must not pile up memory.
const EXPORT: Duration = Duration::from_secs(5);
/// What is not yet sent when the process ends gets this long.
const LAST: Duration = Duration::from_secs(3);

/// Where traces go.
#[derive(Debug, Clone, Args, Serialize)]
pub struct TraceArgs {
    /// Address of an OpenTelemetry collector that takes traces over gRPC, such as
    /// http://collector:4317; without it there are none.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Share of the traces begun here that are sent, from 0 to 1; one begun elsewhere is sent if it is
    /// sent there.
    #[arg(long, env = "TRACE_SHARE", default_value_t = 1.0, value_name = "SHARE", value_parser = share)]
    pub trace_share: f64,
}

impl Default for TraceArgs {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            trace_share: 1.0,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("not between 0 and 1".into())
    }
}

/// What has to be ended in order when the process ends.
#[must_use = "traces that were not yet sent are lost unless it is ended"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Sends what was not yet sent, within 3 s. Blocks: not to be called on a worker of the runtime.
    pub fn end(self) {
        if let Some(traces) = self.0
            && let Err(error) = traces.shutdown_with_timeout(LAST)
        {
            eprintln!("the last traces were not sent: {error}");
        }
    }
}

/// Starts logging to standard error, collecting [`metrics`](crate::metrics), and sending traces as `name`.
/// `filter` is as in `RUST_LOG`. A second call changes nothing. To be called within the runtime, since
/// connections are made in it.
///
/// # Errors
/// When the collector's address is malformed. One that is away is no error: traces are given up then.
pub fn start(name: &'static str, filter: &str, args: &TraceArgs) -> Result<Telemetry, StartError> {
    crate::metrics::start();
    let traces = match &args.otlp_endpoint {
        Some(address) => Some(provider(name, address, args.trace_share)?),
        None => None,
    };
    let spans = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("runtime"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(filter_fn(|what| {
                what.is_span() && what.target() == trace::TARGET
            }))
    });
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines: Box<dyn Layer<_> + Send + Sync> = if std::io::stderr().is_terminal() {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_filter(filter)
            .boxed()
    } else {
        fmt::layer()
            .json()
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed()
    };
    if Registry::default()
        .with(spans)
        .with(lines)
        .try_init()
        .is_err()
    {
        tracing::debug!("logging was started before");
    }
    Ok(Telemetry(traces))
}

fn provider(
    name: &'static str,
    address: &str,
    share: f64,
) -> Result<SdkTracerProvider, StartError> {
    let wrong = |why: &dyn std::fmt::Display| {
        StartError::Config(format!(
            "{address:?} is no address of a collector such as http://collector:4317: {why}"
        ))
    };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|e| wrong(&e))?;
    let channel = endpoint
        .connect_timeout(EXPORT)
        .timeout(EXPORT)
        .connect_lazy();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_channel(channel)
        .with_timeout(EXPORT)
        .build()
        .map_err(|e| wrong(&e))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            share,
        ))))
        .with_resource(Resource::builder_empty().with_service_name(name).build())
        .build())
}
