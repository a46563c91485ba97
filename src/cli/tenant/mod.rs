//! `ruko tenant`: each of its commands is one operation of the central API.

mod shown;
mod transfer;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::{Globals, look_at_central};
use super::{ask, output};
use crate::config::Config;
use crate::error::Error;
use crate::tenants::{Tenant, directory};

pub(super) use shown::with_key;
pub use transfer::Dump;

const TENANTS: &str = "/api/central/tenants";
const PAGE_SIZE: usize = 100;

/// Make, list, change and move tenants
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant; prints its key, which is shown this once
    Create(Create),
    /// List tenants
    List(List),
    /// Show one tenant
    Show(Named),
    /// Make all its credentials answer 403
    Suspend(Named),
    /// Let a suspended tenant serve again
    Resume(Named),
    /// Close its file, complete, so that it can be copied; requests answer 403
    Freeze(Named),
    /// Let a frozen tenant serve again
    Thaw(Named),
    /// Forget the tenant and leave its file, so that another server can adopt it
    Detach(Detach),
    /// Move a tenant to the trash
    Delete(Delete),
    /// Bring a tenant back from the trash
    Undelete(Undelete),
    /// Take over a tenant file that lies in the folder `tenants`
    Adopt(Adopt),
    /// Write a tenant into one archive
    Export(transfer::Export),
    /// Write a tenant's database as SQL text, which the program sqlite3 loads
    Dump(Dump),
    /// Make a tenant from an archive
    Import(transfer::Import),
    /// Replace its keys by a new one, which is shown this once
    RegenerateKey(RegenerateKey),
    /// Bound the size of its file, or lift the bound
    Limit(Limit),
}

/// Which tenant.
#[derive(Debug, Args)]
pub struct Named {
    /// Its id, number or file name
    tenant: String,
}

/// Make a tenant
#[derive(Debug, Args)]
pub struct Create {
    /// Its name
    name: String,
    /// Name of its file; made from its id when missing
    #[arg(long)]
    db_name: Option<String>,
    /// Code of its plan
    #[arg(long)]
    plan: Option<String>,
}

/// List tenants
#[derive(Debug, Args)]
pub struct List {
    /// Only those with this in their name, id or file name
    #[arg(long)]
    search: Option<String>,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Those in the trash too
    #[arg(long, conflicts_with = "state")]
    all: bool,
}

/// A state to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// It serves
    Active,
    /// All its credentials answer 403
    Suspended,
    /// Its file is closed
    Frozen,
    /// It is in the trash
    Deleted,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Frozen => "frozen",
            Self::Deleted => "deleted",
        }
    }
}

/// Bound the size of its file
#[derive(Debug, Args)]
pub struct Limit {
    #[command(flatten)]
    named: Named,
    /// Most bytes, such as 1073741824, 500M or 2G; `none` lifts the bound
    #[arg(value_parser = size)]
    size: Size,
}

/// A bound on a size in bytes, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(Option<i64>);

fn size(text: &str) -> Result<Size, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Size(None));
    }
    let (number, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let bytes = number.parse::<i64>().ok().filter(|number| *number > 0).and_then(|number| number.checked_mul(factor));
    bytes.map(|bytes| Size(Some(bytes))).ok_or_else(|| "expected bytes, such as 1073741824, 500M or 2G, or none".into())
}

/// Move a tenant to the trash
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    named: Named,
    /// Keeps nothing: no trash, no backups
    #[arg(long)]
    purge: bool,
    /// Does not ask
    #[arg(long, short)]
    yes: bool,
}

/// Forget the tenant and leave its file
#[derive(Debug, Args)]
pub struct Detach {
    #[command(flatten)]
    named: Named,
    /// Does not ask
    #[arg(long, short)]
    yes: bool,
}

/// Bring a tenant back from the trash
#[derive(Debug, Args)]
pub struct Undelete {
    #[command(flatten)]
    named: Named,
    /// Name of its file, when the old one is taken
    #[arg(long)]
    db_name: Option<String>,
}

/// Take over a tenant file
#[derive(Debug, Args)]
pub struct Adopt {
    /// Name of the file in the folder `tenants`, without .db
    db_name: String,
    /// Name of the tenant; that of the file when missing
    #[arg(long)]
    name: Option<String>,
    /// Takes it although it carries the stamp of this other tenant
    #[arg(long, value_name = "TENANT_ID")]
    take_over: Option<String>,
}

