//! `/api/orders`

use poem::Request;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::User;
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::input::Input;
use crate::api::kit::money::{MoneyIn, MoneyOut};
use crate::api::kit::page::{LaravelPage, PageUrls, Paging};
use crate::api::kit::params::StrictParams;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::per_page::PerPage;
use crate::api::kit::reply::Reply;
use crate::api::kit::sort::{Named, Sort};
use crate::api::kit::time::Time;
use crate::api::kit::time_in::TimeIn;
use crate::app::App;
use crate::error::Error;
use crate::orders::{self, NewItem, NewOrder, Order, OrderFilter, OrderItem, OrderSort, OrderStatus};

/// Orders of the tenant.
pub struct OrdersApi(pub App);

/// How far an order got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", rename = "OrderStatus")]
#[serde(rename_all = "snake_case")]
enum StatusName {
    /// Made, its pieces are reserved.
    Pending,
    /// Paid for.
    Paid,
    /// On its way.
    Shipped,
    /// Arrived. Final.
    Completed,
    /// Called off, its pieces are back in stock. Final.
    Cancelled,
}

impl From<OrderStatus> for StatusName {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Pending => Self::Pending,
            OrderStatus::Paid => Self::Paid,
            OrderStatus::Shipped => Self::Shipped,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StatusName> for OrderStatus {
    fn from(status: StatusName) -> Self {
        match status {
            StatusName::Pending => Self::Pending,
            StatusName::Paid => Self::Paid,
            StatusName::Shipped => Self::Shipped,
            StatusName::Completed => Self::Completed,
            StatusName::Cancelled => Self::Cancelled,
        }
    }
}

/// A line of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderItem")]
struct ItemOut {
    /// Id inside the tenant.
    id: i64,
    /// The product; null once it is deleted.
    product_id: Option<i64>,
    /// The product's name when it was ordered.
    name: String,
    /// The product's price when it was ordered.
    unit_price: MoneyOut,
    /// Pieces.
    quantity: i64,
}

impl From<OrderItem> for ItemOut {
    fn from(item: OrderItem) -> Self {
        Self {
            id: item.id,
            product_id: item.product_id,
            name: item.name,
            unit_price: MoneyOut(item.unit_price),
            quantity: item.quantity,
        }
    }
}

/// An order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Order")]
struct OrderOut {
    /// Id inside the tenant.
    id: i64,
    /// Who made it; null once that user is deleted.
    user_id: Option<i64>,
    /// How far it got.
    status: StatusName,
    /// Sum of its items.
    total: MoneyOut,
    /// What the buyer had to say.
    note: Option<String>,
    /// What was ordered.
    items: Vec<ItemOut>,
    /// Created.
    created_at: Time,
    /// Last changed.
    updated_at: Time,
}

impl From<Order> for OrderOut {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            user_id: order.user_id,
            status: order.status.into(),
            total: MoneyOut(order.total),
            note: order.note,
            items: order.items.into_iter().map(ItemOut::from).collect(),
            created_at: Time(order.created_at),
            updated_at: Time(order.updated_at),
        }
    }
}

/// A line of a new order. Name and price are the product's own.
#[derive(Debug, Object)]
#[oai(rename = "OrderItemIn")]
struct ItemIn {
    /// The product.
    product_id: i64,
    /// Pieces.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    quantity: i64,
}

/// A new order.
#[derive(Debug, Object)]
#[oai(example)]
struct OrderIn {
    /// What is ordered. A product may stand in several lines.
    #[oai(validator(min_items = 1, max_items = 100))]
    items: Vec<Closed<ItemIn>>,
    /// What the buyer has to say.
    #[oai(validator(max_length = 1000))]
    note: Option<String>,
    /// For whom; the caller when missing. Only an admin may order for others.
    user_id: Option<i64>,
}

impl poem_openapi::types::Example for OrderIn {
    fn example() -> Self {
        Self {
            items: vec![Closed::of(ItemIn { product_id: 1, quantity: 2 })],
            note: Some("Tanpa sambal".into()),
            user_id: None,
        }
    }
}

/// Where an order goes next.
#[derive(Debug, Object)]
#[oai(example)]
struct OrderChange {
    /// `pending` becomes `paid`, that `shipped`, that `completed`; `pending` and `paid` may become
    /// `cancelled`. Users who are no admins may only cancel.
    status: StatusName,
}

impl poem_openapi::types::Example for OrderChange {
    fn example() -> Self {
        Self { status: StatusName::Paid }
    }
}

impl Named for OrderSort {
    const NAMES: &'static [&'static str] = &Self::NAMES;
}

