//! An accepted connection: it has to say something, it counts, and it does not last for ever.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::{
    crowd::{self, Crowd},
    tls::Stream,
};

/// A connection of this age is asked to end: it takes no new calls, and those under way finish. Whoever made it
/// makes another, with the certificates of then, to a replica of then.
pub(crate) const AGE: Duration = Duration::from_secs(60 * 60);
/// What is still under way on it so much later, a watch say, is cut, and taken up again by who follows it.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// Bytes of the shortest greeting: the preface of HTTP/2 and the head of its first frame.
const GREETING: usize = 24 + 9;
/// How long a greeting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Without a greeting no protocol's own timers run: such a connection would stay for ever, and hold up
/// a drain to its limit. It ends after a while, or when the server drains. A TLS handshake is part of it.
pub(crate) struct Socket {
    stream: Stream,
    info: TcpConnectInfo,
    silent: Option<Silent>,
    /// When it is cut, whatever is under way on it.
    last: Pin<Box<Sleep>>,
    _place: Place,
}

/// One of the connections that a process may have, and that its other end may have.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<crowd::Place>,
}

impl Place {
    /// `None` when there is none left.
    pub(crate) fn take(
        all: &Arc<Semaphore>,
        crowd: Option<&Crowd>,
        stream: &TcpStream,
    ) -> Option<Self> {
        let share = match crowd {
            None => None,
            Some(crowd) => Some(crowd.connection(stream.peer_addr().ok()?.ip())?),
        };
        let permit = all.clone().try_acquire_owned().ok()?;
        metrics::gauge!("connections_open").increment(1);
        Some(Self {
            _permit: permit,
            _share: share,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("connections_open").decrement(1);
    }
}

struct Silent {
    heard: usize,
    patience: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Socket {
    pub(crate) fn new(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        place: Place,
        stopping: &CancellationToken,
    ) -> Self {
        Self {
            info: stream.connect_info(),
            stream: Stream::new(stream, tls),
            last: Box::pin(tokio::time::sleep(AGE + GRACE)),
            _place: place,
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
        if read.is_pending() && self.last.poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
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
        self.info.clone()
    }
}
