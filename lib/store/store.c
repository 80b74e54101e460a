/* store: indexes, their namespaces and records */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup.h"
#include "import.h"
#include "inside.h"

void
vp_time_now(char out[VP_TIME_CHARS])
{
	time_t now = time(NULL);
	struct tm t;

	strftime(out, VP_TIME_CHARS, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &t));
}

static void
namespace_free(struct vp_namespace *ns)
{
	if (!ns)
		return;
	vp_space_free(ns->space);
	free(ns->name);
	free(ns->schema);
	free(ns);
}

void
vp_index_free(struct vp_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		namespace_free(index->spaces[i]);
	free(index->spaces);
	vp_index_conf_free(&index->conf);
	free(index);
}

struct vp_namespace *
vp_namespace_new(const struct vp_index *index, const char *name, const char *schema)
{
	struct vp_namespace *ns = vp_zalloc(1, sizeof *ns);

	ns->name = vp_strdup(name);
	ns->schema = schema ? vp_strdup(schema) : NULL;
	ns->space = vp_space_new(index->conf.dimension, index->conf.metric);
	return ns;
}

/* Make room for one more pointer in an array of [n], at a place. */
static void *
open_gap(void *array, size_t n, size_t at)
{
	char *a = vp_realloc(array, n + 1, sizeof(void *));

	memmove(a + (at + 1) * sizeof(void *), a + at * sizeof(void *), (n - at) * sizeof(void *));
	return a;
}

static size_t
index_from(const struct vp_store *s, const char *name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(s->indexes[middle]->conf.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vp_index *
vp_store_index(const struct vp_store *s, const char *name)
{
	size_t at = index_from(s, name);

	return at < s->n && strcmp(s->indexes[at]->conf.name, name) == 0 ? s->indexes[at] : NULL;
}

struct vp_index *const *
vp_store_indexes(const struct vp_store *s, size_t *n)
{
	*n = s->n;
	return s->indexes;
}

struct vp_index *
vp_store_index_by_key(const struct vp_store *s, int64_t key)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->indexes[i]->key == key)
			return s->indexes[i];
	return NULL;
}

/* The first place at or behind name. */
static size_t
space_from(const struct vp_index *index, const char *name)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(index->spaces[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vp_namespace *
vp_index_space(const struct vp_index *index, const char *name)
{
	size_t at = space_from(index, name);

	return at < index->n && strcmp(index->spaces[at]->name, name) == 0 ? index->spaces[at]
									   : NULL;
}

void
vp_store_link_index(struct vp_store *s, struct vp_index *index)
{
	size_t at = index_from(s, index->conf.name);

	s->indexes = open_gap(s->indexes, s->n++, at);
	s->indexes[at] = index;
}

void
vp_index_link_space(struct vp_index *index, struct vp_namespace *ns)
{
	size_t at = space_from(index, ns->name);

	index->spaces = open_gap(index->spaces, index->n++, at);
	index->spaces[at] = ns;
}

struct vp_index_conf
vp_index_conf_copy(const struct vp_index_conf *conf)
{
	struct vp_index_conf copy = *conf;

	copy.name = vp_strdup(conf->name);
	copy.tags = vp_strdup(conf->tags);
	copy.spec = vp_strdup(conf->spec);
	return copy;
}

/* What vp_store_open knows while reading the file: the namespaces by key. */
struct loading {
	struct vp_store *store;
	struct vp_namespace **spaces; /* [n], key ascends */
	size_t n, cap;
	void (*progress)(double share);
	size_t read; /* records */
};

static bool
load_index(void *arg, int64_t key, const struct vp_index_conf *conf)
{
	struct loading *l = arg;
	struct vp_index *index = vp_zalloc(1, sizeof *index);

	index->key = key;
	index->conf = vp_index_conf_copy(conf);
	vp_store_link_index(l->store, index);
	return true;
}

static bool
load_space(void *arg, int64_t key, int64_t index_key, const char *name, const char *schema)
{
	struct loading *l = arg;
	struct vp_index *index = vp_store_index_by_key(l->store, index_key);
	struct vp_namespace *ns;

	if (!index)
		return false;
	ns = vp_namespace_new(index, name, schema);
	ns->key = key;
	vp_index_link_space(index, ns);
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->spaces = vp_realloc(l->spaces, l->cap, sizeof(struct vp_namespace *));
	}
	l->spaces[l->n++] = ns;
	return true;
}

static struct vp_namespace *
loaded_space(const struct loading *l, int64_t key)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l->spaces[middle]->key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < l->n && l->spaces[low]->key == key ? l->spaces[low] : NULL;
}

