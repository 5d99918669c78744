-- What users set and stop while a sweep runs: pauses, priorities, budgets, limits, drains, amended plans.
--
-- All of it and the note that it was done are one transaction: a crash leaves the database as it was before, or as it is
-- after. `jobs` is made anew because its CHECKs have to know another failure class; with references to it deferred to the
-- commit, dropping it leaves them open, and filling the new one closes them again.

PRAGMA defer_foreign_keys = ON;

CREATE INDEX events_by_sweep ON events (sweep) WHERE sweep IS NOT NULL;
CREATE INDEX events_by_job ON events (job) WHERE job IS NOT NULL;

ALTER TABLE sweeps ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
-- Why it is paused, where that was not a user's wish.
ALTER TABLE sweeps ADD COLUMN paused_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE sweeps ADD COLUMN budget_gpu_hours REAL CHECK (budget_gpu_hours > 0);
ALTER TABLE sweeps ADD COLUMN budget_cpu_hours REAL CHECK (budget_cpu_hours > 0);
-- A user went on although the budget was spent.
ALTER TABLE sweeps ADD COLUMN budget_waived INTEGER NOT NULL DEFAULT 0 CHECK (budget_waived IN (0, 1));

-- A user wants it to leave.
ALTER TABLE agents ADD COLUMN draining INTEGER NOT NULL DEFAULT 0 CHECK (draining IN (0, 1));

-- The attempt whose checkpoint it went on from; 0: from the beginning, or unknown.
ALTER TABLE attempts ADD COLUMN resumed_attempt INTEGER NOT NULL DEFAULT 0 CHECK (resumed_attempt >= 0);
-- The job ended under it (a cancel, its hours): it is to be killed, and what it says no longer counts for the job.
ALTER TABLE attempts ADD COLUMN unwanted INTEGER NOT NULL DEFAULT 0 CHECK (unwanted IN (0, 1));

UPDATE attempts SET unwanted = 1
WHERE finished_ms IS NULL AND job IN (SELECT id FROM jobs WHERE state <> 'running');

-- Dropping `jobs` looks for what refers to each of its rows.
CREATE INDEX jobs_by_reused ON jobs (reused_from) WHERE reused_from IS NOT NULL;
CREATE TABLE jobs_before AS SELECT * FROM jobs;
DROP TABLE jobs;

-- The narrow, often rewritten part of a job. `attempt` is the number of its newest attempt.
CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    sweep         INTEGER NOT NULL REFERENCES sweeps (id),
    key           TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('blocked', 'ready', 'running', 'paused', 'succeeded', 'failed',
                                                    'cancelled', 'stopped', 'skipped')),
    -- The sweep's and the job's own together; kept here for the queue's index.
    priority      INTEGER NOT NULL DEFAULT 0,
    own_priority  INTEGER NOT NULL DEFAULT 0,
    device        TEXT    CHECK (device IN ('cpu', 'cuda')),
    memory_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (memory_bytes >= 0),
    exclusive     INTEGER NOT NULL CHECK (exclusive IN (0, 1)),
    -- It can go on from a checkpoint, so that it may be asked to give way.
    preemptible   INTEGER NOT NULL CHECK (preemptible IN (0, 1)),
    retries       INTEGER NOT NULL CHECK (retries >= 0),
    most_losses   INTEGER NOT NULL DEFAULT 10 CHECK (most_losses >= 0),
    -- Of all its attempts after number `hours_from` together. A user's retry allows them anew.
    max_hours     REAL    CHECK (max_hours > 0),
    hours_from    INTEGER NOT NULL DEFAULT 0 CHECK (hours_from >= 0),
    reusable      INTEGER NOT NULL CHECK (reusable IN (0, 1)),
    -- The sweep's amended plan does not have it any more.
    dropped       INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)),
    attempt       INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures      INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    losses        INTEGER NOT NULL DEFAULT 0 CHECK (losses >= 0),
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    changed_ms    INTEGER NOT NULL,
    finished_ms   INTEGER,
    failure_class TEXT    CHECK (failure_class IN ('out_of_memory', 'diverged', 'bad_input', 'disk_full',
                                                   'device_error', 'lost', 'timed_out', 'internal')),
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
    CHECK (dropped = 0 OR finished_ms IS NOT NULL),
    CHECK (reused_from IS NULL OR state = 'succeeded')
) STRICT;

INSERT INTO jobs (id, sweep, key, state, priority, own_priority, device, memory_bytes, exclusive, preemptible, retries,
                  reusable, attempt, failures, losses, not_before_ms, changed_ms, finished_ms, failure_class, message,
                  reused_from, inputs_digest)
SELECT b.id, b.sweep, b.key, b.state, b.priority, b.priority, b.device, b.memory_bytes, b.exclusive,
       b.exclusive = 0 AND coalesce(s.kind <> 'command' OR s.spec_json ->> '$.params.protocol' <> 'exit', 1), b.retries,
       b.reusable, b.attempt, b.failures, b.losses, b.not_before_ms, b.changed_ms, b.finished_ms, b.failure_class,
       b.message, b.reused_from, b.inputs_digest
FROM jobs_before b LEFT JOIN job_specs s ON s.job = b.id
ORDER BY b.id;

DROP TABLE jobs_before;

CREATE INDEX jobs_ready ON jobs (priority DESC, sweep, id) WHERE state = 'ready';
CREATE INDEX jobs_by_state ON jobs (sweep, state);
