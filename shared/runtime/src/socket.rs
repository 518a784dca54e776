//! An accepted connection that has to say something.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Bytes of the shortest greeting: the preface of HTTP/2 and the head of its first frame.
const GREETING: usize = 24 + 9;
/// How long a greeting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Without a greeting no protocol's own timers run: such a connection would stay for ever, and hold up
/// a drain to its limit. It ends after a while, or when the server drains.
pub(crate) struct Socket {
    stream: TcpStream,
    silent: Option<Silent>,
}

struct Silent {
    heard: usize,
    patience: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, stopping: &CancellationToken) -> Self {
        Self {
            stream,
            silent: Some(Silent {
                heard: 0,
                patience: Box::pin(tokio::time::sleep(PATIENCE)),
                stopping: Box::pin(stopping.clone().cancelled_owned()),
            }),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(silent) = &mut self.silent else {
            return read;
        };
        silent.heard += buffer.filled().len() - before;
        if silent.heard >= GREETING {
            self.silent = None;
        } else if read.is_pending()
            && (silent.stopping.poll_unpin(cx).is_ready()
                || silent.patience.poll_unpin(cx).is_ready())
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Socket {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
