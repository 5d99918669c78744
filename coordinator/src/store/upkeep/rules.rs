//! What must hold between rows beyond what the schema can say. Each query finds what breaks its rule, as a sentence a row.

pub struct Rule {
    /// Of a sound database.
    pub holds: &'static str,
    pub broken: &'static str,
}

pub const RULES: &[Rule] = &[
    Rule {
        holds: "a job that runs has a live attempt, its newest",
        broken: "SELECT format('j%d runs, but its attempt %d %s', j.id, j.attempt, coalesce('is ' || a.state, 'is not there'))
                 FROM jobs j LEFT JOIN attempts a ON a.job = j.id AND a.number = j.attempt
                 WHERE j.state = 'running' AND (a.state IS NULL OR a.finished_ms IS NOT NULL)",
    },
    Rule {
        holds: "a live attempt belongs to a job that runs, or is about to be ended",
        broken: "SELECT format('j%d is %s, but its attempt %d is %s', j.id, j.state, a.number, a.state)
                 FROM attempts a JOIN jobs j ON j.id = a.job
                 WHERE a.finished_ms IS NULL AND a.unwanted = 0 AND j.state NOT IN ('running', 'paused')",
    },
    Rule {
        holds: "a job knows its newest attempt",
        broken: "SELECT format('the newest attempt of j%d is said to be %d, and %d is there', id, attempt, newest)
                 FROM (SELECT id, attempt, coalesce((SELECT max(number) FROM attempts WHERE job = id), 0) AS newest FROM jobs)
                 WHERE attempt <> newest",
    },
    Rule {
        holds: "what succeeded was done by its newest attempt, or taken over from a job that succeeded",
        broken: "SELECT format('j%d succeeded, but nothing shows who did it', j.id) FROM jobs j
                 WHERE j.state = 'succeeded'
                   AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = j.id AND a.number = j.attempt AND a.state = 'succeeded')
                   AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.id = j.reused_from AND o.state = 'succeeded')",
    },
    Rule {
        holds: "only jobs that succeeded, or were stopped early, have points",
        broken: "SELECT format('j%d is %s, and has the point %s', j.id, j.state, p.name) FROM points p JOIN jobs j ON j.id = p.job
                 WHERE j.state NOT IN ('succeeded', 'stopped')",
    },
    Rule {
        holds: "jobs that are ready or run have inputs that succeeded",
        broken: "SELECT DISTINCT format('j%d is %s, but its input j%d is %s', j.id, j.state, o.id, o.state)
                 FROM jobs j JOIN job_inputs i ON i.job = j.id JOIN jobs o ON o.id = i.source
                 WHERE j.state IN ('ready', 'running') AND o.state NOT IN ('succeeded', 'stopped')",
    },
    Rule {
        holds: "jobs that are blocked wait for something",
        broken: "SELECT format('j%d is blocked, but all its inputs have succeeded', j.id) FROM jobs j
                 WHERE j.state = 'blocked' AND NOT EXISTS
                     (SELECT 1 FROM job_inputs i JOIN jobs o ON o.id = i.source WHERE i.job = j.id AND o.state <> 'succeeded')",
    },
    Rule {
        holds: "a sweep has ended when its jobs have",
        broken: "SELECT format('s%d is %s, and %d of its jobs are open', id, state, open)
                 FROM (SELECT w.id, w.state, (SELECT count(*) FROM jobs j WHERE j.sweep = w.id AND j.dropped = 0
                                              AND j.finished_ms IS NULL) AS open FROM sweeps w)
                 WHERE (state = 'active') <> (open > 0)",
    },
    Rule {
        holds: "a sweep that finished has no failed jobs, unless it says so",
        broken: "SELECT format('s%d is %s, and %d of its jobs did not succeed', id, state, spoilt)
                 FROM (SELECT w.id, w.state, (SELECT count(*) FROM jobs j WHERE j.sweep = w.id AND j.dropped = 0
                                              AND j.state IN ('failed', 'cancelled', 'skipped')) AS spoilt FROM sweeps w)
                 WHERE (state = 'finished' AND spoilt > 0) OR (state = 'finished_with_failures' AND spoilt = 0)",
    },
    Rule {
        holds: "checkpoints have files, and jobs that succeeded have no checkpoints",
        broken: "SELECT format('the checkpoint of j%d.%d at epoch %d %s', c.job, c.attempt, c.epoch,
                               iif(j.state = 'succeeded', 'is left over: the job succeeded', 'has no files'))
                 FROM checkpoints c JOIN jobs j ON j.id = c.job
                 WHERE j.state = 'succeeded' OR NOT EXISTS
                     (SELECT 1 FROM checkpoint_files f WHERE (f.job, f.attempt, f.epoch, f.step) = (c.job, c.attempt, c.epoch, c.step))",
    },
];
