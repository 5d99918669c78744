-- Sweeps, their jobs, the attempts at those, and what attempts made (DESIGN §5).
--
-- Times are unix milliseconds, sizes bytes. The lists of states repeat those of shared/src/states.rs; a test holds the
-- two equal. Only the coordinator's writer changes rows, and only through the transitions in coordinator/src/transition.

-- One row: which database this is. Tokens and spool acknowledgements of another generation mean nothing here.
CREATE TABLE generation (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    name       TEXT    NOT NULL CHECK (length(name) >= 16),
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE sweeps (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('active', 'finished', 'finished_with_failures', 'cancelled')),
    paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    fingerprint TEXT    NOT NULL,
    plan_yaml   TEXT    NOT NULL,
    plan_path   TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    finished_ms INTEGER,
    CHECK ((finished_ms IS NULL) = (state = 'active'))
) STRICT;

CREATE INDEX sweeps_by_fingerprint ON sweeps (fingerprint, id);

-- The files that command stages name, so that their blobs are kept.
CREATE TABLE sweep_files (
    sweep INTEGER NOT NULL REFERENCES sweeps (id),
    name  TEXT    NOT NULL,
    hash  TEXT    NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (sweep, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX sweep_files_by_hash ON sweep_files (hash);

-- The narrow, often rewritten part of a job. `attempt` is the number of its newest attempt.
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    sweep         INTEGER NOT NULL REFERENCES sweeps (id),
    key           TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('blocked', 'ready', 'running', 'paused', 'succeeded', 'failed',
                                                    'cancelled', 'stopped', 'skipped')),
    priority      INTEGER NOT NULL DEFAULT 0,
    device        TEXT    CHECK (device IN ('cpu', 'cuda')),
    memory_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (memory_bytes >= 0),
    exclusive     INTEGER NOT NULL CHECK (exclusive IN (0, 1)),
    retries       INTEGER NOT NULL CHECK (retries >= 0),
    reusable      INTEGER NOT NULL CHECK (reusable IN (0, 1)),
    attempt       INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures      INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    losses        INTEGER NOT NULL DEFAULT 0 CHECK (losses >= 0),
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    changed_ms    INTEGER NOT NULL,
    finished_ms   INTEGER,
    failure_class TEXT    CHECK (failure_class IN ('out_of_memory', 'diverged', 'bad_input', 'disk_full',
                                                   'device_error', 'lost', 'internal')),
    message       TEXT    NOT NULL DEFAULT '',
    -- The job of another sweep whose result this one took over.
    reused_from   INTEGER REFERENCES jobs (id),
    -- Of the files that a succeeded job really read: equal keys stand for each other only where these are equal, too.
    inputs_digest TEXT,
    -- In this order it also finds finished work of other sweeps, and is not rewritten when a job ends.
    UNIQUE (key, sweep),
    CHECK ((finished_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'stopped', 'skipped'))),
    CHECK (state <> 'failed' OR failure_class IS NOT NULL),
    CHECK (state <> 'running' OR attempt > 0),
    CHECK (reused_from IS NULL OR state = 'succeeded')
) STRICT;

CREATE INDEX jobs_ready ON jobs (priority DESC, sweep, id) WHERE state = 'ready';
CREATE INDEX jobs_by_state ON jobs (sweep, state);

-- The wide part of a job, written once.
CREATE TABLE job_specs (
    job         INTEGER PRIMARY KEY NOT NULL REFERENCES jobs (id),
    stage       TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    label       TEXT    NOT NULL,
    seed        INTEGER NOT NULL,
    spec_json   TEXT    NOT NULL CHECK (json_valid(spec_json)),
    params_json TEXT    NOT NULL CHECK (json_valid(params_json))
) STRICT;

