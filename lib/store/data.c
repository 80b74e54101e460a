/* data: the data plane of Pinecone's API */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-import.h"
#include "data.h"
#include "fnum.h"
#include "intake.h"
#include "json.h"

#define N(array) (sizeof(array) / sizeof *(array))

static bool
find_target(struct vp_call *c, const char *name, struct vp_target *t)
{
	struct vp_index *index;
	bool ready;

	vp_store_read(c->store);
	index = vp_store_index(c->store, name);
	ready = index && !index->restore;
	if (index)
		*t =
		    (struct vp_target){index->key, name, index->conf.dimension, index->conf.metric};
	vp_store_read_end(c->store);
	if (!index)
		return vp_call_stored(c, VP_STORE_NO_INDEX, name);
	/* 503, which clients try again */
	return ready || vp_call_fail(c, 503,
			    "Index %s is being made from a backup: wait until it is ready", name);
}

/* Between vp_store_read and its end: the namespace of that name; NULL where it, or by now the
 * index, is not there. */
static struct vp_namespace *
find_space(struct vp_call *c, const struct vp_target *t, struct vp_span space)
{
	struct vp_index *index = vp_store_index(c->store, t->name);

	return index && index->key == t->key ? vp_index_space(index, space.s) : NULL;
}

/* A namespace as a call names it, and as it is called in the store. */
struct space_name {
	struct vp_span asked, name;
};

static bool
name_space(struct vp_call *c, struct vp_span asked, struct space_name *out)
{
	out->asked = asked;
	out->name = asked.n ? asked : VP_LIT(VP_DEFAULT_SPACE);
	return asked.n <= VP_ID_MAX ||
	       vp_call_fail(
		   c, 400, "namespace: is %zu bytes long, the limit is %d", asked.n, VP_ID_MAX);
}

/* The namespace that stands in a body's member. */
static bool
read_space(struct vp_call *c, struct vp_span json, struct space_name *out)
{
	struct vp_span asked = {"", 0};

	return (!json.n || vp_call_text(c, json, "namespace", &asked)) && name_space(c, asked, out);
}

static bool
space_parameter(struct vp_call *c, struct space_name *out)
{
	const char *asked = vp_request_query(c->request, "namespace");

	return name_space(c, asked ? vp_str(asked) : (struct vp_span){"", 0}, out);
}

static void
upsert(struct vp_call *c, const struct vp_target *t)
{
	struct vp_span vectors = {0}, space = {0};
	const struct vp_member members[] = {
	    {"vectors", NULL, '[', true, &vectors},
	    {"namespace", NULL, '"', false, &space},
	};
	struct vp_intake in = {.target = *t};
	const struct vp_reader reader = {0, vp_intake_records, &in};
	struct space_name name;
	struct vp_json_walk w;

	vp_json_begin(&w, vp_request_body(c->request));
	if (!vp_call_walk(c, &w, "", members, N(members), &reader) ||
	    !read_space(c, space, &name) ||
	    (in.n == 0 && !vp_call_fail(c, 400, "vectors: must hold at least one record")))
		return;
	if (vp_call_stored(c,
		vp_store_upsert(c->store, t->key, name.name.s, in.items, in.n, &c->message),
		t->name))
		vp_buf_printf(&c->out, "{\"upsertedCount\":%zu}", in.n);
}

static void
write_sparse(struct vp_buf *out, const struct vp_item *item)
{
	vp_buf_puts(out, ",\"sparseValues\":{\"indices\":[");
	for (size_t i = 0; i < item->sparse; i++)
		vp_buf_printf(out, "%s%u", i ? "," : "", item->indices[i]);
	vp_buf_puts(out, "],\"values\":");
	vp_floats_print(out, item->weights, item->sparse);
	vp_buf_putc(out, '}');
}

/* The members of a record behind its id. */
static void
write_vectors(struct vp_buf *out, const struct vp_item *item, size_t dimension)
{
	vp_buf_puts(out, ",\"values\":");
	vp_floats_print(out, item->values, dimension);
	if (item->sparse)
		write_sparse(out, item);
}

static void
write_metadata(struct vp_buf *out, const struct vp_item *item)
{
	if (item->metadata.n) {
		vp_buf_puts(out, ",\"metadata\":");
		vp_buf_span(out, item->metadata);
	}
}

