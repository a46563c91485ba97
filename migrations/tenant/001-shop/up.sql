-- Whose file this is. Read at every open.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Row counts kept by triggers: count(*) reads a whole index, which a list cannot afford.
CREATE TABLE row_counts (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO row_counts (name, n) VALUES ('users', 0), ('products', 0), ('orders', 0);

CREATE TABLE users (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid              TEXT    NOT NULL UNIQUE,
    name              TEXT    NOT NULL,
    email             TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    username          TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    password_hash     TEXT,
    account_id        INTEGER,
    role              TEXT    NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
    is_active         INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    avatar_url        TEXT,
    email_verified_at INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE TRIGGER users_counted AFTER INSERT ON users BEGIN
    UPDATE row_counts SET n = n + 1 WHERE name = 'users';
END;
CREATE TRIGGER users_uncounted AFTER DELETE ON users BEGIN
    UPDATE row_counts SET n = n - 1 WHERE name = 'users';
END;

CREATE TABLE personal_access_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    token        TEXT    NOT NULL UNIQUE, -- SHA-256, hex, of the part after the bar
    abilities    TEXT    NOT NULL DEFAULT '["*"]',
    last_used_at INTEGER,
    expires_at   INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX personal_access_tokens_by_user ON personal_access_tokens (user_id);
CREATE VIEW tokens AS
    SELECT id, user_id, name, token, abilities, last_used_at, expires_at, created_at, updated_at
    FROM personal_access_tokens;

CREATE TABLE products (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    description TEXT,
    price_minor INTEGER NOT NULL CHECK (price_minor >= 0),
    stock       INTEGER NOT NULL DEFAULT 0 CHECK (stock >= 0),
    image       TEXT,
    is_active   INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

-- Full-text search by substring. Filling a trigram index costs more than the insert itself, so a
-- job does it later: new rows wait above indexed_to, changed ones in products_unindexed, and a
-- search looks at both. The index keeps its own copy of the text: the smaller kinds need an SQLite
-- that many who open a copied tenant file do not have.
CREATE VIRTUAL TABLE products_fts USING fts5 (name, description, tokenize = 'trigram');
CREATE TABLE products_indexed (
    indexed_to INTEGER NOT NULL
) STRICT;
INSERT INTO products_indexed (indexed_to) VALUES (0);
CREATE TABLE products_unindexed (
    id INTEGER PRIMARY KEY
) STRICT;
CREATE TRIGGER products_counted AFTER INSERT ON products BEGIN
    UPDATE row_counts SET n = n + 1 WHERE name = 'products';
END;
CREATE TRIGGER products_added_below AFTER INSERT ON products
WHEN new.id <= (SELECT indexed_to FROM products_indexed) BEGIN
    INSERT INTO products_unindexed (id) VALUES (new.id) ON CONFLICT (id) DO NOTHING;
END;
CREATE TRIGGER products_changed AFTER UPDATE OF name, description ON products
WHEN new.id <= (SELECT indexed_to FROM products_indexed) BEGIN
    INSERT INTO products_unindexed (id) VALUES (new.id) ON CONFLICT (id) DO NOTHING;
END;
CREATE TRIGGER products_uncounted AFTER DELETE ON products BEGIN
    UPDATE row_counts SET n = n - 1 WHERE name = 'products';
    DELETE FROM products_unindexed WHERE id = old.id;
    DELETE FROM products_fts WHERE rowid = old.id;
END;

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER REFERENCES users (id) ON DELETE SET NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'paid', 'shipped', 'completed', 'cancelled')),
    total_minor INTEGER NOT NULL CHECK (total_minor >= 0),
    note        TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
-- One for each way to sort: the first page of a long list is then read, not sorted.
CREATE INDEX orders_by_created ON orders (created_at, id);
CREATE INDEX orders_by_total ON orders (total_minor, id);
CREATE TRIGGER orders_counted AFTER INSERT ON orders BEGIN
    UPDATE row_counts SET n = n + 1 WHERE name = 'orders';
END;
CREATE TRIGGER orders_uncounted AFTER DELETE ON orders BEGIN
    UPDATE row_counts SET n = n - 1 WHERE name = 'orders';
END;

CREATE TABLE order_items (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id         INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    product_id       INTEGER REFERENCES products (id) ON DELETE SET NULL,
    name             TEXT    NOT NULL, -- as it was when ordered
    unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor >= 0),
    quantity         INTEGER NOT NULL CHECK (quantity > 0)
) STRICT;
CREATE INDEX order_items_by_order ON order_items (order_id);
CREATE INDEX order_items_by_product ON order_items (product_id);
