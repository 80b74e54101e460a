/* backup: what an index held at one moment */
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "inside.h"
#include "jobs.h"

#define COPY_STEP 256   /* keys of records that are copied in one transaction */
#define SWEEP_STEP 1024 /* that are looked at in one */

struct vp_backup *
vp_backup_next(const struct vp_store *s, int64_t after)
{
	for (size_t i = 0; i < s->backups.n; i++) {
		struct vp_backup *b = s->backups.items[i];
		if (b->key > after && !b->ending)
			return b;
	}
	return NULL;
}

struct vp_restore *
vp_restore_next(const struct vp_store *s, int64_t after)
{
	for (size_t i = 0; i < s->restores.n; i++) {
		struct vp_restore *r = s->restores.items[i];
		if (r->key > after)
			return r;
	}
	return NULL;
}

struct vp_backup *
vp_backup(const struct vp_store *s, int64_t key)
{
	for (size_t i = 0; i < s->backups.n; i++) {
		struct vp_backup *b = s->backups.items[i];
		if (b->key == key)
			return b;
	}
	return NULL;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static bool
holds(const struct vp_backup *b, int64_t space)
{
	return b->n && bsearch(&space, b->spaces, b->n, sizeof *b->spaces, by_value);
}

bool
vp_backup_of_space(const struct vp_store *s, int64_t space)
{
	for (size_t i = 0; i < s->backups.n; i++)
		if (holds(s->backups.items[i], space))
			return true;
	return false;
}

struct vp_restore *
vp_backup_pending(const struct vp_store *s, int64_t backup)
{
	for (size_t i = 0; i < s->restores.n; i++) {
		struct vp_restore *r = s->restores.items[i];
		if (r->backup == backup && !*r->completed)
			return r;
	}
	return NULL;
}

/* What there is to say of an index as it is now. */
static struct vp_backup *
describe(const struct vp_store *s, const struct vp_index *index)
{
	struct vp_backup *b = vp_zalloc(1, sizeof *b);

	b->index = index->key;
	b->conf = vp_index_conf_copy(&index->conf);
	vp_time_now(b->created);
	b->before = s->next_record;
	b->n = index->n;
	b->spaces = vp_alloc(b->n, sizeof *b->spaces);
	for (size_t i = 0; i < index->n; i++) {
		const struct vp_space *space = index->spaces[i]->space;
		b->spaces[i] = index->spaces[i]->key;
		b->records += space->live;
		for (size_t r = 0; r < space->n; r++)
			if (space->rows[r].text)
				b->bytes += space->dimension * sizeof(float) +
					    space->rows[r].sparse * 8 + space->rows[r].id_len +
					    space->rows[r].metadata_len;
	}
	if (b->n)
		qsort(b->spaces, b->n, sizeof *b->spaces, by_value);
	return b;
}

enum vp_store_error
vp_backup_make(struct vp_store *s, int64_t index_key, const char *name, const char *description,
    int64_t *key, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_INDEX;
	struct vp_index *index;
	struct vp_backup *b = NULL;

	pthread_mutex_lock(&s->writer);
	index = vp_store_index_by_key(s, index_key);
	if (index && index->restore) {
		e = VP_STORE_PENDING;
	} else if (index) {
		b = describe(s, index);
		b->name = name ? vp_strdup(name) : NULL;
		b->description = description ? vp_strdup(description) : NULL;
		e = vp_store_end(s, vp_db_begin(s->file) && vp_db_add_backup(s->file, b), why);
	}
	if (e == VP_STORE_OK) {
		*key = b->key;
		pthread_rwlock_wrlock(&s->lock);
		vp_store_add(&s->backups, b);
		for (size_t i = 0; i < index->n; i++) {
			index->spaces[i]->backup = b->key;
			index->spaces[i]->before = b->before;
		}
		pthread_rwlock_unlock(&s->lock);
	} else if (b) {
		vp_backup_free(b);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

/* With writer held: find out anew which backup is the last to hold the namespaces of an index. */
static void
cover(struct vp_store *s, struct vp_index *index)
{
	for (size_t i = 0; i < index->n; i++) {
		struct vp_namespace *ns = index->spaces[i];
		ns->backup = ns->before = 0;
		for (size_t j = 0; j < s->backups.n; j++) {
			const struct vp_backup *b = s->backups.items[j];
			if (b->ending || !holds(b, ns->key))
				continue;
			ns->backup = b->key;
			ns->before = b->before;
		}
	}
}

/* Remove what only a backup holds, and it. It is ending, so nothing comes to it meanwhile. */
static enum vp_store_error
sweep(struct vp_store *s, struct vp_backup *b, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_OK;

	for (int64_t at = 0; e == VP_STORE_OK && at < b->before; at += SWEEP_STEP) {
		pthread_mutex_lock(&s->writer);
		e = vp_store_end(s,
		    vp_db_begin(s->file) && vp_db_sweep(s->file, b->key, at, at + SWEEP_STEP), why);
		pthread_mutex_unlock(&s->writer);
	}
	pthread_mutex_lock(&s->writer);
	if (e == VP_STORE_OK)
		e = vp_store_end(
		    s, vp_db_begin(s->file) && vp_db_remove_backup(s->file, b->key), why);
	if (e == VP_STORE_OK) {
		pthread_rwlock_wrlock(&s->lock);
		vp_store_take(&s->backups, b);
		pthread_rwlock_unlock(&s->lock);
		vp_backup_free(b);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

enum vp_store_error
vp_backup_remove(struct vp_store *s, int64_t key, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_BACKUP;
	struct vp_backup *b;

	pthread_mutex_lock(&s->writer);
	b = vp_backup(s, key);
	if (b && !b->ending)
		e = vp_backup_pending(s, key)
			? VP_STORE_PENDING
			: vp_store_end(
			      s, vp_db_begin(s->file) && vp_db_end_backup(s->file, key), why);
	if (e == VP_STORE_OK) {
		struct vp_index *index = vp_store_index_by_key(s, b->index);
		pthread_rwlock_wrlock(&s->lock);
		b->ending = true;
		if (index)
			cover(s, index);
		pthread_rwlock_unlock(&s->lock);
	}
	pthread_mutex_unlock(&s->writer);
	return e == VP_STORE_OK ? sweep(s, b, why) : e;
}

enum vp_store_error
vp_backups_sweep(struct vp_store *s, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_OK;

	for (size_t i = s->backups.n; i-- > 0 && e == VP_STORE_OK;) {
		struct vp_backup *b = s->backups.items[i];
		if (b->ending)
			e = sweep(s, b, why);
	}
	return e;
}

/* A namespace that was written by vp_db_copy_spaces. */
static bool
add_space(void *arg, int64_t key, int64_t index_key, const char *name, const char *schema)
{
	struct vp_index *index = arg;
	struct vp_namespace *ns = vp_namespace_new(index, name, schema);

	(void)index_key;
	ns->key = key;
	vp_index_link_space(index, ns);
	return true;
}

/* Within a transaction: the index that a restore is to fill, and the restore. */
static bool
write_restore(struct vp_store *s, struct vp_index *index, struct vp_restore *r)
{
	struct vp_db_reader reader = {.space = add_space, .arg = index};

	if (!vp_db_add_index(s->file, &index->conf, &index->key))
		return false;
	r->index = index->key;
	return vp_db_copy_spaces(s->file, r->backup, index->key) &&
	       vp_db_index_spaces(s->file, index->key, &reader) && vp_db_put_restore(s->file, r);
}

enum vp_store_error
vp_backup_restore(struct vp_store *s, int64_t key, const struct vp_index_conf *conf, int64_t *job,
    struct vp_buf *why)
{
	struct vp_index *index = vp_zalloc(1, sizeof *index);
	struct vp_restore *r = vp_zalloc(1, sizeof *r);
	struct vp_backup *b;
	enum vp_store_error e;

	index->conf = vp_index_conf_copy(conf);
	index->restore = r;
	r->backup = key;
	r->name = vp_strdup(conf->name);
	strcpy(r->status, "Pending");
	vp_time_now(r->created);
	pthread_mutex_lock(&s->writer);
	b = vp_backup(s, key);
	if (!b || b->ending)
		e = VP_STORE_NO_BACKUP;
	else if (vp_store_index(s, conf->name))
		e = VP_STORE_EXISTS;
	else
		e = vp_store_end(s, vp_db_begin(s->file) && write_restore(s, index, r), why);
	if (e == VP_STORE_OK) {
		*job = r->key;
		pthread_rwlock_wrlock(&s->lock);
		vp_store_link_index(s, index);
		vp_store_add(&s->restores, r);
		pthread_rwlock_unlock(&s->lock);
	} else {
		vp_index_free(index);
		vp_restore_free(r);
	}
	pthread_mutex_unlock(&s->writer);
	vp_jobs_wake(s);
	return e;
}

/* Records on their way from a backup to an index, in runs of one namespace each. */
struct batch {
	int64_t index;
	size_t dimension, runs, records;
	struct upsert run[COPY_STEP];
	struct vp_item item[COPY_STEP];
	char *memory[COPY_STEP]; /* what an item points to, and the name of its namespace */
	struct vp_buf why;
};

static void *
append(char **to, const void *from, size_t n)
{
	void *at = *to;

	if (n)
		memcpy(at, from, n);
	*to += n;
	return at;
}

static bool
add_record(void *arg, const char *space, const struct vp_item *item)
{
	struct batch *b = arg;
	struct vp_item *copy = &b->item[b->records];
	struct upsert *run = b->runs ? &b->run[b->runs - 1] : NULL;
	size_t values = item->values ? b->dimension * sizeof(float) : 0, pairs = item->sparse * 4;
	char *to =
	    vp_alloc(values + 2 * pairs + item->id.n + item->metadata.n + strlen(space) + 1, 1);

	b->memory[b->records++] = to;
	*copy = *item;
	copy->values = values ? append(&to, item->values, values) : NULL;
	copy->indices = append(&to, item->indices, pairs);
	copy->weights = append(&to, item->weights, pairs);
	copy->id.s = append(&to, item->id.s, item->id.n);
	copy->metadata.s = append(&to, item->metadata.s, item->metadata.n);
	space = append(&to, space, strlen(space) + 1);
	if (!run || strcmp(run->space, space) != 0) {
		if (run)
			run->next = run + 1;
		run = &b->run[b->runs++];
		*run = (struct upsert){
		    .index = b->index, .space = space, .items = copy, .why = &b->why};
	}
	run->n++;
	return true;
}

/* Copy the records with keys from r->at on. False where that cannot go on. */
static bool
copy_step(struct vp_store *s, struct vp_restore *r, size_t dimension)
{
	struct batch *b = vp_zalloc(1, sizeof *b);
	bool ok;

	b->index = r->index;
	b->dimension = dimension;
	pthread_mutex_lock(&s->writer);
	ok = strcmp(r->status, "Pending") == 0; /* else the index has been deleted */
	if (ok &&
	    !vp_db_backup_records(s->file, r->backup, r->at, r->at + COPY_STEP, add_record, b)) {
		vp_buf_puts(&b->why, vp_db_why(s->file));
		ok = false;
	}
	if (ok && b->runs) {
		vp_store_commit(s, b->run);
		ok = b->run->result == VP_STORE_OK;
	}
	pthread_rwlock_wrlock(&s->lock);
	r->at += COPY_STEP;
	if (!ok && b->why.n)
		strcpy(r->status, "Failed"); /* not in the file: it goes on with the next start */
	pthread_rwlock_unlock(&s->lock);
	pthread_mutex_unlock(&s->writer);
	if (!ok && b->why.n)
		vp_warn("index '%s': making it from a backup: %s", r->name, vp_buf_cstr(&b->why));
	for (size_t i = 0; i < b->records; i++)
		free(b->memory[i]);
	vp_buf_free(&b->why);
	free(b);
	return ok;
}

/* Everything has been copied: the index may be used. */
static void
complete(struct vp_store *s, struct vp_restore *r)
{
	struct vp_restore completed = *r;
	struct vp_buf why = {0};

	strcpy(completed.status, "Completed");
	vp_time_now(completed.completed);
	pthread_mutex_lock(&s->writer);
	if (strcmp(r->status, "Pending") == 0) {
		bool ok =
		    vp_store_end(s, vp_db_begin(s->file) && vp_db_put_restore(s->file, &completed),
			&why) == VP_STORE_OK;
		pthread_rwlock_wrlock(&s->lock);
		if (ok) {
			*r = completed;
			vp_store_index_by_key(s, r->index)->restore = NULL;
		} else {
			strcpy(r->status, "Failed");
		}
		pthread_rwlock_unlock(&s->lock);
		if (!ok)
			vp_warn(
			    "index '%s': making it from a backup: %s", r->name, vp_buf_cstr(&why));
	}
	pthread_mutex_unlock(&s->writer);
	vp_buf_free(&why);
}

void
vp_restore_run(struct vp_store *s, struct vp_restore *r)
{
	const struct vp_backup *b;
	size_t dimension = 0;
	int64_t before = 0;

	vp_store_read(s);
	b = vp_backup(
	    s, r->backup); /* NULL: the job has been cancelled, and then the backup deleted */
	if (b) {
		dimension = b->conf.dimension;
		before = b->before;
	}
	vp_store_read_end(s);
	while (r->at < before && !s->stopping && copy_step(s, r, dimension))
		;
	if (b && r->at >= before)
		complete(s, r);
}
