/* import: a folder of NDJSON files into an index */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import.h"
#include "inside.h"
#include "intake.h"
#include "jobs.h"
#include "ndjson.h"

#define LINE_MAX_BYTES ((size_t)2 * 1024 * 1024) /* as of a request */
#define STEP_RECORDS 500 /* records that are stored in one transaction, unless they are */
#define STEP_BYTES ((size_t)4 * 1024 * 1024) /* so large together */

static const char scheme[] = "file:///";

int
vp_imports_allow(struct vp_store *s, const char *folder)
{
	struct stat st;

	s->imports_root = realpath(folder, NULL);
	if (!s->imports_root || stat(s->imports_root, &st))
		return VP_E_IO;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) ? 0 : VP_E_IO;
}

static int
hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* The path that a URI's path means: %XX is a byte, but never the one that ends a string. */
static void
percent_decode(struct vp_buf *out, const char *s)
{
	for (; *s; s++) {
		int high = *s == '%' ? hex(s[1]) : -1, low = high >= 0 ? hex(s[2]) : -1;
		if (low < 0 || high + low == 0) {
			vp_buf_putc(out, *s);
			continue;
		}
		vp_buf_putc(out, (char)(high * 16 + low));
		s += 2;
	}
}

/* Where a path leads, if that is the root or below it; else NULL with errno, 0 for outside. */
static char *
inside(const char *root, const char *path)
{
	size_t n = strlen(root);
	char *at = realpath(path, NULL);

	if (at && (strncmp(at, root, n) != 0 || (at[n] && at[n] != '/' && n > 1))) {
		free(at);
		errno = 0;
		return NULL;
	}
	return at;
}

int
vp_import_resolve(const struct vp_store *s, const char *uri, char **folder)
{
	struct vp_buf path = {0};

	if (strncmp(uri, scheme, strlen(scheme)) != 0)
		return VP_E_TYPE;
	if (!s->imports_root)
		return VP_E_MISSING;
	vp_buf_printf(&path, "%s/", s->imports_root);
	percent_decode(&path, uri + strlen(scheme));
	*folder = inside(s->imports_root, vp_buf_cstr(&path));
	vp_buf_free(&path);
	return *folder ? 0 : errno ? VP_E_IO : VP_E_LIMIT;
}

struct vp_import *
vp_import_next(const struct vp_store *s, int64_t index, int64_t after)
{
	for (size_t i = 0; i < s->imports.n; i++) {
		struct vp_import *m = s->imports.items[i];
		if (m->key > after && m->index == index)
			return m;
	}
	return NULL;
}

/* With writer held: write a job to the file. */
static enum vp_store_error
write_job(struct vp_store *s, struct vp_import *m, struct vp_buf *why)
{
	return vp_store_end(s, vp_db_begin(s->file) && vp_db_put_import(s->file, m), why);
}

enum vp_store_error
vp_import_start(struct vp_store *s, int64_t index, const char *uri, bool go_on, int64_t *key,
    struct vp_buf *why)
{
	struct vp_import *m = vp_zalloc(1, sizeof *m);
	enum vp_store_error e = VP_STORE_NO_INDEX;

	m->index = index;
	m->uri = vp_strdup(uri);
	m->go_on = go_on;
	strcpy(m->status, "Pending");
	vp_time_now(m->created);
	pthread_mutex_lock(&s->writer);
	if (vp_store_index_by_key(s, index))
		e = write_job(s, m, why);
	if (e == VP_STORE_OK) {
		*key = m->key;
		pthread_rwlock_wrlock(&s->lock);
		vp_store_add(&s->imports, m);
		pthread_rwlock_unlock(&s->lock);
	} else {
		vp_import_free(m);
	}
	pthread_mutex_unlock(&s->writer);
	vp_jobs_wake(s);
	return e;
}

static bool
is_over(const struct vp_import *m)
{
	return *m->finished;
}

/* Bring a job to an end, unless it is at one; error may be NULL. Write it in any case: who has been
 * cancelled may have stored some more. */
static enum vp_store_error
finish(struct vp_store *s, struct vp_import *m, const char *status, const char *error,
    struct vp_buf *why)
{
	enum vp_store_error e;

	pthread_mutex_lock(&s->writer);
	pthread_rwlock_wrlock(&s->lock);
	if (!is_over(m)) { /* also where the disk is full: it is over */
		strcpy(m->status, status);
		vp_time_now(m->finished);
		m->error = error ? vp_strdup(error) : NULL;
	}
	pthread_rwlock_unlock(&s->lock);
	e = write_job(s, m, why);
	pthread_mutex_unlock(&s->writer);
	return e;
}

enum vp_store_error
vp_import_cancel(struct vp_store *s, struct vp_import *m, struct vp_buf *why)
{
	return finish(s, m, "Cancelled", NULL, why);
}

