-- What pages list of large sweeps, without a look at the wide rows.

-- Stage, label and seed stand beside long texts in job_specs: a page that filters 50 000 jobs by them would read a hundred megabytes.
-- Written once, with the job.
CREATE INDEX job_specs_narrow ON job_specs (job, stage, label, seed, kind);

-- Counts of jobs by state, and how many of them were reused, from the index alone.
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_state ON jobs (sweep, state, dropped, reused_from);

-- What happens seldom is found among what happens all the time.
CREATE INDEX events_by_what ON events (what);
