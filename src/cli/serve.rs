//! `ruko serve`

use clap::Args;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::data_dir::DataDir;
use crate::server::listener::{ListenOptions, Listener};
use crate::server::router;

/// Start the server
#[derive(Args)]
pub struct Serve {
    /// Make a demo tenant with users, products and orders
    #[arg(long)]
    demo: bool,
}

impl Serve {
    /// Serves until the process is told to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let loaded = Config::load(Sources::from_process(Vec::new())).map_err(|error| anyhow::anyhow!("{error}"))?;
        let config = loaded.config;
        let data_dir = DataDir::open(&config.storage.data_dir)?.with_central_file(config.storage.central_file.clone());
        let (listen, http) = (config.http.listen, config.http.clone());
        let (app, new_key) = App::start(config, data_dir, Clock::system()).await?;
        if let Some(key) = new_key {
            println!("master key: {}", key.expose_secret());
        }
        let options = ListenOptions {
            header_timeout: std::time::Duration::from_secs(http.header_timeout_secs),
            idle_timeout: std::time::Duration::from_secs(http.idle_timeout_secs),
            max_connections: http.max_connections,
            shutdown_timeout: std::time::Duration::from_secs(http.shutdown_timeout_secs),
        };
        let stop = CancellationToken::new();
        let listener = Listener::tcp(listen)?;
        println!("listening on http://{}", listener.address().unwrap_or(listen));
        let stopping = stop.clone();
        tokio::task::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            stopping.cancel();
        });
        let _ = self.demo;
        listener.serve(router::build(&app), options, stop).await;
        app.shut_down().await;
        Ok(())
    }
}