/// Which orders, in which order.
#[derive(Debug, Object)]
struct OrderListParams {
    /// Page, from 1. One that begins behind row 100,000 is refused.
    #[oai(validator(minimum(value = "1"), maximum(value = "100001")))]
    page: Option<i64>,
    /// Rows of a page; 10 when missing.
    per_page: Option<PerPage>,
    /// Order: `id`, `total`, `created_at`; `-` in front turns it round. Newest first when missing.
    sort: Option<Sort<OrderSort>>,
    /// Only those that got this far.
    status: Option<StatusName>,
    /// Only those of this user.
    user_id: Option<i64>,
    /// Made at this time or later; a date means its beginning. Without a zone: in the tenant's.
    created_from: Option<TimeIn>,
    /// Made at this time or earlier; a date means its end. Without a zone: in the tenant's.
    created_to: Option<TimeIn>,
    /// Lowest total.
    total_min: Option<MoneyIn>,
    /// Highest total.
    total_max: Option<MoneyIn>,
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Orders")]
impl OrdersApi {
    /// List orders
    ///
    /// One page in Laravel's form. Users see their own orders, admins all.
    #[oai(path = "/orders", method = "get", operation_id = "orders.list")]
    async fn list(
        &self,
        user: User,
        urls: PageUrls,
        params: StrictParams<OrderListParams>,
    ) -> Result<Reply<LaravelPage<OrderOut>>, Error> {
        let (params, owner) = (params.0, user.owner());
        let paging = Paging::new(params.page, params.per_page.map(|rows| rows.0))?;
        let sort = params.sort.map(|sort| sort.0).unwrap_or_default();
        let zone = user.tenant.settings.time_zone.rules();
        let filter = OrderFilter {
            status: params.status.map(OrderStatus::from),
            user_id: params.user_id,
            created_from: params.created_from.map(|time| time.since(zone)),
            created_to: params.created_to.map(|time| time.until(zone)),
            total_min: params.total_min.map(|money| money.0),
            total_max: params.total_max.map(|money| money.0),
        };
        let (limit, offset) = (paging.per_page, paging.offset());
        let page = user.db.read(move |tx| orders::list(tx, &filter, owner, sort, limit, offset)).await?;
        let rows = page.orders.into_iter().map(OrderOut::from).collect();
        Ok(Reply(LaravelPage::new(&urls, rows, paging.page, paging.per_page, page.total)))
    }

    /// Create an order
    ///
    /// Names and prices are taken from the products, and the pieces from their stock, all at once
    /// or not at all.
    #[oai(path = "/orders", method = "post", operation_id = "orders.create")]
    async fn create(&self, user: User, input: Input<Closed<OrderIn>>) -> Result<Created<OrderOut>, Error> {
        let (input, owner, now) = (input.fields(), user.owner(), self.0.clock.now());
        let items = input.items.into_iter().map(|item| item.0);
        let new = NewOrder {
            user_id: input.user_id.unwrap_or(user.signed_in.user.id),
            items: items.map(|item| NewItem { product_id: item.product_id, quantity: item.quantity }).collect(),
            note: input.note,
        };
        let order = user.db.write(move |tx| orders::create(tx, &new, owner, now)).await?;
        Ok(Created::new(format!("/api/orders/{}", order.id), order.into()))
    }

    /// Show an order
    ///
    /// With its lines, at the prices of the day it was made. Another user's order is 404, unless an
    /// admin asks.
    #[oai(path = "/orders/:id", method = "get", operation_id = "orders.show")]
    async fn show(&self, user: User, id: Path<Id>, conditions: Conditions) -> Result<Tagged<OrderOut>, Error> {
        let (id, owner) = (id.of("order")?, user.owner());
        let order = user.db.read(move |tx| orders::get(tx, id, owner)).await?;
        Ok(Tagged::read(order.into(), conditions))
    }

    /// Move an order on
    ///
    /// Setting the status it has already changes nothing, so the request can be sent again.
    #[oai(path = "/orders/:id", method = "put", method = "patch", operation_id = "orders.update")]
    async fn update(
        &self,
        user: User,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
        input: Input<Closed<OrderChange>>,
    ) -> Result<Tagged<OrderOut>, Error> {
        self.set_status(&user, &id, request, conditions, input.fields().status).await
    }

    /// Cancel an order
    ///
    /// Its pieces go back into stock. Possible until it is shipped.
    #[oai(path = "/orders/:id/cancel", method = "post", operation_id = "orders.cancel")]
    async fn cancel(
        &self,
        user: User,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
    ) -> Result<Tagged<OrderOut>, Error> {
        self.set_status(&user, &id, request, conditions, StatusName::Cancelled).await
    }
}

impl OrdersApi {
    async fn set_status(
        &self,
        user: &User,
        id: &Path<Id>,
        request: &Request,
        conditions: Conditions,
        to: StatusName,
    ) -> Result<Tagged<OrderOut>, Error> {
        let (id, owner, now, to) = (id.of("order")?, user.owner(), self.0.clock.now(), OrderStatus::from(to));
        let work = move |tx: &mut crate::db::Tx<'_>| {
            let before = orders::get(tx, id, owner)?;
            let was = before.status;
            conditions.check_match(&OrderOut::from(before))?;
            Ok((was, orders::set_status(tx, id, to, owner, now)?))
        };
        let (was, order) = user.db.write(work).await?;
        if was != to {
            let facts = json!({"from": was.as_str(), "status": to.as_str()});
            audit::record(request, "order.status_set", ("order", id.to_string()), facts);
        }
        Ok(Tagged::changed(order.into()))
    }
}