enum vp_store_error
vp_imports_end(struct vp_store *s, struct vp_buf *why)
{
	enum vp_store_error e = VP_STORE_OK;

	for (size_t i = 0; i < s->imports.n && e == VP_STORE_OK; i++)
		e = finish(s, s->imports.items[i], "Failed",
		    "pc-local ended before the import did: delete its namespaces, and start it "
		    "again",
		    why);
	return e;
}

/* A file to be imported. */
struct file {
	char *path, *space;
	char *shown; /* "NAMESPACE/FILE" */
};

/* An import that runs. */
struct run {
	struct vp_store *store;
	struct vp_import *job;
	struct file *files; /* [n], by name */
	size_t n;
	double bytes, done; /* of all files; of those that are through */
	struct vp_target target;
	struct vp_call call;   /* holds the records of a step, and what is wrong with one of them */
	struct vp_item *items; /* [STEP_RECORDS], of the step */
	size_t records, size;  /* of the step: how many, and bytes */
	size_t refused;        /* records that cannot be stored */
	struct vp_buf first;   /* why, of the first of them */
	struct vp_buf why;     /* why it cannot go on; empty where it has been told to stop */
};

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static int
is_seen(const struct dirent *d)
{
	return *d->d_name != '.';
}

/* Call f for what is in a folder, in the order of names. A name that leads outside of what may be
 * imported is an error. */
static bool
each_in(struct run *r, const char *folder, const char *space,
    bool (*f)(struct run *r, const char *path, const char *space, const char *name))
{
	struct dirent **names;
	int n = scandir(folder, &names, is_seen, alphasort);
	bool ok = n >= 0;

	if (!ok)
		vp_buf_printf(&r->why, "%s: %s", space ? space : folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		struct vp_buf joined = {0};
		char *path = NULL;
		if (ok) {
			vp_buf_printf(&joined, "%s/%s", folder, names[i]->d_name);
			path = inside(r->store->imports_root, vp_buf_cstr(&joined));
			ok = path && f(r, path, space, names[i]->d_name);
		}
		if (!ok && !r->why.n)
			vp_buf_printf(&r->why, "%s: %s", names[i]->d_name,
			    errno ? strerror(errno) : "leads outside of --imports");
		free(path);
		vp_buf_free(&joined);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return ok;
}

static bool
add_file(struct run *r, const char *path, const char *space, const char *name)
{
	struct vp_buf shown = {0};
	struct stat st;

	vp_buf_printf(&shown, "%s/%s", space, name);
	vp_buf_cstr(&shown);
	if (stat(path, &st) || !S_ISREG(st.st_mode) ||
	    !(ends_with(name, ".ndjson") || ends_with(name, ".jsonl"))) {
		vp_buf_printf(&r->why,
		    ends_with(name, ".parquet")
			? "%s: Parquet is not read: make NDJSON of it, a record in each line"
			: "%s: is no file called .ndjson or .jsonl",
		    shown.s);
		vp_buf_free(&shown);
		return false;
	}
	r->files = vp_realloc(r->files, r->n + 1, sizeof *r->files);
	r->files[r->n++] =
	    (struct file){vp_strdup(path), vp_strdup(space), vp_buf_take(&shown, NULL)};
	r->bytes += (double)st.st_size;
	return true;
}

/* A folder that is called as its namespace. */
static bool
add_space(struct run *r, const char *path, const char *space, const char *name)
{
	const struct vp_index *index;
	const struct vp_namespace *ns;
	struct stat st;
	bool taken;

	(void)space;
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		vp_buf_printf(&r->why,
		    "%s: stands in no folder: files go into one that is called as their namespace, "
		    "or " VP_DEFAULT_SPACE,
		    name);
		return false;
	}
	vp_store_read(r->store);
	index = vp_store_index_by_key(r->store, r->job->index);
	ns = index ? vp_index_space(index, name) : NULL;
	taken = ns && ns->space->live;
	vp_store_read_end(r->store);
	if (taken || !vp_utf8_valid(vp_str(name), NULL)) {
		vp_buf_printf(&r->why,
		    taken ? "namespace '%s': has records: import to new ones, or delete it first"
			  : "folder '%s': a namespace's name must be UTF-8",
		    name);
		return false;
	}
	return each_in(r, path, name, add_file);
}

/* Store what the step holds, and begin a new one. */
static bool
store_step(struct run *r, const char *space, double done)
{
	enum vp_store_error e = VP_STORE_OK;

	if (r->records)
		e = vp_store_upsert(r->store, r->job->index, space, r->items, r->records, &r->why);
	if (e == VP_STORE_NO_INDEX)
		vp_buf_puts(&r->why, "the index has been deleted");
	pthread_rwlock_wrlock(&r->store->lock);
	if (e == VP_STORE_OK)
		r->job->records += r->records;
	r->job->percent = r->bytes > 0 ? 100 * done / r->bytes : 100;
	pthread_rwlock_unlock(&r->store->lock);
	vp_call_free(&r->call);
	r->records = r->size = 0;
	return e == VP_STORE_OK;
}

