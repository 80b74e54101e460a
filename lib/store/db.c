/* db: the SQLite file in which everything is kept */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db-inside.h"

#define FORMAT 2 /* of the file; a newer one is refused */

static const char format_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value);\n"
    "CREATE TABLE indexes (\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  name TEXT NOT NULL UNIQUE,\n"
    "  dimension INTEGER NOT NULL, -- 0: a sparse index\n"
    "  metric TEXT NOT NULL,\n"
    "  deletion_protection INTEGER NOT NULL,\n"
    "  tags TEXT NOT NULL, -- a JSON object\n"
    "  spec TEXT NOT NULL -- a JSON object, as given\n"
    ");\n"
    "CREATE TABLE namespaces (\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  index_id INTEGER NOT NULL REFERENCES indexes (id),\n"
    "  name TEXT NOT NULL,\n"
    "  schema TEXT, -- a JSON object, as given\n"
    "  UNIQUE (index_id, name)\n"
    ");\n"
    "CREATE TABLE records (\n"
    "  record INTEGER PRIMARY KEY,\n"
    "  namespace_id INTEGER NOT NULL REFERENCES namespaces (id),\n"
    "  id TEXT NOT NULL, -- unique in its namespace; the server sees to that\n"
    "  vector BLOB, -- little-endian float32\n"
    "  sparse BLOB, -- n little-endian uint32 indices, then n float32 values\n"
    "  metadata TEXT -- a JSON object\n"
    ");\n"
    "INSERT INTO meta VALUES ('format', 1);\n";

/* Backups and imports. A record is in a backup if its namespace is, record < before, and last_backup
 * is NULL or no less than the backup's id. Comments stand inside the parentheses: SQLite keeps them. */
static const char format_2[] =
    "ALTER TABLE records ADD COLUMN\n"
    "  last_backup INTEGER /* NULL: it is there; else it is gone, and that backup the last with it "
    "*/;\n"
    "CREATE TABLE backups (\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  index_id INTEGER NOT NULL, -- the index, which may be gone, and what it was then\n"
    "  index_name TEXT NOT NULL,\n"
    "  dimension INTEGER NOT NULL,\n"
    "  metric TEXT NOT NULL,\n"
    "  tags TEXT NOT NULL,\n"
    "  spec TEXT NOT NULL,\n"
    "  name TEXT,\n"
    "  description TEXT,\n"
    "  created_at TEXT NOT NULL,\n"
    "  index_deleted_at TEXT NOT NULL, -- or empty\n"
    "  before INTEGER NOT NULL, -- records.record is less than that\n"
    "  records INTEGER NOT NULL,\n"
    "  bytes INTEGER NOT NULL,\n"
    "  ending INTEGER NOT NULL -- 1: is being deleted\n"
    ");\n"
    "CREATE TABLE backup_namespaces (\n"
    "  backup_id INTEGER NOT NULL REFERENCES backups (id),\n"
    "  namespace_id INTEGER NOT NULL, -- records.namespace_id; the namespace itself may be gone\n"
    "  name TEXT NOT NULL,\n"
    "  schema TEXT,\n"
    "  PRIMARY KEY (backup_id, namespace_id)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE restore_jobs (\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  backup_id INTEGER NOT NULL,\n"
    "  index_id INTEGER NOT NULL,\n"
    "  index_name TEXT NOT NULL,\n"
    "  status TEXT NOT NULL,\n"
    "  created_at TEXT NOT NULL,\n"
    "  completed_at TEXT NOT NULL -- or empty\n"
    ");\n"
    "CREATE TABLE imports (\n"
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  index_id INTEGER NOT NULL,\n"
    "  uri TEXT NOT NULL,\n"
    "  go_on INTEGER NOT NULL, -- 1: past a record that cannot be stored\n"
    "  status TEXT NOT NULL,\n"
    "  created_at TEXT NOT NULL,\n"
    "  finished_at TEXT NOT NULL, -- or empty\n"
    "  records INTEGER NOT NULL,\n"
    "  error TEXT\n"
    ");\n"
    "UPDATE meta SET value = 2 WHERE key = 'format';\n";

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [ADD_INDEX] = "INSERT INTO indexes (name, dimension, metric, deletion_protection, tags, spec)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SET_INDEX] =
	"UPDATE indexes SET name = ?1, dimension = ?2, metric = ?3, deletion_protection = ?4,"
	" tags = ?5, spec = ?6 WHERE id = ?7",
    [REMOVE_INDEX] = "DELETE FROM indexes WHERE id = ?1",
    [ADD_SPACE] = "INSERT INTO namespaces (index_id, name, schema) VALUES (?1, ?2, ?3)",
    [REMOVE_SPACE] = "DELETE FROM namespaces WHERE id = ?1",
    [PUT] = "INSERT OR REPLACE INTO records (record, namespace_id, id, vector, sparse, metadata)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [REMOVE] = "DELETE FROM records WHERE record = ?1",
    [KEEP] = "UPDATE records SET last_backup = ?2 WHERE record = ?1",
};