/// Replace its keys
#[derive(Debug, Args)]
pub struct RegenerateKey {
    #[command(flatten)]
    named: Named,
    /// How long the old keys go on working
    #[arg(long, value_name = "MINUTES")]
    overlap_minutes: Option<u32>,
}

impl TenantCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        // Asked before anything is locked: a person thinks for a while.
        match self {
            Self::Delete(delete) => delete.confirm(&config)?,
            Self::Detach(detach) => detach.confirm(&config)?,
            _ => {}
        }
        let client = Client::connect(config.clone()).await?;
        let caller = Caller { client, config, is_json: globals.json };
        let outcome = caller.run(self).await;
        caller.client.close().await;
        outcome
    }
}

/// What the commands need.
pub(super) struct Caller {
    client: Client,
    config: Config,
    is_json: bool,
}

impl Caller {
    async fn run(&self, command: &TenantCommand) -> Outcome {
        match command {
            TenantCommand::Create(create) => {
                let body = json!({"name": create.name, "db_name": create.db_name, "plan": create.plan});
                let answer = self.client.call(Method::POST, TENANTS, Some(&without_nulls(body))).await?;
                with_key(&answer, self.is_json)
            }
            TenantCommand::List(list) => {
                let mut tenants = self.all(list, list.state).await?;
                if list.all {
                    tenants.extend(self.all(list, Some(State::Deleted)).await?);
                }
                shown::list(&tenants, self.is_json)
            }
            TenantCommand::Show(named) => {
                let path = format!("{TENANTS}/{}", find(&self.config, named)?.id);
                shown::one(&self.client.call(Method::GET, &path, None).await?["data"], self.is_json)
            }
            TenantCommand::Suspend(named) => self.act(named, "suspend", |_| "suspended".into()).await,
            TenantCommand::Resume(named) => self.act(named, "resume", shown::standing).await,
            TenantCommand::Freeze(named) => self.act(named, "freeze", frozen).await,
            TenantCommand::Thaw(named) => self.act(named, "thaw", shown::standing).await,
            TenantCommand::Detach(detach) => {
                self.act(&detach.named, "detach", |_| "detached: its file stays where it is".into()).await
            }
            TenantCommand::Delete(delete) => {
                let tenant = find(&self.config, &delete.named)?;
                let size_bytes = if delete.purge {
                    Value::Null
                } else {
                    let path = format!("{TENANTS}/{}", tenant.id);
                    self.client.call(Method::GET, &path, None).await?["data"]["size_bytes"].take()
                };
                let query = if delete.purge { "?purge=true" } else { "" };
                let answer = self.client.call(Method::DELETE, &format!("{TENANTS}/{}{query}", tenant.id), None).await?;
                let text = match size_bytes {
                    _ if delete.purge => "deleted for good",
                    Value::Null => "deleted; its file was missing, so `ruko tenant undelete` has nothing to bring back",
                    _ => "in the trash; `ruko tenant undelete` brings it back",
                };
                self.told(&tenant, &answer, text)
            }
            TenantCommand::Undelete(undelete) => {
                let tenant = find(&self.config, &undelete.named)?;
                let body = without_nulls(json!({"db_name": undelete.db_name}));
                let path = format!("{TENANTS}/{}/undelete", tenant.id);
                let answer = self.client.call(Method::POST, &path, Some(&body)).await?;
                self.told(&tenant, &answer, &shown::standing(&answer))
            }
            TenantCommand::Adopt(adopt) => {
                let name = adopt.name.as_ref().unwrap_or(&adopt.db_name);
                let body = json!({"name": name, "db_name": adopt.db_name, "take_over": adopt.take_over});
                let answer = self.client.call(Method::POST, &format!("{TENANTS}/adopt"), Some(&body)).await?;
                with_key(&answer, self.is_json)
            }
            TenantCommand::RegenerateKey(regenerate) => {
                let path = format!("{TENANTS}/{}/regenerate-key", find(&self.config, &regenerate.named)?.id);
                let body = without_nulls(json!({"overlap_minutes": regenerate.overlap_minutes}));
                with_key(&self.client.call(Method::POST, &path, Some(&body)).await?, self.is_json)
            }
            TenantCommand::Limit(limit) => {
                let tenant = find(&self.config, &limit.named)?;
                let Size(bytes) = limit.size;
                let body = json!({"max_storage_bytes": bytes});
                let answer = self.client.call(Method::PUT, &format!("{TENANTS}/{}", tenant.id), Some(&body)).await?;
                let done = bytes.map_or_else(
                    || "its file has no bound".into(),
                    |bytes| format!("its file may have {bytes} bytes; writes past that answer 507"),
                );
                self.told(&tenant, &answer, &done)
            }
            TenantCommand::Export(export) => {
                let tenant = find(&self.config, export.named())?;
                export.run(&self.client, &tenant, self.is_json).await
            }
            TenantCommand::Dump(dump) => {
                let tenant = find(&self.config, dump.named())?;
                dump.run(&self.client, &tenant, self.is_json).await
            }
            TenantCommand::Import(import) => import.run(&self.client, self.is_json).await,
        }
    }