/* `,"namespace":"...","usage":{"readUnits":n}}`, the end of most answers. */
static void
write_end(struct vp_buf *out, const struct space_name *name, size_t read_units)
{
	vp_buf_puts(out, ",\"namespace\":");
	vp_json_quote(out, name->asked);
	vp_buf_printf(out, ",\"usage\":{\"readUnits\":%zu}}", read_units ? read_units : 1);
}

static void
write_next(struct vp_buf *out, struct vp_span last)
{
	vp_buf_puts(out, ",\"pagination\":{\"next\":\"");
	vp_token_write(out, last);
	vp_buf_puts(out, "\"}");
}

/* What a query asks for, beside its vectors. */
struct query {
	struct space_name space;
	struct vp_span id; /* n is 0 where there is none */
	struct vp_item by; /* values, sparse vector */
	struct vp_filter *filter;
	size_t top_k;
	bool values, metadata; /* to be included */
};

static bool
read_query(struct vp_call *c, const struct vp_target *t, struct query *q)
{
	struct vp_span top_k = {0}, vector = {0}, id = {0}, sparse = {0}, filter = {0},
		       values = {0}, metadata = {0}, space = {0}, queries = {0};
	const struct vp_member members[] = {
	    {"topK", "top_k", '0', true, &top_k},
	    {"vector", NULL, '[', false, &vector},
	    {"id", NULL, '"', false, &id},
	    {"sparseVector", "sparse_vector", '{', false, &sparse},
	    {"filter", NULL, '{', false, &filter},
	    {"includeValues", "include_values", 't', false, &values},
	    {"includeMetadata", "include_metadata", 't', false, &metadata},
	    {"namespace", NULL, '"', false, &space},
	    {"queries", NULL, '*', false, &queries},
	};
	size_t n;

	if (!vp_call_body(c, members, N(members), false) || !read_space(c, space, &q->space) ||
	    !vp_call_integer(c, top_k, "topK", 1, VP_TOP_K_MAX, 0, &q->top_k))
		return false;
	if (queries.n)
		return vp_call_fail(c, 400, "queries: is no longer served: use vector or id");
	if (vector.n && vp_json_numbers(vector, &n) == 0 && n == 0)
		vector.n = 0; /* an empty list is as good as none */
	if (id.n && (vector.n || sparse.n))
		return vp_call_fail(c, 400, "id: give either id, or vector and sparseVector");
	if (id.n && !vp_intake_id(c, id, "", &q->id))
		return false;
	if (!id.n && (t->dimension ? !vector.n : !sparse.n))
		return vp_call_fail(c, 400, "%s: is missing, and so is id",
		    t->dimension ? "vector" : "sparseVector");
	if (vector.n && !t->dimension)
		return vp_call_fail(c, 400, "vector: this index is sparse: use sparseVector");
	if (vector.n &&
	    !vp_intake_values(c, t, vector, "vector", t->metric != VP_COSINE, &q->by.values))
		return false;
	if (sparse.n && t->metric != VP_DOTPRODUCT)
		return vp_call_fail(
		    c, 400, "sparseVector: only an index with the metric dotproduct takes it");
	if (sparse.n && !vp_intake_sparse(c, sparse, "sparseVector", &q->by))
		return false;
	q->values = vp_call_is_true(values);
	q->metadata = vp_call_is_true(metadata);
	return !filter.n || vp_call_filter(c, filter, &q->filter);
}

/* Search, within vp_store_read. Returns the number of hits, which live as long as the call. */
static size_t
run_query(struct vp_call *c, const struct vp_space *s, const struct query *q, struct vp_hit **hits)
{
	struct vp_item by = q->by;
	struct vp_question question = {.top_k = q->top_k < s->live ? q->top_k : s->live};
	struct vp_choice choice = {.filter = q->filter};
	uint64_t *rows = NULL;
	size_t n;

	if (q->id.n) {
		int64_t row = vp_space_find(s, q->id);
		if (row < 0)
			return 0;
		by = vp_space_item(s, (size_t)row);
	}
	if (question.top_k == 0)
		return 0;
	if (q->filter)
		rows = vp_choice_rows(s, &choice);
	question.values = by.values;
	question.indices = by.indices;
	question.weights = by.weights;
	question.sparse = by.sparse;
	question.rows = rows;
	*hits = vp_call_alloc(c, question.top_k, sizeof **hits);
	n = vp_space_search(s, &question, *hits);
	free(rows);
	return n;
}

