//! What the operator sends about tenants.

use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object};
use secrecy::SecretString;

use crate::api::kit::closed::Closed;
use crate::api::kit::db_name::DbNameIn;
use crate::api::kit::given::Given;
use crate::tenants::{ConnectionNotes, LimitsPatch, NewTenant, SettingsPatch, TenantFilter, TenantPatch, TenantState};

use super::settings::SettingsIn;

/// A new tenant.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct TenantIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Logical name of its file: letters, digits, `-`, `_`, at most 64; made from the id when
    /// missing. A file of that name that nobody owns is taken over.
    db_name: Option<DbNameIn>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(max_length = 255))]
    db_host: Option<String>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(minimum(value = "1"), maximum(value = "65535")))]
    db_port: Option<i64>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(max_length = 255))]
    db_username: Option<String>,
    /// Note on a database elsewhere; stored sealed, never shown.
    #[oai(validator(max_length = 1024))]
    db_password: Option<String>,
    /// Code of its plan; `starter` when missing.
    #[oai(validator(max_length = 64))]
    plan: Option<String>,
    /// Limits that differ from the plan's.
    limits: Option<Closed<LimitsIn>>,
    /// Largest size of its file in bytes; writes past it answer 507. Unlimited when missing.
    #[oai(validator(minimum(value = "4096"), maximum(value = "17592186040320")))]
    max_storage_bytes: Option<i64>,
    /// Settings that differ from the server's.
    settings: Option<Closed<SettingsIn>>,
}

impl Example for TenantIn {
    fn example() -> Self {
        Self {
            name: "Warung Makan Bu Joko".into(),
            db_name: Some(DbNameIn("kasir_waroenk".into())),
            db_host: Some("localhost".into()),
            db_port: Some(3306),
            db_username: Some("root".into()),
            db_password: Some("root".into()),
            plan: None,
            limits: None,
            max_storage_bytes: None,
            settings: None,
        }
    }
}

impl TenantIn {
    /// True when it says something about a database elsewhere.
    pub(super) fn has_notes(&self) -> bool {
        self.db_host.is_some() || self.db_port.is_some() || self.db_username.is_some() || self.db_password.is_some()
    }
}

impl From<TenantIn> for NewTenant {
    fn from(input: TenantIn) -> Self {
        Self {
            name: input.name,
            db_name: input.db_name.map(|name| name.0),
            notes: ConnectionNotes { host: input.db_host, port: input.db_port, username: input.db_username },
            db_password: input.db_password.filter(|password| !password.is_empty()).map(SecretString::from),
            plan_code: input.plan,
            limits: input.limits.map(|limits| limits.0.into()).unwrap_or_default(),
            max_storage_bytes: input.max_storage_bytes,
            settings: input.settings.map(|settings| settings.0.into()).unwrap_or_default(),
        }
    }
}

/// Limits that differ from the plan's. What is left out stays as it is; null is unlimited.
#[derive(Debug, Object)]
#[allow(clippy::struct_field_names, reason = "the documented names")]
pub(super) struct LimitsIn {
    /// Devices.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    max_phone_numbers: MaybeUndefined<i64>,
    /// Messages a day.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    max_messages_per_day: MaybeUndefined<i64>,
    /// Messages a month.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    max_messages_per_month: MaybeUndefined<i64>,
    /// Auto replies.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    max_auto_replies: MaybeUndefined<i64>,
    /// Scheduled messages.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    max_scheduled_messages: MaybeUndefined<i64>,
}

impl From<LimitsIn> for LimitsPatch {
    fn from(input: LimitsIn) -> Self {
        Self {
            max_phone_numbers: emptied(input.max_phone_numbers),
            max_messages_per_day: emptied(input.max_messages_per_day),
            max_messages_per_month: emptied(input.max_messages_per_month),
            max_auto_replies: emptied(input.max_auto_replies),
            max_scheduled_messages: emptied(input.max_scheduled_messages),
        }
    }
}