    /// An operation on one tenant that needs no more than its id.
    async fn act(&self, named: &Named, verb: &str, done: impl Fn(&Value) -> String) -> Outcome {
        let tenant = find(&self.config, named)?;
        let answer =
            self.client.call(Method::POST, &format!("{TENANTS}/{}/{verb}", tenant.id), Some(&json!({}))).await?;
        self.told(&tenant, &answer, &done(&answer))
    }

    fn told(&self, tenant: &Tenant, answer: &Value, done: &str) -> Outcome {
        if self.is_json {
            let data = answer.get("data").filter(|data| !data.is_null());
            return output::json(data.unwrap_or(&json!({"id": tenant.id})));
        }
        output::line(&format!("{}: {done}", shown_name(tenant)))
    }

    /// The tenants of all pages; without a state all but those in the trash.
    async fn all(&self, list: &List, state: Option<State>) -> Outcome<Vec<Value>> {
        let mut tenants = Vec::new();
        for page in 1.. {
            let mut query = vec![("page", page.to_string()), ("per_page", PAGE_SIZE.to_string())];
            query.extend(list.search.clone().map(|text| ("search", text)));
            query.extend(state.map(|state| ("state", state.as_str().to_owned())));
            let query = serde_urlencoded::to_string(query).map_err(Error::internal)?;
            let answer = self.client.call(Method::GET, &format!("{TENANTS}?{query}"), None).await?;
            let rows = answer["data"].as_array().cloned().unwrap_or_default();
            let total = answer["total"].as_u64().and_then(|total| usize::try_from(total).ok()).unwrap_or(0);
            let is_last = rows.len() < PAGE_SIZE;
            tenants.extend(rows);
            if is_last || tenants.len() >= total {
                break;
            }
        }
        Ok(tenants)
    }
}

fn frozen(answer: &Value) -> String {
    let trouble = answer["notes"].as_str();
    trouble.map_or_else(|| "frozen: its file is complete".into(), |notes| format!("frozen. {notes}"))
}

impl Delete {
    fn confirm(&self, config: &Config) -> Outcome {
        let tenant = shown_name(&find(config, &self.named)?);
        let question = if self.purge {
            format!("Delete {tenant} for good, with its backups?")
        } else {
            format!("Move {tenant} to the trash?")
        };
        ask::confirm(&question, self.yes)
    }
}

impl Detach {
    fn confirm(&self, config: &Config) -> Outcome {
        let tenant = shown_name(&find(config, &self.named)?);
        ask::confirm(
            &format!("Forget {tenant} with its keys, its domains and the list of its backups, and leave its file?"),
            self.yes,
        )
    }
}

fn shown_name(tenant: &Tenant) -> String {
    format!("{} ({})", output::without_controls(&tenant.name), tenant.id)
}

/// The tenant that is meant.
fn find(config: &Config, named: &Named) -> Outcome<Tenant> {
    let found = look_at_central(config)?.read(|tx| directory::get(tx, &named.tenant));
    found.map_err(|error| {
        let is_unknown = matches!(error, Error::NotFound { .. });
        let failure = Failure::from(error);
        let hint = "`ruko tenant list --all` shows ids, numbers and file names, those in the trash too";
        if is_unknown { failure.hint(hint) } else { failure }
    })
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}
