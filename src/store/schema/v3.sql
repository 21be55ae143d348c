-- What decides beside the thresholds of a run: texts without a label get their best one, and what the thresholds were tuned for.

ALTER TABLE runs ADD COLUMN at_least_one INTEGER NOT NULL DEFAULT 0 CHECK (at_least_one IN (0, 1));
ALTER TABLE runs ADD COLUMN tuned_for TEXT NOT NULL DEFAULT ''; -- as `handful tune --objective` reads it; empty: not tuned, or moved since
