-- From where a user has logged in lately: guessing from elsewhere keeps nobody out who comes from
-- one of these.
CREATE TABLE login_networks (
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network       TEXT    NOT NULL, -- an IPv4 /24 or an IPv6 /64
    last_login_at INTEGER NOT NULL, -- to the day
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_networks_by_age ON login_networks (last_login_at);
