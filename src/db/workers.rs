//! A fixed set of named threads for database work, with a bounded queue and tasks that wait.
//!
//! Of several idle threads the one that worked last is woken: its caches are warm.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::DbError;

type Task = Box<dyn FnOnce() + Send>;

/// Threads that take tasks in order; dropped, they finish what is queued and end.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// One for each thread, by its number.
    alarms: Vec<Condvar>,
    capacity: usize,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Task>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    sequence: u64,
    /// Numbers of the threads that have nothing to do; the last one worked last.
    idle: Vec<usize>,
    is_stopping: bool,
}

struct Waiting {
    due: Instant,
    sequence: u64,
    task: Task,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

impl Workers {
    /// Starts `count` threads called `name-0`, `name-1` ... with room for `capacity` tasks.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub(super) fn start(name: &str, count: usize, capacity: usize) -> std::io::Result<Self> {
        let alarms = (0..count).map(|_| Condvar::new()).collect();
        let shared = Arc::new(Shared { queue: Mutex::default(), alarms, capacity });
        let mut threads = Vec::with_capacity(count);
        for index in 0..count {
            let shared = shared.clone();
            let builder = std::thread::Builder::new().name(format!("{name}-{index}"));
            threads.push(builder.spawn(move || shared.work(index))?);
        }
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Queues a task.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] when the queue is full.
    pub(super) fn submit(&self, task: impl FnOnce() + Send + 'static) -> Result<(), DbError> {
        let mut queue = self.shared.queue.lock();
        if queue.ready.len() >= self.shared.capacity {
            return Err(DbError::Overloaded);
        }
        queue.ready.push_back(Box::new(task));
        self.shared.wake_one(queue);
        Ok(())
    }

    /// True when a task is ready that no thread has taken yet.
    pub(super) fn are_wanted(&self) -> bool {
        let queue = self.shared.queue.lock();
        let is_due = |Reverse(waiting): &Reverse<Waiting>| waiting.due <= Instant::now();
        !queue.ready.is_empty() || queue.waiting.peek().is_some_and(is_due)
    }

    /// Queues a task that becomes ready after `delay`. At a stop it runs at once.
    pub(super) fn submit_after(&self, delay: Duration, task: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue.lock();
        queue.sequence += 1;
        let waiting = Waiting { due: Instant::now() + delay, sequence: queue.sequence, task: Box::new(task) };
        queue.waiting.push(Reverse(waiting));
        self.shared.wake_one(queue);
    }
}

impl Shared {
    /// Wakes the idle thread that worked last, if there is one.
    fn wake_one(&self, mut queue: MutexGuard<'_, Queue>) {
        let woken = queue.idle.pop();
        drop(queue);
        if let Some(number) = woken {
            self.alarms[number].notify_one();
        }
    }