/* Run text that returns no rows, or one number. */
static int
number(struct vp_db *f, const char *text, int64_t *out)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(f->db, text, -1, &s, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(s);
	if (code == SQLITE_ROW && out)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

const char *
vp_db_upgrade(int64_t format, struct vp_buf *why)
{
	static const char *const steps[FORMAT] = {format_1, format_2};

	if (format > FORMAT)
		vp_buf_printf(why,
		    "format %lld of the file is newer than this program (%d): use a newer pc-local",
		    (long long)format, FORMAT);
	return format >= 0 && format < FORMAT ? steps[format] : NULL;
}

/* All steps from a format on, in one transaction. */
static int
upgrade(struct vp_db *f, int64_t format, struct vp_buf *why)
{
	char text[64];
	const char *step;
	int code = number(f, "BEGIN IMMEDIATE", NULL);

	snprintf(text, sizeof text, "PRAGMA application_id = %d", VP_DB_APPLICATION);
	if (code == SQLITE_OK && format == 0)
		code = number(f, text, NULL);
	for (; code == SQLITE_OK && (step = vp_db_upgrade(format, why)); format++)
		code = sqlite3_exec(f->db, step, NULL, NULL, NULL);
	return code == SQLITE_OK ? number(f, "COMMIT", NULL) : code;
}

/* The file is ours, or empty and made ours; and of the newest format. */
static enum vp_store_error
identify(struct vp_db *f, struct vp_buf *why)
{
	int64_t application = 0, tables = 0, format = 0;
	int code = number(f, "PRAGMA application_id", &application);

	if (code == SQLITE_OK)
		code = number(f, "SELECT count(*) FROM sqlite_master", &tables);
	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT ||
	    (code == SQLITE_OK && tables && application != VP_DB_APPLICATION)) {
		vp_buf_puts(
		    why, "not a pc-local file: name another one, or one that does not exist yet");
		return VP_STORE_FOREIGN;
	}
	if (code == SQLITE_OK)
		code = tables ? number(f, "SELECT value FROM meta WHERE key = 'format'", &format)
			      : number(f, "PRAGMA page_size = 32768", NULL);
	if (code == SQLITE_OK && vp_db_upgrade(format, why))
		code = upgrade(f, format, why);
	if (code == SQLITE_OK && why->n == 0)
		code = number(f, "PRAGMA journal_mode = WAL", NULL);
	if (code == SQLITE_OK && why->n == 0)
		code = number(f, "PRAGMA synchronous = FULL", NULL);
	if (code == SQLITE_OK)
		return why->n ? VP_STORE_FOREIGN : VP_STORE_OK;
	vp_buf_puts(why, sqlite3_errmsg(f->db));
	return VP_STORE_UNOPENED;
}

