//! TLS from two PEM files. The files are looked at once a minute and read again when they have
//! changed, so that a renewed certificate needs neither a signal nor a restart, whatever tool
//! renews it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing or may not be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No `BEGIN CERTIFICATE` in the certificate's file.
    #[error("{path} holds no certificate in PEM form{}", hint(*.swapped))]
    NoCertificate {
        /// The certificate's file.
        path: PathBuf,
        /// It holds a key instead.
        swapped: bool,
    },
    /// No `BEGIN PRIVATE KEY` in the key's file.
    #[error("{path} holds no private key in PEM form{}", hint(*.swapped))]
    NoKey {
        /// The key's file.
        path: PathBuf,
        /// It holds a certificate instead.
        swapped: bool,
    },
    /// The key is locked with a passphrase that nobody is there to type.
    #[error("the private key in {0} is encrypted; ruko needs it without a passphrase")]
    EncryptedKey(PathBuf),
    /// The PEM text is broken.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// Key and certificate are no pair.
    #[error("the private key in {key} does not belong to the certificate in {cert}")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// rustls refuses them for another reason.
    #[error("the certificate in {path} cannot be used: {source}")]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

fn hint(swapped: bool) -> &'static str {
    if swapped { " (are the files for certificate and key swapped?)" } else { "" }
}

/// A certificate with its key, ready to be served. Clones share one state.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    files: Arc<Files>,
    look_every: Duration,
}

#[derive(Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    seen: Mutex<[Option<Stamp>; 2]>,
}

/// Time of change and size: what a new file does not share with the old one.
type Stamp = (SystemTime, u64);

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the certificate chain and its private key.
    pub fn load(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (cert, key) = (cert.into(), key.into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Stamps before contents: a change in between is then seen at the next look.
        let seen = Mutex::new([stamp(&cert), stamp(&key)]);
        let current = Arc::new(Current(ArcSwap::from_pointee(read_pair(&cert, &key, &provider)?)));
        let unusable = |source| TlsError::Unusable { path: cert.clone(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Clients that come back are spared a full handshake, and the server remembers nothing.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let files = Arc::new(Files { cert, key, provider, current, seen });
        Ok(Self { acceptor, files, look_every: Duration::from_mins(1) })
    }

    /// Looks at the files at this interval instead of once a minute.
    pub fn look_every(self, interval: Duration) -> Self {
        Self { look_every: interval, ..self }
    }

    /// Reads the files again if they have changed since the last look; true if new ones are in use.
    /// After an error the old certificate stays, and the same files are not tried again.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        self.files.reload_if_changed()
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    pub(super) async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(self.look_every).await;
            let files = Arc::clone(&self.files);
            match spawn_blocking(move || files.reload_if_changed()).await {
                Ok(Ok(true)) => tracing::info!(cert = %self.files.cert.display(), "certificate renewed"),
                Ok(Err(error)) => tracing::error!(%error, "the new certificate is not used, the old one stays"),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

impl Files {
    fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let stamps = [stamp(&self.cert), stamp(&self.key)];
        let mut seen = self.seen.lock();
        if *seen == stamps {
            return Ok(false);
        }
        // Noted before reading: one bad pair is one line in the log, not one a minute. A tool that
        // writes the two files one after the other changes a stamp again with the second.
        *seen = stamps;
        let pair = read_pair(&self.cert, &self.key, &self.provider)?;
        self.current.0.store(Arc::new(pair));
        Ok(true)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read_pair(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(cert)?;
    let private = read_key(key)?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| match source {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
        }
        source => TlsError::Unusable { path: cert.to_owned(), source },
    })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned(), swapped: holds(&pem, "PRIVATE KEY-----") });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(_) if holds(&pem, "ENCRYPTED") => Err(TlsError::EncryptedKey(path.to_owned())),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            Err(TlsError::NoKey { path: path.to_owned(), swapped: holds(&pem, "BEGIN CERTIFICATE") })
        }
        Err(error) => Err(TlsError::Damaged { path: path.to_owned(), reason: error.to_string() }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn holds(pem: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(pem).contains(words)
}
