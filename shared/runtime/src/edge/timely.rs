//! A request's body that has to come to its end. Unary calls have a deadline for everything; a stream of ours has
//! none, and would wait without end for the message that it answers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::{Status, body::Body, codegen::Bytes};

use super::late;

struct Timely {
    body: Body,
    patience: Option<Pin<Box<Sleep>>>,
}

/// Refuses what is not there within this time.
pub(super) fn within(patience: Duration, body: Body) -> Body {
    match body.is_end_stream() {
        true => body,
        false => Body::new(Timely {
            body,
            patience: Some(Box::pin(tokio::time::sleep(patience))),
        }),
    }
}

impl http_body::Body for Timely {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = frame {
            if !matches!(frame, Some(Ok(_))) {
                self.patience = None;
            }
            return Poll::Ready(frame);
        }
        let Some(patience) = &mut self.patience else {
            return Poll::Pending;
        };
        std::task::ready!(patience.as_mut().poll(cx));
        self.patience = None;
        Poll::Ready(Some(Err(late().into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