static void
write_matches(struct vp_call *c, const struct vp_space *s, const struct query *q,
    const struct vp_hit *hits, size_t n)
{
	for (size_t i = 0; i < n && c->out.n <= VP_ANSWER_MAX; i++) {
		struct vp_item item = vp_space_item(s, hits[i].row);
		char score[VP_FLOAT_CHARS];

		vp_buf_puts(&c->out, i ? ",{\"id\":" : "{\"id\":");
		vp_json_quote(&c->out, item.id);
		vp_buf_puts(&c->out, ",\"score\":");
		vp_buf_add(&c->out, score, vp_float_print(score, hits[i].score));
		if (q->values)
			write_vectors(&c->out, &item, s->dimension);
		if (q->metadata)
			write_metadata(&c->out, &item);
		vp_buf_putc(&c->out, '}');
	}
}

static void
query(struct vp_call *c, const struct vp_target *t)
{
	struct query q = {0};
	struct vp_namespace *ns;
	struct vp_hit *hits = NULL;

	if (!read_query(c, t, &q)) {
		vp_filter_free(q.filter);
		return;
	}
	vp_buf_puts(&c->out, "{\"matches\":[");
	vp_store_read(c->store);
	ns = find_space(c, t, q.space.name);
	if (ns) {
		size_t n = run_query(c, ns->space, &q, &hits);
		write_matches(c, ns->space, &q, hits, n);
	}
	vp_store_read_end(c->store);
	vp_filter_free(q.filter);
	vp_buf_putc(&c->out, ']');
	write_end(&c->out, &q.space, 1);
	if (c->out.n > VP_ANSWER_MAX)
		vp_call_fail(c, 400,
		    "topK: the answer would be over %d bytes: ask for fewer, or without values",
		    VP_ANSWER_MAX);
}

/* One record of a fetch: `"id":{"id":...}`. */
static void
write_fetched(struct vp_buf *out, const struct vp_space *s, size_t row, bool first)
{
	struct vp_item item = vp_space_item(s, row);

	if (!first)
		vp_buf_putc(out, ',');
	vp_json_quote(out, item.id);
	vp_buf_puts(out, ":{\"id\":");
	vp_json_quote(out, item.id);
	write_vectors(out, &item, s->dimension);
	write_metadata(out, &item);
	vp_buf_putc(out, '}');
}

struct id_list {
	struct vp_span ids[VP_RECORDS_MAX];
	size_t n; /* counts on beyond the limit */
};

static void
add_id(void *arg, const char *value)
{
	struct id_list *l = arg;

	if (l->n < VP_RECORDS_MAX)
		l->ids[l->n] = vp_str(value);
	l->n++;
}

static void
fetch(struct vp_call *c, const struct vp_target *t)
{
	struct id_list *l = vp_call_alloc(c, 1, sizeof *l);
	struct vp_namespace *ns;
	struct space_name name;
	uint64_t *seen = NULL; /* an id asked for twice is answered once */
	size_t found = 0;

	l->n = 0;
	vp_request_query_each(c->request, "ids", add_id, l);
	if (l->n == 0 || l->n > VP_RECORDS_MAX) {
		vp_call_fail(c, 400, "ids: must be 1 to %d ids, got %zu", VP_RECORDS_MAX, l->n);
		return;
	}
	if (!space_parameter(c, &name))
		return;
	vp_buf_puts(&c->out, "{\"vectors\":{");
	vp_store_read(c->store);
	ns = find_space(c, t, name.name);
	if (ns)
		seen = vp_zalloc((ns->space->n + 63) / 64, sizeof *seen);
	for (size_t i = 0; ns && i < l->n; i++) {
		int64_t row = vp_space_find(ns->space, l->ids[i]);
		if (row < 0 || (seen[row / 64] >> (row % 64) & 1))
			continue;
		seen[row / 64] |= UINT64_C(1) << (row % 64);
		write_fetched(&c->out, ns->space, (size_t)row, found++ == 0);
	}
	vp_store_read_end(c->store);
	free(seen);
	vp_buf_putc(&c->out, '}');
	write_end(&c->out, &name, (found + 9) / 10); /* the service counts one for ten records */
}

