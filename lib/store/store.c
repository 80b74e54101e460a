/* store: indexes, their namespaces and records
 *
 * `writer` is held by who changes something; it alone protects the file, and whoever holds it may
 * read memory as well. `lock` is taken for writing only for the moment in which memory is changed,
 * after the commit, so readers never wait for the disk. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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

struct vp_store {
	struct vp_db *file;
	struct vp_index **indexes; /* [n], by name in byte order */
	size_t n;
	int64_t next_record;
	pthread_mutex_t writer;
	pthread_rwlock_t lock;
	pthread_mutex_t queue_lock;
	struct upsert *queue, **queue_end;
};

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

static void
index_free(struct vp_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		namespace_free(index->spaces[i]);
	free(index->spaces);
	free(index->conf.name);
	free(index->conf.tags);
	free(index->conf.spec);
	free(index);
}

static struct vp_namespace *
namespace_new(const struct vp_index *index, const char *name, const char *schema)
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

static struct vp_index *
index_by_key(const struct vp_store *s, int64_t key)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->indexes[i]->key == key)
			return s->indexes[i];
	return NULL;
}

size_t
vp_index_space_from(const struct vp_index *index, const char *name)
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
	size_t at = vp_index_space_from(index, name);

	return at < index->n && strcmp(index->spaces[at]->name, name) == 0 ? index->spaces[at]
									   : NULL;
}

static void
link_index(struct vp_store *s, struct vp_index *index)
{
	size_t at = index_from(s, index->conf.name);

	s->indexes = open_gap(s->indexes, s->n++, at);
	s->indexes[at] = index;
}

static void
link_space(struct vp_index *index, struct vp_namespace *ns)
{
	size_t at = vp_index_space_from(index, ns->name);

	index->spaces = open_gap(index->spaces, index->n++, at);
	index->spaces[at] = ns;
}

static struct vp_index_conf
copy_conf(const struct vp_index_conf *conf)
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
};

static bool
load_index(void *arg, int64_t key, const struct vp_index_conf *conf)
{
	struct loading *l = arg;
	struct vp_index *index = vp_zalloc(1, sizeof *index);

	index->key = key;
	index->conf = copy_conf(conf);
	link_index(l->store, index);
	return true;
}

static bool
load_space(void *arg, int64_t key, int64_t index_key, const char *name, const char *schema)
{
	struct loading *l = arg;
	struct vp_index *index = index_by_key(l->store, index_key);
	struct vp_namespace *ns;

	if (!index)
		return false;
	ns = namespace_new(index, name, schema);
	ns->key = key;
	link_space(index, ns);
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->spaces = vp_realloc(l->spaces, l->cap, sizeof(struct vp_namespace *));
	}
	l->spaces[l->n++] = ns;
	return true;
}

static bool
load_record(void *arg, int64_t key, int64_t space, const struct vp_item *item, size_t dimension)
{
	struct loading *l = arg;
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l->spaces[middle]->key < space)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == l->n || l->spaces[low]->key != space ||
	    l->spaces[low]->space->dimension != dimension || item->id.n == 0)
		return false;
	vp_space_put(l->spaces[low]->space, item, key);
	l->store->next_record = key + 1;
	return true;
}

enum vp_store_error
vp_store_open(const char *path, struct vp_store **out, struct vp_buf *why)
{
	struct vp_store *s = vp_zalloc(1, sizeof *s);
	struct loading l = {.store = s};
	struct vp_db_reader reader = {load_index, load_space, load_record, &l};
	pthread_rwlockattr_t attr;
	enum vp_store_error e;

	s->next_record = 1;
	s->queue_end = &s->queue;
	pthread_mutex_init(&s->writer, NULL);
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_rwlockattr_init(&attr); /* the default lets readers starve a writer */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	e = vp_db_open(path, &s->file, why);
	if (e == VP_STORE_OK)
		e = vp_db_read(s->file, &reader, why);
	free(l.spaces);
	if (e != VP_STORE_OK) {
		vp_store_close(s);
		return e;
	}
	*out = s;
	return VP_STORE_OK;
}

