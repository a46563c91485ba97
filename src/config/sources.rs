//! What a configuration is read from, handed in explicitly so that a test has its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a configuration is read from. `Sources::default()` is nothing at all: all defaults.
/// Cannot be printed, because secrets are still plain text here.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file somebody asked for (`--config`). It must exist. Unset, `RUKO_CONFIG`
    /// is asked.
    pub config_file: Option<PathBuf>,
    /// The configuration file that is read when nobody asked for one and it is there.
    pub default_config_file: Option<PathBuf>,
    /// The `.env` file, read when it is there.
    pub dotenv_file: Option<PathBuf>,
    /// The variables of the process.
    pub environment: BTreeMap<String, String>,
    /// Settings of the command line: name (`http.listen`) and text.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// `ruko.toml` and `.env` of the working directory, the variables of this process, and these flags.
    pub fn from_process(flags: Vec<(String, String)>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
            .collect();
        Self {
            config_file: None,
            default_config_file: Some("ruko.toml".into()),
            dotenv_file: Some(".env".into()),
            environment,
            flags,
        }
    }
}