/* A file that we have just made must still be there after a power cut. */
static void
sync_folder(const char *path)
{
	char *folder = vp_strdup(path);
	int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

/* Take the file for this process: flock(2), which SQLite's own locks know nothing of, so that
 * sqlite3(1) can still read beside us. Our descriptor must stay open as long as SQLite's: closing
 * it would drop those. */
static enum vp_store_error
take(struct vp_db *f, const char *path, struct vp_buf *why)
{
	f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (f->lock < 0) {
		vp_buf_puts(why, strerror(errno));
		return VP_STORE_UNOPENED;
	}
	if (flock(f->lock, LOCK_EX | LOCK_NB) == 0) {
		sync_folder(path);
		return VP_STORE_OK;
	}
	vp_buf_puts(why, errno == EWOULDBLOCK
			     ? "another pc-local has it: stop that one, or name another file"
			     : strerror(errno));
	return errno == EWOULDBLOCK ? VP_STORE_TAKEN : VP_STORE_UNOPENED;
}

enum vp_store_error
vp_db_open(const char *path, struct vp_db **out, struct vp_buf *why)
{
	struct vp_db *f = vp_zalloc(1, sizeof *f);
	enum vp_store_error e = take(f, path, why);

	if (e == VP_STORE_OK &&
	    sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK) {
		vp_buf_puts(why, sqlite3_errmsg(f->db));
		e = VP_STORE_UNOPENED;
	}
	if (e == VP_STORE_OK) {
		sqlite3_busy_timeout(f->db, 10000); /* someone looks at it with sqlite3(1) */
		e = identify(f, why);
	}
	for (int i = 0; e == VP_STORE_OK && i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(
			f->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &f->statements[i], NULL)) {
			vp_buf_printf(why, "not a pc-local file: %s", sqlite3_errmsg(f->db));
			e = VP_STORE_FOREIGN;
		}
	if (e != VP_STORE_OK) {
		vp_db_close(f);
		return e;
	}
	*out = f;
	return VP_STORE_OK;
}

void
vp_db_close(struct vp_db *f)
{
	if (!f)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(f->statements[i]);
	sqlite3_close(f->db);
	if (f->lock >= 0)
		close(f->lock);
	vp_buf_free(&f->why);
	free(f);
}

static const char *
text_of(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text ? text : "";
}

static char *
copy_of(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text ? vp_strdup(text) : NULL;
}

static struct vp_span
span_of(sqlite3_stmt *s, int column)
{
	struct vp_span span = {sqlite3_column_blob(s, column), 0};

	span.n = (size_t)sqlite3_column_bytes(s, column);
	return span;
}

/* Columns from a place on: name, dimension, metric, tags, spec. conf owns the texts, also on false. */
static bool
read_conf(sqlite3_stmt *s, int at, struct vp_index_conf *conf)
{
	*conf = (struct vp_index_conf){
	    .name = vp_strdup(text_of(s, at)),
	    .dimension = (size_t)sqlite3_column_int64(s, at + 1),
	    .tags = vp_strdup(text_of(s, at + 3)),
	    .spec = vp_strdup(text_of(s, at + 4)),
	};
	return vp_metric_read(vp_str(text_of(s, at + 2)), &conf->metric) == 0;
}

static bool
read_index(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	struct vp_index_conf conf;
	bool ok = read_conf(s, 1, &conf);

	conf.is_protected = sqlite3_column_int(s, 6);
	ok = ok && r->index(r->arg, sqlite3_column_int64(s, 0), &conf);
	vp_index_conf_free(&conf);
	return ok;
}

static bool
read_space(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	return r->space(r->arg, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
	    text_of(s, 2), (const char *)sqlite3_column_text(s, 3));
}

static bool
read_backup(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	struct vp_backup *b = vp_zalloc(1, sizeof *b);
	bool ok = read_conf(s, 2, &b->conf);

	b->key = sqlite3_column_int64(s, 0);
	b->index = sqlite3_column_int64(s, 1);
	b->name = copy_of(s, 7);
	b->description = copy_of(s, 8);
	snprintf(b->created, sizeof b->created, "%s", text_of(s, 9));
	snprintf(b->index_deleted, sizeof b->index_deleted, "%s", text_of(s, 10));
	b->before = sqlite3_column_int64(s, 11);
	b->records = (size_t)sqlite3_column_int64(s, 12);
	b->bytes = (size_t)sqlite3_column_int64(s, 13);
	b->ending = sqlite3_column_int(s, 14);
	if (!ok)
		vp_backup_free(b);
	return ok && r->backup(r->arg, b);
}

static bool
read_backup_space(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	return r->backup_space(r->arg, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1));
}