static bool
load_backup(void *arg, struct vp_backup *b)
{
	struct vp_store *s = ((struct loading *)arg)->store;

	vp_store_add(&s->backups, b);
	if (b->before > s->next_record)
		s->next_record = b->before;
	return true;
}

static bool
load_backup_space(void *arg, int64_t key, int64_t space)
{
	struct loading *l = arg;
	struct vp_backup *b = vp_backup(l->store, key);
	struct vp_namespace *ns = loaded_space(l, space);

	if (!b)
		return false;
	b->spaces = vp_realloc(b->spaces, b->n + 1, sizeof *b->spaces);
	b->spaces[b->n++] = space;
	if (ns && !b->ending) {
		ns->backup = b->key;
		ns->before = b->before;
	}
	return true;
}

static bool
load_restore(void *arg, struct vp_restore *r)
{
	struct vp_store *s = ((struct loading *)arg)->store;
	struct vp_index *index = vp_store_index_by_key(s, r->index);

	vp_store_add(&s->restores, r);
	if (strcmp(r->status, "Pending") != 0)
		return true;
	if (index)
		index->restore = r;
	return index && vp_backup(s, r->backup);
}

static bool
load_import(void *arg, struct vp_import *i)
{
	vp_store_add(&((struct loading *)arg)->store->imports, i);
	return true;
}

static bool
load_record(void *arg, int64_t key, int64_t space, const struct vp_item *item, size_t dimension,
    bool gone, double share)
{
	struct loading *l = arg;
	struct vp_namespace *ns = loaded_space(l, space);

	l->store->next_record = key >= l->store->next_record ? key + 1 : l->store->next_record;
	if (l->progress && ++l->read % 4096 == 0)
		l->progress(share);
	if (gone || !ns)
		return vp_backup_of_space(l->store, space);
	if (ns->space->dimension != dimension || item->id.n == 0)
		return false;
	vp_space_put(ns->space, item, key);
	return true;
}

static struct vp_store *
store_new(void)
{
	struct vp_store *s = vp_zalloc(1, sizeof *s);
	pthread_rwlockattr_t attr;

	s->next_record = 1;
	s->queue_end = &s->queue;
	pthread_mutex_init(&s->writer, NULL);
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_mutex_init(&s->jobs_lock, NULL);
	pthread_cond_init(&s->jobs_wake, NULL);
	pthread_rwlockattr_init(&attr);
#ifdef __GLIBC__ /* its default lets readers starve a writer; musl leaves no choice */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	pthread_rwlock_init(&s->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return s;
}

enum vp_store_error
vp_store_open(
    const char *path, void (*progress)(double share), struct vp_store **out, struct vp_buf *why)
{
	struct vp_store *s = store_new();
	struct loading l = {.store = s, .progress = progress};
	struct vp_db_reader reader = {load_index, load_space, load_backup, load_backup_space,
	    load_restore, load_import, load_record, &l};
	enum vp_store_error e = vp_db_open(path, &s->file, why);

	if (e == VP_STORE_OK)
		e = vp_db_read(s->file, &reader, why);
	free(l.spaces);
	if (e == VP_STORE_OK)
		e = vp_backups_sweep(s, why);
	if (e == VP_STORE_OK)
		e = vp_imports_end(s, why);
	if (e != VP_STORE_OK) {
		vp_store_close(s);
		return e;
	}
	*out = s;
	return VP_STORE_OK;
}

