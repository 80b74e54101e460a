/* cache: vectors that a model has made, in an SQLite file */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include <sqlite3.h>

#include "cache.h"
#include "clock.h"
#include "filename.h"
#include "fnum.h"
#include "json.h"

enum {
	APPLICATION = 0x76706361, /* "vpca" */
	BUSY_MS = 60000,          /* another process writes for milliseconds at a time */
	AGAIN_MS = 10,
	USES = 4096,    /* written down together */
	OVERHEAD = 128, /* bytes in the file for a vector, beside its numbers, and a little more */
	EIGHTHS = 8
};

enum {
	BEGIN,
	COMMIT,
	ROLLBACK,
	HAS,
	FETCH,
	USE,
	ADD_VECTOR,
	ADD,
	COUNT,
	SIZE,
	FILE_SIZE,
	DROP_VECTORS,
	DROP,
	STATEMENTS
};

/* What is used is kept apart from the vectors: to write down the use of one changes 40 bytes, not thousands. 16 KiB a
 * page, because of a vector of 768 or 1,024 numbers only one would be on a page of 4 KiB, or not even that. */
static const char setup[] =
    "PRAGMA page_size = 16384;"
    "PRAGMA auto_vacuum = INCREMENTAL;"
    "PRAGMA journal_mode = WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS vector ("
    "  id INTEGER PRIMARY KEY,"
    "  numbers NOT NULL);" /* a blob of float32 in this machine's byte order; or a text, JSON */
    "CREATE TABLE IF NOT EXISTS entry ("
    "  key BLOB PRIMARY KEY,"  /* 16 bytes */
    "  used INTEGER NOT NULL," /* ms since 1970: when the run began that used it last */
    "  vector INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1987076961;"
    "PRAGMA user_version = 1;"
    "COMMIT";

/* What was used longest ago: the last run's vectors in the order in which they came. */
#define OLDEST " FROM entry ORDER BY used, vector LIMIT ?1"
static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [HAS] = "SELECT 1 FROM entry WHERE key = ?1",
    [FETCH] =
	"SELECT numbers, used FROM entry JOIN vector ON vector.id = entry.vector WHERE key = ?1",
    [USE] = "UPDATE entry SET used = ?2 WHERE key = ?1",
    [ADD_VECTOR] = "INSERT INTO vector (numbers) VALUES (?1)",
    [ADD] = "INSERT INTO entry (key, used, vector) VALUES (?1, ?2, last_insert_rowid())",
    [COUNT] = "SELECT count(*) FROM entry",
    [SIZE] = "SELECT (page_count - freelist_count) * page_size"
	     " FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    [FILE_SIZE] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    [DROP_VECTORS] = "DELETE FROM vector WHERE id IN (SELECT vector" OLDEST ")",
    [DROP] = "DELETE FROM entry WHERE key IN (SELECT key" OLDEST ")",
};

struct vp_cache {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	sqlite3_int64 now, max;
	struct vp_hash used[USES]; /* keys, not written down yet */
	size_t uses;
	struct vp_buf numbers, text; /* of one vector, while it goes in or comes out */
	struct vp_buf why;
};