static bool
read_restore(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	struct vp_restore *job = vp_zalloc(1, sizeof *job);

	job->key = sqlite3_column_int64(s, 0);
	job->backup = sqlite3_column_int64(s, 1);
	job->index = sqlite3_column_int64(s, 2);
	job->name = vp_strdup(text_of(s, 3));
	snprintf(job->status, sizeof job->status, "%s", text_of(s, 4));
	snprintf(job->created, sizeof job->created, "%s", text_of(s, 5));
	snprintf(job->completed, sizeof job->completed, "%s", text_of(s, 6));
	return r->restore(r->arg, job);
}

static bool
read_import(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	struct vp_import *job = vp_zalloc(1, sizeof *job);

	job->key = sqlite3_column_int64(s, 0);
	job->index = sqlite3_column_int64(s, 1);
	job->uri = vp_strdup(text_of(s, 2));
	job->go_on = sqlite3_column_int(s, 3);
	snprintf(job->status, sizeof job->status, "%s", text_of(s, 4));
	snprintf(job->created, sizeof job->created, "%s", text_of(s, 5));
	snprintf(job->finished, sizeof job->finished, "%s", text_of(s, 6));
	job->records = (size_t)sqlite3_column_int64(s, 7);
	job->error = copy_of(s, 8);
	return r->import(r->arg, job);
}

/* SQLite aligns blobs to no more than 1 byte, so what is read as numbers is copied. */
bool
vp_db_item(sqlite3_stmt *s, int at, struct vp_db_item *out)
{
	struct vp_span vector = span_of(s, at + 1), sparse = span_of(s, at + 2);

	if (vector.n % sizeof(float) || sparse.n % 8)
		return false;
	*out = (struct vp_db_item){
	    .item = {.id = span_of(s, at), .metadata = span_of(s, at + 3), .sparse = sparse.n / 8},
	    .dimension = vector.n / sizeof(float),
	};
	if (vector.n)
		out->item.values = out->values = memcpy(vp_alloc(vector.n, 1), vector.s, vector.n);
	if (sparse.n) {
		out->item.indices = out->pairs = memcpy(vp_alloc(sparse.n, 1), sparse.s, sparse.n);
		out->item.weights = (const float *)(const void *)(out->pairs + out->item.sparse);
	}
	return true;
}

void
vp_db_item_free(struct vp_db_item *i)
{
	free(i->values);
	free(i->pairs);
}

static bool
read_record(sqlite3_stmt *s, const struct vp_db_reader *r)
{
	struct vp_db_item i;
	int64_t key = sqlite3_column_int64(s, 0), all = sqlite3_column_int64(s, 7);
	bool ok;

	if (!vp_db_item(s, 2, &i))
		return false;
	ok = r->record(r->arg, key, sqlite3_column_int64(s, 1), &i.item, i.dimension,
	    sqlite3_column_type(s, 6) != SQLITE_NULL, (double)key / (double)all);
	vp_db_item_free(&i);
	return ok;
}

