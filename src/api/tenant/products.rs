//! `/api/products`

use poem::Request;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::User;
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::given::Given;
use crate::api::kit::input::Input;
use crate::api::kit::money::{MoneyIn, MoneyOut};
use crate::api::kit::page::{LaravelPage, PageUrls, Paging};
use crate::api::kit::params::Params;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::per_page::PerPage;
use crate::api::kit::picture::PictureUrl;
use crate::api::kit::reply::{NoContent, Reply};
use crate::api::kit::sort::{Named, Sort};
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Error;
use crate::products::{self, NewProduct, Product, ProductFilter, ProductPatch, ProductSort};

/// Products of the tenant.
pub struct ProductsApi(pub App);

/// A product.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Product")]
struct ProductOut {
    /// Id inside the tenant.
    id: i64,
    /// Name.
    name: String,
    /// Description.
    description: Option<String>,
    /// Price of one, two decimals.
    price: MoneyOut,
    /// Pieces in stock.
    stock: i64,
    /// URL or path of a picture.
    image: Option<String>,
    /// False for a product that is not sold.
    is_active: bool,
    /// Created.
    created_at: Time,
    /// Last changed.
    updated_at: Time,
}

impl From<Product> for ProductOut {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            name: product.name,
            description: product.description,
            price: MoneyOut(product.price),
            stock: product.stock,
            image: product.image,
            is_active: product.is_active,
            created_at: Time(product.created_at),
            updated_at: Time(product.updated_at),
        }
    }
}

/// What the audit log says of a change: each field that differs, before and after. Of a description, which may
/// be long, only that it changed.
fn changes(before: &Product, after: &Product) -> serde_json::Value {
    let mut facts = json!({});
    let mut note = |field: &str, pair: [serde_json::Value; 2]| {
        if pair[0] != pair[1] {
            facts[field] = json!(pair);
        }
    };
    note("name", [json!(before.name), json!(after.name)]);
    note("price", [json!(before.price.to_string()), json!(after.price.to_string())]);
    note("stock", [json!(before.stock), json!(after.stock)]);
    note("image", [json!(before.image), json!(after.image)]);
    note("is_active", [json!(before.is_active), json!(after.is_active)]);
    if before.description != after.description {
        facts["description"] = json!("changed");
    }
    facts
}

/// A new product.
#[derive(Debug, Object)]
#[oai(example)]
struct ProductIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Description.
    #[oai(validator(max_length = 10000))]
    description: Option<String>,
    /// Price of one: 0 to 99,999,999.99 with at most two decimals.
    price: MoneyIn,
    /// Pieces in stock; 0 when missing.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    stock: Option<i64>,
    /// `http` or `https` URL of a picture, or a path.
    image: Option<PictureUrl>,
    /// False for a product that is not sold; true when missing.
    is_active: Option<bool>,
}

impl poem_openapi::types::Example for ProductIn {
    fn example() -> Self {
        Self {
            name: "Nasi Goreng".into(),
            description: Some("Nasi goreng spesial".into()),
            price: MoneyIn(crate::money::Money::from_minor(1_500_000).unwrap_or_default()),
            stock: Some(20),
            image: None,
            is_active: Some(true),
        }
    }
}

impl From<ProductIn> for NewProduct {
    fn from(input: ProductIn) -> Self {
        Self {
            name: input.name,
            description: input.description,
            price: input.price.0,
            stock: input.stock.unwrap_or(0),
            image: input.image.map(|url| url.0),
            is_active: input.is_active.unwrap_or(true),
        }
    }
}

/// Changes to a product; fields that are left out stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "ProductPatch", example)]
struct ProductChange {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Given<String>,
    /// Description; null removes it.
    #[oai(validator(max_length = 10000))]
    description: MaybeUndefined<String>,
    /// Price of one: 0 to 99,999,999.99 with at most two decimals.
    price: Given<MoneyIn>,
    /// Pieces in stock.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    stock: Given<i64>,
    /// `http` or `https` URL of a picture, or a path; null removes it.
    image: MaybeUndefined<PictureUrl>,
    /// False for a product that is not sold.
    is_active: Given<bool>,
}

impl poem_openapi::types::Example for ProductChange {
    fn example() -> Self {
        Self {
            name: Given(None),
            description: MaybeUndefined::Value("Nasi goreng dengan telur".into()),
            price: Given(Some(MoneyIn(crate::money::Money::from_minor(1_750_000).unwrap_or_default()))),
            stock: Given(Some(15)),
            image: MaybeUndefined::Undefined,
            is_active: Given(None),
        }
    }
}

impl From<ProductChange> for ProductPatch {
    fn from(input: ProductChange) -> Self {
        Self {
            name: input.name.0,
            description: emptied(input.description),
            price: input.price.0.map(|price| price.0),
            stock: input.stock.0,
            image: emptied(input.image).map(|url| url.map(|url| url.0)),
            is_active: input.is_active.0,
        }
    }
}

/// Left out, emptied or set.
#[allow(clippy::option_option, reason = "three states, as the domain's patches have them")]
fn emptied<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl Named for ProductSort {
    const NAMES: &'static [&'static str] = &Self::NAMES;
}