static void
fetch_by_metadata(struct vp_call *c, const struct vp_target *t)
{
	struct vp_span filter = {0}, space = {0}, limit = {0}, token = {0}, after = {0};
	const struct vp_member members[] = {
	    {"filter", NULL, '{', true, &filter},
	    {"namespace", NULL, '"', false, &space},
	    {"limit", NULL, '0', false, &limit},
	    {"paginationToken", "pagination_token", '"', false, &token},
	};
	struct vp_choice choice = {0};
	struct space_name name;
	struct vp_namespace *ns;
	struct vp_span last = {0};
	size_t most, n = 0;
	bool more = false;

	if (!vp_call_body(c, members, N(members), false) || !read_space(c, space, &name) ||
	    !vp_call_integer(c, limit, "limit", 1, VP_TOP_K_MAX, 100, &most) ||
	    (token.n && !(vp_call_text(c, token, "paginationToken", &after) &&
			    vp_token_read(c, after.s, &after))))
		return;
	struct vp_filter *parsed = NULL;
	if (!vp_call_filter(c, filter, &parsed))
		return;
	choice.filter = parsed;
	vp_buf_puts(&c->out, "{\"vectors\":{");
	vp_store_read(c->store);
	ns = find_space(c, t, name.name);
	if (ns) {
		uint64_t *rows = vp_choice_rows(ns->space, &choice);
		const uint32_t *order = vp_space_order(ns->space);
		size_t i = after.n ? vp_space_order_from(ns->space, after, true) : 0;
		for (; i < ns->space->live && !more; i++) {
			if (!(rows[order[i] / 64] >> (order[i] % 64) & 1))
				continue;
			more = n == most || c->out.n > VP_ANSWER_MAX;
			if (more)
				continue;
			last = vp_space_item(ns->space, order[i]).id;
			write_fetched(&c->out, ns->space, order[i], n++ == 0);
		}
		free(rows);
	}
	vp_buf_putc(&c->out, '}');
	if (more)
		write_next(&c->out, last);
	vp_store_read_end(c->store); /* last is the store's */
	vp_filter_free(parsed);
	write_end(&c->out, &name, (n + 9) / 10);
}

static bool
begins_with(struct vp_span s, struct vp_span prefix)
{
	return s.n >= prefix.n && memcmp(s.s, prefix.s, prefix.n) == 0;
}

static void
list(struct vp_call *c, const struct vp_target *t)
{
	const char *prefix_text = vp_request_query(c->request, "prefix");
	const char *token = vp_request_query(c->request, "paginationToken");
	struct vp_span prefix = vp_str(prefix_text ? prefix_text : ""), after = {0}, last = {0};
	struct space_name name;
	struct vp_namespace *ns;
	size_t limit, n = 0;
	bool more = false;

	if (!space_parameter(c, &name) ||
	    !vp_call_parameter(c, "limit", 1, VP_TOP_K_MAX, 100, &limit) ||
	    (token && *token && !vp_token_read(c, token, &after)))
		return;
	vp_buf_puts(&c->out, "{\"vectors\":[");
	vp_store_read(c->store);
	ns = find_space(c, t, name.name);
	if (ns) {
		const uint32_t *order = vp_space_order(ns->space);
		size_t i = vp_space_order_from(ns->space, prefix, false);
		size_t j = after.n ? vp_space_order_from(ns->space, after, true) : 0;
		for (i = i > j ? i : j; i < ns->space->live && !more; i++) {
			struct vp_span id = vp_space_item(ns->space, order[i]).id;
			if (!begins_with(id, prefix))
				break;
			more = n == limit;
			if (more)
				break;
			vp_buf_puts(&c->out, n++ ? ",{\"id\":" : "{\"id\":");
			vp_json_quote(&c->out, id);
			vp_buf_putc(&c->out, '}');
			last = id;
		}
	}
	vp_buf_putc(&c->out, ']');
	if (more)
		write_next(&c->out, last);
	vp_store_read_end(c->store);
	write_end(&c->out, &name, 1);
}

/* The ids of a delete. */
static bool
read_ids(struct vp_call *c, struct vp_span json, struct vp_choice *choice)
{
	struct vp_span *ids = vp_call_alloc(c, VP_RECORDS_MAX, sizeof *ids), item;
	struct vp_json_walk w;

	choice->ids = ids;
	for (vp_json_begin(&w, json); vp_json_item(&w, &item) > 0; choice->n++) {
		if (choice->n == VP_RECORDS_MAX)
			return vp_call_fail(
			    c, 400, "ids: more than %d ids in one request", VP_RECORDS_MAX);
		if (!vp_call_text(c, item, "ids", &ids[choice->n]))
			return false;
	}
	return choice->n > 0 || vp_call_fail(c, 400, "ids: must hold at least one id");
}

