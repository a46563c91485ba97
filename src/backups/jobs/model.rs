//! What a job is.

use crate::backups::Step;
use crate::clock::Timestamp;
use crate::id::TenantId;

/// A word for each value, the stored and sent one.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $value:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$about])* $value),* }

        impl $name {
            /// The stored and sent word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok(Self::$value),)* _ => Err(()) }
            }
        }
    };
}

words! {
    /// What a job does.
    Kind {
        /// Makes a backup.
        Backup = "backup",
        /// Puts one into its tenant.
        Restore = "restore",
        /// Looks whether one is whole.
        Verify = "verify",
        /// Shows what a restore would change.
        Preview = "preview",
        /// Takes the last restore back.
        Undo = "undo",
    }
}

words! {
    /// Who wanted it.
    AskedBy {
        /// The operator of the server.
        Operator = "operator",
        /// An admin of the tenant.
        Tenant = "tenant",
    }
}

words! {
    /// How far a job is.
    State {
        /// Others have their turn.
        Queued = "queued",
        /// At work.
        Running = "running",
        /// Done.
        Succeeded = "succeeded",
        /// It could not be done, or the server ended in the middle of it; the row says why.
        Failed = "failed",
        /// Somebody asked for its end.
        Cancelled = "cancelled",
    }
}

impl State {
    /// True when nothing more comes.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job that is to be done.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What it does.
    pub kind: Kind,
    /// With whom.
    pub tenant: TenantId,
    /// For whom.
    pub asked_by: AskedBy,
}

/// A job as it is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its place in the list.
    pub number: i64,
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// With whom.
    pub tenant_id: TenantId,
    /// For whom.
    pub asked_by: AskedBy,
    /// How far it is.
    pub state: State,
    /// 0 to 100.
    pub percent: u32,
    /// What it is at, while it is.
    pub step: Option<Step>,
    /// What whoever waited for it was answered, as JSON.
    pub result: Option<String>,
    /// Code and text of why it failed or ended early.
    pub error: Option<(String, String)>,
    /// Asked for.
    pub created_at: Timestamp,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// Ended, well or not.
    pub finished_at: Option<Timestamp>,
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With this tenant only.
    pub tenant: Option<TenantId>,
    /// In this state only.
    pub state: Option<State>,
    /// Older than the job of this id.
    pub before: Option<String>,
}
