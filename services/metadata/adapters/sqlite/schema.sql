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
    row INTEGER PRIMARY KEY,            -- short id that segment rows carry
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
    state TEXT NOT NULL,                -- 'allocated', 'registered' or 'unreferenced'
    allocated_for_flow TEXT,
    first_referenced_by_flow TEXT,
    created_ms INTEGER NOT NULL,        -- milliseconds since 1970, as all *_ms
    changed_ms INTEGER NOT NULL,        -- when the state last changed
    measure_at_ms INTEGER,              -- next attempt to learn the size; NULL when there is none due
    measure_attempts INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_measure ON objects (measure_at_ms) WHERE measure_at_ms IS NOT NULL;

CREATE TABLE IF NOT EXISTS object_references (
    object_id TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (object_id, flow_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS collections (
    flow_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    member TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (flow_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_member ON collections (member);
