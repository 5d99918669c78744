-- What a job's attempt is predicted to write on its agent's disk beside the files that it is given; 0: unknown.

ALTER TABLE job_specs ADD COLUMN disk_bytes INTEGER NOT NULL DEFAULT 0 CHECK (disk_bytes >= 0);
