/* db-backup: backups, restores and imports in the file
 *
 * Rare but for the steps of a job, so statements are made when they are wanted. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "db-inside.h"

void
vp_index_conf_free(struct vp_index_conf *conf)
{
	free(conf->name);
	free(conf->tags);
	free(conf->spec);
}

void
vp_backup_free(struct vp_backup *b)
{
	vp_index_conf_free(&b->conf);
	free(b->name);
	free(b->description);
	free(b->spaces);
	free(b);
}

void
vp_restore_free(struct vp_restore *r)
{
	free(r->name);
	free(r);
}

void
vp_import_free(struct vp_import *i)
{
	free(i->uri);
	free(i->error);
	free(i);
}

/* Make a statement and bind what follows: an int64_t for each 'i' in types, a string or NULL for
 * each 't'. NULL if that failed. */
static sqlite3_stmt *
prepare(struct vp_db *f, const char *text, const char *types, va_list ap)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(f->db, text, -1, &s, NULL) != SQLITE_OK) {
		vp_db_failed(f);
		return NULL;
	}
	for (int i = 1; types[i - 1]; i++)
		if (types[i - 1] == 'i')
			sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
		else
			sqlite3_bind_text(s, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
	return s;
}

/* Run a query, and take each row. */
static bool
query(struct vp_db *f, bool (*take)(sqlite3_stmt *s, void *arg), void *arg, const char *text,
    const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	bool ok = true;
	int code = SQLITE_DONE;

	va_start(ap, types);
	s = prepare(f, text, types, ap);
	va_end(ap);
	while (s && ok && (code = sqlite3_step(s)) == SQLITE_ROW)
		ok = take(s, arg);
	if (s && ok && code != SQLITE_DONE)
		ok = vp_db_failed(f);
	sqlite3_finalize(s);
	return s && ok;
}

/* Run what returns no rows. */
static bool
run(struct vp_db *f, const char *text, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	bool ok;

	va_start(ap, types);
	s = prepare(f, text, types, ap);
	va_end(ap);
	ok = s && (sqlite3_step(s) == SQLITE_DONE || vp_db_failed(f));
	sqlite3_finalize(s);
	return ok;
}

bool
vp_db_add_backup(struct vp_db *f, struct vp_backup *b)
{
	if (!run(f,
		"INSERT INTO backups (index_id, index_name, dimension, metric, tags, spec, name,"
		" description, created_at, index_deleted_at, before, records, bytes, ending)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, 0)",
		"itittttttiii", b->index, b->conf.name, (int64_t)b->conf.dimension,
		vp_metric_name(b->conf.metric), b->conf.tags, b->conf.spec, b->name, b->description,
		b->created, b->before, (int64_t)b->records, (int64_t)b->bytes))
		return false;
	b->key = sqlite3_last_insert_rowid(f->db);
	return run(f,
	    "INSERT INTO backup_namespaces SELECT ?1, id, name, schema FROM namespaces"
	    " WHERE index_id = ?2",
	    "ii", b->key, b->index);
}

bool
vp_db_backups_lose_index(struct vp_db *f, int64_t index, const char *when)
{
	return run(
	    f, "UPDATE backups SET index_deleted_at = ?2 WHERE index_id = ?1", "it", index, when);
}

bool
vp_db_end_backup(struct vp_db *f, int64_t key)
{
	return run(f, "UPDATE backups SET ending = 1 WHERE id = ?1", "i", key);
}

bool
vp_db_sweep(struct vp_db *f, int64_t backup, int64_t from, int64_t to)
{
	return run(f,
	    "DELETE FROM records WHERE record >= ?2 AND record < ?3"
	    " AND namespace_id IN (SELECT namespace_id FROM backup_namespaces WHERE backup_id = ?1)"
	    " AND (last_backup IS NOT NULL OR namespace_id NOT IN (SELECT id FROM namespaces))"
	    " AND NOT EXISTS (SELECT 1 FROM backups b JOIN backup_namespaces n ON n.backup_id = "
	    "b.id"
	    "  WHERE NOT b.ending AND n.namespace_id = records.namespace_id AND record < b.before"
	    "  AND (last_backup IS NULL OR last_backup >= b.id))",
	    "iii", backup, from, to);
}