/* A record that cannot be stored: remembered, or the end of the import. */
static bool
refuse(struct run *r, const struct file *f, unsigned long long line, const char *why)
{
	struct vp_buf *text = r->job->go_on ? &r->first : &r->why;

	if (r->refused++ == 0)
		vp_buf_printf(text, "%s: line %llu: %s", f->shown, line, why);
	return r->job->go_on;
}

static bool
take_line(struct run *r, const struct file *f, unsigned long long line, struct vp_span json)
{
	char where[] = "record.";
	char *copy = vp_call_alloc(&r->call, json.n, 1); /* items point into it */
	struct vp_json_walk w;

	memcpy(copy, json.s, json.n);
	vp_json_begin(&w, (struct vp_span){copy, json.n});
	if (!vp_intake_record(&r->call, &r->target, &w, where, &r->items[r->records]))
		return refuse(r, f, line, vp_buf_cstr(&r->call.message));
	r->records++;
	r->size += json.n;
	return true;
}

/* Whether to go on: it has not been cancelled, and the store is not being closed. */
static bool
goes_on(struct run *r)
{
	bool over;

	vp_store_read(r->store);
	over = is_over(r->job);
	vp_store_read_end(r->store);
	return !over && !r->store->stopping;
}

static bool
read_lines(struct run *r, const struct file *f, struct vp_lines *in)
{
	struct vp_span json;
	bool ok = true;
	int e = 1;

	while (ok && goes_on(r) && (e = vp_lines_next(in, &json))) {
		if (e == VP_E_IO) {
			vp_buf_printf(&r->why, "%s: %s", f->shown, strerror(errno));
			return false;
		}
		if (e == VP_E_LIMIT)
			ok = refuse(r, f, in->line, "is over 2097152 bytes long");
		else if (json.n)
			ok = take_line(r, f, in->line, json);
		if (ok && (r->records == STEP_RECORDS || r->size >= STEP_BYTES))
			ok = store_step(r, f->space, r->done + (double)in->bytes);
	}
	return ok && e == 0 && store_step(r, f->space, r->done + (double)in->bytes);
}

static bool
read_file(struct run *r, const struct file *f)
{
	struct vp_lines in = {.fd = open(f->path, O_RDONLY | O_CLOEXEC), .max = LINE_MAX_BYTES};
	bool ok = in.fd >= 0;

	if (!ok) {
		vp_buf_printf(&r->why, "%s: %s", f->shown, strerror(errno));
		return false;
	}
	ok = read_lines(r, f, &in);
	r->done += (double)in.bytes;
	close(in.fd);
	vp_lines_free(&in);
	return ok;
}

/* The files of a job, and the index that they are for. */
static bool
prepare(struct run *r)
{
	const struct vp_index *index;
	char *folder;
	int e = vp_import_resolve(r->store, r->job->uri, &folder);
	bool ok;

	if (e) {
		vp_buf_printf(&r->why, "%s: %s", r->job->uri,
		    e == VP_E_IO ? strerror(errno) : "may not be imported");
		return false;
	}
	vp_store_read(r->store);
	index = vp_store_index_by_key(r->store, r->job->index);
	if (index)
		r->target = (struct vp_target){
		    .dimension = index->conf.dimension, .metric = index->conf.metric};
	vp_store_read_end(r->store);
	ok = each_in(r, folder, NULL, add_space);
	if (ok && !r->n)
		vp_buf_puts(&r->why, "there is no file in it");
	free(folder);
	return ok && r->n;
}

static void
begin(struct vp_store *s, struct vp_import *m)
{
	pthread_rwlock_wrlock(&s->lock);
	if (!is_over(m))
		strcpy(m->status, "InProgress");
	pthread_rwlock_unlock(&s->lock);
}

void
vp_import_run(struct vp_store *s, struct vp_import *m)
{
	struct run r = {.store = s, .job = m};
	struct vp_buf text = {0}, why = {0};
	bool ok;

	begin(s, m);
	r.items = vp_alloc(STEP_RECORDS, sizeof *r.items);
	ok = prepare(&r);
	for (size_t i = 0; ok && i < r.n; i++)
		ok = read_file(&r, &r.files[i]);
	if (r.why.n)
		vp_buf_span(&text, vp_buf_get(&r.why));
	else if (r.refused)
		vp_buf_printf(&text, "%zu records were left out; the first: %s", r.refused,
		    vp_buf_cstr(&r.first));
	if (text.n)
		vp_warn("import %lld: %s", (long long)m->key, vp_buf_cstr(&text));
	if (ok || r.why.n || !s->stopping) /* else it goes the way of what ends with us */
		finish(s, m, ok ? "Completed" : "Failed", text.n ? text.s : NULL, &why);
	for (size_t i = 0; i < r.n; i++) {
		free(r.files[i].path);
		free(r.files[i].space);
		free(r.files[i].shown);
	}
	free(r.files);
	free(r.items);
	vp_call_free(&r.call);
	vp_buf_free(&r.first);
	vp_buf_free(&r.why);
	vp_buf_free(&text);
	vp_buf_free(&why);
}