static void delete (struct vp_call *c, const struct vp_target *t)
{
	struct vp_span ids = {0}, all = {0}, filter = {0}, space = {0};
	const struct vp_member members[] = {
	    {"ids", NULL, '[', false, &ids},
	    {"deleteAll", "delete_all", 't', false, &all},
	    {"filter", NULL, '{', false, &filter},
	    {"namespace", NULL, '"', false, &space},
	};
	struct vp_choice choice = {0};
	struct vp_filter *parsed = NULL;
	struct space_name name;

	if (!vp_call_body(c, members, N(members), false) || !read_space(c, space, &name))
		return;
	if ((ids.n > 0) + vp_call_is_true(all) + (filter.n > 0) != 1) {
		vp_call_fail(c, 400, "ids, deleteAll, filter: give exactly one of them");
		return;
	}
	if ((ids.n && !read_ids(c, ids, &choice)) ||
	    (filter.n && !vp_call_filter(c, filter, &parsed)))
		return;
	choice.filter = parsed;
	if (filter.n && !parsed)
		vp_call_fail(c, 400, "filter: is empty: use deleteAll to delete everything");
	else if (vp_call_stored(c,
		     vp_store_delete(c->store, t->key, name.name.s, &choice, &c->message), t->name))
		vp_buf_puts(&c->out, "{}");
	vp_filter_free(parsed);
}

struct update {
	struct space_name space;
	struct vp_span id;
	struct vp_filter *filter;
	struct vp_item change;
	bool dry;
};

static bool
read_update(struct vp_call *c, const struct vp_target *t, struct update *u)
{
	struct vp_span id = {0}, values = {0}, sparse = {0}, metadata = {0}, filter = {0},
		       dry = {0}, space = {0};
	const struct vp_member members[] = {
	    {"id", NULL, '"', false, &id},
	    {"values", NULL, '[', false, &values},
	    {"sparseValues", "sparse_values", '{', false, &sparse},
	    {"setMetadata", "set_metadata", '{', false, &metadata},
	    {"filter", NULL, '{', false, &filter},
	    {"dryRun", "dry_run", 't', false, &dry},
	    {"namespace", NULL, '"', false, &space},
	};

	if (!vp_call_body(c, members, N(members), false) || !read_space(c, space, &u->space))
		return false;
	if (!id.n == !filter.n)
		return vp_call_fail(c, 400, "id, filter: give exactly one of them");
	if (filter.n && (values.n || sparse.n))
		return vp_call_fail(
		    c, 400, "values, sparseValues: only an update by id takes them");
	u->dry = vp_call_is_true(dry);
	if (filter.n && !metadata.n && !u->dry)
		return vp_call_fail(c, 400, "setMetadata: is missing");
	if ((id.n && !vp_intake_id(c, id, "", &u->id)) ||
	    !vp_intake_vectors(c, t, values, sparse, "", &u->change) ||
	    (metadata.n && !vp_intake_metadata(c, metadata, "setMetadata: ", &u->change.metadata)))
		return false;
	if (filter.n && !vp_call_filter(c, filter, &u->filter))
		return false;
	return !filter.n || u->filter || vp_call_fail(c, 400, "filter: is empty");
}

static void
update(struct vp_call *c, const struct vp_target *t)
{
	struct update u = {0};
	struct vp_choice choice;
	size_t matched = 0;
	enum vp_store_error e;

	if (!read_update(c, t, &u)) {
		vp_filter_free(u.filter);
		return;
	}
	choice = (struct vp_choice){
	    .ids = u.filter ? NULL : &u.id, .n = u.filter ? 0 : 1, .filter = u.filter};
	e = vp_store_update(
	    c->store, t->key, u.space.name.s, &choice, &u.change, u.dry, &matched, &c->message);
	/* the service takes no offence at an unknown record or namespace here */
	if (e == VP_STORE_NO_NAMESPACE || vp_call_stored(c, e, t->name)) {
		if (u.filter)
			vp_buf_printf(&c->out, "{\"matchedRecords\":%zu}", matched);
		else
			vp_buf_puts(&c->out, "{}");
	}
	vp_filter_free(u.filter);
}

