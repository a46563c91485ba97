//! `ruko backup pin` and `ruko backup unpin`

use std::path::Path;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::{Failure, Outcome};
use super::super::globals::Globals;
use super::super::output::{self, plain};
use super::{TENANTS, named};

/// Which backup is meant
#[derive(Debug, Args)]
pub struct Pin {
    /// Its id, number or file name
    tenant: String,
    /// Name of the backup, as `ruko backup list` shows it
    file: String,
}

impl Pin {
    pub(super) async fn run(&self, globals: &Globals, is_pinned: bool) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let tenant = named(&config, &self.tenant)?;
        let client = Client::connect(config).await?;
        let outcome = self.set(&client, tenant.id.as_str(), is_pinned).await;
        client.close().await;
        let answer = outcome?;
        if globals.json {
            return output::json(&answer["data"]);
        }
        output::line(&format!("{}: {}", plain(&answer["data"]["filename"]), plain(&answer["message"])))
    }

    async fn set(&self, client: &Client, tenant: &str, is_pinned: bool) -> Outcome<Value> {
        let all = client.call(Method::GET, &format!("{TENANTS}/{tenant}/backups"), None).await?;
        // A path names a file too, as it does for a restore; on the disk it has .enc behind it.
        let name = Path::new(&self.file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(".enc").unwrap_or(name);
        let found = all["data"].as_array().into_iter().flatten().find(|backup| backup["filename"] == name);
        let id = found.and_then(|backup| backup["id"].as_str()).ok_or_else(|| {
            Failure::new(format!("there is no backup {name} of this tenant")).hint("`ruko backup list` shows them")
        })?;
        let path = format!("/api/central/backups/{id}");
        client.call(Method::PATCH, &path, Some(&json!({"pinned": is_pinned}))).await
    }
}
