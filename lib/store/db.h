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
	VP_STORE_LIMIT,     /* metadata would become too large */
	VP_STORE_NO_BACKUP,
	VP_STORE_PENDING /* a backup is being restored from */
};

struct vp_index_conf {
	char *name;
	size_t dimension; /* 0: a sparse index */
	enum vp_metric metric;
	bool is_protected; /* against deletion */
	char *tags;        /* a JSON object */
	char *spec;        /* a JSON object, as it was given */
};

void vp_index_conf_free(struct vp_index_conf *conf); /* its strings */

/* A moment, as the API writes it: "2026-11-25T10:30:00Z", or "" where it has not come. */
#define VP_TIME_CHARS 21

/* What an index held at one moment. Its records are not copied: a record that a backup holds stays
 * in the file when it is replaced or removed. A record is in a backup if its namespace is one of
 * the backup's, its key is less than `before`, and it was not gone by then; the file says of a
 * record that is gone which backup was the last to hold it. */
struct vp_backup {
	int64_t key; /* ascends with time, and is never used again */
	int64_t index;
	struct vp_index_conf conf; /* as it was */
	char *name, *description;  /* or NULL */
	char created[VP_TIME_CHARS];
	char index_deleted[VP_TIME_CHARS];
	int64_t before;
	size_t records, bytes;
	bool ending;     /* is being deleted: nobody is told of it any more */
	int64_t *spaces; /* [n] keys of its namespaces */
	size_t n;
};

void vp_backup_free(struct vp_backup *b);

/* The making of an index from a backup. */
struct vp_restore {
	int64_t key, backup, index;
	char *name;      /* of the index that is made */
	char status[16]; /* Pending, Completed, Cancelled */
	char created[VP_TIME_CHARS], completed[VP_TIME_CHARS];
	int64_t at; /* while it runs, not in the file: records with lower keys are done */
};

void vp_restore_free(struct vp_restore *r);

/* The reading of a folder into an index. */
struct vp_import {
	int64_t key, index;
	char *uri;
	bool go_on;      /* past a record that cannot be stored */
	char status[16]; /* Pending, InProgress, Completed, Failed, Cancelled */
	char created[VP_TIME_CHARS], finished[VP_TIME_CHARS];
	size_t records;
	char *error;    /* or NULL */
	double percent; /* while it runs, not in the file */
};

void vp_import_free(struct vp_import *i);

#define VP_DB_APPLICATION 0x76706331 /* "vpc1": marks a file as ours for file(1) and for us */

struct vp_db;

/* What brings a file of an older format up to date: SQL for within a transaction, NULL when there is
 * no more to do. Appends to why and returns NULL as well where the format is none that is known. */
const char *vp_db_upgrade(int64_t format, struct vp_buf *why);

/* Open or make a file; one of an older format is brought up to date. On failure a vp_store_error,
 * with the reason appended to why. */
enum vp_store_error vp_db_open(const char *path, struct vp_db **out, struct vp_buf *why);
void vp_db_close(struct vp_db *f);

/* Read all that is in it, in the order of the functions here and of the keys. The functions return
 * false to stop, which is taken for a broken file. Strings and spans are good during the call; what
 * is handed over as a pointer belongs to the function. */
struct vp_db_reader {
	bool (*index)(void *arg, int64_t key, const struct vp_index_conf *conf);
	bool (*space)(void *arg, int64_t key, int64_t index, const char *name, const char *schema);
	bool (*backup)(void *arg, struct vp_backup *b); /* without its namespaces */
	bool (*backup_space)(void *arg, int64_t backup, int64_t space);
	bool (*restore)(void *arg, struct vp_restore *r);
	bool (*import)(void *arg, struct vp_import *i);
	/* gone: it is there for the sake of backups only. share: how much of all has been read */
	bool (*record)(void *arg, int64_t key, int64_t space, const struct vp_item *item,
	    size_t dimension, bool gone, double share);
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

/* A record goes, but stays for the sake of that backup and those before it. */
bool vp_db_keep(struct vp_db *f, int64_t key, int64_t backup);

/* A new backup with the key b->key, of all namespaces of its index. */
bool vp_db_add_backup(struct vp_db *f, struct vp_backup *b);

/* The state of all backups of an index that is removed, and of one backup that is to be. */
bool vp_db_backups_lose_index(struct vp_db *f, int64_t index, const char *when);
bool vp_db_end_backup(struct vp_db *f, int64_t key);

/* Remove what only that backup holds, of the records with keys in [from, to); and last the backup
 * itself. */
bool vp_db_sweep(struct vp_db *f, int64_t backup, int64_t from, int64_t to);
bool vp_db_remove_backup(struct vp_db *f, int64_t key);

/* Give an index the namespaces of a backup. */
bool vp_db_copy_spaces(struct vp_db *f, int64_t backup, int64_t index);

/* The namespaces of one index (as `space` of the reader), and the records that a backup holds with
 * keys in [from, to), each with the name of its namespace. The functions return false to stop. */
bool vp_db_index_spaces(struct vp_db *f, int64_t index, const struct vp_db_reader *r);
bool vp_db_backup_records(struct vp_db *f, int64_t backup, int64_t from, int64_t to,
    bool (*record)(void *arg, const char *space, const struct vp_item *item), void *arg);

/* Write a job as it is; a key of 0 means a new one, and is set. */
bool vp_db_put_restore(struct vp_db *f, struct vp_restore *r);
bool vp_db_put_import(struct vp_db *f, struct vp_import *i);

/* Why the last of these failed, in words; a string that is good until the next call. */
const char *vp_db_why(struct vp_db *f);

#endif
