/* db: the SQLite file in which everything is kept.
 *
 * What has been committed is on the disk (write-ahead log, synchronous=FULL), and survives a kill
 * -9 and a power cut. The schema is meant to be read with sqlite3(1); see schema in db.c. A file
 * belongs to one process at a time. Records are written and removed by a key that the caller hands
 * out and remembers, because an index over random ids would cost more than the records themselves.
 *
 * Not here: what is in memory, and locks: one thread at a time. */
#ifndef VP_STORE_DB_H
#define VP_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "space.h"

enum vp_store_error {
	VP_STORE_OK,
	VP_STORE_UNOPENED, /* the file cannot be opened or made */
	VP_STORE_FOREIGN,  /* it is something else than a file of ours, or of a newer version */
	VP_STORE_TAKEN,    /* another process has it */
	VP_STORE_FAILED, /* it cannot be written: disk full, I/O error; nothing has been changed */
	VP_STORE_NO_INDEX,
	VP_STORE_NO_NAMESPACE,
	VP_STORE_EXISTS,    /* the name is taken */
	VP_STORE_PROTECTED, /* the index is protected against deletion */
	VP_STORE_LIMIT      /* metadata would become too large */
};

struct vp_index_conf {
	char *name;
	size_t dimension; /* 0: a sparse index */
	enum vp_metric metric;
	bool is_protected; /* against deletion */
	char *tags;        /* a JSON object */
	char *spec;        /* a JSON object, as it was given */
};

#define VP_DB_APPLICATION 0x76706331 /* "vpc1": marks a file as ours for file(1) and for us */

struct vp_db;

/* Open or make a file. On failure a vp_store_error, with the reason appended to why. */
enum vp_store_error vp_db_open(const char *path, struct vp_db **out, struct vp_buf *why);
void vp_db_close(struct vp_db *f);

/* Read all that is in it: indexes, then namespaces, then records, each in the order of their keys.
 * The functions return false to stop, which is taken for a broken file. Strings and spans are good
 * during the call. */
struct vp_db_reader {
	bool (*index)(void *arg, int64_t key, const struct vp_index_conf *conf);
	bool (*space)(void *arg, int64_t key, int64_t index, const char *name, const char *schema);
	bool (*record)(
	    void *arg, int64_t key, int64_t space, const struct vp_item *item, size_t dimension);
	void *arg;
};
enum vp_store_error vp_db_read(struct vp_db *f, const struct vp_db_reader *r, struct vp_buf *why);

/* Changes happen between begin and commit; after a failure of any of these, vp_db_rollback, and all
 * is as it was. Each returns whether it worked; else vp_db_why. Keys of new indexes and namespaces
 * go to *key. */
bool vp_db_begin(struct vp_db *f);
bool vp_db_commit(struct vp_db *f);
void vp_db_rollback(struct vp_db *f);
bool vp_db_add_index(struct vp_db *f, const struct vp_index_conf *conf, int64_t *key);
bool vp_db_set_index(struct vp_db *f, int64_t key, const struct vp_index_conf *conf);
bool vp_db_remove_index(struct vp_db *f, int64_t key); /* its namespaces have been removed */
bool vp_db_add_space(
    struct vp_db *f, int64_t index, const char *name, const char *schema, int64_t *key);
bool vp_db_remove_space(struct vp_db *f, int64_t key); /* its records have been removed */
bool vp_db_put(
    struct vp_db *f, int64_t key, int64_t space, const struct vp_item *item, size_t dimension);
bool vp_db_remove(struct vp_db *f, int64_t key);

/* Why the last of these failed, in words; a string that is good until the next call. */
const char *vp_db_why(struct vp_db *f);

#endif