/* Run a statement that gives no row: SQLITE_OK, or an error. */
static int
run(struct vp_cache *c, int which)
{
	int code = sqlite3_step(c->statement[which]);

	sqlite3_reset(c->statement[which]);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The number that a statement gives; 0 where it fails, which the next one will say. */
static sqlite3_int64
number(struct vp_cache *c, int which)
{
	sqlite3_stmt *s = c->statement[which];
	sqlite3_int64 n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;

	sqlite3_reset(s);
	return n;
}

static sqlite3_stmt *
with_key(struct vp_cache *c, int which, const struct vp_hash *key)
{
	sqlite3_bind_blob(c->statement[which], 1, key->w, sizeof key->w, SQLITE_STATIC);
	return c->statement[which];
}

/* Drop what was used longest ago until need bytes more are within the limit: an eighth at a time, because finding it
 * takes a look at all. */
static int
make_room(struct vp_cache *c, size_t need)
{
	int code = SQLITE_OK;

	while (code == SQLITE_OK && c->max && number(c, SIZE) + (sqlite3_int64)need > c->max) {
		sqlite3_int64 n = number(c, COUNT);

		if (!n)
			break;
		sqlite3_bind_int64(c->statement[DROP_VECTORS], 1, n / EIGHTHS + 1);
		sqlite3_bind_int64(c->statement[DROP], 1, n / EIGHTHS + 1);
		code = run(c, DROP_VECTORS);
		if (code == SQLITE_OK)
			code = run(c, DROP);
	}
	return code;
}

/* Bind the vector as what it is kept as. */
static int
bind_vector(struct vp_cache *c, struct vp_span vector)
{
	sqlite3_stmt *s = c->statement[ADD_VECTOR];
	float *x;
	size_t n;

	if (vp_json_numbers(vector, &n) == 0) {
		c->numbers.n = c->text.n = 0;
		x = (float *)(void *)vp_buf_room(&c->numbers, n * sizeof *x);
		if (vp_floats_read(vector, x, n) == 0 && vp_floats_print(&c->text, x, n) == 0 &&
		    vp_span_eq(vp_buf_get(&c->text), vector))
			return sqlite3_bind_blob64(s, 1, x, n * sizeof *x, SQLITE_STATIC);
	}
	return sqlite3_bind_text64(s, 1, vector.s, vector.n, SQLITE_STATIC, SQLITE_UTF8);
}

static int
add(struct vp_cache *c, const struct vp_hash *key, struct vp_span vector)
{
	int code;

	if (vp_cache_has(c, *key))
		return SQLITE_OK;
	code = bind_vector(c, vector);
	if (code == SQLITE_OK)
		code = run(c, ADD_VECTOR);
	sqlite3_bind_int64(with_key(c, ADD, key), 2, c->now);
	return code == SQLITE_OK ? run(c, ADD) : code;
}

static int
write_uses(struct vp_cache *c)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < c->uses && code == SQLITE_OK; i++) {
		sqlite3_bind_int64(with_key(c, USE, &c->used[i]), 2, c->now);
		code = run(c, USE);
	}
	c->uses = 0;
	return code;
}

/* Bytes that the vectors take at most. */
static size_t
bytes_of(const struct vp_span vector[], size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += vector[i].n + OVERHEAD;
	return bytes;
}

/* Remember why a call failed, and give up what it had begun. */
static int
fail(struct vp_cache *c)
{
	c->why.n = 0;
	vp_buf_puts(&c->why, sqlite3_errmsg(c->db));
	vp_buf_cstr(&c->why);
	if (!sqlite3_get_autocommit(c->db))
		run(c, ROLLBACK);
	return VP_E_IO;
}

int
vp_cache_put(
    struct vp_cache *c, const struct vp_hash key[], const struct vp_span vector[], size_t n)
{
	int code = run(c, BEGIN);

	if (code == SQLITE_OK && n)
		code = make_room(c, bytes_of(vector, n));
	for (size_t i = 0; i < n && code == SQLITE_OK; i++)
		code = add(c, &key[i], vector[i]);
	if (code == SQLITE_OK)
		code = write_uses(c);
	if (code == SQLITE_OK)
		code = run(c, COMMIT);
	return code == SQLITE_OK ? 0 : fail(c);
}

int
vp_cache_has(struct vp_cache *c, struct vp_hash key)
{
	int code = sqlite3_step(with_key(c, HAS, &key));

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		fail(c);
	sqlite3_reset(c->statement[HAS]);
	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : VP_E_IO;
}

/* The vector in the row that s stands on, as JSON. */
static void
read_vector(struct vp_cache *c, sqlite3_stmt *s, struct vp_buf *out, size_t *dim)
{
	struct vp_span kept = {sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)};

	if (sqlite3_column_type(s, 0) == SQLITE_BLOB) {
		*dim = kept.n / sizeof(float);
		c->numbers.n = 0;
		vp_buf_span(&c->numbers, kept); /* where floats may stand */
		vp_floats_print(out, (const float *)(void *)c->numbers.s, *dim);
	} else {
		if (vp_json_numbers(kept, dim))
			*dim = 0;
		vp_buf_span(out, kept);
	}
}

