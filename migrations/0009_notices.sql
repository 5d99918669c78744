-- Notices: what people are to be told, written in the commit of what happened (the outbox), and what became of each copy.

-- What the plan's `notify` says; `{}`: nothing.
ALTER TABLE sweeps ADD COLUMN notify_json TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(notify_json));

-- It said hello, has not taken its leave since, and has not been given up. Of those from before nothing is known.
ALTER TABLE agents ADD COLUMN expected INTEGER NOT NULL DEFAULT 0 CHECK (expected IN (0, 1));

-- One row: how the coordinator itself is.
CREATE TABLE coordinator (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    started_ms INTEGER NOT NULL,
    -- It was stopped in good order, and has not been started since.
    stopped    INTEGER NOT NULL CHECK (stopped IN (0, 1)),
    -- The disk of its home has little room left, and that was told.
    disk_low   INTEGER NOT NULL DEFAULT 0 CHECK (disk_low IN (0, 1))
) STRICT;

CREATE TABLE notices (
    -- Never given to another: with the generation it is what receivers know a notice by.
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    generation   TEXT    NOT NULL,
    occasion     TEXT    NOT NULL CHECK (occasion IN ('finished', 'failed', 'cancelled', 'paused', 'job_failed', 'agent_lost',
                                                      'agent_joined', 'device_failed', 'disk_low', 'sign_in', 'restarted',
                                                      -- Of several that were held back.
                                                      'several')),
    sweep        INTEGER REFERENCES sweeps (id),
    -- What happened, by the audit log: the first row and the last of those that are told together.
    first_event  INTEGER NOT NULL,
    last_event   INTEGER NOT NULL,
    -- How many of them there were.
    times        INTEGER NOT NULL CHECK (times > 0),
    at_ms        INTEGER NOT NULL,
    -- Until then more of the same joins it.
    open_until_ms INTEGER NOT NULL,
    -- What is sent, put into words once, so that each try says the same. NULL: not yet, or not needed any more.
    message_json TEXT    CHECK (json_valid(message_json)),
    title        TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX notices_by_sweep ON notices (sweep) WHERE sweep IS NOT NULL;

-- One for each address.
CREATE TABLE notice_copies (
    notice        INTEGER NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
    channel       TEXT    NOT NULL CHECK (channel IN ('email', 'sms', 'webhook')),
    address       TEXT    NOT NULL,
    -- `folded`: told within another notice, `into_notice`.
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'folded')),
    tries         INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    not_before_ms INTEGER NOT NULL,
    -- What the server said at the last try, or why it was not reached.
    answer        TEXT    NOT NULL DEFAULT '',
    into_notice   INTEGER REFERENCES notices (id) ON DELETE SET NULL,
    changed_ms    INTEGER NOT NULL,
    PRIMARY KEY (notice, channel, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX notice_copies_queued ON notice_copies (channel, address, not_before_ms) WHERE state = 'queued';
-- For the rate of each address.
CREATE INDEX notice_copies_sent ON notice_copies (channel, address, changed_ms) WHERE state = 'sent';
CREATE INDEX notice_copies_into ON notice_copies (into_notice) WHERE into_notice IS NOT NULL;
