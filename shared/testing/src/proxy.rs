//! A TCP proxy between a client and a server: a network that a test can cut, or freeze.

use std::net::SocketAddr;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Forwards connections; ends with the value.
pub struct Proxy {
    address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    frozen: watch::Sender<bool>,
    connections: Mutex<CancellationToken>,
    _end: DropGuard,
}

impl Proxy {
    /// In front of a server.
    pub async fn start(target: SocketAddr) -> std::sync::Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let end = CancellationToken::new();
        let proxy = std::sync::Arc::new(Self {
            address: listener.local_addr().unwrap(),
            target: watch::Sender::new(target),
            frozen: watch::Sender::new(false),
            connections: Mutex::new(end.child_token()),
            _end: end.clone().drop_guard(),
        });
        let weak = std::sync::Arc::downgrade(&proxy);
        tokio::spawn(end.run_until_cancelled_owned(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Some(proxy) = weak.upgrade() else { return };
                let target = *proxy.target.borrow();
                let frozen = proxy.frozen.subscribe();
                let cut = proxy.connections.lock().clone();
                connections.spawn(async move {
                    cut.run_until_cancelled_owned(forward(client, target, frozen))
                        .await
                });
            }
        }));
        proxy
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection, in the middle of whatever it carries. New ones are accepted.
    pub fn cut(&self) {
        let mut connections = self.connections.lock();
        let fresh = CancellationToken::new();
        std::mem::replace(&mut *connections, fresh).cancel();
    }

    /// Stops forwarding without closing anything, as a dead network does; or goes on.
    pub fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Sends new connections to another server.
    pub fn retarget(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn forward(client: TcpStream, target: SocketAddr, frozen: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    for socket in [&client, &server] {
        let _ = socket.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, frozen.clone()) => {}
        () = pump(from_server, to_client, frozen) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut frozen: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0
            || frozen.wait_for(|frozen| !*frozen).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}
