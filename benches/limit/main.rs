//! The limit: the smallest poem server that reads and writes the same rows as ruko with rusqlite.
//!
//! It has no credentials, no tenants and no logging, and it answers with the same bytes. ruko's speed is given
//! as a share of what this program reaches on the same machine in the same minute, so nothing here may be slow
//! by accident: whatever ruko does to be fast and that has nothing to do with its features is done here too.
//!
//! poem's listener sets no `TCP_NODELAY` and has no setting for it. That costs nothing here: an answer leaves in
//! one write, and the next one waits for the next request, which acknowledges it.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::disallowed_methods, reason = "the limit goes past ruko's db module: it is what db is held against")]

mod paginator;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, StatusCode};
use poem::endpoint::{make, make_sync};
use poem::error::{BadRequest, InternalServerError, NotFoundError};
use poem::listener::{Listener, TcpListener};
use poem::{Request, Response, Route, Server, get};
use ruko::clock::{Clock, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row, params};
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::{mpsc, oneshot};

use paginator::{Data, Paginator, Url, links};

// The product's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    description TEXT,
    price_minor INTEGER NOT NULL,
    stock INTEGER NOT NULL DEFAULT 0,
    image TEXT,
    is_active INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT";

/// The row of an id is always the same, and `compare.py` fills both programs' files by the same statement: only
/// then can the bodies be compared byte by byte.
const FILL: &str = "WITH RECURSIVE n(id) AS (SELECT ?1 UNION ALL SELECT id + 1 FROM n WHERE id < ?2)
INSERT INTO products (id, name, description, price_minor, stock, image, is_active, created_at, updated_at)
SELECT id, 'Product ' || id, iif(id % 2, NULL, 'Description of product ' || id), 100 * (1000 + id % 50000), id % 100,
    NULL, 1, 1761833130000, 1761833130000 FROM n";

const COUNT: &str = "SELECT count(*) FROM products";
const LIST: &str = "SELECT id, name, description, price_minor, stock, image, is_active, created_at, updated_at \
    FROM products ORDER BY id LIMIT ?1 OFFSET ?2";
const SINGLE: &str = "SELECT id, name, description, price_minor, stock, image, is_active, created_at, updated_at \
    FROM products WHERE id = ?1";
const INSERT: &str = "INSERT INTO products (name, description, price_minor, stock, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
    RETURNING id, name, description, price_minor, stock, image, is_active, created_at, updated_at";

/// ruko's own bound on one transaction.
const BATCH: usize = 256;

#[derive(Parser)]
struct Options {
    /// Port on 127.0.0.1; without it nothing is started, so that `cargo bench` and `cargo test` run past this program.
    #[arg(long)]
    port: Option<u16>,
    /// Number of database files, addressed as `/0/api/products` to `/N-1/api/products`.
    #[arg(long, default_value_t = 1)]
    files: usize,
    /// Each file is brought to this number of rows at start.
    #[arg(long, default_value_t = 1000)]
    rows: i64,
    /// Folder of the files `0.db` to `N-1.db`; made when missing.
    #[arg(long, default_value = "target/limit")]
    dir: PathBuf,
    /// Worker threads; one per core when not given.
    #[arg(long)]
    workers: Option<usize>,
    /// Page cache of each reading connection, in KiB; ruko's own by default. A table that does not fit is read from
    /// the operating system again for every count.
    #[arg(long, default_value_t = 2000)]
    reader_cache: u32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let Some(port) = options.port else {
        println!("limit: not started, for want of --port");
        return;
    };
    std::fs::create_dir_all(&options.dir).expect("the folder of --dir can be made");
    let files: Vec<File> = (0..options.files).map(|n| File::open(&options, n)).collect();
    // It lives as long as the process; a plain reference spares each request the reference counts.
    let files: &'static [File] = files.leak();

    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers);
    }
    runtime.enable_all().build().expect("a runtime starts").block_on(async {
        let acceptor =
            TcpListener::bind(("127.0.0.1", port)).into_acceptor().await.expect("the port of --port is free");
        println!("listening on http://127.0.0.1:{port}");
        let app = Route::new()
            .at(
                "/:file/api/products",
                get(make_sync(move |req: Request| list(files, &req))).post(make(move |req| create(files, req))),
            )
            .at("/:file/api/products/:id", get(make_sync(move |req: Request| single(files, &req))));
        Server::new_with_acceptor(acceptor).run(app).await.expect("the server runs");
    });
}