/* Free what a list holds, and the list. */
static void
list_free(struct vp_list *l, void (*item_free)(void *item))
{
	for (size_t i = 0; i < l->n; i++)
		item_free(l->items[i]);
	free(l->items);
}

static void
free_backup(void *b)
{
	vp_backup_free(b);
}

static void
free_restore(void *r)
{
	vp_restore_free(r);
}

static void
free_import(void *i)
{
	vp_import_free(i);
}

void
vp_store_add(struct vp_list *l, void *item)
{
	l->items = vp_realloc(l->items, l->n + 1, sizeof *l->items);
	l->items[l->n++] = item;
}

void
vp_store_take(struct vp_list *l, const void *item)
{
	size_t i = 0;

	while (l->items[i] != item)
		i++;
	l->n--;
	memmove(l->items + i, l->items + i + 1, (l->n - i) * sizeof *l->items);
}

void
vp_store_close(struct vp_store *s)
{
	if (!s)
		return;
	vp_db_close(s->file);
	for (size_t i = 0; i < s->n; i++)
		vp_index_free(s->indexes[i]);
	free(s->indexes);
	list_free(&s->backups, free_backup);
	list_free(&s->restores, free_restore);
	list_free(&s->imports, free_import);
	free(s->imports_root);
	pthread_rwlock_destroy(&s->lock);
	pthread_mutex_destroy(&s->queue_lock);
	pthread_mutex_destroy(&s->jobs_lock);
	pthread_cond_destroy(&s->jobs_wake);
	pthread_mutex_destroy(&s->writer);
	free(s);
}

void
vp_store_read(struct vp_store *s)
{
	pthread_rwlock_rdlock(&s->lock);
}

void
vp_store_read_end(struct vp_store *s)
{
	pthread_rwlock_unlock(&s->lock);
}

/* End a transaction: commit if all went well, else take it back and say why. */
enum vp_store_error
vp_store_end(struct vp_store *s, bool ok, struct vp_buf *why)
{
	if (ok && vp_db_commit(s->file))
		return VP_STORE_OK;
	vp_db_rollback(s->file);
	vp_buf_puts(why, vp_db_why(s->file));
	return VP_STORE_FAILED;
}