static void
stats(struct vp_call *c, const struct vp_target *t)
{
	struct vp_span filter = {0};
	const struct vp_member members[] = {{"filter", NULL, '{', false, &filter}};
	struct vp_index *index;
	size_t total = 0;

	if (!vp_call_body(c, members, N(members), true))
		return;
	if (filter.n) {
		vp_call_fail(c, 400,
		    "filter: a serverless index does not support describing stats with metadata "
		    "filtering");
		return;
	}
	vp_buf_puts(&c->out, "{\"namespaces\":{");
	vp_store_read(c->store);
	index = vp_store_index(c->store, t->name);
	for (size_t i = 0; index && i < index->n; i++) {
		if (i)
			vp_buf_putc(&c->out, ',');
		vp_json_quote(&c->out, vp_str(index->spaces[i]->name));
		vp_buf_printf(&c->out, ":{\"vectorCount\":%zu}", index->spaces[i]->space->live);
		total += index->spaces[i]->space->live;
	}
	vp_store_read_end(c->store);
	vp_buf_putc(&c->out, '}');
	if (t->dimension)
		vp_buf_printf(&c->out, ",\"dimension\":%zu", t->dimension);
	vp_buf_printf(&c->out,
	    ",\"indexFullness\":0,\"totalVectorCount\":%zu,\"metric\":\"%s\",\"vectorType\":\"%"
	    "s\"}",
	    total, vp_metric_name(t->metric), t->dimension ? "dense" : "sparse");
}

static void
write_space(struct vp_buf *out, const struct vp_namespace *ns)
{
	vp_buf_puts(out, "{\"name\":");
	vp_json_quote(out, vp_str(ns->name));
	vp_buf_printf(out, ",\"record_count\":%zu", ns->space->live);
	if (ns->schema) {
		vp_buf_puts(out, ",\"schema\":");
		vp_buf_puts(out, ns->schema);
	}
	vp_buf_putc(out, '}');
}

static void
describe_space(struct vp_call *c, const struct vp_target *t, struct vp_span name)
{
	struct vp_namespace *ns;

	vp_store_read(c->store);
	ns = find_space(c, t, name);
	if (ns)
		write_space(&c->out, ns);
	vp_store_read_end(c->store);
	if (!ns)
		vp_call_fail(c, 404, "Namespace not found");
}

/* {"fields":{"genre":{"filterable":true}}} */
static bool
check_schema(struct vp_call *c, struct vp_span schema)
{
	struct vp_span fields = {0}, key, field;
	const struct vp_member members[] = {{"fields", NULL, '{', true, &fields}};
	struct vp_json_walk w;

	if (!vp_call_members(c, schema, "schema.", members, N(members)))
		return false;
	for (vp_json_begin(&w, fields); vp_json_member(&w, &key, &field) > 0;) {
		struct vp_span filterable = {0};
		const struct vp_member of_field[] = {{"filterable", NULL, 't', true, &filterable}};
		if (!vp_call_members(c, field, "schema.fields.", of_field, N(of_field)))
			return false;
		if (!vp_call_is_true(filterable))
			return vp_call_fail(
			    c, 400, "schema.fields.filterable: only true is supported");
	}
	return true;
}

static void
create_space(struct vp_call *c, const struct vp_target *t)
{
	struct vp_span json = {0}, schema = {0}, name;
	const struct vp_member members[] = {
	    {"name", NULL, '"', true, &json},
	    {"schema", NULL, '{', false, &schema},
	};
	char *text = NULL;

	if (!vp_call_body(c, members, N(members), false) || !vp_call_text(c, json, "name", &name))
		return;
	if (name.n == 0 || name.n > VP_ID_MAX || vp_span_is(name, VP_DEFAULT_SPACE)) {
		vp_call_fail(c, 400, "name: must be 1 to %d bytes long, and not " VP_DEFAULT_SPACE,
		    VP_ID_MAX);
		return;
	}
	if (schema.n) {
		if (!check_schema(c, schema))
			return;
		text = vp_call_alloc(c, schema.n + 1, 1);
		memcpy(text, schema.s, schema.n);
		text[schema.n] = '\0';
	}
	if (vp_call_stored(
		c, vp_store_create_space(c->store, t->key, name.s, text, &c->message), t->name))
		describe_space(c, t, name);
}

