//! What operators see of a call: numbers for each method, and a span of its trace.

use std::time::Instant;

use http::{Request, Response};
use metrics::{counter, gauge, histogram};
use tonic::body::Body;
use tracing::Span;

/// Paths that nobody serves share this name: there is no end of them.
const OTHER: &str = "other";

/// A call under way. One that is dropped without [`Observed::end`] was given up by its caller.
pub(super) struct Observed {
    service: &'static str,
    method: &'static str,
    begun: Instant,
    span: Span,
    ended: bool,
}

impl Observed {
    /// `path` is the method's, if there is such a method. `follows` says whether the caller is one of us,
    /// whose traces go on here.
    pub(super) fn begin(
        path: Option<&'static str>,
        request: &Request<Body>,
        request_id: &str,
        follows: bool,
    ) -> Self {
        let (service, method) = path
            .and_then(|path| path.strip_prefix('/'))
            .and_then(|path| path.split_once('/'))
            .unwrap_or((OTHER, OTHER));
        let span = trace::span("server", path.map_or(OTHER, |path| &path[1..]));
        let told = request
            .headers()
            .get(trace::HEADER)
            .and_then(|value| value.to_str().ok());
        trace::follow(&span, told.filter(|_| follows));
        span.record("rpc.system", "grpc");
        span.record("rpc.service", service);
        span.record("rpc.method", method);
        span.record("request_id", request_id);
        gauge!("grpc_server_calls", "grpc_service" => service).increment(1);
        Self {
            service,
            method,
            begun: Instant::now(),
            span,
            ended: false,
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// With the answer, or for a stream its beginning.
    pub(super) fn end(mut self, answer: &Response<Body>) {
        self.ended = true;
        // an answer that went well tells so in its trailers, after the message
        let code = answer
            .headers()
            .get("grpc-status")
            .map_or(tonic::Code::Ok, |code| {
                tonic::Code::from_bytes(code.as_bytes())
            });
        self.count(code);
    }

    fn count(&self, code: tonic::Code) {
        let (service, method) = (self.service, self.method);
        let name = named(code);
        gauge!("grpc_server_calls", "grpc_service" => service).decrement(1);
        counter!("grpc_server_handled_total", "grpc_service" => service, "grpc_method" => method, "grpc_code" => name)
            .increment(1);
        histogram!("grpc_server_handling_seconds", "grpc_service" => service, "grpc_method" => method)
            .record(self.begun.elapsed());
        self.span.record("rpc.response.status_code", name);
        if is_ours(code) {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.ended {
            self.count(tonic::Code::Cancelled);
        }
    }
}

/// The fault is not the caller's.
fn is_ours(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// As gRPC's specification writes it.
fn named(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
