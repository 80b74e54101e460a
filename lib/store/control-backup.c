/* control-backup: backups and what is made of them, as the API tells of them */
#include <stdio.h>
#include <string.h>

#include "backup.h"
#include "control-inside.h"
#include "opt.h"

#define N(array) (sizeof(array) / sizeof *(array))

/* What keys of the file are called outside of it, so that one is not taken for another. */
#define BACKUP_ID "bkp_"
#define RESTORE_ID "rst_"
#define INDEX_ID "idx_"

/* The key that an id means; 0 where it is none. */
static int64_t
key_of(const char *id, const char *prefix)
{
	uint64_t key = 0;

	return strncmp(id, prefix, strlen(prefix)) == 0 &&
		       vp_read_number(id + strlen(prefix), &key) == 0 && key <= INT64_MAX
		   ? (int64_t)key
		   : 0;
}

static void
write_text(struct vp_buf *out, const char *member, const char *text)
{
	vp_buf_printf(out, ",\"%s\":", member);
	vp_json_quote(out, vp_str(text));
}

static void
write_backup(struct vp_call *c, const struct vp_backup *b)
{
	struct vp_span kind, inner, capacity, value;
	struct vp_buf *out = &c->out;

	vp_buf_printf(out,
	    "{\"backup_id\":\"" BACKUP_ID "%lld\",\"source_index_id\":\"" INDEX_ID "%lld\"",
	    (long long)b->key, (long long)b->index);
	write_text(out, "source_index_name", b->conf.name);
	if (b->name)
		write_text(out, "name", b->name);
	if (b->description)
		write_text(out, "description", b->description);
	vp_buf_puts(out, ",\"status\":\"Ready\",");
	vp_control_open_spec(b->conf.spec, &kind, &inner, &capacity);
	vp_json_find(inner, "cloud", &value);
	vp_buf_puts(out, "\"cloud\":");
	vp_buf_span(out, value);
	vp_json_find(inner, "region", &value);
	vp_buf_puts(out, ",\"region\":");
	vp_buf_span(out, value);
	if (vp_control_schemas(c)) {
		vp_control_write_fields(out, &b->conf);
		if (*b->index_deleted)
			write_text(out, "source_index_deleted_at", b->index_deleted);
	} else {
		if (b->conf.dimension)
			vp_buf_printf(out, ",\"dimension\":%zu", b->conf.dimension);
		write_text(out, "metric", vp_metric_name(b->conf.metric));
		if (vp_json_find(inner, "schema", &value) > 0) {
			vp_buf_puts(out, ",\"schema\":");
			vp_buf_span(out, value);
		}
	}
	vp_buf_printf(out, ",\"record_count\":%zu,\"namespace_count\":%zu,\"size_bytes\":%zu",
	    b->records, b->n, b->bytes);
	vp_buf_printf(out, ",\"tags\":%s,\"created_at\":\"%s\"}",
	    strcmp(b->conf.tags, "{}") == 0 ? "null" : b->conf.tags, b->created);
}

static void
write_restore(struct vp_call *c, const struct vp_restore *r)
{
	struct vp_buf *out = &c->out;

	vp_buf_printf(out,
	    "{\"restore_job_id\":\"" RESTORE_ID "%lld\",\"backup_id\":\"" BACKUP_ID
	    "%lld\",\"target_index_id\":\"" INDEX_ID "%lld\"",
	    (long long)r->key, (long long)r->backup, (long long)r->index);
	write_text(out, "target_index_name", r->name);
	write_text(out, "status", r->status);
	write_text(out, "created_at", r->created);
	if (*r->completed)
		write_text(out, "completed_at", r->completed);
	if (strcmp(r->status, "Completed") == 0)
		vp_buf_puts(out, ",\"percent_complete\":100");
	vp_buf_putc(out, '}');
}

/* Where a page begins and how long it is. The token holds both, because clients that follow a token
 * leave the limit out. */
struct page {
	size_t limit;
	int64_t after;
};

static bool
read_page(struct vp_call *c, struct page *p)
{
	const char *token = vp_request_query(c->request, "paginationToken");
	struct vp_span text;
	long long after = 0;
	size_t limit = 10;

	if (token && *token) {
		char end;
		if (!vp_token_read(c, token, &text))
			return false;
		if (sscanf(text.s, "%zu:%lld%c", &limit, &after, &end) != 2)
			return vp_call_fail(
			    c, 400, "paginationToken: is none that this server has given");
	}
	p->after = after;
	return vp_call_parameter(c, "limit", 1, 100, limit, &p->limit);
}

