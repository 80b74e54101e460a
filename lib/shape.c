/* shape: what an index holds, read and written in both forms of Pinecone's API */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "shape.h"

static const char *const names[] = {"dense", "sparse", "hybrid", "document"};

const char *
vp_shape_name(enum vp_shape_type type)
{
	return names[type];
}

bool
vp_shape_type_read(const char *text, enum vp_shape_type *type)
{
	for (int i = VP_SHAPE_DENSE; i <= VP_SHAPE_HYBRID; i++)
		if (strcmp(text, names[i]) == 0) {
			*type = (enum vp_shape_type)i;
			return true;
		}
	return false;
}

bool
vp_shape_metric_ok(const char *name)
{
	return strcmp(name, "cosine") == 0 || strcmp(name, "dotproduct") == 0 ||
	       strcmp(name, "euclidean") == 0;
}

/* One NAME=VALUE of a read capacity: a member of dedicated, or of manual. */
static bool
read_part(struct vp_span part, struct vp_buf *dedicated, struct vp_buf *manual)
{
	const char *is = memchr(part.s, '=', part.n);
	struct vp_span name, value;

	if (!is)
		return false;
	name = (struct vp_span){part.s, (size_t)(is - part.s)};
	value = (struct vp_span){is + 1, part.n - name.n - 1};
	if (vp_span_is(name, "node")) {
		vp_buf_puts(dedicated, "\"node_type\":");
		vp_json_quote(dedicated, value);
		vp_buf_putc(dedicated, ',');
		return value.n > 0;
	}
	vp_buf_printf(manual, "%s\"%.*s\":%.*s", manual->n ? "," : "", (int)name.n, name.s,
	    (int)value.n, value.s);
	/* a JSON number: no sign, no leading zero */
	return (vp_span_is(name, "shards") || vp_span_is(name, "replicas")) && value.n > 0 &&
	       value.n < 10 && strspn(value.s, "0123456789") >= value.n &&
	       (*value.s != '0' || value.n == 1);
}

bool
vp_shape_capacity_read(const char *text, struct vp_buf *out)
{
	struct vp_buf dedicated = {0}, manual = {0};
	bool ok = true;

	if (strcmp(text, "on-demand") == 0) {
		vp_buf_puts(out, "{\"mode\":\"OnDemand\"}");
		return true;
	}
	for (const char *p = text; ok; p++) {
		size_t n = strcspn(p, ",");

		ok = read_part((struct vp_span){p, n}, &dedicated, &manual);
		p += n;
		if (!*p)
			break;
	}
	if (ok && manual.n)
		vp_buf_printf(&dedicated, "\"manual\":{%s},", vp_buf_cstr(&manual));
	if (ok)
		vp_buf_printf(out,
		    "{\"mode\":\"Dedicated\",\"dedicated\":{%s\"scaling\":\"Manual\"}}",
		    vp_buf_cstr(&dedicated));
	vp_buf_free(&dedicated);
	vp_buf_free(&manual);
	return ok;
}

/* The members dimension and metric of an index, or of a field of one. Where there are none the server
 * may also say null. */
static const char *
read_numbers(struct vp_span object, struct vp_shape *s)
{
	struct vp_buf text = {0};
	struct vp_span v;
	bool ok = true;

	if (vp_json_find(object, "dimension", &v) == 1 && vp_json_type(v) != 'n' &&
	    (vp_json_uint(v, &s->dimension) || s->dimension < 1 ||
		s->dimension > VP_DIMENSIONS_MAX))
		return "its dimension is no number from 1 to 20000";
	if (vp_json_find(object, "metric", &v) == 1 && vp_json_type(v) != 'n') {
		ok = vp_json_decode(v, &text) == 0 && vp_shape_metric_ok(vp_buf_cstr(&text));
		if (ok)
			snprintf(s->metric, sizeof s->metric, "%s", text.s);
		vp_buf_free(&text);
	}
	return ok ? NULL : "its metric is not cosine, dotproduct or euclidean";
}