void
vp_store_close(struct vp_store *s)
{
	if (!s)
		return;
	vp_db_close(s->file);
	for (size_t i = 0; i < s->n; i++)
		index_free(s->indexes[i]);
	free(s->indexes);
	pthread_rwlock_destroy(&s->lock);
	pthread_mutex_destroy(&s->queue_lock);
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
static enum vp_store_error
end(struct vp_store *s, bool ok, struct vp_buf *why)
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
		e = end(s, vp_db_begin(s->file) && vp_db_add_index(s->file, conf, &key), why);
	if (e == VP_STORE_OK) {
		index = vp_zalloc(1, sizeof *index);
		index->key = key;
		index->conf = copy_conf(conf);
		pthread_rwlock_wrlock(&s->lock);
		link_index(s, index);
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
	index = index_by_key(s, key);
	if (index) {
		struct vp_index_conf set = index->conf;
		set.is_protected = conf->is_protected;
		set.tags = conf->tags;
		set.spec = conf->spec;
		e = end(s, vp_db_begin(s->file) && vp_db_set_index(s->file, key, &set), why);
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

/* Within a transaction: remove the records of a namespace from the file, those of `rows` or all. */
static bool
remove_records(struct vp_store *s, const struct vp_space *space, const uint64_t *rows)
{
	for (size_t w = 0; w * 64 < space->n; w++)
		for (uint64_t left = space->in_use[w] & (rows ? rows[w] : ~UINT64_C(0)); left;
		     left &= left - 1)
			if (!vp_db_remove(s->file,
				space->rows[w * 64 + (size_t)__builtin_ctzll(left)].record))
				return false;
	return true;
}

enum vp_store_error
vp_store_drop(struct vp_store *s, int64_t key, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_NO_INDEX;
	struct vp_index *index;

	pthread_mutex_lock(&s->writer);
	index = index_by_key(s, key);
	if (index && index->conf.is_protected) {
		e = VP_STORE_PROTECTED;
	} else if (index) {
		bool ok = vp_db_begin(s->file);
		for (size_t i = 0; ok && i < index->n; i++)
			ok = remove_records(s, index->spaces[i]->space, NULL) &&
			     vp_db_remove_space(s->file, index->spaces[i]->key);
		e = end(s, ok && vp_db_remove_index(s->file, key), why);
	}
	if (e == VP_STORE_OK) {
		size_t at = index_from(s, index->conf.name);
		pthread_rwlock_wrlock(&s->lock);
		s->n--;
		memmove(s->indexes + at, s->indexes + at + 1, (s->n - at) * sizeof *s->indexes);
		pthread_rwlock_unlock(&s->lock);
		index_free(index); /* no reader can still see it */
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
	index = index_by_key(s, key);
	if (index && vp_index_space(index, name))
		e = VP_STORE_EXISTS;
	else if (index)
		e = end(s,
		    vp_db_begin(s->file) && vp_db_add_space(s->file, key, name, schema, &space),
		    why);
	if (e == VP_STORE_OK) {
		struct vp_namespace *ns = namespace_new(index, name, schema);
		ns->key = space;
		pthread_rwlock_wrlock(&s->lock);
		link_space(index, ns);
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
	*index = index_by_key(s, key);
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
		e = end(s,
		    vp_db_begin(s->file) && remove_records(s, ns->space, NULL) &&
			vp_db_remove_space(s->file, ns->key),
		    why);
	if (e == VP_STORE_OK) {
		size_t at = vp_index_space_from(index, name);
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

/* The ids that a group of upserts brings and that memory does not know yet. */
struct fresh {
	struct vp_map map;
	struct fresh_id {
		const struct vp_namespace *space;
		struct vp_span id;
		int64_t record;
	} * ids; /* [n] */
	size_t n, cap;
};

/* The key of a record in the file: the one it has, or a new one. */
static int64_t
record_key(struct vp_store *s, struct fresh *f, const struct vp_namespace *ns, struct vp_span id)
{
	int64_t row = vp_space_find(ns->space, id), at;
	uint64_t hash;

	if (row >= 0)
		return ns->space->rows[row].record;
	hash = vp_map_hash(id);
	for (size_t slot = VP_MAP_START; (at = vp_map_next(&f->map, hash, &slot)) >= 0;)
		if (f->ids[at].space == ns && vp_span_eq(f->ids[at].id, id))
			return f->ids[at].record;
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
	u->into = namespace_new(u->into_index, u->space, NULL);
	return vp_db_add_space(s->file, u->index, u->space, NULL, &u->into->key);
}

static bool
write_upsert(struct vp_store *s, struct upsert *group, struct upsert *u, struct fresh *fresh)
{
	bool ok = enter_space(s, group, u);

	u->records = vp_alloc(u->n, sizeof *u->records);
	for (size_t i = 0; ok && i < u->n; i++) {
		u->records[i] = record_key(s, fresh, u->into, u->items[i].id);
		ok = vp_db_put(s->file, u->records[i], u->into->key, &u->items[i],
		    u->into_index->conf.dimension);
	}
	return ok;
}

/* With lock held for writing: make in memory what has been committed. */
static void
apply_upsert(struct upsert *u)
{
	if (!vp_index_space(u->into_index, u->space))
		link_space(u->into_index, u->into);
	for (size_t i = 0; i < u->n; i++)
		vp_space_put(u->into->space, &u->items[i], u->records[i]);
}

/* With writer held: a group of upserts in one transaction. All of it, or nothing, is stored. */
static void
commit_group(struct vp_store *s, struct upsert *group)
{
	struct fresh fresh = {0};
	struct vp_buf why = {0};
	bool ok = vp_db_begin(s->file);
	enum vp_store_error e;

	for (struct upsert *u = group; u; u = u->next) {
		u->into_index = index_by_key(s, u->index);
		if (ok && u->into_index)
			ok = write_upsert(s, group, u, &fresh);
	}
	e = end(s, ok, &why);
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
		commit_group(s, group);
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
		e = end(s, vp_db_begin(s->file) && remove_records(s, ns->space, rows), why);
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
		commit_group(s, &u);
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
