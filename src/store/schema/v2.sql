-- What a run found, where it was computed, and which runs belong together; the second of a pair of texts.

ALTER TABLE runs ADD COLUMN watched TEXT NOT NULL DEFAULT '[]' CHECK (json_type(watched) = 'array');
ALTER TABLE runs ADD COLUMN findings TEXT NOT NULL DEFAULT '{}' CHECK (json_type(findings) = 'object');
ALTER TABLE runs ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN precision TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN series TEXT NOT NULL DEFAULT '';
-- NULL for a text that stands alone. The hash of a pair is over both parts.
ALTER TABLE texts ADD COLUMN second TEXT CHECK (second <> '');
ALTER TABLE runs ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0 CHECK (interrupted IN (0, 1)); -- a failed run that was cut off
