//! Places where a test lets the process end or a step fail. A release build has none of it: there
//! [`point`] is empty and reads nothing.

use std::io;

/// Ends the process as `kill -9` does, or fails, when `RUKO_TEST_FAULT` names this place as
/// `kill:NAME`, `fail:NAME` or `full:NAME`.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) -> io::Result<()> {
    static FAULT: std::sync::LazyLock<Option<(String, String)>> = std::sync::LazyLock::new(|| {
        let text = std::env::var("RUKO_TEST_FAULT").ok()?;
        text.split_once(':').map(|(what, place)| (what.to_owned(), place.to_owned()))
    });
    match FAULT.as_ref().filter(|(_, place)| place == name).map(|(what, _)| what.as_str()) {
        None => Ok(()),
        Some("kill") => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
        Some("full") => Err(io::ErrorKind::StorageFull.into()),
        Some(_) => Err(io::Error::other("a test asked for it")),
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
#[allow(clippy::unnecessary_wraps, reason = "the shape of the other one")]
pub(crate) fn point(_name: &str) -> io::Result<()> {
    Ok(())
}
