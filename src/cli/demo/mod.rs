//! Demo data: a shop with users, products and orders, made once, through the same functions that
//! serve the API. Its credentials are random and stand in `keys/demo.json`.

mod goods;
mod sales;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Outcome};
use crate::app::App;
use crate::data_dir::secret_file;
use crate::error::Error;
use crate::id;
use crate::tenants::{ActiveTenant, NewTenant, Tenant};
use crate::users::{self, NewUser, Registrar, Role};

const SHOP: &str = "Warung Bu Sri";
const DB_NAME: &str = "demo";
const PASSWORD_LENGTH: usize = 16;

/// Who may enter the demo shop, as it stands in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Id of the tenant.
    pub tenant_id: String,
    /// Its name.
    pub tenant_name: String,
    /// Its key.
    pub tenant_key: String,
    /// The owner.
    pub admin: Person,
    /// Who sells.
    pub cashier: Person,
    /// Whether products and orders are made.
    has_goods: bool,
}

/// A user of the demo shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// Email address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Bearer token.
    pub token: String,
}

/// What [`ensure`] found or did.
pub enum Demo {
    /// The shop was made just now.
    New(Box<Credentials>, PathBuf),
    /// It was there; where its credentials are, and what keeps them from working.
    Known(PathBuf, Option<Hindrance>),
}

/// Why nobody gets into a shop that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// It was suspended or frozen; holds the state.
    Resting(&'static str),
    /// Its key was replaced.
    OtherKey,
}

/// Makes the demo shop, unless this central file has one.
pub async fn ensure(app: &App) -> Outcome<Demo> {
    let path = app.data_dir.keys_dir().join("demo.json");
    let known = secret_file::find(&path)?;
    let known: Option<Credentials> = known.map(|text| serde_json::from_slice(&text)).transpose().map_err(|error| {
        let what = format!("{} is not readable: {error}", path.display());
        Failure::new(what).hint("remove it, and the next `ruko serve --demo` makes a new shop")
    })?;
    let known = match known {
        Some(credentials) => match find(app, &credentials).await? {
            Found::Open if !credentials.has_goods => Some(credentials),
            Found::Open => return Ok(Demo::Known(path, None)),
            Found::Closed(why) => return Ok(Demo::Known(path, Some(why))),
            // Deleted, or of another central file. It may come back.
            Found::Gone => {
                std::fs::rename(&path, path.with_extension("json.old"))?;
                None
            }
        },
        None => None,
    };
    // The file is written before the goods: a start that is interrupted goes on where it ended.
    let mut credentials = if let Some(credentials) = known {
        credentials
    } else {
        let credentials = open_shop(app).await?;
        write(&path, &credentials)?;
        credentials
    };
    fill(app, &credentials).await?;
    credentials.has_goods = true;
    write(&path, &credentials)?;
    Ok(Demo::New(Box::new(credentials), path))
}

/// What became of a shop since its credentials were written down.
enum Found {
    Open,
    Closed(Hindrance),
    Gone,
}

async fn find(app: &App, credentials: &Credentials) -> Outcome<Found> {
    let id = credentials.tenant_id.as_str().into();
    match app.tenants.get(&id).await {
        Err(Error::NotFound { .. }) => return Ok(Found::Gone),
        other => other?,
    };
    let key = match app.tenants.by_key(&credentials.tenant_key).await {
        Err(Error::CredentialInvalid { .. }) => return Ok(Found::Closed(Hindrance::OtherKey)),
        other => other?,
    };
    match key.tenant {
        _ if key.tenant_id != id => Ok(Found::Closed(Hindrance::OtherKey)),
        Ok(_) => Ok(Found::Open),
        Err(Error::TenantNotActive(state)) => Ok(Found::Closed(Hindrance::Resting(state))),
        Err(error) => Err(error.into()),
    }
}

fn write(path: &std::path::Path, credentials: &Credentials) -> Outcome {
    let text = serde_json::to_vec_pretty(credentials).map_err(Error::internal)?;
    Ok(secret_file::replace(path, &text)?)
}

async fn open_shop(app: &App) -> Outcome<Credentials> {
    let (tenant, tenant_key) = create(app).await?;
    let active = app.tenants.active(&tenant.id).await?;
    let admin = register(app, &active, ("Bu Sri", "admin@demo.test", Role::Admin)).await?;
    let cashier = register(app, &active, ("Rini", "kasir@demo.test", Role::User)).await?;
    let (tenant_id, tenant_name) = (tenant.id.to_string(), tenant.name);
    Ok(Credentials { tenant_id, tenant_name, tenant_key, admin, cashier, has_goods: false })
}

/// The file is called `demo`, unless somebody else's is.
async fn create(app: &App) -> Outcome<(Tenant, String)> {
    let new = |db_name: Option<&str>| NewTenant {
        name: SHOP.into(),
        db_name: db_name.map(Into::into),
        ..NewTenant::default()
    };
    match app.tenants.create(new(Some(DB_NAME))).await {
        Err(Error::Invalid(_) | Error::Conflict { .. }) => Ok(app.tenants.create(new(None)).await?),
        other => Ok(other?),
    }
}

async fn register(app: &App, tenant: &ActiveTenant, (name, email, role): (&str, &str, Role)) -> Outcome<Person> {
    let password = id::random_alphanumeric(PASSWORD_LENGTH.max(tenant.settings.password_min_length));
    let user = NewUser { name: name.into(), email: email.into(), username: None, password: password.clone(), role };
    let db = app.tenants.open(tenant).await?;
    let (_, token) = app.user_desk(tenant, &db).register(Registrar::Trusted, user).await?;
    Ok(Person { email: email.into(), password, token })
}

/// Products and orders, all in one transaction.
async fn fill(app: &App, credentials: &Credentials) -> Outcome {
    let tenant = app.tenants.active(&credentials.tenant_id.as_str().into()).await?;
    let db = app.tenants.open(&tenant).await?;
    let (email, now) = (credentials.cashier.email.clone(), app.clock.now());
    let work = move |tx: &mut crate::db::Tx<'_>| {
        let filter = users::UserFilter { search: Some(email.clone()), ..users::UserFilter::default() };
        let (found, _) = users::list(tx, &filter, 1, 0)?;
        let cashier = found.first().ok_or_else(|| Error::not_found("user", &email))?.id;
        let products = goods::stock_up(tx, now)?;
        sales::sell(tx, &products, cashier, now)
    };
    Ok(db.write(work).await?)
}