enum vp_store_error
vp_store_create(struct vp_store *s, const struct vp_index_conf *conf, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_EXISTS;
	struct vp_index *index;
	int64_t key = 0;

	pthread_mutex_lock(&s->writer);
	if (!vp_store_index(s, conf->name))
		e = vp_store_end(
		    s, vp_db_begin(s->file) && vp_db_add_index(s->file, conf, &key), why);
	if (e == VP_STORE_OK) {
		index = vp_zalloc(1, sizeof *index);
		index->key = key;
		index->conf = vp_index_conf_copy(conf);
		pthread_rwlock_wrlock(&s->lock);
		vp_store_link_index(s, index);
		pthread_rwlock_unlock(&s->lock);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

enum vp_store_error
vp_store_configure(
    struct vp_store *s, int64_t key, const struct vp_index_conf *conf, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_INDEX;
	struct vp_index *index;

	pthread_mutex_lock(&s->writer);
	index = vp_store_index_by_key(s, key);
	if (index) {
		struct vp_index_conf set = index->conf;
		set.is_protected = conf->is_protected;
		set.tags = conf->tags;
		set.spec = conf->spec;
		e = vp_store_end(
		    s, vp_db_begin(s->file) && vp_db_set_index(s->file, key, &set), why);
	}
	if (e == VP_STORE_OK) {
		pthread_rwlock_wrlock(&s->lock);
		free(index->conf.tags);
		free(index->conf.spec);
		index->conf.is_protected = conf->is_protected;
		index->conf.tags = vp_strdup(conf->tags);
		index->conf.spec = vp_strdup(conf->spec);
		pthread_rwlock_unlock(&s->lock);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

/* Within a transaction: remove records of a namespace from the file: those of `rows`, or all, where
 * the namespace itself goes. What a backup holds stays; that it is gone needs to be said only where
 * the namespace is still there. */
static bool
remove_records(struct vp_store *s, const struct vp_namespace *ns, const uint64_t *rows)
{
	const struct vp_space *space = ns->space;
	bool ok = true;

	for (size_t w = 0; w * 64 < space->n && ok; w++)
		for (uint64_t left = space->in_use[w] & (rows ? rows[w] : ~UINT64_C(0)); left && ok;
		     left &= left - 1) {
			int64_t key = space->rows[w * 64 + (size_t)__builtin_ctzll(left)].record;
			if (key >= ns->before)
				ok = vp_db_remove(s->file, key);
			else if (rows)
				ok = vp_db_keep(s->file, key, ns->backup);
		}
	return ok;
}

/* Within a transaction: remove an index from the file; its backups stay. */
static bool
remove_index(struct vp_store *s, const struct vp_index *index)
{
	char now[VP_TIME_CHARS];
	bool ok = true;

	vp_time_now(now);
	for (size_t i = 0; ok && i < index->n; i++)
		ok = remove_records(s, index->spaces[i], NULL) &&
		     vp_db_remove_space(s->file, index->spaces[i]->key);
	if (ok && index->restore) {
		struct vp_restore cancelled = *index->restore;
		strcpy(cancelled.status, "Cancelled");
		strcpy(cancelled.completed, now);
		ok = vp_db_put_restore(s->file, &cancelled);
	}
	return ok && vp_db_backups_lose_index(s->file, index->key, now) &&
	       vp_db_remove_index(s->file, index->key);
}

/* With lock held for writing: the same in memory, but for the index itself. */
static void
unlink_index(struct vp_store *s, const struct vp_index *index)
{
	size_t at = index_from(s, index->conf.name);

	s->n--;
	memmove(s->indexes + at, s->indexes + at + 1, (s->n - at) * sizeof *s->indexes);
	for (size_t i = 0; i < s->backups.n; i++) {
		struct vp_backup *b = s->backups.items[i];
		if (b->index == index->key)
			vp_time_now(b->index_deleted);
	}
	for (size_t i = 0; i < s->restores.n; i++) {
		struct vp_restore *r = s->restores.items[i];
		if (r != index->restore)
			continue;
		strcpy(r->status, "Cancelled");
		vp_time_now(r->completed);
	}
}

enum vp_store_error
vp_store_drop(struct vp_store *s, int64_t key, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_INDEX;
	struct vp_index *index;

	pthread_mutex_lock(&s->writer);
	index = vp_store_index_by_key(s, key);
	if (index && index->conf.is_protected)
		e = VP_STORE_PROTECTED;
	else if (index)
		e = vp_store_end(s, vp_db_begin(s->file) && remove_index(s, index), why);
	if (e == VP_STORE_OK) {
		pthread_rwlock_wrlock(&s->lock);
		unlink_index(s, index);
		pthread_rwlock_unlock(&s->lock);
		vp_index_free(index); /* no reader can still see it */
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

enum vp_store_error
vp_store_create_space(
    struct vp_store *s, int64_t key, const char *name, const char *schema, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_INDEX;
	struct vp_index *index;
	int64_t space = 0;

	pthread_mutex_lock(&s->writer);
	index = vp_store_index_by_key(s, key);
	if (index && vp_index_space(index, name))
		e = VP_STORE_EXISTS;
	else if (index)
		e = vp_store_end(s,
		    vp_db_begin(s->file) && vp_db_add_space(s->file, key, name, schema, &space),
		    why);
	if (e == VP_STORE_OK) {
		struct vp_namespace *ns = vp_namespace_new(index, name, schema);
		ns->key = space;
		pthread_rwlock_wrlock(&s->lock);
		vp_index_link_space(index, ns);
		pthread_rwlock_unlock(&s->lock);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

/* With writer held: the namespace that a change is to be made in. */
static enum vp_store_error
find_space(struct vp_store *s, int64_t key, const char *name, struct vp_index **index,
    struct vp_namespace **ns)
{
	*index = vp_store_index_by_key(s, key);
	*ns = *index ? vp_index_space(*index, name) : NULL;
	return !*index ? VP_STORE_NO_INDEX : !*ns ? VP_STORE_NO_NAMESPACE : VP_STORE_OK;
}

enum vp_store_error
vp_store_drop_space(struct vp_store *s, int64_t key, const char *name, struct vp_buf *why)
{
	struct vp_index *index;
	struct vp_namespace *ns;
	enum vp_store_error e;

	pthread_mutex_lock(&s->writer);
	e = find_space(s, key, name, &index, &ns);
	if (e == VP_STORE_OK)
		e = vp_store_end(s,
		    vp_db_begin(s->file) && remove_records(s, ns, NULL) &&
			vp_db_remove_space(s->file, ns->key),
		    why);
	if (e == VP_STORE_OK) {
		size_t at = space_from(index, name);
		pthread_rwlock_wrlock(&s->lock);
		index->n--;
		memmove(index->spaces + at, index->spaces + at + 1,
		    (index->n - at) * sizeof *index->spaces);
		pthread_rwlock_unlock(&s->lock);
		namespace_free(ns);
	}
	pthread_mutex_unlock(&s->writer);
	return e;
}

/* The ids that a group of upserts brings and that get a new key. */
struct fresh {
	struct vp_map map;
	struct fresh_id {
		const struct vp_namespace *space;
		struct vp_span id;
		int64_t record;
	} * ids; /* [n] */
	size_t n, cap;
};

/* The key of a record in the file: the one it has, or a new one; also where a backup holds what it
 * replaces, which is then marked as gone. 0 if that failed. */
static int64_t
record_key(struct vp_store *s, struct fresh *f, const struct vp_namespace *ns, struct vp_span id)
{
	int64_t row = vp_space_find(ns->space, id), at;
	int64_t key = row >= 0 ? ns->space->rows[row].record : 0;
	uint64_t hash;

	if (row >= 0 && key >= ns->before)
		return key;
	hash = vp_map_hash(id);
	for (size_t slot = VP_MAP_START; (at = vp_map_next(&f->map, hash, &slot)) >= 0;)
		if (f->ids[at].space == ns && vp_span_eq(f->ids[at].id, id))
			return f->ids[at].record;
	if (row >= 0 && !vp_db_keep(s->file, key, ns->backup))
		return 0;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 128;
		f->ids = vp_realloc(f->ids, f->cap, sizeof *f->ids);
	}
	f->ids[f->n] = (struct fresh_id){ns, id, s->next_record++};
	vp_map_add(&f->map, hash, (uint32_t)f->n);
	return f->ids[f->n++].record;
}

/* The namespace of an upsert; one that is new may have been made for an upsert earlier in the
 * group. */
static bool
enter_space(struct vp_store *s, struct upsert *group, struct upsert *u)
{
	u->into = vp_index_space(u->into_index, u->space);
	for (struct upsert *o = group; o != u && !u->into; o = o->next)
		if (o->into_index == u->into_index && strcmp(o->space, u->space) == 0)
			u->into = o->into;
	if (u->into)
		return true;
	u->into = vp_namespace_new(u->into_index, u->space, NULL);
	return vp_db_add_space(s->file, u->index, u->space, NULL, &u->into->key);
}

static bool
write_upsert(struct vp_store *s, struct upsert *group, struct upsert *u, struct fresh *fresh)
{
	bool ok = enter_space(s, group, u);

	u->records = vp_alloc(u->n, sizeof *u->records);
	for (size_t i = 0; ok && i < u->n; i++) {
		u->records[i] = record_key(s, fresh, u->into, u->items[i].id);
		ok = u->records[i] && vp_db_put(s->file, u->records[i], u->into->key, &u->items[i],
					  u->into_index->conf.dimension);
	}
	return ok;
}

/* With lock held for writing: make in memory what has been committed. */
static void
apply_upsert(struct upsert *u)
{
	if (!vp_index_space(u->into_index, u->space))
		vp_index_link_space(u->into_index, u->into);
	for (size_t i = 0; i < u->n; i++)
		vp_space_put(u->into->space, &u->items[i], u->records[i]);
}

/* With writer held: a group of upserts in one transaction. All of it, or nothing, is stored. */
void
vp_store_commit(struct vp_store *s, struct upsert *group)
{
	struct fresh fresh = {0};
	struct vp_buf why = {0};
	bool ok = vp_db_begin(s->file);
	enum vp_store_error e;

	for (struct upsert *u = group; u; u = u->next) {
		u->into_index = vp_store_index_by_key(s, u->index);
		if (ok && u->into_index)
			ok = write_upsert(s, group, u, &fresh);
	}
	e = vp_store_end(s, ok, &why);
	if (e == VP_STORE_OK) {
		pthread_rwlock_wrlock(&s->lock);
		for (struct upsert *u = group; u; u = u->next)
			if (u->into_index)
				apply_upsert(u);
		for (struct upsert *u = group; u; u = u->next)
			if (u->into_index)
				vp_space_tidy(u->into->space);
		pthread_rwlock_unlock(&s->lock);
	}
	for (struct upsert *u = group, *next; u; u = next) {
		next = u->next;
		u->result = u->into_index ? e : VP_STORE_NO_INDEX;
		if (u->result == VP_STORE_FAILED) {
			vp_buf_span(u->why, vp_buf_get(&why));
			if (u->into && !vp_index_space(u->into_index, u->space)) {
				struct vp_namespace *gone =
				    u->into; /* was made for nothing; others may share it */
				for (struct upsert *o = u; o; o = o->next)
					if (o->into == gone)
						o->into = NULL;
				namespace_free(gone);
			}
		}
		free(u->records);
		u->done = true;
	}
	free(fresh.ids);
	vp_map_free(&fresh.map);
	vp_buf_free(&why);
}

enum vp_store_error
vp_store_upsert(struct vp_store *s, int64_t index, const char *space, const struct vp_item *items,
    size_t n, struct vp_buf *why)
{
	struct upsert u = {.index = index, .space = space, .items = items, .n = n, .why = why};

	pthread_mutex_lock(&s->queue_lock);
	*s->queue_end = &u;
	s->queue_end = &u.next;
	pthread_mutex_unlock(&s->queue_lock);

	/* who gets to write first takes along all that wait by then; the others find their work
	 * done */
	pthread_mutex_lock(&s->writer);
	if (!u.done) {
		struct upsert *group;
		pthread_mutex_lock(&s->queue_lock);
		group = s->queue;
		s->queue = NULL;
		s->queue_end = &s->queue;
		pthread_mutex_unlock(&s->queue_lock);
		vp_store_commit(s, group);
	}
	pthread_mutex_unlock(&s->writer);
	return u.result;
}

uint64_t *
vp_choice_rows(const struct vp_space *s, const struct vp_choice *which)
{
	size_t words = (s->n + 63) / 64;
	uint64_t *rows = vp_zalloc(words, sizeof *rows);

	if (which->filter)
		vp_filter_rows(which->filter, &s->attrs, rows, s->n);
	else if (!which->ids)
		memset(rows, 0xff, words * sizeof *rows);
	for (size_t i = 0; which->ids && i < which->n; i++) {
		int64_t row = vp_space_find(s, which->ids[i]);
		if (row >= 0)
			rows[row / 64] |= UINT64_C(1) << (row % 64);
	}
	for (size_t w = 0; w < words; w++)
		rows[w] &= s->in_use[w];
	return rows;
}

enum vp_store_error
vp_store_delete(struct vp_store *s, int64_t key, const char *space, const struct vp_choice *which,
    struct vp_buf *why)
{
	struct vp_index *index;
	struct vp_namespace *ns;
	uint64_t *rows = NULL;
	enum vp_store_error e;

	pthread_mutex_lock(&s->writer);
	e = find_space(s, key, space, &index, &ns);
	if (e == VP_STORE_OK) {
		rows = vp_choice_rows(ns->space, which);
		e = vp_store_end(s, vp_db_begin(s->file) && remove_records(s, ns, rows), why);
	}
	if (e == VP_STORE_OK) {
		pthread_rwlock_wrlock(&s->lock);
		for (size_t w = 0; w * 64 < ns->space->n; w++)
			for (uint64_t left = rows[w]; left; left &= left - 1)
				vp_space_remove(ns->space, w * 64 + (size_t)__builtin_ctzll(left));
		vp_space_tidy(ns->space);
		pthread_rwlock_unlock(&s->lock);
	}
	free(rows);
	pthread_mutex_unlock(&s->writer);
	return e;
}

/* The record of a row as a change makes it. New metadata goes to text, which must live as long as
 * the item. */
static struct vp_item
changed(const struct vp_space *space, size_t row, const struct vp_item *change, struct vp_buf *text)
{
	struct vp_item item = vp_space_item(space, row);

	if (change->values)
		item.values = change->values;
	if (change->sparse) {
		item.indices = change->indices;
		item.weights = change->weights;
		item.sparse = change->sparse;
	}
	if (change->metadata.n) {
		vp_attrs_merge(text, item.metadata, change->metadata);
		item.metadata = vp_buf_get(text);
	}
	return item;
}

enum vp_store_error
vp_store_update(struct vp_store *s, int64_t key, const char *space, const struct vp_choice *which,
    const struct vp_item *change, bool dry, size_t *matched, struct vp_buf *why)
{
	struct vp_index *index;
	struct vp_namespace *ns;
	uint64_t *rows;
	struct vp_buf *texts;
	struct vp_item *items;
	size_t n = 0;
	enum vp_store_error e;

	*matched = 0;
	pthread_mutex_lock(&s->writer);
	e = find_space(s, key, space, &index, &ns);
	if (e != VP_STORE_OK) {
		pthread_mutex_unlock(&s->writer);
		return e;
	}
	rows = vp_choice_rows(ns->space, which);
	for (size_t w = 0; w * 64 < ns->space->n; w++)
		*matched += (size_t)__builtin_popcountll(rows[w]);
	if (!dry) { /* the items point into the space: it must not move while they go in */
		pthread_rwlock_wrlock(&s->lock);
		vp_space_reserve(ns->space, *matched);
		pthread_rwlock_unlock(&s->lock);
	}
	texts = vp_zalloc(*matched, sizeof *texts);
	items = vp_alloc(*matched, sizeof *items);
	for (size_t w = 0; w * 64 < ns->space->n && !dry && e == VP_STORE_OK; w++)
		for (uint64_t left = rows[w]; left && e == VP_STORE_OK; left &= left - 1, n++) {
			items[n] = changed(
			    ns->space, w * 64 + (size_t)__builtin_ctzll(left), change, &texts[n]);
			if (items[n].metadata.n > VP_METADATA_MAX) {
				vp_buf_printf(why,
				    "record '%.*s': metadata would be %zu bytes, the limit is %d",
				    items[n].id.n > 100 ? 100 : (int)items[n].id.n, items[n].id.s,
				    items[n].metadata.n, VP_METADATA_MAX);
				e = VP_STORE_LIMIT;
			}
		}
	if (e == VP_STORE_OK && n) {
		struct upsert u = {
		    .index = key, .space = space, .items = items, .n = n, .why = why};
		vp_store_commit(s, &u);
		e = u.result;
	}
	for (size_t i = 0; i < *matched; i++)
		vp_buf_free(&texts[i]);
	free(texts);
	free(items);
	free(rows);
	pthread_mutex_unlock(&s->writer);
	return e;
}
