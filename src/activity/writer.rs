//! The batch writer: what is recorded goes into a bounded queue, and one task writes the queue to
//! the file.
//!
//! The task sleeps until an entry arrives, lets more gather for a moment, and then writes all that
//! waits. While it gathers nobody has to wake it, which is what makes recording cheap. A part of
//! the queue is kept for audit entries, so that a flood of requests cannot wash them away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::Timestamp;
use crate::db::logs_advice;
use crate::error::{Error, Result};

use super::ActivityOptions;
use super::file::{LogFile, is_damage};
use super::model::{AuditEntry, RequestEntry};
use super::store::{self, Entry};

/// Rows of one transaction. With this many waiting, the writer does not let more gather. Each
/// transaction writes the pages it touched, one or more for each tenant, so many small ones cost
/// more than a large one.
const BATCH_ROWS: usize = 2000;
/// Tries to write a batch before it is given up, and the pause after the first of them.
const TRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Log lines about dropped entries come no closer than this.
const DROPS_TOLD_EVERY: Duration = Duration::from_mins(1);

enum Message {
    Entry(Entry),
    /// Answer when everything before it is written.
    Flush(oneshot::Sender<()>),
    /// Take nothing more, write what is there, answer, end.
    Stop(oneshot::Sender<()>),
}

/// The near end of the queue.
pub(super) struct Queue {
    sender: mpsc::Sender<Message>,
    /// Tells the writer not to let more gather.
    hurry: Arc<Notify>,
    dropped: Arc<AtomicU64>,
    audit_reserve: usize,
}

/// Starts the writer on the runtime this is called in.
///
/// # Errors
/// When called outside of a runtime.
pub(super) fn start(file: Arc<LogFile>, options: &ActivityOptions) -> Result<Queue> {
    let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
    let (sender, messages) = mpsc::channel(options.queue_capacity.max(2));
    let (hurry, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
    let writer = Writer {
        file,
        messages,
        hurry: hurry.clone(),
        linger: options.linger,
        drops: Drops { total: dropped.clone(), told: 0, told_at: None },
        is_failing: false,
    };
    // Not one of the background jobs: it must outlive them, for they record what they do. It ends
    // by `stop`, or when the last handle is gone.
    runtime.spawn(writer.run());
    Ok(Queue { sender, hurry, dropped, audit_reserve: options.audit_reserve.min(options.queue_capacity / 2) })
}

impl Queue {
    pub(super) fn push_request(&self, at: Timestamp, request: RequestEntry) {
        if self.sender.capacity() > self.audit_reserve {
            self.push(Entry::Request(at, request));
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn push_audit(&self, at: Timestamp, audit: AuditEntry) {
        self.push(Entry::Audit(at, Box::new(audit)));
    }

    fn push(&self, entry: Entry) {
        if self.sender.try_send(Message::Entry(entry)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else if self.waiting() >= BATCH_ROWS {
            self.hurry.notify_one();
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) async fn flush(&self) {
        self.send_and_wait(Message::Flush).await;
    }

    pub(super) async fn stop(&self) {
        self.send_and_wait(Message::Stop).await;
    }

    /// A writer that has ended has written everything; then there is nothing to wait for.
    async fn send_and_wait(&self, message: impl FnOnce(oneshot::Sender<()>) -> Message) {
        let (done, is_done) = oneshot::channel();
        if self.sender.send(message(done)).await.is_ok() {
            self.hurry.notify_one();
            let _ = is_done.await;
        }
    }
}

struct Writer {
    file: Arc<LogFile>,
    messages: mpsc::Receiver<Message>,
    hurry: Arc<Notify>,
    linger: Duration,
    drops: Drops,
    /// The last batch could not be written. The next ones then get one try each, and at the end none,
    /// so that a broken disk holds up neither a reader's flush nor the end of the server.
    is_failing: bool,
}

impl Writer {
    async fn run(mut self) {
        while let Some(first) = self.messages.recv().await {
            if matches!(first, Message::Entry(_)) {
                tokio::select! {
                    () = self.hurry.notified() => {}
                    () = tokio::time::sleep(self.linger) => {}
                }
            }
            let stopped = self.drain(first).await;
            self.drops.tell();
            if let Some(stopped) = stopped {
                let _ = stopped.send(());
                return;
            }
        }
    }

    /// Writes until the queue is empty; gives whom to answer when the writer was told to end.
    async fn drain(&mut self, first: Message) -> Option<oneshot::Sender<()>> {
        let mut received = vec![first];
        let mut stopped = None;
        loop {
            // A closed queue hands out even what is being pushed this moment, and then ends.
            if stopped.is_some() || !self.messages.is_empty() {
                let room = BATCH_ROWS - received.len();
                self.messages.recv_many(&mut received, room).await;
            }
            if received.is_empty() {
                return stopped;
            }
            let mut batch = Vec::with_capacity(received.len());
            for message in received.drain(..) {
                match message {
                    Message::Entry(entry) => batch.push(entry),
                    Message::Flush(done) => {
                        self.write(std::mem::take(&mut batch)).await;
                        let _ = done.send(());
                    }
                    Message::Stop(done) => {
                        self.messages.close();
                        stopped = Some(done);
                    }
                }
            }
            self.write(batch).await;
        }
    }

    async fn write(&mut self, batch: Vec<Entry>) {
        if batch.is_empty() {
            return;
        }
        let has_failed_before = self.is_failing;
        let tries = match (self.is_failing, self.messages.is_closed()) {
            (true, true) => return self.drops.count(batch.len()),
            (true, false) => 1,
            (false, _) => TRIES,
        };
        let batch = Arc::new(batch);
        let mut pause = RETRY_PAUSE;
        for rest in (0..tries).rev() {
            let entries = batch.clone();
            let Ok(db) = self.file.db().await else {
                // Why was told when it was tried.
                self.is_failing = true;
                return self.drops.count(batch.len());
            };
            let outcome = db.write(move |tx| store::insert(tx, &entries)).await;
            self.is_failing = outcome.is_err();
            match outcome {
                Ok(()) => return,
                Err(error) if rest == 0 || is_damage(&error) => {
                    self.drops.count(batch.len());
                    self.file.note_damage(&error);
                    // Of the batches after it, `Drops` tells.
                    if !has_failed_before {
                        tell(&error);
                    }
                    return;
                }
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 10;
        }
    }
}

fn tell(error: &Error) {
    let advice = if let Error::Db(error) | Error::Logs(error) = error { logs_advice(error) } else { "" };
    tracing::error!(error.code = error.code(), %error, advice, "log entries could not be written");
}

/// Lost entries, and how many of them the operator was told about.
struct Drops {
    total: Arc<AtomicU64>,
    told: u64,
    told_at: Option<Instant>,
}

impl Drops {
    fn count(&self, rows: usize) {
        self.total.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn tell(&mut self) {
        let total = self.total.load(Ordering::Relaxed);
        if total > self.told && self.told_at.is_none_or(|told| told.elapsed() >= DROPS_TOLD_EVERY) {
            tracing::warn!(entries = total - self.told, "more was recorded than could be written; entries are lost");
            (self.told, self.told_at) = (total, Some(Instant::now()));
        }
    }
}