/// One database file with its writer thread.
struct File {
    number: usize,
    path: PathBuf,
    reader_cache: u32,
    writer: mpsc::Sender<Insert>,
}

struct Insert {
    new: NewProduct,
    at: Timestamp,
    answer: oneshot::Sender<Vec<u8>>,
}

impl File {
    fn open(options: &Options, number: usize) -> Self {
        let path = options.dir.join(format!("{number}.db"));
        let conn = Connection::open(&path).expect("a database file opens");
        conn.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000")
            .expect("the PRAGMAs are accepted");
        conn.execute_batch(SCHEMA).expect("the table is made");
        fill(&conn, options.rows).expect("the rows are filled in");
        let (writer, waiting) = mpsc::channel(1024);
        std::thread::Builder::new()
            .name(format!("writer-{number}"))
            .spawn(move || write(&conn, waiting).expect("a batch commits"))
            .expect("a writer thread starts");
        Self { number, path, reader_cache: options.reader_cache, writer }
    }

    /// Runs `read` on this thread's own connection to the file.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> poem::Result<T> {
        thread_local! {
            static READERS: RefCell<Vec<Option<Connection>>> = const { RefCell::new(Vec::new()) };
        }
        READERS.with_borrow_mut(|readers| {
            if readers.len() <= self.number {
                readers.resize_with(self.number + 1, || None);
            }
            let reader = match &mut readers[self.number] {
                Some(reader) => reader,
                empty => empty.insert(self.open_reader().map_err(InternalServerError)?),
            };
            read(reader).map_err(InternalServerError)
        })
    }

    fn open_reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        reader.pragma_update(None, "cache_size", -i64::from(self.reader_cache))?;
        // Without it SQLite prepares a cached statement with a bound LIMIT again at every run.
        reader.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(reader)
    }
}

/// Brings the table to the rows 1 to `rows`, whatever an earlier run left.
fn fill(conn: &Connection, rows: i64) -> rusqlite::Result<()> {
    let count: i64 = conn.query_one(COUNT, [], |row| row.get(0))?;
    let last: Option<i64> = conn.query_one("SELECT max(id) FROM products", [], |row| row.get(0))?;
    if count == rows && last.unwrap_or(0) == rows {
        return Ok(());
    }
    conn.execute_batch("DELETE FROM products; DELETE FROM sqlite_sequence; VACUUM")?;
    if rows > 0 {
        conn.execute(FILL, params![1, rows])?;
    }
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
}

/// Commits whatever waits in one transaction, for as long as the server stands.
fn write(conn: &Connection, mut waiting: mpsc::Receiver<Insert>) -> rusqlite::Result<()> {
    let mut begin = conn.prepare("BEGIN IMMEDIATE")?;
    let mut commit = conn.prepare("COMMIT")?;
    let mut insert = conn.prepare(INSERT)?;
    let mut answers = Vec::with_capacity(BATCH);
    while let Some(first) = waiting.blocking_recv() {
        begin.execute([])?;
        let mut next = Some(first);
        while let Some(Insert { new, at, answer }) = next {
            let NewProduct { name, description, price, stock } = new;
            let mut rows = insert.query(params![name, description, price.0, stock, at.0])?;
            // RETURNING always has its row.
            if let Some(row) = rows.next()? {
                answers.push((answer, to_json(&Product::from_row(row)?, 512)?));
            }
            drop(rows);
            next = if answers.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        commit.execute([])?;
        for (answer, body) in answers.drain(..) {
            // A client that is gone wants no answer.
            let _ = answer.send(body);
        }
    }
    Ok(())
}

fn list(files: &[File], req: &Request) -> poem::Result<Response> {
    let (mut page, mut per_page) = (1_i64, 10_i64);
    for (name, value) in req.uri().query().unwrap_or("").split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "page" => page = value.parse().unwrap_or(1).max(1),
            "per_page" => per_page = value.parse().unwrap_or(10).clamp(1, 100),
            _ => {}
        }
    }
    let mut base = String::with_capacity(128);
    let host = req.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    write!(base, "http://{host}/api/products").map_err(InternalServerError)?;
    let path_len = base.len();
    base.push('?');
    let kept = req.uri().query().unwrap_or("").split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page="));
    kept.for_each(|pair| write!(base, "{pair}&").unwrap_or_default());
    base.push_str("page=");

    let body = file(files, req)?.read(|conn| {
        let mut count = conn.prepare_cached(COUNT)?;
        let mut counted = count.query([])?;
        // Left open until the end: a statement in progress holds its read transaction, so the page comes from the
        // same snapshot without a BEGIN and a second round of locks.
        let total: i64 = counted.next()?.map_or(Ok(0), |row| row.get(0))?;
        let mut statement = conn.prepare_cached(LIST)?;
        let offset = (page - 1).saturating_mul(per_page);
        let rows = RefCell::new(statement.query(params![per_page, offset])?);
        let last_page = ((total + per_page - 1) / per_page).max(1);
        let url = |page| Url { base: &base, page };
        to_json(
            &Paginator {
                current_page: page,
                data: Data(&rows),
                first_page_url: url(1),
                from: (offset < total).then_some(offset + 1),
                last_page,
                last_page_url: url(last_page),
                links: links(page, last_page, url),
                next_page_url: (page < last_page).then(|| url(page + 1)),
                path: &base[..path_len],
                per_page,
                prev_page_url: (page > 1).then(|| url(page - 1)),
                to: (offset < total).then_some((offset + per_page).min(total)),
                total,
            },
            8192,
        )
    })?;
    Ok(json(StatusCode::OK, body))
}