static void
delete_space(struct vp_call *c, const struct vp_target *t, struct vp_span name)
{
	if (vp_call_stored(c, vp_store_drop_space(c->store, t->key, name.s, &c->message), t->name))
		vp_buf_puts(&c->out, "{}");
}

static void
list_spaces(struct vp_call *c, const struct vp_target *t)
{
	const char *prefix = vp_request_query(c->request, "prefix");
	const char *token = vp_request_query(c->request, "paginationToken");
	struct vp_span after = {"", 0}, last = {0};
	struct vp_index *index;
	size_t limit, n = 0, total = 0;
	bool more = false;

	if (!vp_call_parameter(c, "limit", 1, VP_TOP_K_MAX, 100, &limit) ||
	    (token && *token && !vp_token_read(c, token, &after)))
		return;
	vp_buf_puts(&c->out, "{\"namespaces\":[");
	vp_store_read(c->store);
	index = vp_store_index(c->store, t->name);
	for (size_t i = 0; index && i < index->n; i++) {
		const struct vp_namespace *ns = index->spaces[i];
		if (prefix && strncmp(ns->name, prefix, strlen(prefix)) != 0)
			continue;
		total++;
		if (after.n && strcmp(ns->name, after.s) <= 0)
			continue;
		if (n == limit) {
			more = true;
			continue;
		}
		if (n++)
			vp_buf_putc(&c->out, ',');
		write_space(&c->out, ns);
		last = vp_str(ns->name);
	}
	vp_buf_putc(&c->out, ']');
	if (more)
		write_next(&c->out, last);
	vp_store_read_end(c->store);
	vp_buf_printf(&c->out, ",\"total_count\":%zu}", total);
}

/* /namespaces/NAME */
static void
one_space(struct vp_call *c, const struct vp_target *t, const char *method, const char *name)
{
	if (strcmp(method, "GET") == 0)
		describe_space(c, t, vp_str(name));
	else if (strcmp(method, "DELETE") == 0)
		delete_space(c, t, vp_str(name));
	else
		vp_call_fail(c, 405, "/namespaces/NAME: takes GET and DELETE");
}

static const struct route {
	const char *method, *path;
	void (*answer)(struct vp_call *c, const struct vp_target *t);
} routes[] = {
    {"POST", "/vectors/upsert", upsert},
    {"POST", "/query", query},
    {"GET", "/vectors/fetch", fetch},
    {"POST", "/vectors/fetch_by_metadata", fetch_by_metadata},
    {"GET", "/vectors/list", list},
    {"POST", "/vectors/update", update},
    {"POST", "/vectors/delete", delete},
    {"POST", "/describe_index_stats", stats},
    {"GET", "/describe_index_stats", stats},
    {"POST", "/namespaces", create_space},
    {"GET", "/namespaces", list_spaces},
};

static bool
begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

void
vp_data_call(struct vp_call *c, const char *index, const char *path)
{
	static const char namespaces[] = "/namespaces/", imports[] = "/bulk/imports";
	const char *method = vp_request_method(c->request), *allowed = NULL;
	struct vp_target t;

	if (!find_target(c, index, &t))
		return;
	if (strstr(path, "/documents/")) {
		vp_call_fail(c, 400, "%.100s: document indexes are not served: use /vectors", path);
		return;
	}
	if (begins(path, namespaces) && path[strlen(namespaces)]) {
		one_space(c, &t, method, path + strlen(namespaces));
		return;
	}
	if (begins(path, "/records/")) { /* not a 5xx, which clients would try again */
		vp_call_fail(c, 400,
		    "%.100s: integrated inference is not served: embed with hf-embed, and use "
		    "/vectors",
		    path);
		return;
	}
	if (begins(path, imports) && (!path[strlen(imports)] || path[strlen(imports)] == '/')) {
		vp_data_imports(c, &t, method, path + strlen(imports));
		return;
	}
	for (const struct route *r = routes; r < routes + N(routes); r++) {
		if (strcmp(path, r->path) != 0)
			continue;
		if (strcmp(method, r->method) == 0) {
			r->answer(c, &t);
			return;
		}
		allowed = r->method;
	}
	if (allowed)
		vp_call_fail(c, 405, "%s: takes %s", path, allowed);
	else
		vp_call_fail(c, 404, "%.100s: not served by pc-local", path);
}
