//! Flags that every command takes, and the configuration they lead to.

use std::path::PathBuf;

use clap::Args;

use super::failure::{Failure, Outcome};
use crate::config::{Config, Loaded, Sources};
use crate::data_dir::DataDir;
use crate::db::inspect::Look;

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Globals {
    /// Folder that holds everything ruko stores
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file instead of ruko.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets any setting, such as http.listen=0.0.0.0:8000; `ruko config` lists them
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Prints JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

impl Globals {
    /// The configuration, with the flags of a command above the others.
    pub fn load(&self, flags: Vec<(&str, String)>) -> Outcome<Loaded> {
        Ok(Config::load(self.sources(flags)?)?)
    }

    /// The configuration as far as it can be read, and why it cannot be used, when it cannot.
    pub fn load_to_show(&self) -> Outcome<(Loaded, Option<Failure>)> {
        match Config::load(self.sources(Vec::new())?) {
            Ok(loaded) => Ok((loaded, None)),
            Err(error) => Ok((error.rest().clone(), Some(error.into()))),
        }
    }

    fn sources(&self, flags: Vec<(&str, String)>) -> Outcome<Sources> {
        let mut all = Vec::new();
        for text in &self.set {
            let Some((name, value)) = text.split_once('=') else {
                let hint = "for example --set http.listen=0.0.0.0:8000";
                return Err(Failure::usage(format!("--set {text}: there is no =")).hint(hint));
            };
            all.push((name.trim().to_owned(), value.to_owned()));
        }
        let data_dir = self.data_dir.as_ref().map(|path| path.to_string_lossy().into_owned());
        all.extend(data_dir.map(|path| ("storage.data_dir".to_owned(), path)));
        all.extend(flags.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Sources { config_file: self.config.clone(), ..Sources::from_process(all) })
    }
}

/// The central file of a configuration, for reading, which a server beside does not mind.
pub fn look_at_central(config: &Config) -> Outcome<Look> {
    let path = look_at_data_dir(config)?.central_db();
    Look::open(&path).map_err(|error| Failure::in_central(&path, &error))
}

/// The data directory of a configuration, for reading; it must be there.
pub fn look_at_data_dir(config: &Config) -> Outcome<DataDir> {
    let storage = &config.storage;
    Ok(DataDir::look(&storage.data_dir)?.with_central_file(storage.central_file.clone()))
}