CREATE TABLE job_inputs (
    job     INTEGER NOT NULL REFERENCES jobs (id),
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    source  INTEGER NOT NULL REFERENCES jobs (id),
    role    TEXT    NOT NULL,
    point   TEXT    NOT NULL,
    PRIMARY KEY (job, ordinal),
    CHECK (source <> job)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_inputs_by_source ON job_inputs (source, job);

CREATE TABLE agents (
    id           TEXT    PRIMARY KEY NOT NULL,
    host         TEXT    NOT NULL,
    boot_id      TEXT    NOT NULL,
    incarnation  INTEGER NOT NULL,
    slots        INTEGER NOT NULL CHECK (slots >= 0),
    devices_json TEXT    NOT NULL CHECK (json_valid(devices_json)),
    seen_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last report of each agent's spool whose effect is in this database.
CREATE TABLE spools (
    id        TEXT    PRIMARY KEY NOT NULL,
    agent     TEXT    NOT NULL REFERENCES agents (id),
    acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    job           INTEGER NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    lease         INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('leased', 'running', 'finishing', 'succeeded', 'failed', 'interrupted',
                                                    'refused', 'cancelled', 'stopped', 'lost', 'stale')),
    agent         TEXT    NOT NULL REFERENCES agents (id),
    device        TEXT    NOT NULL CHECK (device IN ('cpu', 'cuda')),
    device_index  INTEGER NOT NULL,
    granted_ms    INTEGER NOT NULL,
    started_ms    INTEGER,
    finished_ms   INTEGER,
    run_s         REAL,
    resumed_epoch INTEGER NOT NULL DEFAULT 0,
    failure_class TEXT,
    message       TEXT    NOT NULL DEFAULT '',
    inputs_digest TEXT    NOT NULL,
    PRIMARY KEY (job, number),
    CHECK ((finished_ms IS NULL) = (state IN ('leased', 'running', 'finishing'))),
    CHECK (state <> 'failed' OR failure_class IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- At most one attempt at a job may be live.
CREATE UNIQUE INDEX attempts_live ON attempts (job) WHERE finished_ms IS NULL;

CREATE TABLE epochs (
    job          INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    epochs       INTEGER NOT NULL,
    phase        TEXT    NOT NULL,
    metrics_json TEXT    NOT NULL CHECK (json_valid(metrics_json)),
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (job, attempt, epoch),
    FOREIGN KEY (job, attempt) REFERENCES attempts (job, number)
) STRICT, WITHOUT ROWID;

-- Every blob that a row names; its bytes are in the artifact folder.
CREATE TABLE blobs (
    hash       TEXT    PRIMARY KEY NOT NULL CHECK (length(hash) = 64),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `step` counts within the epoch that is under way: between epochs it is 0.
CREATE TABLE checkpoints (
    job     INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (job, attempt, epoch, step),
    FOREIGN KEY (job, attempt) REFERENCES attempts (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint_files (
    job     INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    hash    TEXT    NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (job, attempt, epoch, step, name),
    FOREIGN KEY (job, attempt, epoch, step) REFERENCES checkpoints (job, attempt, epoch, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX checkpoint_files_by_hash ON checkpoint_files (hash);

-- Published when the attempt succeeds. Artifacts of the job as a whole are files of the point ''.
CREATE TABLE points (
    job          INTEGER NOT NULL REFERENCES jobs (id),
    name         TEXT    NOT NULL,
    ordinal      INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    metrics_json TEXT    NOT NULL CHECK (json_valid(metrics_json)),
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE point_files (
    job   INTEGER NOT NULL,
    point TEXT    NOT NULL,
    name  TEXT    NOT NULL,
    hash  TEXT    NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (job, point, name),
    FOREIGN KEY (job, point) REFERENCES points (job, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX point_files_by_hash ON point_files (hash);

-- The audit log: what users did and what became of jobs and attempts.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY NOT NULL,
    at_ms   INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    sweep   INTEGER REFERENCES sweeps (id),
    job     INTEGER REFERENCES jobs (id),
    attempt INTEGER,
    detail  TEXT    NOT NULL DEFAULT ''
) STRICT;
