//! `ruko serve`

mod banner;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::demo;
use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::master_key;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Loaded, SHORT_MASTER_KEY};
use crate::data_dir::DataDir;
use crate::jobs::{self, Jobs};
use crate::operator::MasterKey;
use crate::server::listener::{ListenError, ListenOptions, Listener};
use crate::server::local_socket::LocalSocketError;
use crate::server::router;
use crate::server::tls::Tls;
use crate::telemetry::logging;
use banner::Banner;
use signals::Signals;

/// What running jobs, and then the files, get after the last request. With the 10 s of
/// `http.shutdown_timeout_secs` and a second of the listener's this stays below 15 s.
const JOBS_PATIENCE: Duration = Duration::from_millis(1500);
const FILES_PATIENCE: Duration = Duration::from_secs(2);

/// Start the server
#[derive(Debug, Args)]
pub struct Serve {
    /// Makes a demo shop with users, products and orders; answers this machine only
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// As the artisan spells it
    #[arg(long, hide = true, conflicts_with = "listen")]
    host: Option<String>,
    /// As the artisan spells it
    #[arg(long, hide = true, conflicts_with = "listen")]
    port: Option<u16>,
    /// PEM file with the certificate chain
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// PEM file with its private key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// auto, text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Serve {
    /// Serves until the process is told to stop.
    pub(super) async fn run(self, globals: &Globals) -> Outcome {
        let demo = self.demo;
        let Loaded { config, notices, .. } = globals.load(self.flags())?;
        let listen = config.http.listen;
        if demo && !listen.ip().is_loopback() {
            let what = format!("--demo answers this machine only, and the address is {listen}");
            return Err(Failure::usage(what).hint("leave --demo out, or set --listen 127.0.0.1:8000"));
        }
        // From here on a signal waits until the server is up and can stop in order.
        let signals = Signals::listen()?;
        let _logging = logging::init(&config.telemetry);
        let tls = load_tls(&config)?;
        let data_dir = DataDir::open(&config.storage.data_dir)?.with_central_file(config.storage.central_file.clone());
        for notice in notices {
            tracing::warn!("{notice}");
        }
        if config.auth.is_short_master_key() {
            tracing::warn!(advice = "`ruko key generate master` makes a real one", "{SHORT_MASTER_KEY}");
        }
        for repair in data_dir.repairs() {
            tracing::warn!("{repair}");
        }
        // Before anything is made: with the address taken, a new master key would be shown to nobody.
        let has_tls = tls.is_some();
        let tcp = match tls {
            Some(tls) => Listener::tls(listen, tls),
            None => Listener::tcp(listen),
        };
        let tcp = tcp.map_err(|error| cannot_listen(&error))?;
        let address = tcp.address().unwrap_or(listen);
        let options = listen_options(&config);
        let (app, new_key) = App::start(config, data_dir, Clock::system()).await?;
        let master_key = master_key::announce(new_key, &app.data_dir)?;
        let demo = if demo { Some(demo::ensure(&app).await?) } else { None };
        let mut listeners = vec![tcp];
        listeners.extend(local_listener(&app).await?);
        warn_about(&app, address, has_tls);

        let site = router::build(&app);
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        for listener in listeners {
            serving.spawn(listener.serve(site.clone(), options, stop.clone()));
        }
        drop(site);
        let jobs = Jobs::start(&app, jobs::all());
        let banner = Banner { app: &app, address, master_key: &master_key, demo: demo.as_ref() };
        if let Err(error) = banner.print() {
            // The log has the same; a full disk or a closed pipe behind it is no reason to stop.
            tracing::warn!(%error, "the start could not be told on standard output");
        }

        let mut signals = signals;
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping: requests under way are finished first");
        stop.cancel();
        tokio::select! {
            () = wind_down(serving, jobs, app) => Ok(()),
            _ = signals.next() => Err(Failure::new("stopped at once by a second signal")),
        }
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let listen = self.listen.clone().or_else(|| self.artisan_listen());
        let flags = [
            ("http.listen", &listen),
            ("http.tls_cert", &self.tls_cert),
            ("http.tls_key", &self.tls_key),
            ("telemetry.log_level", &self.log_level),
            ("telemetry.log_format", &self.log_format),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }

    /// `--host` and `--port` as one address; what is left out is as in the original.
    fn artisan_listen(&self) -> Option<String> {
        if self.host.is_none() && self.port.is_none() {
            return None;
        }
        let host = self.host.as_deref().filter(|host| *host != "localhost").unwrap_or("127.0.0.1");
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        Some(format!("{host}:{}", self.port.unwrap_or(8000)))
    }
}

/// Lets requests end, then jobs, then leaves every file complete.
async fn wind_down(mut serving: JoinSet<crate::server::listener::Farewell>, jobs: Jobs, app: App) {
    while serving.join_next().await.is_some() {}
    if timeout(JOBS_PATIENCE, jobs.stop()).await.is_err() {
        tracing::warn!("a job did not end in time and was broken off; it runs again at its next time");
    }
    if timeout(FILES_PATIENCE, app.shut_down()).await.is_err() {
        tracing::warn!("not all files could be tidied in time; nothing is lost, the next start does it");
    }
    tracing::info!("stopped");
}

fn load_tls(config: &Config) -> Outcome<Option<Tls>> {
    let (Some(cert), Some(key)) = (&config.http.tls_cert, &config.http.tls_key) else { return Ok(None) };
    let load = |cert: &PathBuf, key: &PathBuf| Tls::load(cert, key);
    load(cert, key)
        .map(Some)
        .map_err(|error| Failure::new(error.to_string()).hint("check the settings http.tls_cert and http.tls_key"))
}

fn listen_options(config: &Config) -> ListenOptions {
    let http = &config.http;
    ListenOptions {
        header_timeout: Duration::from_secs(http.header_timeout_secs),
        idle_timeout: Duration::from_secs(http.idle_timeout_secs),
        max_connections: http.max_connections,
        shutdown_timeout: Duration::from_secs(http.shutdown_timeout_secs),
    }
}

/// The socket for commands. A data directory with a very long path has to do without.
async fn local_listener(app: &App) -> Outcome<Option<Listener>> {
    match Listener::local(&app.data_dir.socket()).await {
        Ok(listener) => Ok(Some(listener)),
        Err(ListenError::LocalSocket(error @ LocalSocketError::PathTooLong(_))) => {
            tracing::warn!(%error, "commands beside this server will not work");
            Ok(None)
        }
        Err(error) => Err(cannot_listen(&error)),
    }
}

fn cannot_listen(error: &ListenError) -> Failure {
    let hint = match error {
        ListenError::Address { source, .. } => match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program uses that port: stop it, or choose one with --listen 127.0.0.1:8001"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose another with --listen",
            _ => "choose an address of this machine with --listen",
        },
        ListenError::LocalSocket(_) => "move the file away, or use another --data-dir",
    };
    Failure::new(error.to_string()).hint(hint)
}

/// What an operator should know about this start.
fn warn_about(app: &App, address: SocketAddr, has_tls: bool) {
    if let MasterKey::Disabled(reason) = &app.master_key {
        tracing::warn!("the central API refuses everything: {reason} Set another one and restart.");
    }
    if !address.ip().is_loopback() && !has_tls {
        tracing::warn!(%address, "other machines can reach this server without TLS: put a proxy with TLS in front");
    }
    tracing::info!(%address, data_dir = %app.data_dir.root().display(), version = env!("CARGO_PKG_VERSION"), "started");
}
