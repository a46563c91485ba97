//! `/api/central/tenants/{id}/keys` and `regenerate-key`

use std::time::Duration;

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Added;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::reply::Reply;
use crate::api::kit::time::Time;
use crate::api::kit::time_in::TimeIn;
use crate::app::App;
use crate::error::Error;
use crate::id::TenantId;
use crate::tenants::{KeyIn, KeyOut, NewKey};

use super::Done;
use super::tenant_out::{WARNING, location};

/// Keys of tenants.
pub struct KeysApi(pub App);

/// How a key is replaced.
#[derive(Debug, Object)]
struct RegenerateIn {
    /// Minutes the old keys go on working, so that clients can change over; 0 when missing.
    #[oai(validator(minimum(value = "0"), maximum(value = "43200")))]
    overlap_minutes: Option<i64>,
}

/// A further key.
#[derive(Debug, Object)]
#[oai(rename = "TenantKeyIn")]
struct NewKeyIn {
    /// What it is called; `default` when missing.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
    /// When it ends by itself; a date means its beginning. Without a zone: in the tenant's.
    expires_at: Option<TimeIn>,
}

/// A key, without its text.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantKey")]
struct ShownKey {
    /// Its id.
    id: i64,
    /// What it is called.
    name: String,
    /// Its first characters.
    prefix: String,
    /// False once it ended or was switched off.
    is_active: bool,
    /// When it ends by itself.
    expires_at: Option<Time>,
    /// When it was last used, to the minute.
    last_used_at: Option<Time>,
    /// Created.
    created_at: Time,
}

/// Keys of a tenant.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantKeyList")]
struct ShownKeys {
    /// All of them.
    data: Vec<ShownKey>,
}

/// A key that was just made.
#[derive(Debug, Object, Serialize)]
struct NewKeyOut {
    /// Its tenant.
    tenant_id: String,
    /// Its id.
    key_id: i64,
    /// Its text, shown once.
    api_key: String,
}

/// A key that was just made, with what to do with it.
#[derive(Debug, Object, Serialize)]
struct KeyCreated {
    /// For people.
    message: String,
    /// The key.
    data: NewKeyOut,
    /// What to do with it.
    warning: String,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl KeysApi {
    /// Replace the key of a tenant
    ///
    /// The old keys stop at once, or after `overlap_minutes`. Tokens of users stay valid.
    #[oai(path = "/tenants/:id/regenerate-key", method = "post", operation_id = "central.tenants.regenerate_key")]
    async fn regenerate(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<RegenerateIn>>,
    ) -> Result<Reply<KeyCreated>, Error> {
        let id = TenantId::from(id.0);
        let minutes = input.fields().overlap_minutes.and_then(|minutes| u64::try_from(minutes).ok()).unwrap_or(0);
        let new = self.0.tenants.regenerate_key(&id, Some(Duration::from_secs(minutes * 60))).await?;
        let facts = json!({"overlap_minutes": minutes});
        audit::inside_tenant(request, "key.regenerated", &id, ("key", new.id.to_string()), facts);
        let warning = "Update this key in your application immediately!";
        Ok(Reply(KeyCreated::new("API Key regenerated successfully", &id, new, warning)))
    }

    /// List the keys of a tenant
    ///
    /// Their texts are not stored, so nobody can show them.
    #[oai(path = "/tenants/:id/keys", method = "get", operation_id = "central.tenants.keys.list")]
    async fn list(&self, _operator: Operator, id: Path<String>) -> Result<Reply<ShownKeys>, Error> {
        let now = self.0.clock.now();
        let shown = |key: KeyOut| ShownKey {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            is_active: key.is_active && key.expires_at.is_none_or(|at| at > now),
            expires_at: key.expires_at.map(Time),
            last_used_at: key.last_used_at.map(Time),
            created_at: Time(key.created_at),
        };
        let keys = self.0.tenants.list_keys(&TenantId::from(id.0)).await?;
        Ok(Reply(ShownKeys { data: keys.into_iter().map(shown).collect() }))
    }

    /// Make a further key for a tenant
    ///
    /// It is shown this once. The other keys go on working.
    #[oai(path = "/tenants/:id/keys", method = "post", operation_id = "central.tenants.keys.create")]
    async fn create(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<NewKeyIn>>,
    ) -> Result<Added<KeyCreated>, Error> {
        let (id, NewKeyIn { name, expires_at }) = (TenantId::from(id.0), input.fields());
        let name = name.unwrap_or_else(|| "default".into());
        let facts = json!({"name": name});
        let zone = self.0.tenants.settings(&self.0.tenants.get(&id).await?).time_zone;
        let key = KeyIn { name, expires_at: expires_at.map(|at| at.since(zone.rules())) };
        let new = self.0.tenants.create_key(&id, key).await?;
        audit::inside_tenant(request, "key.created", &id, ("key", new.id.to_string()), facts);
        let location = format!("{}/keys/{}", location(&id), new.id);
        Ok(Added::new(location, KeyCreated::new("API Key created successfully", &id, new, WARNING)))
    }

    /// Revoke a key of a tenant
    ///
    /// It stops at once.
    #[oai(path = "/tenants/:id/keys/:key_id", method = "delete", operation_id = "central.tenants.keys.delete")]
    async fn delete(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        key_id: Path<Id>,
    ) -> Result<Reply<Done>, Error> {
        let id = TenantId::from(id.0);
        // Which of the two is missing shows in the answer, and the tenant comes first.
        self.0.tenants.get(&id).await?;
        let key_id = key_id.of("key")?;
        self.0.tenants.remove_key(&id, key_id).await?;
        audit::inside_tenant(request, "key.revoked", &id, ("key", key_id.to_string()), json!({}));
        Ok(Reply(Done::new("API Key revoked successfully")))
    }
}

impl KeyCreated {
    fn new(message: &str, id: &TenantId, new: NewKey, warning: &str) -> Self {
        let data = NewKeyOut { tenant_id: id.to_string(), key_id: new.id, api_key: new.key };
        Self { message: message.into(), data, warning: warning.into() }
    }
}