/* Run a query, and read each row. table names it in what is said of it. */
static enum vp_store_error
read_table(struct vp_db *f, const char *table, const char *text,
    bool (*read)(sqlite3_stmt *s, const struct vp_db_reader *r), const struct vp_db_reader *r,
    struct vp_buf *why)
{
	sqlite3_stmt *s;
	bool ok = true;
	int code = sqlite3_prepare_v2(f->db, text, -1, &s, NULL);

	if (code == SQLITE_OK)
		while ((code = sqlite3_step(s)) == SQLITE_ROW && (ok = read(s, r)))
			;
	if (!ok)
		vp_buf_printf(why, "table %s, row %lld: not what pc-local has written", table,
		    (long long)sqlite3_column_int64(s, 0));
	else if (code != SQLITE_DONE)
		vp_buf_printf(why, "table %s: %s", table, sqlite3_errmsg(f->db));
	sqlite3_finalize(s);
	return ok && code == SQLITE_DONE ? VP_STORE_OK : VP_STORE_FOREIGN;
}

enum vp_store_error
vp_db_read(struct vp_db *f, const struct vp_db_reader *r, struct vp_buf *why)
{
	static const struct {
		const char *table, *text;
		bool (*read)(sqlite3_stmt *s, const struct vp_db_reader *r);
	} tables[] = {
	    {"indexes",
		"SELECT id, name, dimension, metric, tags, spec, deletion_protection FROM indexes "
		"ORDER BY id",
		read_index},
	    {"namespaces", "SELECT id, index_id, name, schema FROM namespaces ORDER BY id",
		read_space},
	    {"backups",
		"SELECT id, index_id, index_name, dimension, metric, tags, spec, name, description,"
		" created_at, index_deleted_at, before, records, bytes, ending FROM backups"
		" ORDER BY id",
		read_backup},
	    {"backup_namespaces",
		"SELECT backup_id, namespace_id FROM backup_namespaces ORDER BY backup_id",
		read_backup_space},
	    {"restore_jobs",
		"SELECT id, backup_id, index_id, index_name, status, created_at, completed_at"
		" FROM restore_jobs ORDER BY id",
		read_restore},
	    {"imports",
		"SELECT id, index_id, uri, go_on, status, created_at, finished_at, records, error"
		" FROM imports ORDER BY id",
		read_import},
	    {"records",
		"SELECT record, namespace_id, id, vector, sparse, metadata, last_backup,"
		" (SELECT max(record) FROM records) FROM records ORDER BY record",
		read_record},
	};
	enum vp_store_error e = VP_STORE_OK;

	for (size_t i = 0; e == VP_STORE_OK && i < sizeof tables / sizeof *tables; i++)
		e = read_table(f, tables[i].table, tables[i].text, tables[i].read, r, why);
	return e;
}

bool
vp_db_failed(struct vp_db *f)
{
	f->code = sqlite3_extended_errcode(f->db);
	f->error = sqlite3_system_errno(f->db);
	f->why.n = 0;
	vp_buf_puts(&f->why, sqlite3_errmsg(f->db));
	return false;
}

static bool
step(struct vp_db *f, enum statement which)
{
	sqlite3_stmt *s = f->statements[which];
	int code = sqlite3_step(s);

	if (code != SQLITE_DONE)
		vp_db_failed(f);
	sqlite3_reset(s);
	return code == SQLITE_DONE;
}

bool
vp_db_begin(struct vp_db *f)
{
	return step(f, BEGIN);
}

bool
vp_db_commit(struct vp_db *f)
{
	return step(f, COMMIT);
}

void
vp_db_rollback(struct vp_db *f)
{
	struct vp_buf why = f->why; /* what is of interest is why it came to this */
	int code = f->code, error = f->error;

	if (sqlite3_get_autocommit(f->db))
		return; /* SQLite has done it already */
	f->why = (struct vp_buf){0};
	step(f, ROLLBACK);
	vp_buf_free(&f->why);
	f->why = why;
	f->code = code;
	f->error = error;
}

