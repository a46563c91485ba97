//! `ruko restore`

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Outcome;
use super::globals::Globals;
use super::job::Watch;
use super::output::{self, plain};
use super::{ask, backup, restore_as_new, restore_central};
use crate::id::CENTRAL;

/// Bring a backup back into its tenant, which goes on serving
#[derive(Debug, Args)]
pub struct Restore {
    /// Its id, number or file name; `central` for the server's own file, while no server runs
    tenant: String,
    /// Name of the backup, as `ruko backup list` shows it; when missing, the newest that no restore has made
    file: Option<String>,
    /// Restores only these of the tables users, products, orders and the lines of orders (`order_items`)
    #[arg(long, value_delimiter = ',', value_name = "TABLE,...")]
    tables: Vec<String>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Shows what would change, and changes nothing
    #[arg(long)]
    preview: bool,
    /// Takes the last restore back
    #[arg(long, conflicts_with_all = ["file", "tables", "preview"])]
    undo: bool,
    /// Does not ask
    #[arg(long, short, visible_alias = "force")]
    yes: bool,
}

// A backup that is for another tenant than the one it was made of. No documentation: it would become that of the
// command.
#[derive(Debug, Args)]
struct Elsewhere {
    /// Makes a new tenant of this name of the backup, and leaves the one it was made of as it is, be it in the trash
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tables", "from_tenant", "preview", "undo"])]
    as_new: Option<String>,
    /// Name of the new tenant's file; made from its id when missing
    #[arg(long, requires = "as_new")]
    db_name: Option<String>,
    /// Takes a backup of this other tenant: its id, number or file name
    #[arg(long, value_name = "TENANT", conflicts_with = "undo")]
    from_tenant: Option<String>,
    /// Means it: the other tenant's data and users replace those of this one, and everybody logs in again
    #[arg(long, requires = "from_tenant")]
    allow_other_tenant: bool,
}

impl Restore {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        if let Some(name) = &self.elsewhere.as_new {
            return restore_as_new::run(
                globals,
                config,
                &self.tenant,
                self.file_name(),
                name,
                self.elsewhere.db_name.as_deref(),
            )
            .await;
        }
        if self.tenant == CENTRAL {
            return restore_central::run(globals, &config, self.file.as_deref().map(Path::new), self.yes);
        }
        let tenant = backup::named(&config, &self.tenant)?;
        let mut body = self.body();
        if let Some(from) = &self.elsewhere.from_tenant {
            body["from_tenant"] = backup::named_owner(&config, from)?.as_str().into();
            body["allow_other_tenant"] = self.elsewhere.allow_other_tenant.into();
        }
        if !self.preview {
            let name = output::without_controls(&tenant.name);
            ask::confirm(&format!("{name} ({}): {}?", tenant.id, self.what()), self.yes)?;
        }

        let client = Client::connect(config).await?;
        let path = format!("/api/central/tenants/{}/restore", tenant.id);
        let path = match (self.undo, self.preview) {
            (true, _) => format!("{path}/undo"),
            (_, true) => format!("{path}/preview"),
            _ => path,
        };
        let outcome = match Watch::over(1) {
            Ok(mut watch) => {
                let outcome = watch.run(&client, tenant.id.as_str(), &path, Some(&body)).await;
                watch.end();
                outcome
            }
            Err(failure) => Err(failure),
        };
        client.close().await;
        let answer = outcome?;
        if globals.json {
            return output::json(&answer);
        }
        if self.file.is_none() && !self.undo {
            output::line(&format!("Using latest backup: {}", plain(&answer["backup_file"])))?;
        }
        if self.preview {
            return show_changes(&answer);
        }
        output::line(&format!("{}: {}", tenant.id, plain(&answer["message"])))?;
        match answer["pre_restore_file"].as_str() {
            Some(before) => output::line(&format!("what was there before is {before}; --undo brings it back")),
            None => output::line(&format!("there is no undo: {}", plain(&answer["pre_restore_error"]))),
        }
    }

    fn what(&self) -> String {
        if self.undo {
            "take the last restore back".into()
        } else if let Some(from) = &self.elsewhere.from_tenant {
            format!("replace its data and its users by a backup of another tenant, {from}")
        } else if self.tables.is_empty() {
            "replace its data by a backup".into()
        } else {
            format!("replace {} by a backup", self.tables.join(", "))
        }
    }

    /// A path as the original wanted it names a file of this tenant all the same.
    fn file_name(&self) -> Option<&str> {
        Path::new(self.file.as_deref()?).file_name()?.to_str()
    }

    fn body(&self) -> Value {
        let mut body = self.file_name().map_or_else(|| json!({}), |file| json!({"file": file}));
        if !self.tables.is_empty() {
            body["tables"] = self.tables.iter().map(|table| table.trim()).collect();
        }
        body
    }
}

/// What a restore would change, and some of the rows.
fn show_changes(answer: &Value) -> Outcome {
    let tables = answer["tables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = ["table", "added", "removed", "changed"];
    let rows: Vec<_> = tables.iter().map(|table| fields.map(|field| plain(&table[field])).to_vec()).collect();
    output::table(&["Table", "Added", "Removed", "Changed"], &rows)?;
    for table in tables {
        for row in table["samples"].as_array().into_iter().flatten() {
            let cells = [&row["now"], &row["then"]].into_iter().filter(|cells| !cells.is_null());
            let cells: Vec<_> = cells.map(ToString::to_string).collect();
            let line = format!("{} {} {}: {}", plain(&row["change"]), table["table"], row["id"], cells.join(" -> "));
            output::line(&output::without_controls(&line))?;
        }
    }
    output::line("Nothing was changed.")
}
