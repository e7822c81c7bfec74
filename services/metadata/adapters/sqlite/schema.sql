-- Tables of the one-machine engine. Times are integer nanoseconds, documents are the TAMS JSON that
-- is served, without what is derived at read time (get_urls, timerange, segments_updated, collected_by).
-- The analytics service reads segments, flows, flow_stats, objects and storages: change them together.

CREATE TABLE IF NOT EXISTS sources (
    id TEXT PRIMARY KEY,
    format TEXT NOT NULL,
    label TEXT,
    doc BLOB NOT NULL,
    source_collection BLOB,             -- JSON array, derived from flow collections; NULL when empty
    collected_by BLOB                   -- JSON array, derived; NULL when empty
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
    doc BLOB NOT NULL,
    collected_by BLOB                   -- JSON array, derived; NULL when empty
) STRICT;
CREATE INDEX IF NOT EXISTS flows_source ON flows (source_id, id);
CREATE INDEX IF NOT EXISTS flows_label ON flows (label, id) WHERE label IS NOT NULL;

-- Tags of sources and flows, one row each, so that a tag filter is an index seek.
CREATE TABLE IF NOT EXISTS tags (
    owner TEXT NOT NULL,                -- 'source' or 'flow'
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (owner, id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_value ON tags (owner, name, value, id);

-- One row a flow, changed in the transaction that changes its segments.
CREATE TABLE IF NOT EXISTS flow_stats (
    flow INTEGER PRIMARY KEY,           -- flows.row
    segments INTEGER NOT NULL,
    start_ns INTEGER,                   -- first instant of the first segment
    end_ns INTEGER,                     -- exclusive end of the last segment
    end_inclusive INTEGER NOT NULL,     -- how the last segment's end is written
    updated TEXT                        -- segments_updated, RFC 3339
) STRICT;

-- Segments of one flow never overlap, so start order is also end order.
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
    PRIMARY KEY (flow, start_ns)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_object ON segments (object_id);

-- Storage backends by short id.
CREATE TABLE IF NOT EXISTS storages (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

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
    measure_attempts INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_measure ON objects (measure_at_ms) WHERE measure_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_idle ON objects (state, changed_ms) WHERE state <> 'registered';

CREATE TABLE IF NOT EXISTS collections (
    flow_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    member TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (flow_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_member ON collections (member);

-- One row: what the operator calls this store.
CREATE TABLE IF NOT EXISTS service_info (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    name TEXT,
    description TEXT
) STRICT;

-- Subscribers. A deliverer holds a lease on those it serves.
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    api_key_name TEXT NOT NULL,
    api_key_value TEXT NOT NULL,
    body BLOB NOT NULL,                 -- the registration, MessagePack
    settled INTEGER NOT NULL,           -- events up to this id are delivered or given up
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (url, api_key_name, api_key_value)
) STRICT, WITHOUT ROWID;

-- Flows and sources whose events a subscriber refuses, while it takes those of others.
CREATE TABLE IF NOT EXISTS lagging (
    webhook_id TEXT NOT NULL,
    key TEXT NOT NULL,                  -- id of the flow or source
    settled INTEGER NOT NULL,           -- its events up to this id are delivered or given up
    PRIMARY KEY (webhook_id, key)
) STRICT, WITHOUT ROWID;

-- The outbox: written in the transaction of the change, while there are subscribers.
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
    lease_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deletion_requests_open ON deletion_requests (created_ms) WHERE expiry_ms IS NULL;
CREATE INDEX IF NOT EXISTS deletion_requests_created ON deletion_requests (created_ms);

-- Bulk loads, and what each batch of one inserted, until it is finished.
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