static void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static sqlite3_stmt *
bind_index(struct vp_db *f, enum statement which, const struct vp_index_conf *conf)
{
	sqlite3_stmt *s = f->statements[which];

	bind_text(s, 1, conf->name);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)conf->dimension);
	bind_text(s, 3, vp_metric_name(conf->metric));
	sqlite3_bind_int(s, 4, conf->is_protected);
	bind_text(s, 5, conf->tags);
	bind_text(s, 6, conf->spec);
	return s;
}

bool
vp_db_add_index(struct vp_db *f, const struct vp_index_conf *conf, int64_t *key)
{
	bind_index(f, ADD_INDEX, conf);
	if (!step(f, ADD_INDEX))
		return false;
	*key = sqlite3_last_insert_rowid(f->db);
	return true;
}

bool
vp_db_set_index(struct vp_db *f, int64_t key, const struct vp_index_conf *conf)
{
	sqlite3_bind_int64(bind_index(f, SET_INDEX, conf), 7, key);
	return step(f, SET_INDEX);
}

static bool
by_key(struct vp_db *f, enum statement which, int64_t key)
{
	sqlite3_bind_int64(f->statements[which], 1, key);
	return step(f, which);
}

bool
vp_db_remove_index(struct vp_db *f, int64_t key)
{
	return by_key(f, REMOVE_INDEX, key);
}

bool
vp_db_add_space(
    struct vp_db *f, int64_t index, const char *name, const char *schema_text, int64_t *key)
{
	sqlite3_stmt *s = f->statements[ADD_SPACE];

	sqlite3_bind_int64(s, 1, index);
	bind_text(s, 2, name);
	bind_text(s, 3, schema_text);
	if (!step(f, ADD_SPACE))
		return false;
	*key = sqlite3_last_insert_rowid(f->db);
	return true;
}

bool
vp_db_remove_space(struct vp_db *f, int64_t key)
{
	return by_key(f, REMOVE_SPACE, key);
}

bool
vp_db_put(struct vp_db *f, int64_t key, int64_t space, const struct vp_item *item, size_t dimension)
{
	sqlite3_stmt *s = f->statements[PUT];
	size_t n = item->sparse * sizeof(uint32_t);
	char *pairs = NULL;
	bool ok;

	sqlite3_bind_int64(s, 1, key);
	sqlite3_bind_int64(s, 2, space);
	sqlite3_bind_text(s, 3, item->id.s, (int)item->id.n, SQLITE_STATIC);
	sqlite3_bind_blob(s, 4, item->values, (int)(dimension * sizeof(float)), SQLITE_STATIC);
	if (n) {
		pairs = vp_alloc(2, n);
		memcpy(pairs, item->indices, n);
		memcpy(pairs + n, item->weights, n);
	}
	sqlite3_bind_blob(s, 5, pairs, (int)(2 * n), SQLITE_STATIC);
	sqlite3_bind_text(
	    s, 6, item->metadata.n ? item->metadata.s : NULL, (int)item->metadata.n, SQLITE_STATIC);
	ok = step(f, PUT);
	free(pairs);
	return ok;
}

bool
vp_db_remove(struct vp_db *f, int64_t key)
{
	return by_key(f, REMOVE, key);
}

bool
vp_db_keep(struct vp_db *f, int64_t key, int64_t backup)
{
	sqlite3_bind_int64(f->statements[KEEP], 2, backup);
	return by_key(f, KEEP, key);
}

const char *
vp_db_why(struct vp_db *f)
{
	if (f->code == SQLITE_FULL || f->error == ENOSPC || f->error == EDQUOT)
		return "the disk is full: make room; nothing was stored, and what is stored can "
		       "still be read";
	vp_buf_puts(&f->why, ": nothing was stored, and what is stored can still be read");
	return vp_buf_cstr(&f->why);
}
