/* upkeep: what is done to a file of the store as a whole */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "upkeep.h"

#define WAIT_MS 10000 /* for who writes to the file just now */

static enum vp_store_error
say(enum vp_store_error e, struct vp_buf *why, const char *text)
{
	vp_buf_puts(why, text);
	return e;
}

/* The first column of a query's first row, if it has one: as a number, or as text that is appended
 * (either may be NULL). False if that failed. */
static bool
first_row(sqlite3 *db, const char *sql, int64_t *number, struct vp_buf *text)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW && number)
		*number = sqlite3_column_int64(s, 0);
	if (code == SQLITE_ROW && text)
		vp_buf_puts(text, (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

/* Open a file of ours that exists. The caller closes *db in any case. */
static enum vp_store_error
open_file(const char *path, sqlite3 **db, struct vp_buf *why)
{
	int64_t application = 0;

	*db = NULL;
	if (access(path, R_OK | W_OK)) /* who reads a write-ahead log has to write beside it */
		return say(VP_STORE_UNOPENED, why, strerror(errno));
	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return say(VP_STORE_UNOPENED, why, sqlite3_errmsg(*db));
	sqlite3_busy_timeout(*db, WAIT_MS);
	if (!first_row(*db, "PRAGMA application_id", &application, NULL) ||
	    application != VP_DB_APPLICATION)
		return say(VP_STORE_FOREIGN, why, "not a pc-local file");
	return VP_STORE_OK;
}

static enum vp_store_error
copy_pages(sqlite3 *from, const char *to, struct vp_buf *why)
{
	sqlite3 *db = NULL;
	sqlite3_backup *b = NULL;
	int code = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE, NULL);

	if (code == SQLITE_OK && (b = sqlite3_backup_init(db, "main", from, "main"))) {
		sqlite3_backup_step(b, -1); /* in one step: what is written meanwhile stays out */
		code = sqlite3_backup_finish(b);
	}
	if (!b || code != SQLITE_OK)
		vp_buf_printf(why, "%s: %s", to, sqlite3_errmsg(db));
	sqlite3_close(db);
	return b && code == SQLITE_OK ? VP_STORE_OK : VP_STORE_FAILED;
}

enum vp_store_error
vp_upkeep_copy(const char *path, const char *to, struct vp_buf *why)
{
	sqlite3 *db;
	enum vp_store_error e = open_file(path, &db, why);
	int fd = -1;

	/* made empty first, so that nobody's file is written over */
	if (e == VP_STORE_OK && (fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0) {
		vp_buf_printf(why, "%s: %s", to, strerror(errno));
		e = VP_STORE_UNOPENED;
	}
	if (fd >= 0) {
		close(fd);
		e = copy_pages(db, to, why);
		if (e != VP_STORE_OK)
			unlink(to);
	}
	sqlite3_close(db);
	return e;
}

/* The records that are there, not only for the sake of backups; and which backup holds which. */
#define LIVE "records r JOIN namespaces n ON n.id = r.namespace_id AND r.last_backup IS NULL"
#define HELD                                                                                       \
	"backups b CROSS JOIN records r CROSS JOIN backup_namespaces n ON n.backup_id = b.id"      \
	" AND n.namespace_id = r.namespace_id AND r.record < b.before"                             \
	" AND (r.last_backup IS NULL OR r.last_backup >= b.id)"

/* Each finds what should not be there, as a text. */
static const char *const wrongs[] = {
    "SELECT 'namespace ' || n.id || ' belongs to no index' FROM namespaces n LEFT JOIN indexes i"
    " ON i.id = n.index_id WHERE i.id IS NULL LIMIT 1",
    "SELECT 'record ' || record || ' belongs to no namespace' FROM records WHERE namespace_id NOT"
    " IN (SELECT id FROM namespaces UNION SELECT namespace_id FROM backup_namespaces) LIMIT 1",
    "SELECT 'record ' || r.record || ' has a vector of another dimension' FROM " LIVE
    " JOIN indexes i ON i.id = n.index_id WHERE coalesce(length(r.vector), 0) <> 4 * i.dimension"
    " LIMIT 1",
    "SELECT 'id ' || quote(r.id) || ' is there twice' FROM " LIVE
    " GROUP BY r.namespace_id, r.id HAVING count(*) > 1 LIMIT 1",
    "SELECT 'record ' || r.record || ' has a vector of another dimension than its backup ' || b.id"
    " FROM " HELD " WHERE coalesce(length(r.vector), 0) <> 4 * b.dimension LIMIT 1",
    "SELECT 'id ' || quote(r.id) || ' is twice in backup ' || b.id FROM " HELD
    " GROUP BY b.id, r.namespace_id, r.id HAVING count(*) > 1 LIMIT 1",
    "SELECT 'backup ' || id || ' has not the records that it was made of' FROM backups WHERE NOT"
    " ending AND records <> (SELECT count(*) FROM " HELD " WHERE b.id = backups.id) LIMIT 1",
};

/* Within a transaction: bring a file of an older format up to date, to be taken back. */
static bool
upgrade(sqlite3 *db, struct vp_buf *why)
{
	int64_t format = 0;
	const char *step;
	bool ok = first_row(db, "SELECT value FROM meta WHERE key = 'format'", &format, NULL);

	for (; ok && (step = vp_db_upgrade(format, why)); format++)
		ok = sqlite3_exec(db, step, NULL, NULL, NULL) == SQLITE_OK;
	return ok;
}

/* Within one transaction, so that all looks are at the same moment. */
static enum vp_store_error
look(sqlite3 *db, struct vp_upkeep_counts *counts, struct vp_buf *why)
{
	struct vp_buf found = {0};
	bool ok = first_row(db, "BEGIN", NULL, NULL) &&
		  first_row(db, "PRAGMA integrity_check(1)", NULL, &found);

	if (ok && vp_span_is(vp_buf_get(&found), "ok"))
		found.n = 0;
	if (ok && !found.n) {
		ok = upgrade(db, why);
		if (why->n) /* a newer one */
			return VP_STORE_FOREIGN;
	}
	for (size_t i = 0; ok && !found.n && i < sizeof wrongs / sizeof *wrongs; i++)
		ok = first_row(db, wrongs[i], NULL, &found);
	ok = ok && first_row(db, "SELECT count(*) FROM indexes", &counts->indexes, NULL) &&
	     first_row(db, "SELECT count(*) FROM namespaces", &counts->namespaces, NULL) &&
	     first_row(db, "SELECT count(*) FROM " LIVE, &counts->records, NULL) &&
	     first_row(db, "SELECT count(*) FROM backups WHERE NOT ending", &counts->backups, NULL);
	if (!ok)
		vp_buf_puts(&found, sqlite3_errmsg(db));
	if (found.n)
		vp_buf_printf(why, "is damaged: %s", vp_buf_cstr(&found));
	ok = found.n == 0;
	vp_buf_free(&found);
	return ok ? VP_STORE_OK : VP_STORE_FOREIGN;
}

enum vp_store_error
vp_upkeep_check(const char *path, struct vp_upkeep_counts *counts, struct vp_buf *why)
{
	sqlite3 *db;
	enum vp_store_error e = open_file(path, &db, why);

	if (e == VP_STORE_OK)
		e = look(db, counts, why);
	sqlite3_close(db);
	return e;
}

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (int64_t)st.st_size;
}

enum vp_store_error
vp_upkeep_compact(const char *path, int64_t *saved, struct vp_buf *why)
{
	static const char checkpoint[] = "PRAGMA wal_checkpoint(TRUNCATE)";
	struct vp_db *taken = NULL;
	sqlite3 *db;
	enum vp_store_error e = open_file(path, &db, why);

	if (e == VP_STORE_OK)
		e = vp_db_open(path, &taken, why); /* nobody serves it, or starts to */
	if (e == VP_STORE_OK && !first_row(db, checkpoint, NULL, NULL))
		e = say(VP_STORE_FAILED, why, sqlite3_errmsg(db));
	*saved = size_of(path);
	if (e == VP_STORE_OK &&
	    (!first_row(db, "VACUUM", NULL, NULL) || !first_row(db, checkpoint, NULL, NULL)))
		e = say(VP_STORE_FAILED, why, sqlite3_errmsg(db));
	*saved -= size_of(path);
	sqlite3_close(db);
	vp_db_close(taken);
	return e;
}