    fn work(&self, number: usize) {
        while let Some(task) = self.next(number) {
            // Every task answers its caller by itself; a panic here must not cost the thread.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err() {
                tracing::error!("a database task panicked");
            }
        }
    }

    fn next(&self, number: usize) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            let next_due = queue.waiting.peek().map(|Reverse(waiting)| waiting.due);
            let is_due = next_due.is_some_and(|due| queue.is_stopping || due <= Instant::now());
            let due = if is_due { queue.waiting.pop().map(|Reverse(waiting)| waiting.task) } else { None };
            if let Some(task) = due.or_else(|| queue.ready.pop_front()) {
                // This thread may have been woken for the other task, or be the one that watches the
                // clock for what waits.
                if !queue.ready.is_empty() || !queue.waiting.is_empty() {
                    self.wake_one(queue);
                }
                return Some(task);
            }
            if queue.is_stopping {
                return None;
            }
            queue.idle.push(number);
            match next_due {
                Some(due) => {
                    self.alarms[number].wait_until(&mut queue, due);
                }
                None => self.alarms[number].wait(&mut queue),
            }
            queue.idle.retain(|idle| *idle != number);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.queue.lock().is_stopping = true;
        self.shared.alarms.iter().for_each(|alarm| {
            alarm.notify_one();
        });
        let own = std::thread::current().id();
        for thread in self.threads.get_mut().drain(..) {
            // The last handle may be dropped by a task, and a thread cannot wait for itself.
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn waiting_task_runs_after_its_delay_and_not_before_ready_ones() {
        let workers = Workers::start("test", 1, 8).unwrap();
        let (sender, receiver) = mpsc::channel();
        let (late, early) = (sender.clone(), sender);
        workers.submit_after(Duration::from_millis(20), move || late.send("late").unwrap());
        workers.submit(move || early.send("early").unwrap()).unwrap();
        assert_eq!(receiver.recv().unwrap(), "early");
        assert_eq!(receiver.recv().unwrap(), "late");
    }

    #[test]
    fn the_thread_that_worked_last_works_next() {
        let workers = Workers::start("test", 3, 8).unwrap();
        let mut names = std::collections::HashSet::new();
        for _ in 0..20 {
            until_idle(&workers, 3);
            let (sender, receiver) = mpsc::channel();
            workers.submit(move || sender.send(std::thread::current().name().map(str::to_owned)).unwrap()).unwrap();
            names.insert(receiver.recv().unwrap());
        }
        assert_eq!(names.len(), 1, "{names:?}");
    }

    /// Until all threads sleep. The one that worked last is woken, so that one alone sees what comes.
    fn until_idle(workers: &Workers, threads: usize) {
        while workers.shared.queue.lock().idle.len() < threads {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_waiting_task_runs_while_the_thread_that_watched_the_clock_does_what_was_due_before() {
        let workers = Workers::start("test", 2, 8).unwrap();
        let (sender, receiver) = mpsc::channel();
        let (hold, held) = mpsc::channel::<()>();
        until_idle(&workers, 2);
        workers.submit_after(Duration::from_millis(200), move || {
            let _ = held.recv();
        });
        until_idle(&workers, 2);
        workers.submit_after(Duration::from_millis(250), move || sender.send(()).unwrap());
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        drop(hold);
    }

    #[test]
    fn a_ready_task_runs_while_the_thread_woken_for_it_does_what_was_due() {
        let workers = Workers::start("test", 2, 8).unwrap();
        for delay_us in (0..2000).step_by(20) {
            until_idle(&workers, 2);
            let (hold, held) = mpsc::channel::<()>();
            workers.submit_after(Duration::from_micros(200), move || {
                let _ = held.recv();
            });
            let from = Instant::now();
            while from.elapsed() < Duration::from_micros(delay_us / 8) {}
            let (sender, receiver) = mpsc::channel();
            workers.submit(move || sender.send(()).unwrap()).unwrap();
            receiver.recv_timeout(Duration::from_secs(10)).unwrap();
            drop(hold);
        }
    }

    #[test]
    fn a_waiting_task_is_not_forgotten_by_the_thread_that_watched_the_clock() {
        let workers = Workers::start("test", 2, 8).unwrap();
        let (sender, receiver) = mpsc::channel();
        let (hold, held) = mpsc::channel::<()>();
        until_idle(&workers, 2);
        workers.submit_after(Duration::from_millis(200), move || sender.send(()).unwrap());
        until_idle(&workers, 2);
        workers.submit(move || assert!(held.recv().is_err())).unwrap();
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        drop(hold);
    }

    #[test]
    fn full_queue_refuses_and_a_panic_costs_no_thread() {
        let workers = Workers::start("test", 1, 1).unwrap();
        let (hold, held) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        workers
            .submit(move || {
                started.send(()).unwrap();
                let _ = held.recv();
                panic!("on purpose");
            })
            .unwrap();
        has_started.recv().unwrap();
        let (sender, receiver) = mpsc::channel();
        workers.submit(move || sender.send(7).unwrap()).unwrap();
        assert_eq!(workers.submit(|| ()), Err(DbError::Overloaded));
        drop(hold);
        assert_eq!(receiver.recv().unwrap(), 7);
    }
}