/// Changes to a tenant; fields that are left out stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "TenantPatch")]
pub(super) struct TenantChange {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Given<String>,
    /// New logical name of its file, which is renamed.
    db_name: Given<DbNameIn>,
    /// Note on a database elsewhere; null removes it.
    #[oai(validator(max_length = 255))]
    db_host: MaybeUndefined<String>,
    /// Note on a database elsewhere; null removes it.
    #[oai(validator(minimum(value = "1"), maximum(value = "65535")))]
    db_port: MaybeUndefined<i64>,
    /// Note on a database elsewhere; null removes it.
    #[oai(validator(max_length = 255))]
    db_username: MaybeUndefined<String>,
    /// Note on a database elsewhere; null removes it.
    #[oai(validator(max_length = 1024))]
    db_password: MaybeUndefined<String>,
    /// Code of its plan.
    #[oai(validator(min_length = 1, max_length = 64))]
    plan: Given<String>,
    /// Limits that differ from the plan's; null makes the plan's own count again.
    limits: MaybeUndefined<Closed<LimitsIn>>,
    /// Largest size of its file in bytes; writes past it answer 507. Null is unlimited.
    #[oai(validator(minimum(value = "4096"), maximum(value = "17592186040320")))]
    max_storage_bytes: MaybeUndefined<i64>,
    /// Settings that differ from the server's; null makes the server's own count again.
    settings: MaybeUndefined<Closed<SettingsIn>>,
}

impl TenantChange {
    /// True when it says something about a database elsewhere.
    pub(super) fn has_notes(&self) -> bool {
        let texts = [&self.db_host, &self.db_username, &self.db_password];
        texts.iter().any(|text| !text.is_undefined()) || !self.db_port.is_undefined()
    }

    /// Names of the fields that were sent.
    pub(super) fn changed(&self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name.0.is_some()),
            ("db_name", self.db_name.0.is_some()),
            ("db_host", !self.db_host.is_undefined()),
            ("db_port", !self.db_port.is_undefined()),
            ("db_username", !self.db_username.is_undefined()),
            ("db_password", !self.db_password.is_undefined()),
            ("plan", self.plan.0.is_some()),
            ("limits", !self.limits.is_undefined()),
            ("max_storage_bytes", !self.max_storage_bytes.is_undefined()),
            ("settings", !self.settings.is_undefined()),
        ];
        fields.into_iter().filter_map(|(name, is_sent)| is_sent.then_some(name)).collect()
    }
}

impl From<TenantChange> for TenantPatch {
    fn from(input: TenantChange) -> Self {
        let password = emptied(input.db_password);
        Self {
            name: input.name.0,
            db_name: input.db_name.0.map(|name| name.0),
            db_host: emptied(input.db_host),
            db_port: emptied(input.db_port),
            db_username: emptied(input.db_username),
            db_password: password.map(|text| text.filter(|text| !text.is_empty()).map(SecretString::from)),
            plan_code: input.plan.0,
            limits: emptied(input.limits).map(|limits| limits.map(|limits| LimitsPatch::from(limits.0))),
            max_storage_bytes: emptied(input.max_storage_bytes),
            settings: emptied(input.settings).map(|settings| settings.map(|settings| SettingsPatch::from(settings.0))),
        }
    }
}

/// Left out, emptied or set.
#[allow(clippy::option_option, reason = "three states, as the domain's patches have them")]
pub(super) fn emptied<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum StateIn {
    /// In use.
    Active,
    /// All its credentials answer 403.
    Suspended,
    /// Its file is closed, so that it can be copied.
    Frozen,
    /// Its file waits in the trash.
    Deleted,
}

/// Which tenants.
#[derive(Debug, Object)]
pub(super) struct TenantListParams {
    /// Page, from 1. One that begins behind row 100,000 is refused.
    #[oai(validator(minimum(value = "1"), maximum(value = "100001")))]
    pub(super) page: Option<i64>,
    /// Rows of a page; 1000 when missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub(super) per_page: Option<i64>,
    /// Part of the name, the id or the name of the file, without regard to case.
    #[oai(validator(max_length = 255))]
    search: Option<String>,
    /// The same as `search`.
    #[oai(validator(max_length = 255))]
    q: Option<String>,
    /// Only tenants in this state; all but the deleted when missing.
    state: Option<StateIn>,
}

impl From<TenantListParams> for TenantFilter {
    fn from(params: TenantListParams) -> Self {
        let state = params.state.map(|state| match state {
            StateIn::Active => TenantState::Active,
            StateIn::Suspended => TenantState::Suspended,
            StateIn::Frozen => TenantState::Frozen,
            StateIn::Deleted => TenantState::Deleted,
        });
        Self { search: params.search.or(params.q), state }
    }
}