static void
set_sparse(struct vp_shape *s)
{
	s->type = VP_SHAPE_SPARSE;
	s->dimension = 0;
	strcpy(s->metric, "dotproduct");
}

const char *
vp_shape_read(struct vp_span description, struct vp_shape *s)
{
	struct vp_span fields, dense, sparse, type;
	bool has_dense, has_sparse;

	if (vp_json_path(description, &fields, "schema", "fields", NULL) != 1) {
		if (vp_json_find(description, "vector_type", &type) == 1 &&
		    vp_span_is(type, "\"sparse\"")) {
			set_sparse(s);
			return NULL;
		}
		return read_numbers(description, s);
	}
	has_dense = vp_json_find(fields, "_values", &dense) == 1;
	has_sparse = vp_json_find(fields, "_sparse_values", &sparse) == 1;
	if (has_dense) {
		s->type = has_sparse ? VP_SHAPE_HYBRID : VP_SHAPE_DENSE;
		return read_numbers(dense, s);
	}
	if (has_sparse)
		set_sparse(s);
	else
		s->type = VP_SHAPE_DOCUMENT;
	return NULL;
}

bool
vp_shape_fits(const struct vp_shape *is, const struct vp_shape *want)
{
	bool both = is->type == VP_SHAPE_DENSE && want->type == VP_SHAPE_HYBRID;

	return (is->type == want->type || both) && is->dimension == want->dimension &&
	       strcmp(is->metric, want->metric) == 0;
}

static void
put_string(struct vp_buf *out, const char *before, const char *s)
{
	vp_buf_puts(out, before);
	vp_json_quote(out, vp_str(s));
}

static void
put_object(struct vp_buf *out, const char *before, struct vp_span object)
{
	if (object.n) {
		vp_buf_puts(out, before);
		vp_buf_span(out, object);
	}
}

static void
put_classic(struct vp_buf *out, const struct vp_shape *s, const struct vp_shape_place *place)
{
	if (s->type == VP_SHAPE_SPARSE)
		vp_buf_puts(out, ",\"vector_type\":\"sparse\"");
	else
		vp_buf_printf(out, ",\"dimension\":%llu", (unsigned long long)s->dimension);
	put_string(out, ",\"metric\":", s->metric);
	put_string(out, ",\"spec\":{\"serverless\":{\"cloud\":", place->cloud);
	put_string(out, ",\"region\":", place->region);
	put_object(out, ",\"read_capacity\":", place->read_capacity);
	put_object(out, ",\"schema\":{\"fields\":", place->filterable);
	vp_buf_puts(out, place->filterable.n ? "}}}" : "}}");
}

static void
put_schema(struct vp_buf *out, const struct vp_shape *s, const struct vp_shape_place *place)
{
	vp_buf_puts(out, ",\"schema\":{\"fields\":{");
	if (s->type != VP_SHAPE_SPARSE) {
		vp_buf_printf(out, "\"_values\":{\"type\":\"dense_vector\",\"dimension\":%llu",
		    (unsigned long long)s->dimension);
		put_string(out, ",\"metric\":", s->metric);
		vp_buf_puts(out, s->type == VP_SHAPE_HYBRID ? "}," : "}");
	}
	if (s->type != VP_SHAPE_DENSE)
		vp_buf_puts(out, "\"_sparse_values\":{\"type\":\"sparse_vector\"}");
	put_string(
	    out, "}},\"deployment\":{\"deployment_type\":\"managed\",\"cloud\":", place->cloud);
	put_string(out, ",\"region\":", place->region);
	vp_buf_putc(out, '}');
	put_object(out, ",\"read_capacity\":", place->read_capacity);
}

void
vp_shape_put(struct vp_buf *body, const char *index, const struct vp_shape *s,
    const struct vp_shape_place *place, bool with_schema)
{
	put_string(body, "{\"name\":", index);
	if (with_schema)
		put_schema(body, s, place);
	else
		put_classic(body, s, place);
	put_string(body, ",\"deletion_protection\":", place->is_protected ? "enabled" : "disabled");
	put_object(body, ",\"tags\":", place->tags);
	vp_buf_putc(body, '}');
}
