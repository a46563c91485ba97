//! Alerts: what somebody has to know of backups, told by mail and by a webhook.
//!
//! Invariants: what is so and what was told of it stand in the central file, so a restart tells nothing
//! twice and forgets nothing; each condition is told when it begins, once a day while it lasts, and when it
//! is over; one message holds all that there is to tell, however many tenants it is about; nothing waits for
//! a delivery but the next delivery.

mod channel;
mod http;
mod letter;
mod model;
mod store;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::config::{self, Config};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::id::TenantId;
use crate::mail::{Mailer, Wrong};

use channel::Delivery;
use http::Caller;
use letter::Writer;

pub use channel::Channel;
pub use model::{Alert, Condition, News};
pub use store::name_of;

/// Everything about alerts. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    shared: Arc<Shared>,
}

struct Shared {
    central: Db,
    clock: Clock,
    settings: config::Alerts,
    mailer: Mailer,
    writer: Writer,
    caller: Caller,
    deliveries: Mutex<[Delivery; 3]>,
    standing: ArcSwapOption<Counted>,
}

/// How many alerts of each condition a look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// In the order of [`Condition::ALL`].
    pub counts: [usize; Condition::ALL.len()],
    /// When the newest finished backup of anybody was begun.
    pub last_ok_at: Option<Timestamp>,
}

/// A channel that does not deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Which.
    pub channel: Channel,
    /// Why.
    pub wrong: Wrong,
    /// How many alerts wait.
    pub waiting: usize,
}

/// How a test of a channel went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Which.
    pub channel: Channel,
    /// None when nothing is set for it.
    pub outcome: Option<Result<(), Wrong>>,
}

impl Alerts {
    /// Alerts of this server. Nobody is called before there is something to tell.
    pub fn new(central: Db, clock: Clock, config: &Config) -> Self {
        let writer = Writer {
            language: config.alerts.language.unwrap_or(config.locale.language),
            zone: config.locale.time_zone.rules().clone(),
            server: config.http.public_url.as_ref().map(|url| url.as_str().to_owned()),
        };
        let shared = Shared {
            central,
            clock,
            settings: config.alerts.clone(),
            mailer: Mailer::new(config.mail.clone()),
            writer,
            caller: Caller::default(),
            deliveries: Mutex::default(),
            standing: ArcSwapOption::empty(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Something is so, until [`Alerts::clear`] says that it is over. For conditions that cannot be looked for.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn raise(&self, condition: Condition, tenant: &TenantId, detail: &str) -> Result<()> {
        let (tenant, detail, since) = (tenant.clone(), shortened(detail), self.shared.clock.now());
        let raise = move |tx: &mut Tx<'_>| {
            let tenant_name = name_of(tx, &tenant)?;
            let (tenant_id, detail) = (tenant.clone(), detail.clone());
            store::put(tx, &Alert { condition, tenant_id, tenant_name, detail, since }, true)
        };
        self.shared.central.write(raise).await
    }

    /// It is over.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn clear(&self, condition: Condition, tenant: &TenantId) -> Result<()> {
        let (tenant, now) = (tenant.clone(), self.shared.clock.now());
        let is_so = {
            let tenant = tenant.clone();
            self.shared.central.read(move |tx| store::is_so(tx, condition, &tenant)).await?
        };
        if !is_so {
            return Ok(());
        }
        let clear = move |tx: &mut Tx<'_>| {
            store::end(tx, condition, &tenant, now)?;
            store::forget_told(tx)
        };
        self.shared.central.write(clear).await
    }

