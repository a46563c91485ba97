//! The socket through which the command line talks to a running server. Whoever can open it has
//! the operator's rights, so it is for the user that runs the server and for nobody else.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::timeout;

/// The kernel's field for the path has 108 bytes on Linux and 104 on macOS, one of them a zero.
const LONGEST_PATH: usize = 103;

/// Why the local socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LocalSocketError {
    /// Another server answers there.
    #[error("another server listens on {0}")]
    InUse(PathBuf),
    /// There is a file at that place that is not a socket.
    #[error("{0} is in the way and is not a socket")]
    Occupied(PathBuf),
    /// Longer than the system can take.
    #[error("the path {0} is too long for a socket ({LONGEST_PATH} bytes at most)")]
    PathTooLong(PathBuf),
    /// Anything else.
    #[error("cannot listen on {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A listening local socket; its file goes away with it.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalSocket {
    /// Makes the socket with mode 0600. A file that a crashed server left behind is replaced, that
    /// of a living one is not.
    ///
    /// The caller holds the lock of the data directory: two servers that start at the same moment
    /// are kept apart by it, not by the look at the old file.
    pub async fn bind(path: &Path) -> Result<Self, LocalSocketError> {
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(LocalSocketError::PathTooLong(path.to_owned()));
        }
        remove_stale(path).await?;
        let listener = listen(path).map_err(|source| LocalSocketError::Io { path: path.to_owned(), source })?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The next connection of the own user or of root.
    ///
    /// The file's mode already keeps the others out. Its mode can be changed by hand, though, and
    /// then this still holds.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        let own = rustix::process::geteuid().as_raw();
        loop {
            let (stream, _) = self.listener.accept().await?;
            match stream.peer_cred() {
                Ok(cred) if cred.uid() == own || cred.uid() == 0 => return Ok(stream),
                Ok(cred) => tracing::warn!(uid = cred.uid(), "another user at the local socket was sent away"),
                Err(error) => tracing::warn!(%error, "an unknown user at the local socket was sent away"),
            }
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // If it cannot be removed, the next start finds that nobody answers and removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    // Between these two lines the file may have a wider mode, but nobody can connect to a socket
    // that does not listen. After `listen` it would be a race.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    socket.listen(128)
}

async fn remove_stale(path: &Path) -> Result<(), LocalSocketError> {
    let failed = |source| LocalSocketError::Io { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(LocalSocketError::Occupied(path.to_owned())),
        Ok(_) => {}
    }
    match timeout(Duration::from_secs(1), UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path).map_err(failed),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A full queue means a busy server, and no answer in time a stuck one: both are there.
        Ok(Err(error)) if error.kind() == ErrorKind::WouldBlock => Err(LocalSocketError::InUse(path.to_owned())),
        Ok(Err(error)) => Err(failed(error)),
        Ok(Ok(_)) | Err(_) => Err(LocalSocketError::InUse(path.to_owned())),
    }
}
