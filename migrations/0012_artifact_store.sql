-- One row at most: where the artifacts of this database are kept, where that is not its home. Neither is to be forgotten when a setting is,
-- nor taken for another database's.
CREATE TABLE artifact_store (
    one      INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    -- What the store says whose it is.
    id       TEXT NOT NULL CHECK (length(id) >= 16),
    url      TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
