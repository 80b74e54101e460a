/* inside: what the parts of the store share, and nobody else is to know: store.c, backup.c, import.c,
 * jobs.c.
 *
 * `writer` is held by who changes something; it alone protects the file, and whoever holds it may
 * read memory as well. `lock` is taken for writing only for the moment in which memory is changed,
 * after the commit, so readers never wait for the disk. */
#ifndef VP_STORE_INSIDE_H
#define VP_STORE_INSIDE_H

#include <pthread.h>

#include "store.h"

/* An upsert that waits to be committed. */
struct upsert {
	int64_t index;
	const char *space;
	const struct vp_item *items;
	size_t n;
	struct vp_buf *why;
	enum vp_store_error result;
	bool done;
	struct upsert *next;
	/* while it is being committed */
	struct vp_index *into_index;
	struct vp_namespace *into;
	int64_t *records; /* [n] keys in the file */
};

struct vp_list {
	void **items; /* [n], in the order of their keys */
	size_t n;
};

void vp_store_add(struct vp_list *l, void *item);
void vp_store_take(struct vp_list *l, const void *item); /* it is in the list */

struct vp_store {
	struct vp_db *file;
	struct vp_index **indexes; /* [n], by name in byte order */
	size_t n;
	struct vp_list backups, restores, imports; /* a struct vp_restore and vp_import stays */
	int64_t next_record;
	char *imports_root; /* the folder that imports may come from, or NULL */
	pthread_mutex_t writer;
	pthread_rwlock_t lock;
	pthread_mutex_t queue_lock;
	struct upsert *queue, **queue_end;
	/* jobs.c */
	pthread_t worker;
	pthread_mutex_t jobs_lock;
	pthread_cond_t jobs_wake;
	_Atomic bool working, stopping;
};

/* End a transaction: commit if all went well, else take it back and say why. */
enum vp_store_error vp_store_end(struct vp_store *s, bool ok, struct vp_buf *why);

/* With writer held: a list of upserts in one transaction. All of it, or nothing, is stored; each
 * has its result. */
void vp_store_commit(struct vp_store *s, struct upsert *group);

struct vp_index *vp_store_index_by_key(const struct vp_store *s, int64_t key); /* or NULL */
struct vp_index_conf vp_index_conf_copy(const struct vp_index_conf *conf);
void vp_index_free(struct vp_index *index);
struct vp_namespace *vp_namespace_new(
    const struct vp_index *index, const char *name, const char *schema);

/* With lock held for writing, or where nobody else knows of it yet. */
void vp_store_link_index(struct vp_store *s, struct vp_index *index);
void vp_index_link_space(struct vp_index *index, struct vp_namespace *ns);

void vp_time_now(char out[VP_TIME_CHARS]);

#endif
