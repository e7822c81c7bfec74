-- The tables of the SQLite engine. Times are integers in nanoseconds. Documents are the TAMS JSON that clients
-- get, without derived members (get_urls, timerange, segments_updated, collected_by).
-- The analytics service reads segments, flows, flow_stats, objects, object_accesses, object_copies, storages and
-- trash: change it together with them.

CREATE TABLE IF NOT EXISTS sources (
    id TEXT PRIMARY KEY,
    format TEXT NOT NULL,
    label TEXT,
    doc BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS flows (
    row INTEGER PRIMARY KEY AUTOINCREMENT,  -- short id that segment rows carry; never used again
    id TEXT NOT NULL UNIQUE,
    source_id TEXT NOT NULL,
    format TEXT NOT NULL,
    codec TEXT NOT NULL DEFAULT '',
    container TEXT NOT NULL DEFAULT '',
    label TEXT,
    frame_width INTEGER,
    frame_height INTEGER,
    read_only INTEGER NOT NULL DEFAULT 0,
    doc BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS flows_source ON flows (source_id, id);
CREATE INDEX IF NOT EXISTS flows_label ON flows (label, id) WHERE label IS NOT NULL;

-- Tags of sources and flows, one row for each, so that an index answers filters by tag. Their classes, and
-- those of entries of the trash, have rows with other owners: the name is the class, the value is empty.
CREATE TABLE IF NOT EXISTS tags (
    owner TEXT NOT NULL,                -- 'source', 'flow', 'source-class', 'flow-class' or 'trash-class'
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (owner, id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_value ON tags (owner, name, value, id);

-- One row for each flow with segments, changed in the transaction that changes the segments.
CREATE TABLE IF NOT EXISTS flow_stats (
    flow INTEGER PRIMARY KEY,           -- flows.row
    segments INTEGER NOT NULL,
    start_ns INTEGER,                   -- first instant of the first segment
    end_ns INTEGER,                     -- exclusive end of the last segment
    end_inclusive INTEGER NOT NULL,     -- how the last segment's end is written
    updated TEXT                        -- segments_updated, RFC 3339
) STRICT;

-- The segments of a flow never overlap, so their order by start is also their order by end.
CREATE TABLE IF NOT EXISTS segments (
    flow INTEGER NOT NULL,              -- flows.row
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,            -- exclusive
    end_inclusive INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    storage INTEGER,                    -- storages.row; NULL when the object is outside this store
    storage_path TEXT,
    external_urls BLOB,                 -- JSON array; NULL when empty
    doc BLOB NOT NULL,
    copies TEXT,                        -- those of the object, as in its row
    PRIMARY KEY (flow, start_ns)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_object ON segments (object_id);

-- Short ids of all storage backends that objects were ever kept on.
CREATE TABLE IF NOT EXISTS storages (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

-- The current storage backends of the media service.
CREATE TABLE IF NOT EXISTS storage_backends (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS objects (
    id TEXT PRIMARY KEY,
    storage INTEGER,                    -- storages.row; NULL when outside this store
    storage_path TEXT,
    size INTEGER,                       -- bytes; NULL until measured
    state TEXT NOT NULL,                -- 'allocated', 'registered', 'unreferenced' or 'reclaimed'
    allocated_for_flow TEXT,
    first_referenced_by_flow TEXT,
    created_ms INTEGER NOT NULL,        -- milliseconds since 1970, as all *_ms
    changed_ms INTEGER NOT NULL,        -- when the state last changed
    measure_at_ms INTEGER,              -- next attempt to learn the size; NULL when there is none due
    measure_attempts INTEGER NOT NULL DEFAULT 0,
    etag TEXT,                          -- of the stored bytes, without quotes; NULL if it is not known
    copies TEXT                         -- places of stored copies, a JSON array; NULL when empty
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_measure ON objects (measure_at_ms) WHERE measure_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_idle ON objects (state, changed_ms) WHERE state <> 'registered';
-- In the order in which a bucket lists its keys.
CREATE INDEX IF NOT EXISTS objects_place ON objects (storage, storage_path);

-- One row for each object whose URLs were counted. It goes with the object.
CREATE TABLE IF NOT EXISTS object_accesses (
    object_id TEXT PRIMARY KEY,
    urls INTEGER NOT NULL,              -- URLs to read it that were signed
    last_ms INTEGER NOT NULL            -- when the last of them was counted
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_accesses_urls ON object_accesses (urls);

-- Copies of objects on further storage backends. Those that clients get are repeated in objects and segments.
CREATE TABLE IF NOT EXISTS object_copies (
    object_id TEXT NOT NULL,
    storage INTEGER NOT NULL,           -- storages.row
    storage_path TEXT NOT NULL,
    state TEXT NOT NULL,                -- 'copying', 'stored', 'retired' or 'reclaimed'
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,        -- when the state last changed, or the lease was renewed
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (object_id, storage)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_copies_idle ON object_copies (state, changed_ms) WHERE state <> 'stored';
CREATE INDEX IF NOT EXISTS object_copies_place ON object_copies (storage, storage_path);

CREATE TABLE IF NOT EXISTS collections (
    flow_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    member TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (flow_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_member ON collections (member);

-- Sources that collect other sources, because their flows do. Written together with the collections.
CREATE TABLE IF NOT EXISTS source_links (
    owner TEXT NOT NULL,                -- the collecting source
    member TEXT NOT NULL,
    role TEXT NOT NULL,
    items INTEGER NOT NULL,             -- rows of collections that make it so
    PRIMARY KEY (owner, member, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS source_links_member ON source_links (member, owner);
CREATE INDEX IF NOT EXISTS source_links_gone ON source_links (items) WHERE items <= 0;

-- A single row: the id of this store. The marker beside the database has the same id and count, so that a
-- replaced database, or one that lacks commits, is noticed.
CREATE TABLE IF NOT EXISTS store (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    id TEXT NOT NULL,
    commits INTEGER NOT NULL,           -- groups of changes that were committed
    room BLOB                           -- written to see whether there is room again, then NULL
) STRICT;

-- A single row: the name and description that the operator gave to this store.
CREATE TABLE IF NOT EXISTS service_info (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    name TEXT,
    description TEXT
) STRICT;

-- The audit log. Rows never change; only old ones are deleted. Without an index, a change writes one row.
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ns INTEGER NOT NULL,
    principal TEXT NOT NULL,
    action TEXT NOT NULL,               -- such as flows.put
    resource TEXT NOT NULL,             -- such as flow:<id>
    request_id TEXT NOT NULL,
    before TEXT,                        -- the version of the resource before the change; NULL if it has none
    after TEXT,
    outcome TEXT NOT NULL,              -- 'done', 'refused' or 'begun'
    facts TEXT NOT NULL                 -- JSON
) STRICT;
CREATE TRIGGER IF NOT EXISTS audit_is_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log cannot be changed');
END;

-- Users and API keys. Of passwords and of the secrets of keys, only hashes are stored.
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,        -- argon2id, with its parameters and salt
    scopes TEXT NOT NULL,               -- separated by blanks
    suspended INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    classes TEXT                        -- separated by blanks; NULL means all
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    secret_hash BLOB NOT NULL,          -- SHA-256
    scopes TEXT NOT NULL,               -- separated by blanks
    suspended INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,                 -- NULL if it does not expire
    last_used_ms INTEGER,               -- written at most once a minute; NULL if it was never used
    classes TEXT                        -- separated by blanks; NULL means all
) STRICT, WITHOUT ROWID;

-- Webhooks. A process that delivers events has a lease on each webhook that it serves.
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    api_key_name TEXT NOT NULL,
    api_key_value TEXT NOT NULL,
    body BLOB NOT NULL,                 -- the registration, MessagePack
    settled INTEGER NOT NULL,           -- events up to this id are delivered or given up
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL DEFAULT 'system',  -- the name of its owner as a caller
    UNIQUE (url, api_key_name, api_key_value, created_by)
) STRICT, WITHOUT ROWID;

-- Flows and sources that lag: the subscriber refuses their events, but takes those of others.
CREATE TABLE IF NOT EXISTS lagging (
    webhook_id TEXT NOT NULL,
    key TEXT NOT NULL,                  -- id of the flow or source
    settled INTEGER NOT NULL,           -- its events up to this id are delivered or given up
    PRIMARY KEY (webhook_id, key)
) STRICT, WITHOUT ROWID;

-- The outbox: written in the transaction of the change, if there are webhooks.
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL                  -- MessagePack
) STRICT;

CREATE TABLE IF NOT EXISTS dead_letters (
    webhook_id TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    body BLOB,                          -- the event
    given_up_ms INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deletion_requests (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expiry_ms INTEGER,                  -- when the record goes; NULL while it is under way
    body BLOB NOT NULL,                 -- MessagePack
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    created_by TEXT                     -- the caller who made it; NULL without access control
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deletion_requests_open ON deletion_requests (created_ms) WHERE expiry_ms IS NULL;
CREATE INDEX IF NOT EXISTS deletion_requests_created ON deletion_requests (created_ms);
CREATE INDEX IF NOT EXISTS deletion_requests_caller ON deletion_requests (created_by, created_ms)
    WHERE created_by IS NOT NULL;

-- Flows with open deletion requests. Registration reads this first, and mostly finds nothing.
CREATE TABLE IF NOT EXISTS deleting (
    flow INTEGER NOT NULL,              -- flows.row
    deletion TEXT NOT NULL,             -- deletion_requests.id
    PRIMARY KEY (flow, deletion)
) STRICT, WITHOUT ROWID;

-- Deleted flows and segments that can be restored. Only these rows lead to their segments.
CREATE TABLE IF NOT EXISTS trash (
    id TEXT PRIMARY KEY,
    operation TEXT NOT NULL,            -- one id for all that a request deleted
    number INTEGER NOT NULL,            -- the order within the operation
    kind TEXT NOT NULL,                 -- 'flow', 'segments' or 'restored'
    flow_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    timeline INTEGER NOT NULL,          -- segments.flow
    deleted_ms INTEGER NOT NULL,
    purge_ms INTEGER NOT NULL,
    body BLOB NOT NULL,                 -- MessagePack, without the documents
    flow_doc BLOB NOT NULL,             -- empty for segments
    source_doc BLOB,
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS trash_flow ON trash (flow_id, id);
CREATE INDEX IF NOT EXISTS trash_source ON trash (source_id, id);
CREATE INDEX IF NOT EXISTS trash_operation ON trash (operation);
CREATE INDEX IF NOT EXISTS trash_purge ON trash (purge_ms);

-- Bulk loads, and the keys of the rows that each batch inserted, until the load is finished.
CREATE TABLE IF NOT EXISTS loads (
    id TEXT PRIMARY KEY,
    changed_ms INTEGER NOT NULL,
    body BLOB NOT NULL                  -- MessagePack
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS load_keys (
    load TEXT NOT NULL,
    number INTEGER NOT NULL,            -- ascending in the order of insertion
    body BLOB NOT NULL,                 -- MessagePack
    PRIMARY KEY (load, number)
) STRICT;
