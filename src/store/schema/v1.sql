-- A project. Ids are never reused (AUTOINCREMENT), so what a run or a journalled edit refers to stays what it was.

CREATE TABLE project (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    task              TEXT NOT NULL CHECK (task IN ('single-label', 'multi-label')),
    created_at_millis INTEGER NOT NULL
) STRICT;

CREATE TABLE imports (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    source    TEXT NOT NULL,
    who       TEXT NOT NULL,
    at_millis INTEGER NOT NULL,
    finished  INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)),
    present   INTEGER NOT NULL DEFAULT 1 CHECK (present IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX imports_one_open ON imports (finished) WHERE finished = 0;

CREATE TABLE texts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    import      INTEGER NOT NULL REFERENCES imports (id),
    external_id TEXT,
    body        TEXT NOT NULL CHECK (body <> ''),
    body_hash   INTEGER NOT NULL,
    split       TEXT CHECK (split IN ('train', 'validation', 'test')),
    note        TEXT NOT NULL DEFAULT '',
    flagged     INTEGER NOT NULL DEFAULT 0 CHECK (flagged IN (0, 1)),
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;
CREATE INDEX texts_by_body ON texts (body_hash);
CREATE INDEX texts_by_external_id ON texts (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX texts_by_import ON texts (import);

-- Deleted labels keep their row: annotations of hidden texts and runs refer to them, and undo brings them back.
CREATE TABLE labels (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    parent      INTEGER REFERENCES labels (id) CHECK (parent <> id),
    position    INTEGER NOT NULL,
    color       INTEGER CHECK (color BETWEEN 0 AND 0xFFFFFF),
    key         TEXT CHECK (length(key) = 1),
    description TEXT NOT NULL,
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;
CREATE INDEX labels_by_parent ON labels (parent, name);

CREATE TABLE annotations (
    text      INTEGER PRIMARY KEY REFERENCES texts (id),
    who       TEXT NOT NULL,
    at_millis INTEGER NOT NULL,
    how       TEXT NOT NULL CHECK (how IN ('hand', 'imported', 'accepted', 'bulk'))
) STRICT;

CREATE TABLE annotation_labels (
    text  INTEGER NOT NULL REFERENCES annotations (text) ON DELETE CASCADE,
    label INTEGER NOT NULL REFERENCES labels (id),
    PRIMARY KEY (text, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotation_labels_by_label ON annotation_labels (label);

CREATE TABLE runs (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL,
    method            TEXT NOT NULL,
    encoder           TEXT NOT NULL,
    seed              INTEGER NOT NULL, -- the bits of an unsigned number
    task              TEXT NOT NULL CHECK (task IN ('single-label', 'multi-label')),
    options           TEXT NOT NULL CHECK (json_type(options) = 'object'),
    labels            TEXT NOT NULL CHECK (json_type(labels) = 'array'),
    label_paths       TEXT NOT NULL CHECK (json_type(label_paths) = 'array'),
    n_train           INTEGER NOT NULL CHECK (n_train >= 0),
    n_validation      INTEGER NOT NULL CHECK (n_validation >= 0),
    n_test            INTEGER NOT NULL CHECK (n_test >= 0),
    started_at_millis INTEGER NOT NULL,
    train_secs        REAL NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('training', 'done', 'stopped', 'failed')),
    message           TEXT NOT NULL,
    scored_on         TEXT CHECK (scored_on IN ('out-of-fold', 'validation', 'test')),
    history           BLOB NOT NULL,    -- (step u64, loss f64) pairs, little endian
    thresholds_edited INTEGER NOT NULL DEFAULT 0 CHECK (thresholds_edited IN (0, 1))
) STRICT;

CREATE TABLE run_metrics (
    run   INTEGER NOT NULL REFERENCES runs (id),
    name  TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE thresholds (
    run      INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    value    REAL NOT NULL CHECK (value BETWEEN 0 AND 1),
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores (
    run    INTEGER NOT NULL REFERENCES runs (id),
    kind   TEXT NOT NULL CHECK (kind IN ('out-of-fold', 'validation', 'test')),
    text   INTEGER NOT NULL REFERENCES texts (id),
    scores BLOB NOT NULL,               -- f32, little endian, one per label of the run
    PRIMARY KEY (run, kind, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    title     TEXT NOT NULL,
    edit      TEXT NOT NULL CHECK (json_valid(edit)),
    at_millis INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('applied', 'undone'))
) STRICT;
CREATE INDEX journal_by_state ON journal (state, seq);

-- What an unfinished import did besides adding texts; becomes one journalled edit when it ends, however it ends.
CREATE TABLE import_changes (
    seq    INTEGER PRIMARY KEY,
    import INTEGER NOT NULL REFERENCES imports (id),
    kind   TEXT NOT NULL CHECK (kind IN ('label', 'annotation')),
    target INTEGER NOT NULL,            -- the label or the text
    change TEXT NOT NULL CHECK (json_valid(change))
) STRICT;
CREATE INDEX import_changes_by_target ON import_changes (kind, target);
