//! Traces: how a call, an event and what becomes of it are known to belong together, in one process and
//! from one to the next. What goes between processes is a W3C traceparent, in the header of that name
//! and in each event's envelope.
//!
//! Without a collector (see `runtime::telemetry`) there are no traces, and all of this costs next to nothing.

use std::sync::Arc;

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header, and the name of the field in an envelope.
pub const HEADER: &str = "traceparent";
/// The target of all spans that belong to traces.
pub const TARGET: &str = "trace";
/// A traceparent has 55 characters; whatever is longer is none.
const MAX: usize = 64;

/// A span of a trace, with what every span has. At the highest level, so that log lines say which trace
/// they belong to whatever is logged.
///
/// `kind` is `server`, `client`, `producer`, `consumer` or `internal`, as OpenTelemetry names them.
pub fn span(kind: &'static str, name: &str) -> Span {
    tracing::error_span!(
        target: "trace",
        "span",
        otel.kind = kind,
        otel.name = name,
        otel.status_code = Empty,
        rpc.system = Empty,
        rpc.service = Empty,
        rpc.method = Empty,
        rpc.response.status_code = Empty,
        request_id = Empty,
        trace_id = Empty,
        events = Empty,
    )
}

/// Makes a new span part of the trace of a traceparent, which is ignored when it is none, and notes the
/// trace's id on it for the log.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parsed) {
        // fails where there is no collector: then nothing follows anything
        let _ = span.set_parent(parent);
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    if trace != opentelemetry::TraceId::INVALID {
        span.record("trace_id", trace.to_string());
    }
}

/// Where the present span is in its trace; `None` outside of one.
pub fn current() -> Option<Arc<str>> {
    place(&Span::current())
}

/// Where a span is in its trace; `None` when it is in none.
pub fn place(span: &Span) -> Option<Arc<str>> {
    struct Carrier(Option<String>);
    impl Injector for Carrier {
        fn set(&mut self, key: &str, value: String) {
            if key == HEADER {
                self.0 = Some(value);
            }
        }
    }
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0.map(Into::into)
}

fn parsed(traceparent: &str) -> Option<Context> {
    struct Carrier<'a>(&'a str);
    impl Extractor for Carrier<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == HEADER).then_some(self.0)
        }
        fn keys(&self) -> Vec<&str> {
            vec![HEADER]
        }
    }
    if traceparent.is_empty() || traceparent.len() > MAX {
        return None;
    }
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Carrier(traceparent));
    context.span().span_context().is_valid().then_some(context)
}
