//! `ruko tenant export` and `import`: a tenant as one archive, streamed; `dump`: its database as text.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;
use http::Method;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{Named, TENANTS, shown};
use crate::cli::client::Client;
use crate::cli::exchange::{Body, full};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::landing::{refuse_to_replace, write};
use crate::cli::{output, progress};
use crate::tenants::Tenant;

/// Write a tenant into one archive
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    named: Named,
    /// The file to write, `-` for standard output; <file name>.tar.zst when missing
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Write a tenant's database as SQL text, which the program sqlite3 loads
#[derive(Debug, Args)]
pub struct Dump {
    #[command(flatten)]
    named: Named,
    /// The file to write; standard output when missing
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Make a tenant from an archive
#[derive(Debug, Args)]
pub struct Import {
    /// The archive
    file: PathBuf,
    /// Name of the tenant; that of the archive when missing
    #[arg(long)]
    name: Option<String>,
    /// Name of its file
    #[arg(long)]
    db_name: Option<String>,
    /// Which id it gets
    #[arg(long, value_enum, default_value = "keep")]
    id: Taken,
    /// Whether its keys go on working; when missing, as its id
    #[arg(long, value_enum)]
    keys: Option<Taken>,
    /// Whether its domains come along; when missing, with its id
    #[arg(long, value_enum)]
    domains: Option<Domains>,
}

/// Whether something is taken from an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Taken {
    /// As it is in the archive; it must be free here
    Keep,
    /// Made anew
    New,
}

/// What becomes of the domains of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Domains {
    /// They must be free here
    Keep,
    /// They stay where they are
    None,
}

impl Export {
    pub(super) fn named(&self) -> &Named {
        &self.named
    }

    pub(super) async fn run(&self, client: &Client, tenant: &Tenant, is_json: bool) -> Outcome {
        let to = self.output.clone().unwrap_or_else(|| format!("{}.tar.zst", tenant.db_name).into());
        if to.as_os_str() == "-" && std::io::stdout().is_terminal() {
            return Err(Failure::usage("an archive does not go to a terminal").hint("name a file with --output"));
        }
        refuse_to_replace(&to)?;
        let path = format!("{TENANTS}/{}/export", tenant.id);
        let empty = full(hyper::body::Bytes::new());
        let answer = client.send(Method::GET, &path, "application/json", empty).await?;
        let Some(bytes) = write(answer, &to).await? else { return Ok(()) };
        if is_json {
            return output::json(&json!({"id": tenant.id, "file": to, "size_bytes": bytes}));
        }
        output::line(&format!("{} ({}): {} bytes in {}", tenant.name, tenant.id, bytes, to.display()))
    }
}

impl Import {
    pub(super) async fn run(&self, client: &Client, is_json: bool) -> Outcome {
        let unreadable = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", self.file.display()));
        let file = File::open(&self.file).await.map_err(unreadable)?;
        let bar = progress::over_bytes(Some(file.metadata().await.map_err(unreadable)?.len()));
        let taken = |taken| if taken == Taken::Keep { "keep" } else { "new" };
        let mut query = vec![("id", taken(self.id))];
        query.extend(self.keys.map(|keys| ("keys", taken(keys))));
        query.extend(self.domains.map(|domains| ("domains", if domains == Domains::Keep { "keep" } else { "none" })));
        query.extend(self.name.as_deref().map(|name| ("name", name)));
        query.extend(self.db_name.as_deref().map(|name| ("db_name", name)));
        let query = serde_urlencoded::to_string(query).map_err(crate::error::Error::internal)?;
        let shown = bar.clone();
        let chunks = ReaderStream::new(file).inspect(move |chunk| {
            shown.inc(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
        });
        let body: Body = poem::Body::from_bytes_stream(chunks).into();
        let path = format!("{TENANTS}/import?{query}");
        let answer = client.send(Method::POST, &path, "application/zstd", body).await?;
        let bytes = answer.into_body().collect().await?.to_bytes();
        bar.finish_and_clear();
        let answer = serde_json::from_slice(&bytes).map_err(crate::error::Error::internal)?;
        shown::with_key(&answer, is_json)
    }
}

impl Dump {
    pub(super) fn named(&self) -> &Named {
        &self.named
    }

    pub(super) async fn run(&self, client: &Client, tenant: &Tenant, is_json: bool) -> Outcome {
        let to = self.output.clone().unwrap_or_else(|| "-".into());
        refuse_to_replace(&to)?;
        let path = format!("{TENANTS}/{}/dump", tenant.id);
        let empty = full(hyper::body::Bytes::new());
        let answer = client.send(Method::GET, &path, "application/json", empty).await?;
        match write(answer, &to).await? {
            None => Ok(()),
            Some(bytes) if is_json => output::json(&json!({"id": tenant.id, "file": to, "size_bytes": bytes})),
            Some(bytes) => {
                output::line(&format!("{} ({}): {} bytes in {}", tenant.name, tenant.id, bytes, to.display()))
            }
        }
    }
}
