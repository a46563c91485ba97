//! `ruko config`

use clap::Args;

use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::output;
use crate::config::{Loaded, Setting};

/// Show every setting with its value and where it comes from
#[derive(Debug, Args)]
pub struct ConfigCommand {
    /// Only settings whose name contains this; a full name shows everything about that one
    name: Option<String>,
}

impl ConfigCommand {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let (loaded, failure) = globals.load_to_show()?;
        self.show(&loaded, globals)?;
        failure.map_or(Ok(()), Err)
    }

    fn show(&self, loaded: &Loaded, globals: &Globals) -> Outcome {
        for notice in &loaded.notices {
            eprintln!("note: {notice}");
        }
        let mut settings = loaded.explain();
        if let Some(part) = &self.name {
            settings.retain(|setting| setting.name.contains(part.as_str()));
            if settings.is_empty() {
                let what = format!("no setting has {part} in its name");
                return Err(Failure::new(what).hint("`ruko config` lists them all"));
            }
        }
        if globals.json {
            return output::json(&serde_json::to_value(&settings).map_err(crate::error::Error::internal)?);
        }
        match settings.as_slice() {
            [one] if self.name.as_ref() == Some(&one.name) => everything(one),
            all => {
                let row = |setting: &Setting| vec![setting.name.clone(), setting.value.clone(), setting.source.clone()];
                output::table(&["Setting", "Value", "Source"], &all.iter().map(row).collect::<Vec<_>>())
            }
        }
    }
}

fn everything(setting: &Setting) -> Outcome {
    let names = std::iter::once(setting.env_name.as_str()).chain(setting.seed_names.iter().copied());
    let help: Vec<&str> = setting.help.split_whitespace().collect();
    output::pairs(&[
        ("Setting", setting.name.clone()),
        ("Value", setting.value.clone()),
        ("Source", setting.source.clone()),
        ("Default", setting.default.clone()),
        ("Accepts", setting.accepts.clone()),
        ("Variables", names.collect::<Vec<_>>().join(", ")),
        ("About", help.join(" ")),
    ])
}
