//! `ruko openapi`

use std::path::{Path, PathBuf};

use clap::Args;
use http::Method;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::output;
use crate::config::Config;
use crate::id;

/// Print the OpenAPI document of this version
#[derive(Debug, Args)]
pub struct Openapi {
    /// Writes it into a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Openapi {
    /// The document is the server's own answer, so the two cannot differ. It needs an application,
    /// and gets one without data and without your settings.
    pub(super) async fn run(&self) -> Outcome {
        let scratch = Scratch(std::env::temp_dir().join(format!("ruko-openapi-{}", id::random_hex(8))));
        let mut config = Config::default();
        config.storage.data_dir.clone_from(&scratch.0);
        // Any key does; with one, none is made and announced.
        config.auth.master_key = Some(id::random_hex(32).into());
        let client = Client::connect_or_begin(config).await?;
        let document = client.call(Method::GET, "/openapi.json", None).await;
        client.close().await;
        let text = format!("{:#}\n", document?);
        match &self.output {
            None => output::print(&text),
            Some(path) => std::fs::write(path, text).map_err(|error| cannot_write(path, &error)),
        }
    }
}

/// Make a Postman collection (the artisan spelling)
#[derive(Debug, Args)]
pub struct Postman {
    /// Whatever was written for artisan
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

impl Postman {
    pub(super) fn run() -> Outcome {
        let hint = "`ruko openapi --output openapi.json` writes the OpenAPI document, and Postman imports that file";
        Err(Failure::usage("there is no Postman collection").hint(hint))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left over, it is a few empty files in the folder for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
