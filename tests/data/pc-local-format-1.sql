-- A file of pc-local's format 1, as sqlite3's .dump shows it.
PRAGMA application_id = 1987076913;
PRAGMA page_size = 32768;
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE meta (key TEXT PRIMARY KEY, value);
INSERT INTO meta VALUES('format',1);
CREATE TABLE indexes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  dimension INTEGER NOT NULL, -- 0: a sparse index
  metric TEXT NOT NULL,
  deletion_protection INTEGER NOT NULL,
  tags TEXT NOT NULL, -- a JSON object
  spec TEXT NOT NULL -- a JSON object, as given
);
INSERT INTO indexes VALUES(3,'demo',2,'cosine',0,'{}','{"serverless":{"cloud":"aws","region":"us-east-1"}}');
CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  index_id INTEGER NOT NULL REFERENCES indexes (id),
  name TEXT NOT NULL,
  schema TEXT, -- a JSON object, as given
  UNIQUE (index_id, name)
);
INSERT INTO namespaces VALUES(5,3,'__default__',NULL);
CREATE TABLE records (
  record INTEGER PRIMARY KEY,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
  id TEXT NOT NULL, -- unique in its namespace; the server sees to that
  vector BLOB, -- little-endian float32
  sparse BLOB, -- n little-endian uint32 indices, then n float32 values
  metadata TEXT -- a JSON object
);
INSERT INTO records VALUES(7,5,'a',X'0000803f0000003f',NULL,NULL);
INSERT INTO records VALUES(8,5,'b',X'000000400000003f',NULL,'{"g":"x"}');
COMMIT;
