-- Memory: what a job needs of each class of device, what attempts really took of it, what is reserved because of that, and
-- how a job goes on that ran out of it.

-- `memory_bytes` is what the job is predicted to need of a CPU, with its batches in `micro_batches` parts; a GPU is asked for
-- another amount: no libtorch lies in its memory, but its context and cuDNN's workspaces do.
ALTER TABLE jobs ADD COLUMN cuda_bytes INTEGER NOT NULL DEFAULT 0 CHECK (cuda_bytes >= 0);
UPDATE jobs SET cuda_bytes = memory_bytes;
-- Into how many parts each batch is split, since it ran out of memory with fewer.
ALTER TABLE jobs ADD COLUMN micro_batches INTEGER NOT NULL DEFAULT 1 CHECK (micro_batches > 0);
-- Devices of this class that have no more memory than this are too small for it: it ran out of memory there.
ALTER TABLE jobs ADD COLUMN outgrown TEXT CHECK (outgrown IN ('cpu', 'cuda'));
ALTER TABLE jobs ADD COLUMN outgrown_bytes INTEGER NOT NULL DEFAULT 0 CHECK (outgrown_bytes >= 0);
CREATE INDEX jobs_outgrown ON jobs (id) WHERE outgrown IS NOT NULL AND state = 'ready';
-- How often the next attempt was made to need less, or was given more, since it was submitted or a user retried it.
ALTER TABLE jobs ADD COLUMN remedies INTEGER NOT NULL DEFAULT 0 CHECK (remedies >= 0);

-- Jobs of the same likeness take the same memory on the same class of device; empty: nothing is learnt of it.
ALTER TABLE job_specs ADD COLUMN likeness TEXT NOT NULL DEFAULT '';
-- What it is predicted to need of a CPU and of a GPU, by the number of parts that a batch is split into: {"1": [9, 8], "2": …}
-- with every number that the runner can do.
ALTER TABLE job_specs ADD COLUMN needs_json TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(needs_json));

-- What was reserved for it on its device; 0: unknown.
ALTER TABLE attempts ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0 CHECK (memory_bytes >= 0);
ALTER TABLE attempts ADD COLUMN micro_batches INTEGER NOT NULL DEFAULT 1 CHECK (micro_batches > 0);
-- What it was seen to take of its device at most; 0: unknown.
ALTER TABLE attempts ADD COLUMN peak_memory_bytes INTEGER NOT NULL DEFAULT 0 CHECK (peak_memory_bytes >= 0);
UPDATE attempts SET memory_bytes = (SELECT memory_bytes FROM jobs WHERE id = attempts.job) WHERE finished_ms IS NULL;

-- What attempts at jobs of one likeness took. Going on from a checkpoint needs another peak than beginning does.
CREATE TABLE peaks (
    likeness      TEXT    NOT NULL CHECK (likeness <> ''),
    micro_batches INTEGER NOT NULL CHECK (micro_batches > 0),
    device        TEXT    NOT NULL CHECK (device IN ('cpu', 'cuda')),
    resumed       INTEGER NOT NULL CHECK (resumed IN (0, 1)),
    -- Of those that succeeded: how many, and their peak.
    runs          INTEGER NOT NULL CHECK (runs >= 0),
    peak_bytes    INTEGER NOT NULL CHECK (peak_bytes >= 0),
    -- Of those that ran out of memory since: it takes at least so much. 0: none did.
    least_bytes   INTEGER NOT NULL CHECK (least_bytes >= 0),
    -- What is reserved for the next.
    reserve_bytes INTEGER NOT NULL CHECK (reserve_bytes > 0),
    PRIMARY KEY (likeness, micro_batches, device, resumed),
    CHECK ((runs > 0) = (peak_bytes > 0)),
    CHECK (runs > 0 OR least_bytes > 0)
) STRICT, WITHOUT ROWID;

-- What the next attempt at each job is promised of a device of each class: what attempts like it took, or else what is
-- predicted; and from how many runs that is known (none where it was only too little so far, NULL where nothing ran).
CREATE VIEW job_memory AS
SELECT j.id AS job,
       coalesce(c.reserve_bytes, j.memory_bytes) AS cpu_bytes, c.runs AS cpu_runs,
       coalesce(g.reserve_bytes, j.cuda_bytes) AS cuda_bytes, g.runs AS cuda_runs
FROM jobs j JOIN job_specs s ON s.job = j.id
LEFT JOIN peaks c ON c.likeness = s.likeness AND c.micro_batches = j.micro_batches AND c.device = 'cpu'
     AND c.resumed = EXISTS (SELECT 1 FROM checkpoints k WHERE k.job = j.id)
LEFT JOIN peaks g ON g.likeness = s.likeness AND g.micro_batches = j.micro_batches AND g.device = 'cuda'
     AND g.resumed = EXISTS (SELECT 1 FROM checkpoints k WHERE k.job = j.id);