/// Which products, in which order.
#[derive(Debug, Object)]
struct ProductListParams {
    /// Page, from 1. One that begins behind row 100,000 is refused.
    #[oai(validator(minimum(value = "1"), maximum(value = "100001")))]
    page: Option<i64>,
    /// Rows of a page; 10 when missing.
    per_page: Option<PerPage>,
    /// Part of the name or description, without regard to case.
    #[oai(validator(max_length = 255))]
    q: Option<String>,
    /// Order: `id`, `name`, `price`, `stock`, `created_at`, `updated_at`; `-` in front turns it round.
    sort: Option<Sort<ProductSort>>,
    /// Lowest price.
    price_min: Option<MoneyIn>,
    /// Highest price.
    price_max: Option<MoneyIn>,
    /// Lowest stock.
    stock_min: Option<i64>,
    /// Highest stock.
    stock_max: Option<i64>,
    /// Only sold (true) or unsold (false) ones.
    is_active: Option<bool>,
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Products")]
impl ProductsApi {
    /// List products
    ///
    /// One page in Laravel's form, 10 rows when nothing else is asked for.
    #[oai(path = "/products", method = "get", operation_id = "products.list")]
    async fn list(
        &self,
        user: User,
        urls: PageUrls,
        params: Params<ProductListParams>,
    ) -> Result<Reply<LaravelPage<ProductOut>>, Error> {
        let params = params.0;
        let paging = Paging::new(params.page, params.per_page.map(|rows| rows.0))?;
        let sort = params.sort.map(|sort| sort.0).unwrap_or_default();
        let filter = ProductFilter {
            search: params.q,
            price_min: params.price_min.map(|money| money.0),
            price_max: params.price_max.map(|money| money.0),
            stock_min: params.stock_min,
            stock_max: params.stock_max,
            is_active: params.is_active,
        };
        let (limit, offset) = (paging.per_page, paging.offset());
        let (rows, total) = user.db.read(move |tx| products::list(tx, &filter, sort, limit, offset)).await?;
        let rows = rows.into_iter().map(ProductOut::from).collect();
        Ok(Reply(LaravelPage::new(&urls, rows, paging.page, paging.per_page, total)))
    }

    /// Create a product
    ///
    /// Prices are sent as numbers or texts and answered as texts with two decimals.
    #[oai(path = "/products", method = "post", operation_id = "products.create")]
    async fn create(&self, user: User, input: Input<ProductIn>) -> Result<Created<ProductOut>, Error> {
        let (new, now) = (NewProduct::from(input.0), self.0.clock.now());
        let product = user.db.write(move |tx| products::create(tx, &new, now)).await?;
        Ok(Created::new(format!("/api/products/{}", product.id), product.into()))
    }

    /// Show a product
    ///
    /// Its `ETag` goes into `If-None-Match`, to ask whether it changed, and into `If-Match`, to
    /// change this version only.
    #[oai(path = "/products/:id", method = "get", operation_id = "products.show")]
    async fn show(&self, user: User, id: Path<Id>, conditions: Conditions) -> Result<Tagged<ProductOut>, Error> {
        let id = id.of("product")?;
        let product = user.db.read(move |tx| products::get(tx, id)).await?;
        Ok(Tagged::read(product.into(), conditions))
    }

    /// Change a product
    ///
    /// Fields that are left out stay as they are.
    #[oai(path = "/products/:id", method = "put", method = "patch", operation_id = "products.update")]
    async fn update(
        &self,
        user: User,
        request: &Request,
        id: Path<Id>,
        conditions: Conditions,
        input: Input<ProductChange>,
    ) -> Result<Tagged<ProductOut>, Error> {
        let (id, patch, now) = (id.of("product")?, ProductPatch::from(input.0), self.0.clock.now());
        let work = move |tx: &mut crate::db::Tx<'_>| {
            let before = products::get(tx, id)?;
            conditions.check_match(&ProductOut::from(before.clone()))?;
            Ok((before, products::update(tx, id, &patch, now)?))
        };
        let (before, product) = user.db.write(work).await?;
        if product != before {
            audit::record(request, "product.updated", ("product", id.to_string()), changes(&before, &product));
        }
        Ok(Tagged::changed(product.into()))
    }

    /// Delete a product
    ///
    /// Orders that contain it keep its name and price.
    #[oai(path = "/products/:id", method = "delete", operation_id = "products.delete")]
    async fn delete(
        &self,
        user: User,
        request: &Request,
        id: Path<Id>,
        conditions: Conditions,
    ) -> Result<NoContent, Error> {
        let id = id.of("product")?;
        let work = move |tx: &mut crate::db::Tx<'_>| {
            let before = products::get(tx, id)?;
            conditions.check_match(&ProductOut::from(before.clone()))?;
            products::delete(tx, id).map(|()| before.name)
        };
        let name = user.db.write(work).await?;
        audit::record(request, "product.deleted", ("product", id.to_string()), json!({"name": name}));
        Ok(NoContent)
    }
}
