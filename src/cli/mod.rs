//! The command line: one file per command.
//!
//! A command that changes something is a call of an API operation, over the local socket while a
//! server runs and in this process otherwise (see `client`). `config`, `openapi`, `doctor`,
//! `sql` and `completions` only read and need neither; `health` asks over the network.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong command line or missing confirmation, 65 a damaged
//! backup, 75 the data directory is in use by another process, 77 a wrong key, 78 a documented placeholder
//! as a secret, 130 cancelled with Ctrl-C (see `failure`). Errors go to standard error: one line what happened, one line what to do.

mod alerts;
mod ask;
mod backup;
mod client;
mod completions;
mod config;
mod demo;
mod doctor;
mod exchange;
mod failure;
mod globals;
mod health;
mod instance;
mod job;
mod key;
mod landing;
mod logs;
mod master_key;
mod migrate;
mod openapi;
mod output;
mod progress;
mod recovery_key;
mod restore;
mod restore_as_new;
mod restore_central;
mod schedule;
mod seed;
mod serve;
mod sql;
mod tenant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};
use globals::Globals;

/// One binary that gives every tenant its own SQLite file behind its own key
#[derive(Parser)]
#[command(name = "ruko", version, about, after_help = failure::EXIT_CODES, arg_required_else_help = true)]
#[command(infer_long_args = false, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server
    Serve(serve::Serve),
    /// Show every setting with its value and where it comes from
    Config(config::ConfigCommand),
    /// Make, list, change and move tenants
    #[command(subcommand, visible_alias = "tenants")]
    Tenant(tenant::TenantCommand),
    /// Bring the central file and every tenant's file to the newest schema
    #[command(alias = "tenants:migrate")]
    Migrate(migrate::Migrate),
    /// Make, list, open, keep and remove backups
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Bring a backup back into its tenant, which goes on serving
    #[command(alias = "tenant:restore")]
    Restore(restore::Restore),
    /// Write everything into one archive, and make a data directory of one
    #[command(subcommand)]
    Instance(instance::InstanceCommand),
    /// Show what is wrong with backups, and test whether somebody would hear of it
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// Make keys and secrets
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Print the OpenAPI document of this version
    Openapi(openapi::Openapi),
    /// Check the data directory, the keys and every file
    Doctor(doctor::Doctor),
    /// Ask a running server whether it is healthy
    Health(health::Health),
    /// Query a tenant's file
    Sql(sql::Sql),
    /// Show who asked for what, and who changed what
    #[command(subcommand)]
    Logs(logs::LogsCommand),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Make a new server key (the artisan spelling of `key generate`)
    #[command(name = "key:generate", hide = true)]
    KeyGenerate(key::Generate),
    /// Make a new master key (the artisan spelling)
    #[command(name = "db:seed", hide = true)]
    DbSeed(seed::Seed),
    /// Say where the OpenAPI document is (the artisan spelling)
    #[command(name = "postman:generate", hide = true)]
    PostmanGenerate(openapi::Postman),
    /// Back one tenant up, or all of them (the artisan spelling)
    #[command(name = "tenant:backup", alias = "backup:run", hide = true)]
    TenantBackup(backup::ArtisanRun),
    /// List backups (the artisan spelling)
    #[command(name = "tenant:backups", hide = true)]
    TenantBackups(backup::List),
    /// Write a tenant's database as SQL text (the artisan spelling)
    #[command(name = "tenant:dump", hide = true)]
    TenantDump(tenant::Dump),
    /// Run the jobs that are due (the artisan spelling); a server does it by itself
    #[command(name = "schedule:run", hide = true)]
    ScheduleRun(schedule::Run),
}

/// Runs the command of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::new(format!("the runtime cannot start: {error}")).tell();
            return ExitCode::from(failure::FAILED);
        }
    };
    let outcome = runtime.block_on(dispatch(cli));
    // Blocking work that does not end must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.code())
        }
    }
}

async fn dispatch(cli: Cli) -> Outcome {
    let Cli { globals, command } = cli;
    match command {
        Command::Serve(command) => command.run(&globals).await,
        Command::Config(command) => command.run(&globals),
        Command::Tenant(command) => command.run(&globals).await,
        Command::Migrate(command) => command.run(&globals).await,
        Command::Backup(command) => command.run(&globals).await,
        Command::Restore(command) => command.run(&globals).await,
        Command::TenantBackup(command) => command.run(&globals).await,
        Command::TenantBackups(command) => command.run(&globals).await,
        Command::Instance(command) => command.run(&globals).await,
        Command::TenantDump(command) => tenant::TenantCommand::Dump(command).run(&globals).await,
        Command::Alerts(command) => command.run(&globals).await,
        Command::Key(command) => command.run(&globals),
        Command::KeyGenerate(command) => command.run(&globals),
        Command::Openapi(command) => command.run().await,
        Command::Doctor(command) => command.run(&globals).await,
        Command::Health(command) => command.run(&globals).await,
        Command::Sql(command) => command.run(&globals),
        Command::Logs(command) => command.run(&globals).await,
        Command::Completions(command) => command.run(),
        Command::DbSeed(command) => command.run(&globals),
        Command::PostmanGenerate(_) => openapi::Postman::run(),
        Command::ScheduleRun(command) => Box::pin(command.run(&globals)).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
