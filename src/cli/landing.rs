//! An answer as a file.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use http::header;
use http_body_util::BodyStream;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::exchange::Body;
use super::failure::{Failure, Outcome};
use super::progress;

/// Nothing that is there is replaced.
pub fn refuse_to_replace(to: &Path) -> Outcome {
    if !to.exists() {
        return Ok(());
    }
    let what = format!("{} exists already", to.display());
    Err(Failure::new(what).hint("move it away, or name another file with --output"))
}

/// Writes an answer to a file, which has its name only when it is whole, and gives its size; or to
/// standard output, for `-`.
pub async fn write(answer: http::Response<Body>, to: &Path) -> Outcome<Option<u64>> {
    let announced = answer.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|text| text.to_str().ok()?.parse().ok());
    if to.as_os_str() == "-" {
        let out = std::io::stdout().as_fd().try_clone_to_owned()?;
        copy(answer.into_body(), &mut File::from_std(out.into()), announced).await?;
        return Ok(None);
    }
    let part = with_ending(to, ".part");
    let written = write_private(answer.into_body(), &part, announced).await;
    let landed = match written {
        Ok(bytes) => std::fs::rename(&part, to).map(|()| bytes).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let bytes = landed.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    Ok(Some(bytes))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// An archive holds everything a tenant has, so nobody else may read it.
async fn write_private(body: Body, path: &Path, announced: Option<u64>) -> Outcome<u64> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).await;
    let mut file = file.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    let bytes = copy(body, &mut file, announced).await?;
    file.sync_all().await?;
    Ok(bytes)
}

async fn copy(body: Body, to: &mut (impl AsyncWrite + Unpin), announced: Option<u64>) -> Outcome<u64> {
    let bar = progress::over_bytes(announced);
    let mut frames = BodyStream::new(body);
    let mut bytes = 0;
    while let Some(frame) = frames.next().await {
        if let Ok(data) = frame?.into_data() {
            to.write_all(&data).await?;
            bytes += data.len() as u64;
            bar.set_position(bytes);
        }
    }
    to.flush().await?;
    bar.finish_and_clear();
    Ok(bytes)
}
