//! `ruko sql`

mod printer;

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::Args;

use super::ask;
use super::failure::{Failure, IN_USE, Outcome};
use super::globals::{Globals, look_at_central, look_at_data_dir};
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, DbName};
use crate::db::inspect::Look;
use crate::tenants::{Tenant, TenantState, directory};
use printer::{Form, Printer};

/// Query a tenant's file
///
/// Reads only: whoever may read the file may read it with any other program too, so nothing in it
/// is hidden; what is secret in it is stored as a hash or sealed.
#[derive(Debug, Args)]
pub struct Sql {
    /// Its id, number or file name; `central` and `logs` are the server's own files
    tenant: String,
    /// The query; read from standard input when missing
    query: Option<String>,
    /// Prints CSV
    #[arg(long)]
    csv: bool,
    /// Allows changes, all of them or none. Needs a stopped server or a frozen tenant
    #[arg(long)]
    write: bool,
    /// Does not ask
    #[arg(long, short)]
    yes: bool,
}

/// A file to be queried.
struct Target {
    path: PathBuf,
    tenant: Option<Tenant>,
}

impl Sql {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let target = self.find(&config)?;
        let form = match (globals.json, self.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            _ => Form::Table,
        };
        if self.write {
            return self.change(&config, &target, form);
        }
        let look = Look::open(&target.path)?;
        match &self.query {
            None if std::io::stdin().is_terminal() => converse(&look, form),
            None => run(&look, &read_all()?, form),
            Some(query) => run(&look, query, form),
        }
    }

    fn find(&self, config: &Config) -> Outcome<Target> {
        let data_dir = look_at_data_dir(config)?;
        let path = match self.tenant.as_str() {
            "central" => data_dir.central_db(),
            "logs" => data_dir.logs_db(),
            text => {
                let tenant = look_at_central(config)?.read(|tx| directory::get(tx, text));
                let hint = "`ruko tenant list` shows ids, numbers and file names";
                let tenant = tenant.map_err(|error| Failure::from(error).hint(hint))?;
                if tenant.state == TenantState::Deleted {
                    return Err(
                        Failure::new("the tenant is in the trash").hint("`ruko tenant undelete` brings it back")
                    );
                }
                let name = tenant.db_name.parse::<DbName>().map_err(|error| Failure::new(error.to_string()))?;
                return Ok(Target { path: data_dir.tenant_file(&name), tenant: Some(tenant) });
            }
        };
        Ok(Target { path, tenant: None })
    }

    /// Runs everything in one transaction while nobody else has the file.
    fn change(&self, config: &Config, target: &Target, form: Form) -> Outcome {
        let _held = match DataDir::open(&config.storage.data_dir) {
            Ok(held) => Some(held),
            Err(DataDirError::Locked { .. }) if is_frozen(target) => None,
            Err(error @ DataDirError::Locked { .. }) => {
                let text = error.to_string();
                let hint = match &target.tenant {
                    Some(tenant) => {
                        format!("`ruko tenant freeze {0}` first and thaw it afterwards, or stop the server", tenant.id)
                    }
                    None => "stop the server first".to_owned(),
                };
                let what = text.split_once("; ").map_or(text.as_str(), |(what, _)| what);
                return Err(Failure::new(what).hint(hint).with_code(IN_USE));
            }
            Err(other) => return Err(other.into()),
        };
        let query = match &self.query {
            Some(query) => query.clone(),
            None => read_all()?,
        };
        ask::confirm(&format!("Change {}?", target.path.display()), self.yes)?;
        let look = Look::open_for_writing(&target.path)?;
        run(&look, "BEGIN IMMEDIATE", Form::Nothing)?;
        // Without COMMIT everything is rolled back when the file is closed.
        run(&look, &query, form)?;
        run(&look, "COMMIT", Form::Nothing)
    }
}

/// A frozen tenant's file is closed, whoever runs.
fn is_frozen(target: &Target) -> bool {
    target.tenant.as_ref().is_some_and(|tenant| tenant.state == TenantState::Frozen)
}

fn run(look: &Look, query: &str, form: Form) -> Outcome {
    let mut printer = Printer::new(form);
    // What was printed before an error stays readable.
    let outcome = look.run(query, |shown| printer.take(&shown));
    printer.finish()?;
    outcome.map_err(|error| {
        if printer.has_lost_its_reader() {
            return Failure::silent(0);
        }
        let text = error.to_string();
        if text.contains("not authorized") {
            return Failure::new("this would change the file, attach another, or set something")
                .hint("--write allows changes");
        }
        Failure::new(text)
    })
}

fn read_all() -> Outcome<String> {
    let mut query = String::new();
    std::io::stdin().lock().read_to_string(&mut query)?;
    Ok(query)
}

/// Asks for queries; one ends with a `;` at the end of a line.
fn converse(look: &Look, form: Form) -> Outcome {
    let mut query = String::new();
    loop {
        eprint!("{}", if query.is_empty() { "sql> " } else { "  -> " });
        std::io::stderr().flush()?;
        if std::io::stdin().lock().read_line(&mut query)? == 0 {
            eprintln!();
            return Ok(());
        }
        if query.trim().is_empty() {
            query.clear();
        } else if query.trim_end().ends_with(';') {
            if let Err(failure) = run(look, &query, form) {
                failure.tell();
            }
            query.clear();
        }
    }
}