static void
write_page_end(struct vp_buf *out, const struct page *p, int64_t last, bool more)
{
	char token[64];

	vp_buf_putc(out, ']');
	if (more) {
		snprintf(token, sizeof token, "%zu:%lld", p->limit, (long long)last);
		vp_buf_puts(out, ",\"pagination\":{\"next\":\"");
		vp_token_write(out, vp_str(token));
		vp_buf_puts(out, "\"}");
	}
	vp_buf_putc(out, '}');
}

/* Backups: all; or those of the index of that name, also of those that had it before if deleted. */
static void
list_backups(struct vp_call *c, const char *name)
{
	const char *asked = vp_request_query(c->request, "include_deleted");
	bool deleted = asked && strcmp(asked, "true") == 0;
	const struct vp_index *index = NULL;
	const struct vp_backup *b;
	struct page p;
	size_t n = 0;

	if (!read_page(c, &p))
		return;
	vp_buf_puts(&c->out, "{\"data\":[");
	vp_store_read(c->store);
	if (name)
		index = vp_store_index(c->store, name);
	for (b = vp_backup_next(c->store, p.after); b; b = vp_backup_next(c->store, b->key)) {
		if (name && !(index && b->index == index->key) &&
		    !(deleted && *b->index_deleted && strcmp(b->conf.name, name) == 0))
			continue;
		if (n == p.limit)
			break;
		if (n++)
			vp_buf_putc(&c->out, ',');
		write_backup(c, b);
		p.after = b->key;
	}
	write_page_end(&c->out, &p, p.after, b);
	vp_store_read_end(c->store);
	if (name && !index && !deleted)
		vp_call_stored(c, VP_STORE_NO_INDEX, name);
}

static void
describe_backup(struct vp_call *c, const char *id)
{
	const struct vp_backup *b;

	vp_store_read(c->store);
	b = vp_backup(c->store, key_of(id, BACKUP_ID));
	if (b && b->ending)
		b = NULL;
	if (b)
		write_backup(c, b);
	vp_store_read_end(c->store);
	if (!b)
		vp_call_stored(c, VP_STORE_NO_BACKUP, id);
}

/* An optional string, as a C string that lives as long as the call, or NULL. */
static bool
read_text(struct vp_call *c, struct vp_span json, const char *where, const char **out)
{
	struct vp_span text;

	*out = NULL;
	if (!json.n)
		return true;
	if (!vp_call_text(c, json, where, &text))
		return false;
	*out = text.s;
	return true;
}

static bool
find_serverless(struct vp_call *c, const char *name, int64_t *key)
{
	const struct vp_index *index;
	struct vp_span kind = {"", 0}, inner, capacity;
	bool serverless;

	vp_store_read(c->store);
	index = vp_store_index(c->store, name);
	if (index)
		vp_control_open_spec(index->conf.spec, &kind, &inner, &capacity);
	serverless = vp_span_is(kind, "serverless");
	*key = index ? index->key : 0;
	vp_store_read_end(c->store);
	if (!index)
		return vp_call_stored(c, VP_STORE_NO_INDEX, name);
	return serverless ||
	       vp_call_fail(c, 400, "Index %s: backups are made of serverless indexes only", name);
}

static void
create_backup(struct vp_call *c, const char *index_name)
{
	struct vp_span name_json = {0}, description_json = {0};
	const struct vp_member members[] = {
	    {"name", NULL, '"', false, &name_json},
	    {"description", NULL, '"', false, &description_json},
	};
	const char *name, *description;
	int64_t index, key;
	char id[32];

	if (!find_serverless(c, index_name, &index) ||
	    !vp_call_body(c, members, N(members), true) ||
	    !read_text(c, name_json, "name", &name) ||
	    !read_text(c, description_json, "description", &description) ||
	    !vp_call_stored(c,
		vp_backup_make(c->store, index, name, description, &key, &c->message), index_name))
		return;
	snprintf(id, sizeof id, BACKUP_ID "%lld", (long long)key);
	c->status = 201;
	describe_backup(c, id);
}

static void
delete_backup(struct vp_call *c, const char *id)
{
	int64_t key = key_of(id, BACKUP_ID);
	const struct vp_restore *r;
	enum vp_store_error e = vp_backup_remove(c->store, key, &c->message);
	long long job = 0;

	if (e == VP_STORE_PENDING) {
		vp_store_read(c->store);
		r = vp_backup_pending(c->store, key);
		if (r)
			job = (long long)r->key;
		vp_store_read_end(c->store);
		vp_call_fail(c, 412,
		    "Unable to delete backup. There are pending restore jobs for this backup: "
		    "['" RESTORE_ID "%lld']",
		    job);
	} else if (vp_call_stored(c, e, id)) {
		c->status = 202;
	}
}

