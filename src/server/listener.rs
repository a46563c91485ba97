//! The accept loop: takes connections from a socket, as many as it may hold, until it is told to
//! stop, and then sees them out.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use poem::Addr;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept_trouble::AcceptTrouble;
use super::connection::Connections;
use super::deadline::Ending;
use super::local_socket::{LocalSocket, LocalSocketError};
use super::short_answer::refuse;
use super::site::Site;
use super::tls::Tls;

/// Connections that the kernel holds for us while the loop is busy. It takes what its own limit
/// (`net.core.somaxconn`, 4096 on Linux) allows.
const BACKLOG: u32 = 4096;
/// So many refused connections hear why; beyond that they are closed without a word.
const REFUSALS_AT_ONCE: usize = 64;

/// Limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// From the first byte of a request's head to its last; also for the first byte of a new
    /// connection, and for the whole TLS handshake.
    pub header_timeout: Duration,
    /// How long a connection may be silent between two requests, and how long a peer may leave an
    /// answer unread.
    pub idle_timeout: Duration,
    /// Connections at the same time. Each one more is answered 503 and closed.
    pub max_connections: usize,
    /// How long requests may go on after the stop.
    pub shutdown_timeout: Duration,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_connections: 10_000,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, not of this machine, or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// See there.
    #[error(transparent)]
    LocalSocket(#[from] LocalSocketError),
}

/// What became of the connections that were open when the server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// Finished by themselves.
    pub drained: usize,
    /// Cut off at the end of `shutdown_timeout`.
    pub dropped: usize,
}

/// A socket that listens. Connections wait in it until [`Listener::serve`].
pub struct Listener(Socket);

enum Socket {
    Tcp(TcpListener, Option<Tls>),
    Local(LocalSocket),
}

enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Local(UnixStream),
}

impl Listener {
    /// Listens on a TCP address; port 0 lets the system choose. Must be called inside of a tokio
    /// runtime.
    pub fn tcp(address: SocketAddr) -> Result<Self, ListenError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A restart must not wait for the last connections of the process before.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let listener = bind().map_err(|source| ListenError::Address { address, source })?;
        Ok(Self(Socket::Tcp(listener, None)))
    }

    /// Listens on a TCP address and speaks TLS only.
    pub fn tls(address: SocketAddr, tls: Tls) -> Result<Self, ListenError> {
        let mut listener = Self::tcp(address)?;
        if let Socket::Tcp(_, slot) = &mut listener.0 {
            *slot = Some(tls);
        }
        Ok(listener)
    }

    /// Listens on the local socket at `path`. Its requests carry
    /// [`LocalOperator`](crate::api::kit::request::LocalOperator).
    pub async fn local(path: &Path) -> Result<Self, ListenError> {
        Ok(Self(Socket::Local(LocalSocket::bind(path).await?)))
    }

    /// The TCP address, with the port that the system chose.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Socket::Tcp(listener, _) => listener.local_addr().ok(),
            Socket::Local(_) => None,
        }
    }

    /// Serves until `stop`, then waits for the open connections up to `shutdown_timeout`.
    pub async fn serve(self, site: Site, options: ListenOptions, stop: CancellationToken) -> Farewell {
        let tasks = TaskTracker::new();
        let local = self.address().map_or(Addr::custom("local", "server"), Addr::SocketAddr);
        let connections = Arc::new(Connections::new(site, options, local, tasks.clone()));
        let dropped = Arc::new(AtomicUsize::new(0));
        let seats = Arc::new(Semaphore::new(options.max_connections));
        if let Socket::Tcp(_, Some(tls)) = &self.0 {
            let (tls, stop) = (tls.clone(), stop.clone());
            tasks.spawn(async move { stop.run_until_cancelled(tls.keep_fresh()).await });
        }

        self.accept_all(&stop, &tasks, &seats, &connections, &dropped).await;

        let open = options.max_connections - seats.available_permits();
        // The socket is closed first: whoever comes now is told at once that nobody listens.
        drop(self);
        connections.stop();
        tasks.close();
        // Each connection keeps to the limit by itself; the second more is for handlers that do
        // not let go of their thread.
        let _ = timeout(options.shutdown_timeout + Duration::from_secs(1), tasks.wait()).await;
        let dropped = dropped.load(Ordering::Relaxed) + options.max_connections - seats.available_permits();
        let farewell = Farewell { drained: open.saturating_sub(dropped), dropped };
        tracing::info!(drained = farewell.drained, dropped, "listener stopped");
        farewell
    }

    async fn accept_all(
        &self,
        stop: &CancellationToken,
        tasks: &TaskTracker,
        seats: &Arc<Semaphore>,
        connections: &Arc<Connections>,
        dropped: &Arc<AtomicUsize>,
    ) {
        let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
        let mut trouble = AcceptTrouble::default();
        while let Some(accepted) = stop.run_until_cancelled(self.accept()).await {
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    let pause = trouble.note(&error, Instant::now());
                    stop.run_until_cancelled(sleep(pause)).await;
                    continue;
                }
            };
            trouble.over();
            // Refused, not kept waiting: a client left in the kernel's queue cannot tell a full
            // server from a dead one, and neither can the health check of whatever stands before
            // us. A 503 is told apart, and sent elsewhere.
            if let Ok(seat) = seats.clone().try_acquire_owned() {
                let work = self.connection(accepted, connections);
                let dropped = Arc::clone(dropped);
                tasks.spawn(async move {
                    let ending = work.await;
                    tracing::trace!(?ending, "connection closed");
                    if ending == Ending::Dropped {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    drop(seat);
                });
            } else if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                let (work, stop) = (self.refusal(accepted), stop.clone());
                tasks.spawn(async move {
                    stop.run_until_cancelled(work).await;
                    drop(refusal);
                });
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match &self.0 {
            Socket::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and written at once: waiting for more only delays them. It
                // fails when the peer has left already, which the first read will tell.
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream, peer))
            }
            Socket::Local(socket) => socket.accept().await.map(Accepted::Local),
        }
    }

    fn connection(
        &self,
        accepted: Accepted,
        connections: &Arc<Connections>,
    ) -> impl Future<Output = Ending> + Send + use<> {
        let connections = Arc::clone(connections);
        let acceptor = match &self.0 {
            Socket::Tcp(_, Some(tls)) => Some(tls.acceptor()),
            _ => None,
        };
        async move {
            match (accepted, acceptor) {
                (Accepted::Tcp(stream, peer), None) => connections.tcp(stream, peer).await,
                // Boxed, for the state of TLS is large and plain connections need not hold room for it.
                (Accepted::Tcp(stream, peer), Some(acceptor)) => {
                    Box::pin(connections.tls(stream, peer, acceptor)).await
                }
                (Accepted::Local(stream), _) => connections.local(stream).await,
            }
        }
    }

    fn refusal(&self, accepted: Accepted) -> impl Future<Output = ()> + Send + use<> {
        // A TLS client would have to be shaken hands with first, which costs more than serving it.
        let speaks_tls = matches!(&self.0, Socket::Tcp(_, Some(_)));
        async move {
            match accepted {
                Accepted::Tcp(_, _) if speaks_tls => {}
                Accepted::Tcp(mut stream, _) => refuse(&mut stream).await,
                Accepted::Local(mut stream) => refuse(&mut stream).await,
            }
        }
    }
}
