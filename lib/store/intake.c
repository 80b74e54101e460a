/* intake: records, as requests and files bring them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnum.h"
#include "intake.h"
#include "json.h"

#define N(array) (sizeof(array) / sizeof *(array))

static bool
check_id(struct vp_call *c, struct vp_span id, const char *where)
{
	if (id.n == 0 || id.n > VP_ID_MAX)
		return vp_call_fail(c, 400, "%sid: must be 1 to %d characters long, is %zu", where,
		    VP_ID_MAX, id.n);
	for (size_t i = 0; i < id.n; i++)
		if ((unsigned char)id.s[i] > 0x7f)
			return vp_call_fail(
			    c, 400, "%sid: must be ASCII, got '%.100s'", where, id.s);
	return true;
}

bool
vp_intake_id(struct vp_call *c, struct vp_span json, const char *where, struct vp_span *id)
{
	char name[64];

	snprintf(name, sizeof name, "%sid", where);
	return vp_call_text(c, json, name, id) && check_id(c, *id, where);
}

/* A dense vector of the index's dimension. zero: whether all values may be 0. */
bool
vp_intake_values(struct vp_call *c, const struct vp_target *t, struct vp_span json,
    const char *where, bool zero, const float **out)
{
	float *values = vp_call_alloc(c, t->dimension, sizeof *values);
	size_t n = t->dimension;
	int e = vp_floats_read(json, values, n);

	if (e == VP_E_DIM && vp_json_numbers(json, &n) == 0)
		return vp_call_fail(c, 400,
		    "%s: Vector dimension %zu does not match the dimension of the index %zu", where,
		    n, t->dimension);
	if (e)
		return vp_call_fail(
		    c, 400, "%s: must be a list of numbers within the range of float32", where);
	for (size_t i = 0; i < n && !zero; i++)
		zero = values[i] != 0;
	if (!zero)
		return vp_call_fail(
		    c, 400, "%s: Dense vectors must contain at least one non-zero value", where);
	*out = values;
	return true;
}

struct pair {
	uint32_t index;
	float weight;
};