/* The index that is to be made of a backup, as the body of the call describes it. */
static bool
read_wish(struct vp_call *c, const char *id, struct vp_index_conf *conf)
{
	struct vp_span json = {0}, tags = {0}, protection = {0}, capacity = {0}, name;
	const struct vp_member members[] = {
	    {"name", NULL, '"', true, &json},
	    {"tags", NULL, '{', false, &tags},
	    {"deletion_protection", NULL, '"', false, &protection},
	    {"read_capacity", NULL, '{', false, &capacity},
	};
	const struct vp_backup *b;

	if (!vp_call_body(c, members, N(members), false) || !vp_call_text(c, json, "name", &name) ||
	    !vp_control_check_name(c, name) || !vp_control_check_protection(c, protection) ||
	    (capacity.n && !vp_control_check_read_capacity(c, capacity)) ||
	    (tags.n && !vp_control_merge_tags(c, "{}", tags, &tags)))
		return false;
	vp_store_read(c->store);
	b = vp_backup(c->store, key_of(id, BACKUP_ID));
	if (b)
		*conf = (struct vp_index_conf){
		    .name = vp_control_text(c, name),
		    .dimension = b->conf.dimension,
		    .metric = b->conf.metric,
		    .is_protected = vp_span_is(protection, "\"enabled\""),
		    .tags = vp_control_text(c, tags.n ? tags : vp_str(b->conf.tags)),
		    .spec = vp_control_spec(c, b->conf.spec, capacity),
		};
	vp_store_read_end(c->store);
	return b || vp_call_stored(c, VP_STORE_NO_BACKUP, id);
}

static void
restore(struct vp_call *c, const char *id)
{
	struct vp_index_conf conf;
	const struct vp_restore *r;
	int64_t job = 0;

	if (!read_wish(c, id, &conf) ||
	    !vp_call_stored(c,
		vp_backup_restore(c->store, key_of(id, BACKUP_ID), &conf, &job, &c->message), id))
		return;
	vp_store_read(c->store);
	r = vp_restore_next(c->store, job - 1);
	vp_buf_printf(&c->out,
	    "{\"restore_job_id\":\"" RESTORE_ID "%lld\",\"index_id\":\"" INDEX_ID "%lld\"}",
	    (long long)r->key, (long long)r->index);
	vp_store_read_end(c->store);
	c->status = 202;
}

void
vp_control_index_backups(struct vp_call *c, const char *method, const char *name)
{
	if (strcmp(method, "GET") == 0)
		list_backups(c, name);
	else if (strcmp(method, "POST") == 0)
		create_backup(c, name);
	else
		vp_call_fail(c, 405, "/indexes/NAME/backups: takes GET and POST");
}

void
vp_control_backups(struct vp_call *c, const char *method, const char *rest)
{
	static const char create[] = "/create-index";
	const char *id = *rest ? rest + 1 : rest, *below = strchr(id, '/');
	bool get = strcmp(method, "GET") == 0;

	if (!*id && get)
		list_backups(c, NULL);
	else if (!*id)
		vp_call_fail(c, 405, "/backups: takes GET");
	else if (below && strcmp(below, create) == 0 && strcmp(method, "POST") == 0)
		restore(c, vp_control_text(c, (struct vp_span){id, (size_t)(below - id)}));
	else if (below)
		vp_call_fail(c, 404, "%.100s: not served by pc-local", vp_request_path(c->request));
	else if (get)
		describe_backup(c, id);
	else if (strcmp(method, "DELETE") == 0)
		delete_backup(c, id);
	else
		vp_call_fail(c, 405, "/backups/ID: takes GET and DELETE");
}

static void
list_restores(struct vp_call *c)
{
	const struct vp_restore *r;
	struct page p;
	size_t n = 0;

	if (!read_page(c, &p))
		return;
	vp_buf_puts(&c->out, "{\"data\":[");
	vp_store_read(c->store);
	for (r = vp_restore_next(c->store, p.after); r && n < p.limit;
	     r = vp_restore_next(c->store, p.after)) {
		if (n++)
			vp_buf_putc(&c->out, ',');
		write_restore(c, r);
		p.after = r->key;
	}
	write_page_end(&c->out, &p, p.after, r);
	vp_store_read_end(c->store);
}

void
vp_control_restores(struct vp_call *c, const char *method, const char *rest)
{
	const char *id = *rest ? rest + 1 : rest;
	const struct vp_restore *r;
	int64_t key = key_of(id, RESTORE_ID);

	if (strcmp(method, "GET") != 0) {
		vp_call_fail(c, 405, "/restore-jobs: takes GET");
		return;
	}
	if (!*id) {
		list_restores(c);
		return;
	}
	vp_store_read(c->store);
	r = key ? vp_restore_next(c->store, key - 1) : NULL;
	if (r && r->key != key)
		r = NULL;
	if (r)
		write_restore(c, r);
	vp_store_read_end(c->store);
	if (!r)
		vp_call_fail(c, 404, "Restore job %.100s not found.", id);
}