    /// Takes what a look has found: what is new begins, what is missing is over.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn settle(&self, mut found: Vec<Alert>) -> Result<()> {
        for alert in &mut found {
            alert.detail = shortened(&alert.detail);
        }
        let (found, now) = (Arc::new(found), self.shared.clock.now());
        let look = found.clone();
        // Most looks find what the last one has found, and a read disturbs nobody.
        if self.shared.central.scan(move |tx| store::compare(tx, &look)).await?.is_empty() {
            return Ok(());
        }
        let settle = move |tx: &mut Tx<'_>| {
            let changes = store::compare(tx, &found)?;
            store::apply(tx, &changes, now)
        };
        self.shared.central.write(settle).await
    }

    /// What is so now, and how many in all.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list(&self, limit: i64) -> Result<(Vec<Alert>, i64)> {
        self.shared.central.scan(move |tx| store::lasting(tx, limit)).await
    }

    /// Tells what there is to tell on every channel that is set. What cannot be delivered is tried again later.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn tell(&self) -> Result<()> {
        let (mail, webhook) = tokio::join!(self.tell_by(Channel::Mail), self.tell_by(Channel::Webhook));
        mail.and(webhook)
    }

    async fn tell_by(&self, channel: Channel) -> Result<()> {
        let (central, now) = (&self.shared.central, self.shared.clock.now());
        if !self.is_set(channel) {
            if central.read(move |tx| store::has_told(tx, channel)).await? {
                central.write(move |tx| store::forget_channel(tx, channel)).await?;
            }
            return Ok(());
        }
        let all = central.scan(move |tx| store::pending(tx, channel, now)).await?;
        {
            let delivery = &mut self.shared.deliveries.lock()[channel as usize];
            delivery.waiting = all.len();
            if all.is_empty() || !delivery.may_try(now) {
                return Ok(());
            }
        }
        let outcome = match channel {
            Channel::Mail => self.shared.mailer.send(&self.shared.settings.email, &self.shared.writer.of(&all)?).await,
            _ => self.shared.caller.post(&self.shared.settings, &all, now).await,
        };
        let is_told = outcome.is_ok();
        self.note(channel, outcome, all.len());
        if is_told {
            central.write(move |tx| store::told(tx, channel, &all, now)).await?;
        }
        Ok(())
    }

    /// Lets the heart be heard of a scheduled run that ended, once.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn beat(&self, run: i64, is_ok: bool) -> Result<()> {
        let Some(url) = &self.shared.settings.heartbeat_url else { return Ok(()) };
        let now = self.shared.clock.now();
        if self.shared.central.read(store::last_heartbeat).await? == Some(run)
            || !self.shared.deliveries.lock()[Channel::Heartbeat as usize].may_try(now)
        {
            return Ok(());
        }
        let outcome = self.shared.caller.beat(url, is_ok).await;
        let is_heard = outcome.is_ok();
        self.note(Channel::Heartbeat, outcome, 1);
        if is_heard {
            self.shared.central.write(move |tx| store::note_heartbeat(tx, run, now)).await?;
        }
        Ok(())
    }

    /// Sends a test on every channel that is set.
    ///
    /// # Errors
    /// When the mail cannot be written.
    pub async fn test(&self) -> Result<Vec<Tested>> {
        let (letter, now) = (self.shared.writer.test()?, self.shared.clock.now());
        let Shared { settings, mailer, caller, .. } = &*self.shared;
        let mail =
            async { if settings.email.is_empty() { None } else { Some(mailer.send(&settings.email, &letter).await) } };
        let webhook =
            async { if settings.webhook_url.is_none() { None } else { Some(caller.post(settings, &[], now).await) } };
        let heartbeat = async {
            match &settings.heartbeat_url {
                Some(url) => Some(caller.beat(url, true).await),
                None => None,
            }
        };
        let outcomes: [_; 3] = tokio::join!(mail, webhook, heartbeat).into();
        let tested = Channel::ALL.into_iter().zip(outcomes);
        Ok(tested.map(|(channel, outcome)| Tested { channel, outcome }).collect())
    }

    /// The channels that do not deliver.
    pub fn undelivered(&self) -> Vec<Undelivered> {
        let deliveries = self.shared.deliveries.lock();
        let of = |channel: Channel| {
            let delivery = &deliveries[channel as usize];
            delivery.error().map(|wrong| Undelivered { channel, wrong: wrong.clone(), waiting: delivery.waiting })
        };
        Channel::ALL.into_iter().filter_map(of).collect()
    }

    /// Keeps the numbers of the last look, for metrics.
    pub fn count(&self, counted: Counted) {
        self.shared.standing.store(Some(Arc::new(counted)));
    }

    /// The numbers of the last look; none before the first.
    pub fn counted(&self) -> Option<Arc<Counted>> {
        self.shared.standing.load_full()
    }

    fn is_set(&self, channel: Channel) -> bool {
        let settings = &self.shared.settings;
        match channel {
            Channel::Mail => !settings.email.is_empty(),
            Channel::Webhook => settings.webhook_url.is_some(),
            Channel::Heartbeat => settings.heartbeat_url.is_some(),
        }
    }

    fn note(&self, channel: Channel, outcome: Result<(), Wrong>, waiting: usize) {
        let now = self.shared.clock.now();
        self.shared.deliveries.lock()[channel as usize].note(channel, outcome, waiting, now);
    }
}

/// An error may quote a whole file.
fn shortened(detail: &str) -> String {
    model::one_line(detail, 500)
}
