-- Who may come in: users, their tokens, agents' certificates, and the status page's sessions.
--
-- Secrets are kept as hashes: BLAKE3 of what is random and long (tokens, sessions, links, recovery codes), Argon2id of what people
-- choose. The seeds of second factors must be read again, and are sealed with a key that lies beside the database, not in it.

-- Whose sweep it is: a user's name. Those from before are nobody's, which is to say the administrators'.
ALTER TABLE sweeps ADD COLUMN owner TEXT NOT NULL DEFAULT '';

CREATE TABLE users (
    name          TEXT    PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    created_ms    INTEGER NOT NULL,
    -- In the PHC format: `$argon2id$…`.
    password      TEXT,
    totp_sealed   BLOB,
    -- The newest time step whose code was used: a code works once.
    totp_step     INTEGER NOT NULL DEFAULT 0,
    signed_in_ms  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('user', 'join')),
    -- Whose it is; of a join token, who made it. Not a reference: the holder of the home's own token may be no user.
    user       TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('admin', 'user', 'viewer', 'agent')),
    hash       TEXT    NOT NULL CHECK (length(hash) = 64),
    note       TEXT    NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    used_ms    INTEGER,
    -- Of a join token; NULL: any number.
    uses       INTEGER CHECK (uses > 0),
    uses_left  INTEGER CHECK (uses_left BETWEEN 0 AND uses),
    CHECK ((uses IS NULL) = (uses_left IS NULL)),
    CHECK ((kind = 'join') = (role = 'agent'))
) STRICT;

CREATE TABLE certificates (
    -- Of the certificate, in hexadecimal digits.
    serial     TEXT    PRIMARY KEY NOT NULL,
    -- An agent's id. Not a reference: an agent has a certificate before it says hello.
    agent      TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    -- BLAKE3 of the public key.
    public_key TEXT    NOT NULL CHECK (length(public_key) = 64),
    issued_ms  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX certificates_by_agent ON certificates (agent);

-- Of the status page.
CREATE TABLE sessions (
    -- BLAKE3 of the cookie's value.
    hash       TEXT    PRIMARY KEY NOT NULL CHECK (length(hash) = 64),
    user       TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    place      TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user);

CREATE TABLE recovery_codes (
    user    TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    hash    TEXT    NOT NULL CHECK (length(hash) = 64),
    used_ms INTEGER,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

-- Networks from which a user has signed in.
CREATE TABLE places (
    user     TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    place    TEXT    NOT NULL,
    first_ms INTEGER NOT NULL,
    PRIMARY KEY (user, place)
) STRICT, WITHOUT ROWID;