bool
vp_db_remove_backup(struct vp_db *f, int64_t key)
{
	return run(f, "DELETE FROM backup_namespaces WHERE backup_id = ?1", "i", key) &&
	       run(f, "DELETE FROM backups WHERE id = ?1", "i", key);
}

bool
vp_db_copy_spaces(struct vp_db *f, int64_t backup, int64_t index)
{
	return run(f,
	    "INSERT INTO namespaces (index_id, name, schema)"
	    " SELECT ?2, name, schema FROM backup_namespaces WHERE backup_id = ?1",
	    "ii", backup, index);
}

static bool
take_space(sqlite3_stmt *s, void *reader)
{
	const struct vp_db_reader *r = reader;

	return r->space(r->arg, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
	    (const char *)sqlite3_column_text(s, 2), (const char *)sqlite3_column_text(s, 3));
}

bool
vp_db_index_spaces(struct vp_db *f, int64_t index, const struct vp_db_reader *r)
{
	struct vp_db_reader reader = *r;

	return query(f, take_space, &reader,
	    "SELECT id, index_id, name, schema FROM namespaces WHERE index_id = ?1", "i", index);
}

/* Who takes the records of a backup. */
struct taker {
	bool (*record)(void *arg, const char *space, const struct vp_item *item);
	void *arg;
};

static bool
take_record(sqlite3_stmt *s, void *taker)
{
	const struct taker *t = taker;
	struct vp_db_item i;
	bool ok;

	if (!vp_db_item(s, 1, &i))
		return false;
	ok = t->record(t->arg, (const char *)sqlite3_column_text(s, 0), &i.item);
	vp_db_item_free(&i);
	return ok;
}

bool
vp_db_backup_records(struct vp_db *f, int64_t backup, int64_t from, int64_t to,
    bool (*record)(void *arg, const char *space, const struct vp_item *item), void *arg)
{
	struct taker t = {record, arg};

	return query(f, take_record, &t,
	    /* CROSS: in that order; the records once, not once for each namespace */
	    "SELECT n.name, r.id, r.vector, r.sparse, r.metadata FROM backups b"
	    " CROSS JOIN records r CROSS JOIN backup_namespaces n"
	    " ON n.backup_id = b.id AND n.namespace_id = r.namespace_id"
	    " WHERE b.id = ?1 AND r.record >= ?2 AND r.record < ?3 AND r.record < b.before"
	    " AND (r.last_backup IS NULL OR r.last_backup >= b.id)",
	    "iii", backup, from, to);
}

/* What INSERT OR REPLACE has written under a key, or under a new one. */
static bool
put(struct vp_db *f, bool ok, int64_t *key)
{
	if (ok && !*key)
		*key = sqlite3_last_insert_rowid(f->db);
	return ok;
}

bool
vp_db_put_restore(struct vp_db *f, struct vp_restore *r)
{
	return put(f,
	    run(f,
		"INSERT OR REPLACE INTO restore_jobs (id, backup_id, index_id, index_name, status,"
		" created_at, completed_at) VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?)",
		"iiitttt", r->key, r->backup, r->index, r->name, r->status, r->created,
		r->completed),
	    &r->key);
}

bool
vp_db_put_import(struct vp_db *f, struct vp_import *i)
{
	return put(f,
	    run(f,
		"INSERT OR REPLACE INTO imports (id, index_id, uri, go_on, status, created_at,"
		" finished_at, records, error) VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?)",
		"iititttit", i->key, i->index, i->uri, (int64_t)i->go_on, i->status, i->created,
		i->finished, (int64_t)i->records, i->error),
	    &i->key);
}
