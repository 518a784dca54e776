//! The body of a stream: it goes on after its handler has returned, and still belongs to its call.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body, codegen::Bytes};

use super::{CALL, Call, panicked};

struct Streamed {
    call: Call,
    body: Body,
}

/// Names the call in what the stream logs and answers, and turns a panic into INTERNAL.
pub(super) fn within_its_call(body: Body) -> Body {
    match CALL.try_with(Clone::clone) {
        Ok(call) => Body::new(Streamed { call, body }),
        Err(_) => body,
    }
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { call, body } = &mut *self;
        CALL.sync_scope(call.clone(), || {
            let poll = AssertUnwindSafe(|| Pin::new(&mut *body).poll_frame(cx));
            catch_unwind(poll).unwrap_or_else(|panic| {
                // whatever is left of it is in no state to be asked again
                *body = Body::empty();
                let mut trailers = HeaderMap::new();
                let told = Status::from(panicked(&*panic)).add_header(&mut trailers);
                Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