int
vp_cache_fetch(struct vp_cache *c, struct vp_hash key, struct vp_buf *out, size_t *dim)
{
	sqlite3_stmt *s = with_key(c, FETCH, &key);
	int code = sqlite3_step(s);
	bool now = false;

	if (code == SQLITE_ROW) {
		read_vector(c, s, out, dim);
		now = sqlite3_column_int64(s, 1) == c->now;
	} else if (code != SQLITE_DONE) {
		fail(c);
	}
	sqlite3_reset(s);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : VP_E_IO;
	if (!now)
		c->used[c->uses++] = key;
	if (c->uses == USES)
		vp_cache_put(
		    c, NULL, NULL, 0); /* if that fails, it only looks less used than it is */
	return 1;
}

/* The number that a statement gives, where the database has no statements of its own yet. */
static int
ask(sqlite3 *db, const char *text, sqlite3_int64 *out)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(db, text, -1, &s, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(s);
	*out = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* See that it is a cache, and make it one if it is empty. SQLITE_NOTADB: it is something else. The tables are looked for
 * first: another process may make them and the rest meanwhile, and it does no harm to do that twice. */
static int
prepare(struct vp_cache *c)
{
	sqlite3_int64 tables, application = 0, format = 0;
	int code = ask(c->db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (code == SQLITE_OK)
		code = ask(c->db, "PRAGMA application_id", &application);
	if (code == SQLITE_OK)
		code = ask(c->db, "PRAGMA user_version", &format);
	if (code == SQLITE_OK && !tables && (!application || application == APPLICATION))
		code = sqlite3_exec(c->db, setup, NULL, NULL, NULL);
	else if (code == SQLITE_OK && (application != APPLICATION || format != 1))
		code = SQLITE_NOTADB;
	if (code != SQLITE_OK && !sqlite3_get_autocommit(c->db))
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

/* Bring a file that is too large under a limit that is new. */
static int
shrink(struct vp_cache *c)
{
	int code;

	if (!c->max || number(c, FILE_SIZE) <= c->max)
		return SQLITE_OK;
	code = run(c, BEGIN);
	if (code == SQLITE_OK)
		code = make_room(c, 0);
	if (code == SQLITE_OK)
		code = run(c, COMMIT);
	if (code == SQLITE_OK)
		code = sqlite3_exec(c->db, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
	return code;
}

static int
open_file(struct vp_cache *c, const char *path)
{
	uint64_t until = vp_now_ms() + BUSY_MS;
	char *name = vp_filename_sqlite(path);
	int code = sqlite3_open_v2(
	    name, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	free(name);
	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(c->db, BUSY_MS);
	/* the change to WAL does not wait for another process that is about it too */
	while ((code = prepare(c)) == SQLITE_BUSY && vp_now_ms() < until)
		poll(NULL, 0, AGAIN_MS);
	if (code == SQLITE_OK)
		code = sqlite3_exec(c->db,
		    "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 256", NULL, NULL,
		    NULL);
	for (int i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
		code = sqlite3_prepare_v3(
		    c->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &c->statement[i], NULL);
	return code == SQLITE_OK ? shrink(c) : code;
}

int
vp_cache_open(const char *path, uint64_t max, struct vp_cache **out, struct vp_buf *why)
{
	struct vp_cache *c = vp_zalloc(1, sizeof *c);
	struct timespec t;
	int code;

	clock_gettime(CLOCK_REALTIME, &t);
	c->now = (sqlite3_int64)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	c->max = max < INT64_MAX ? (sqlite3_int64)max : INT64_MAX;
	code = open_file(c, path);
	if (code == SQLITE_OK) {
		*out = c;
		return 0;
	}
	vp_buf_puts(why, code == SQLITE_NOTADB ? "not a file that hf-embed --cache has made"
					       : sqlite3_errmsg(c->db));
	vp_cache_close(c);
	return code == SQLITE_NOTADB ? VP_E_TYPE : VP_E_IO;
}

const char *
vp_cache_why(const struct vp_cache *c)
{
	return c->why.s;
}

void
vp_cache_close(struct vp_cache *c)
{
	if (!c)
		return;
	if (c->uses)
		vp_cache_put(c, NULL, NULL, 0);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->statement[i]);
	sqlite3_close(c->db);
	vp_buf_free(&c->numbers);
	vp_buf_free(&c->text);
	vp_buf_free(&c->why);
	free(c);
}