fn single(files: &[File], req: &Request) -> poem::Result<Response> {
    let id: i64 = parameter(req, "id")?;
    let body = file(files, req)?.read(|conn| {
        let mut statement = conn.prepare_cached(SINGLE)?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(|row| to_json(&Product::from_row(row)?, 512)).transpose()
    })?;
    Ok(json(StatusCode::OK, body.ok_or(NotFoundError)?))
}

async fn create(files: &[File], mut req: Request) -> poem::Result<Response> {
    let bytes = req.take_body().into_bytes().await?;
    let new = serde_json::from_slice(&bytes).map_err(BadRequest)?;
    let (answer, committed) = oneshot::channel();
    let insert = Insert { new, at: Clock::system().now(), answer };
    file(files, &req)?.writer.send(insert).await.map_err(|_| stopped())?;
    Ok(json(StatusCode::CREATED, committed.await.map_err(|_| stopped())?))
}

/// The writer thread has ended on an error, which it has printed.
fn stopped() -> poem::Error {
    poem::Error::from_string("the writer has stopped", StatusCode::INTERNAL_SERVER_ERROR)
}

fn file<'a>(files: &'a [File], req: &Request) -> poem::Result<&'a File> {
    files.get(parameter::<usize>(req, "file")?).ok_or_else(|| NotFoundError.into())
}

fn parameter<T: FromStr>(req: &Request, name: &str) -> poem::Result<T> {
    req.raw_path_param(name).and_then(|value| value.parse().ok()).ok_or_else(|| NotFoundError.into())
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::builder().status(status).body(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `expected` is the size to reserve, a little more than the usual body.
fn to_json(value: &impl Serialize, expected: usize) -> rusqlite::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(expected);
    serde_json::to_writer(&mut body, value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(body)
}

#[derive(Deserialize)]
struct NewProduct {
    name: String,
    description: Option<String>,
    price: Price,
    #[serde(default)]
    stock: i64,
}

#[derive(Serialize)]
struct Product<'a> {
    id: i64,
    name: &'a str,
    description: Option<&'a str>,
    price: Price,
    stock: i64,
    image: Option<&'a str>,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> Product<'a> {
    /// Borrows from the row, so that no text is copied on its way to the body.
    fn from_row(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get_ref(1)?.as_str()?,
            description: row.get_ref(2)?.as_str_or_null()?,
            price: Price(row.get(3)?),
            stock: row.get(4)?,
            image: row.get_ref(5)?.as_str_or_null()?,
            is_active: row.get(6)?,
            created_at: Timestamp(row.get(7)?),
            updated_at: Timestamp(row.get(8)?),
        })
    }
}

/// Hundredths; on the wire a decimal text with two places.
struct Price(i64);

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let (units, cents) = text.split_once('.').unwrap_or((text, "00"));
        match (units.parse::<u32>(), cents.len(), cents.parse::<u8>()) {
            (Ok(units), 2, Ok(cents)) => Ok(Self(i64::from(units) * 100 + i64::from(cents))),
            _ => Err(serde::de::Error::custom("price must look like \"15000.00\"")),
        }
    }
}
