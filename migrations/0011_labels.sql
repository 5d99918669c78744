-- What agents say of themselves, and which of them a job may go to (`where` in a plan).

ALTER TABLE agents ADD COLUMN labels_json TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(labels_json));

-- A map of names to allowed values as JSON, in one spelling for one meaning; empty: anywhere.
ALTER TABLE jobs ADD COLUMN place TEXT NOT NULL DEFAULT '' CHECK (place = '' OR json_valid(place));

-- Which places are waited for. Most sweeps name none and pay nothing for it.
CREATE INDEX jobs_ready_by_place ON jobs (place) WHERE state = 'ready' AND place <> '';
