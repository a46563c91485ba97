//! `ruko restore --as-new`

use http::Method;
use serde_json::json;

use super::backup;
use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::{Globals, look_at_central};
use super::tenant;
use crate::backups::catalog;
use crate::config::Config;
use crate::error::Error;

/// Makes a tenant of a backup of `source`, which may be in the trash.
pub async fn run(
    globals: &Globals,
    config: Config,
    source: &str,
    file: Option<&str>,
    name: &str,
    db_name: Option<&str>,
) -> Outcome {
    let source = backup::named_owner(&config, source)?;
    let found = look_at_central(&config)?.read(|tx| catalog::find(tx, &source, file));
    let found = found.map_err(|error| match error {
        Error::NotFound { .. } => {
            let what = file.map_or_else(|| "no backup".into(), |file| format!("no backup {file}"));
            Failure::new(format!("there is {what} of this tenant")).hint("`ruko backup list` shows them")
        }
        other => other.into(),
    })?;
    let client = Client::connect(config).await?;
    let mut body = json!({"name": name});
    if let Some(db_name) = db_name {
        body["db_name"] = db_name.into();
    }
    let outcome = client.call(Method::POST, &format!("/api/central/backups/{}/tenant", found.id), Some(&body)).await;
    client.close().await;
    let answer = outcome?;
    if file.is_none() && !globals.json {
        eprintln!("Using latest backup: {}", found.file_name);
    }
    tenant::with_key(&answer, globals.json)
}