static int
by_index(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* [n] pairs from two lists of that length. */
static bool
read_pairs(struct vp_call *c, struct vp_span indices, const float *weights, const char *where,
    struct pair *pairs)
{
	struct vp_json_walk w;
	struct vp_span item;
	size_t n = 0;

	for (vp_json_begin(&w, indices); vp_json_item(&w, &item) > 0; n++) {
		uint64_t index;
		if (vp_json_uint(item, &index) || index > UINT32_MAX)
			return vp_call_fail(
			    c, 400, "%s.indices: must be integers from 0 to 4294967295", where);
		pairs[n] = (struct pair){(uint32_t)index, weights[n]};
	}
	qsort(pairs, n, sizeof *pairs, by_index);
	for (size_t i = 1; i < n; i++)
		if (pairs[i].index == pairs[i - 1].index)
			return vp_call_fail(
			    c, 400, "%s.indices: %u stands there twice", where, pairs[i].index);
	return true;
}

/* A sparse vector, {"indices":[...],"values":[...]}, into the parts of item that hold one. */
bool
vp_intake_sparse(struct vp_call *c, struct vp_span json, const char *where, struct vp_item *item)
{
	struct vp_span indices = {0}, values = {0};
	const struct vp_member members[] = {
	    {"indices", NULL, '[', true, &indices},
	    {"values", NULL, '[', true, &values},
	};
	struct pair *pairs;
	uint32_t *to;
	float *weights;
	size_t n = 0, m = 0;
	char dotted[64];

	snprintf(dotted, sizeof dotted, "%s.", where);
	if (!vp_call_members(c, json, dotted, members, N(members)))
		return false;
	if (vp_json_numbers(indices, &n) || vp_json_numbers(values, &m))
		return vp_call_fail(c, 400,
		    "%s: indices and values must be lists of numbers within the range of float32",
		    where);
	if (n != m || n == 0 || n > VP_SPARSE_MAX)
		return vp_call_fail(c, 400,
		    "%s: indices and values must have the same number of items, 1 to %d, got %zu "
		    "and %zu",
		    where, VP_SPARSE_MAX, n, m);
	pairs = vp_call_alloc(c, n, sizeof *pairs);
	weights = vp_call_alloc(c, n, sizeof *weights);
	to = vp_call_alloc(c, n, sizeof *to);
	if (vp_floats_read(values, weights, n))
		return vp_call_fail(
		    c, 400, "%s.values: must be numbers within the range of float32", where);
	if (!read_pairs(c, indices, weights, where, pairs))
		return false;
	for (size_t i = 0; i < n; i++) {
		to[i] = pairs[i].index;
		weights[i] = pairs[i].weight;
	}
	item->indices = to;
	item->weights = weights;
	item->sparse = n;
	return true;
}

bool
vp_intake_metadata(struct vp_call *c, struct vp_span json, const char *where, struct vp_span *out)
{
	struct vp_buf why = {0};
	bool ok = vp_attrs_check(json, &why) == 0;

	if (!ok)
		vp_call_fail(c, 400, "%s%s", where, vp_buf_cstr(&why));
	else if (json.n > VP_METADATA_MAX)
		ok = vp_call_fail(c, 400,
		    "%smetadata: size is %zu bytes, which exceeds the limit of %d bytes per vector",
		    where, json.n, VP_METADATA_MAX);
	vp_buf_free(&why);
	*out = json;
	return ok;
}

/* The vectors of a record or a change. For a sparse index an empty list of values is as good as
 * none. */
bool
vp_intake_vectors(struct vp_call *c, const struct vp_target *t, struct vp_span values,
    struct vp_span sparse, const char *where, struct vp_item *item)
{
	char name[64];
	size_t n = 1;

	if (t->dimension == 0 && values.n) {
		if (vp_json_numbers(values, &n) || n)
			return vp_call_fail(c, 400,
			    "%svalues: this index is sparse and takes sparseValues only", where);
		values.n = 0;
	}
	snprintf(name, sizeof name, "%svalues", where);
	if (values.n && !vp_intake_values(c, t, values, name, false, &item->values))
		return false;
	if (sparse.n && t->metric != VP_DOTPRODUCT)
		return vp_call_fail(c, 400,
		    "%ssparseValues: only an index with the metric dotproduct takes them", where);
	snprintf(name, sizeof name, "%ssparseValues", where);
	return !sparse.n || vp_intake_sparse(c, sparse, name, item);
}

/* A list of numbers, which is most of a record: it is gone over once. */
static bool
pass_values(struct vp_call *c, struct vp_json_walk *w, void *where, struct vp_span *value)
{
	size_t n;

	return vp_json_pass_numbers(w, value, &n) > 0 ||
	       vp_call_fail(c, 400,
		   "%svalues: must be a list of numbers within the range of float32",
		   (char *)where);
}

bool
vp_intake_record(struct vp_call *c, const struct vp_target *t, struct vp_json_walk *w, char *where,
    struct vp_item *item)
{
	struct vp_span id = {0}, values = {0}, sparse = {0}, metadata = {0};
	const struct vp_member members[] = {
	    {"values", NULL, '[', false, &values},
	    {"id", NULL, '"', true, &id},
	    {"sparseValues", "sparse_values", '{', false, &sparse},
	    {"metadata", NULL, '{', false, &metadata},
	};
	const struct vp_reader reader = {0, pass_values, where};

	*item = (struct vp_item){0};
	if (!vp_call_walk(c, w, where, members, N(members), &reader) ||
	    !vp_intake_id(c, id, where, &item->id) ||
	    !vp_intake_vectors(c, t, values, sparse, where, item))
		return false;
	if (t->dimension ? !item->values : !item->sparse)
		return vp_call_fail(
		    c, 400, "%s%s: is missing", where, t->dimension ? "values" : "sparseValues");
	return !metadata.n || vp_intake_metadata(c, metadata, where, &item->metadata);
}

bool
vp_intake_records(struct vp_call *c, struct vp_json_walk *w, void *arg, struct vp_span *value)
{
	struct vp_intake *in = arg;
	struct vp_json_walk list, record;
	struct vp_span passed;
	char where[48];
	int e;

	in->items = vp_call_alloc(c, VP_RECORDS_MAX, sizeof *in->items);
	vp_json_enter(w, &list);
	while ((e = vp_json_next(&list)) > 0) {
		if (in->n == VP_RECORDS_MAX)
			return vp_call_fail(
			    c, 400, "vectors: more than %d records in one request", VP_RECORDS_MAX);
		snprintf(where, sizeof where, "vectors[%zu].", in->n);
		if (list.p < list.end && *list.p != '{') {
			e = vp_json_pass(&list, &passed) > 0 ? VP_E_TYPE : VP_E_SYNTAX;
			break;
		}
		vp_json_enter(&list, &record);
		if (!vp_intake_record(c, &in->target, &record, where, &in->items[in->n++]))
			return false;
		vp_json_leave(&list, &record, &passed);
	}
	if (e == VP_E_TYPE)
		return vp_call_fail(c, 400, "vectors[%zu]: must be an object", in->n);
	if (e < 0)
		return vp_call_fail(c, 400, "body: %s", vp_error_text(e));
	vp_json_leave(w, &list, value);
	return true;
}
