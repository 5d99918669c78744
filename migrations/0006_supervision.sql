-- Runners that hang.

-- Seconds of silence after which a runner counts as hung; 0: never; NULL: as its agent thinks fit.
ALTER TABLE jobs ADD COLUMN hang_after_s REAL CHECK (hang_after_s >= 0);
