//! `ruko backup rotate-key` and `ruko backup keys`

use clap::Args;
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::ask::confirm;
use super::super::client::Client;
use super::super::failure::{CANCELLED, DAMAGED, Failure, Outcome};
use super::super::globals::{Globals, look_at_data_dir};
use super::super::output::{self, plain};
use super::super::progress;
use crate::backups::keys::BackupKeys;
use crate::config::Config;

const KEYS: &str = "/api/central/backups/keys";

/// Encrypt backups with a new key from now on
#[derive(Debug, Args)]
pub struct RotateKey {
    /// Encrypts the backups that are there anew too
    #[arg(long)]
    rewrap: bool,
    /// Makes no new key: only encrypts what older keys open with the one in use
    #[arg(long, requires = "rewrap")]
    keep: bool,
    /// Goes on without asking
    #[arg(long, short)]
    yes: bool,
}

/// List the keys of backups and how many each opens
#[derive(Debug, Args)]
pub struct Keys;

impl RotateKey {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        if !self.keep {
            confirm("Make a new backup key? A copy of it has to be put away.", self.yes)?;
        }
        let client = Client::connect(config.clone()).await?;
        let outcome = self.work(&client, &config, globals.json).await;
        client.close().await;
        outcome
    }

    async fn work(&self, client: &Client, config: &Config, is_json: bool) -> Outcome {
        let method = if self.keep { Method::GET } else { Method::POST };
        let keys = client.call(method, KEYS, None).await?;
        let id = plain(&keys["data"][0]["id"]);
        let recovery_key = if self.keep { None } else { Some(recovery_key(config, &id)?) };
        if let (Some(key), false) = (&recovery_key, is_json) {
            output::line(key)?;
            eprintln!("This is the recovery key {id}. Put a copy away: it opens every backup made from now on,");
            eprintln!("on any machine, and without it they open nowhere.");
        }
        let rewrapped = if self.rewrap { Some(rewrap(client).await?) } else { None };
        if is_json {
            let (done, failed) = rewrapped.clone().unwrap_or_default();
            output::json(&json!({
                "key_id": id, "recovery_key": recovery_key, "rewrapped": done, "failed": failed,
            }))?;
        } else if let Some((done, _)) = &rewrapped {
            output::line(&format!("{done} backups were encrypted anew"))?;
        }
        let failed = rewrapped.map(|(_, failed)| failed).unwrap_or_default();
        if failed.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> =
            failed.iter().map(|one| format!("{}: {}", plain(&one["filename"]), plain(&one["error"]))).collect();
        let what = format!("{} backups stay as they were:\n  {}", failed.len(), lines.join("\n  "));
        Err(Failure::new(what).hint("`ruko doctor` looks at every file").with_code(DAMAGED))
    }
}

/// One backup after the other, so that Ctrl-C ends between two. Gives how many, and those that failed.
async fn rewrap(client: &Client) -> Outcome<(u64, Vec<Value>)> {
    let (mut after, mut done, mut failed, mut bar) = (String::new(), 0, Vec::new(), None);
    loop {
        let body = json!({"after": after});
        let answer = tokio::select! {
            answer = client.call(Method::POST, "/api/central/backups/rewrap", Some(&body)) => answer?,
            _ = tokio::signal::ctrl_c() => {
                let text = format!("cancelled; {done} backups were encrypted anew, the others open with their old keys");
                return Err(Failure::new(text).with_code(CANCELLED));
            }
        };
        let Some(id) = answer["id"].as_str() else {
            drop(bar);
            return Ok((done, failed));
        };
        after = id.into();
        let left = answer["left"].as_u64().unwrap_or(0);
        bar.get_or_insert_with(|| progress::over_backups(left + 1)).inc(1);
        if answer["error"].is_null() { done += 1 } else { failed.push(answer) }
    }
}

/// The key itself comes from its file: it never goes over a wire.
fn recovery_key(config: &Config, id: &str) -> Outcome<String> {
    let path = look_at_data_dir(config)?.backup_key_file();
    let keys = BackupKeys::read(&path, None)?;
    let key = keys.as_ref().and_then(|keys| keys.find(id)).ok_or_else(|| {
        Failure::new(format!("the new key {id} is in use but not in {}", path.display()))
            .hint("keep a copy of the first line of the server's keys/backup.key")
    })?;
    Ok(key.to_text().expose_secret().to_owned())
}

impl Keys {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let client = Client::connect(globals.load(Vec::new())?.config).await?;
        let outcome = client.call(Method::GET, KEYS, None).await;
        client.close().await;
        let answer = outcome?;
        if globals.json {
            return output::json(&answer["data"]);
        }
        let rows = answer["data"].as_array().into_iter().flatten().map(|key| {
            let role = match (key["is_current"].as_bool(), key["is_here"].as_bool()) {
                (Some(true), _) => "makes and opens",
                (_, Some(true)) => "opens",
                _ => "missing",
            };
            vec![plain(&key["id"]), role.into(), plain(&key["backups"])]
        });
        let rows: Vec<_> = rows.collect();
        output::table(&["Key", "Use", "Backups"], &rows)
    }
}
