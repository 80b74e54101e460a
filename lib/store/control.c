/* control: the control plane of Pinecone's API */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control-inside.h"

#define N(array) (sizeof(array) / sizeof *(array))
#define TAGS_MAX 20
#define TAG_KEY_MAX 80
#define TAG_VALUE_MAX 120

/* An index as a call describes it, wholly or in part. */
struct wish {
	struct vp_span name, tags; /* text; a JSON object */
	struct vp_span spec;       /* a JSON object: serverless, pod or byoc */
	struct vp_span read_capacity;
	size_t dimension;
	enum vp_metric metric;
	struct vp_span protection; /* a JSON string */
};

bool
vp_control_schemas(const struct vp_call *c)
{
	const char *version = vp_request_header(c->request, "X-Pinecone-Api-Version");

	return version && strcmp(version, "2026-07") >= 0 && isdigit((unsigned char)*version);
}

/* The members of an object, but for one, each with a comma behind it. */
static void
write_members(struct vp_buf *out, struct vp_span object, const char *but)
{
	struct vp_span key, value;
	struct vp_json_walk w;

	for (vp_json_begin(&w, object); vp_json_member(&w, &key, &value) > 0;) {
		if (vp_json_key_is(key, but))
			continue;
		vp_buf_add(out, key.s - 1, key.n + 2);
		vp_buf_putc(out, ':');
		vp_buf_span(out, value);
		vp_buf_putc(out, ',');
	}
}

static void
write_read_capacity(struct vp_buf *out, struct vp_span given)
{
	struct vp_span dedicated, count;
	bool is_dedicated = given.n && vp_json_find(given, "dedicated", &dedicated) > 0;

	vp_buf_puts(out, "\"read_capacity\":{\"mode\":");
	if (!is_dedicated) {
		vp_buf_puts(out, "\"OnDemand\",\"status\":{\"state\":\"Ready\"}}");
		return;
	}
	vp_buf_puts(out, "\"Dedicated\",\"dedicated\":");
	vp_buf_span(out, dedicated);
	vp_buf_puts(out, ",\"status\":{\"state\":\"Ready\"");
	if (vp_json_path(dedicated, &count, "manual", "replicas", NULL) > 0) {
		vp_buf_puts(out, ",\"current_replicas\":");
		vp_buf_span(out, count);
	}
	if (vp_json_path(dedicated, &count, "manual", "shards", NULL) > 0) {
		vp_buf_puts(out, ",\"current_shards\":");
		vp_buf_span(out, count);
	}
	vp_buf_puts(out, "}}");
}

/* What the index's spec holds: its kind ("serverless") and what stands behind it. */
void
vp_control_open_spec(
    const char *spec, struct vp_span *kind, struct vp_span *inner, struct vp_span *read_capacity)
{
	struct vp_json_walk w;

	*kind = *inner = *read_capacity = (struct vp_span){"", 0};
	vp_json_begin(&w, vp_str(spec));
	while (vp_json_member(&w, kind, inner) > 0 && vp_json_type(*inner) != '{')
		;
	if (vp_json_find(*inner, "read_capacity", read_capacity) <= 0)
		read_capacity->n = 0;
}

static void
write_classic(struct vp_buf *out, const struct vp_index_conf *conf)
{
	struct vp_span kind, inner, read_capacity;

	vp_buf_printf(out, ",\"metric\":\"%s\"", vp_metric_name(conf->metric));
	if (conf->dimension)
		vp_buf_printf(out, ",\"dimension\":%zu", conf->dimension);
	vp_buf_printf(
	    out, ",\"vector_type\":\"%s\",\"spec\":", conf->dimension ? "dense" : "sparse");
	vp_control_open_spec(conf->spec, &kind, &inner, &read_capacity);
	if (vp_span_is(kind, "pod")) {
		vp_buf_puts(out, conf->spec);
		return;
	}
	vp_buf_printf(out, "{\"%.*s\":{", (int)kind.n, kind.s);
	write_members(out, inner, "read_capacity");
	write_read_capacity(out, read_capacity);
	vp_buf_puts(out, "}}");
}

void
vp_control_write_fields(struct vp_buf *out, const struct vp_index_conf *conf)
{
	vp_buf_puts(out, ",\"schema\":{\"fields\":{");
	if (conf->dimension)
		vp_buf_printf(out,
		    "\"_values\":{\"type\":\"dense_vector\",\"dimension\":%zu,\"metric\":\"%s\"}",
		    conf->dimension, vp_metric_name(conf->metric));
	else
		vp_buf_puts(out,
		    "\"_sparse_values\":{\"type\":\"sparse_vector\",\"metric\":\"dotproduct\"}");
	vp_buf_puts(out, "}}");
}

static void
write_schema(struct vp_buf *out, const struct vp_index_conf *conf)
{
	struct vp_span kind, inner, read_capacity;
	size_t end;

	vp_control_write_fields(out, conf);
	vp_control_open_spec(conf->spec, &kind, &inner, &read_capacity);
	vp_buf_puts(out, ",\"deployment\":{\"deployment_type\":");
	vp_json_quote(out, vp_span_is(kind, "serverless") ? VP_LIT("managed") : kind);
	vp_buf_putc(out, ',');
	write_members(out, inner, "read_capacity");
	end = out->n - 1;
	out->s[end] = '}'; /* in the place of the last comma */
	vp_buf_putc(out, ',');
	write_read_capacity(out, read_capacity);
}

static void
write_index(struct vp_call *c, const struct vp_index *index)
{
	const struct vp_index_conf *conf = &index->conf;

	vp_buf_puts(&c->out, "{\"name\":");
	vp_json_quote(&c->out, vp_str(conf->name));
	if (vp_control_schemas(c))
		write_schema(&c->out, conf);
	else
		write_classic(&c->out, conf);
	vp_buf_printf(
	    &c->out, ",\"host\":\"http://%s" VP_DATA_PLANE "%s\"", c->address, conf->name);
	if (!index->restore)
		vp_buf_puts(&c->out, ",\"status\":{\"ready\":true,\"state\":\"Ready\"}");
	else
		vp_buf_printf(&c->out, ",\"status\":{\"ready\":false,\"state\":\"%s\"}",
		    strcmp(index->restore->status, "Failed") == 0 ? "InitializationFailed"
								  : "Initializing");
	vp_buf_puts(&c->out, ",\"deletion_protection\":");
	vp_buf_puts(&c->out, conf->is_protected ? "\"enabled\"" : "\"disabled\"");
	if (strcmp(conf->tags, "{}") != 0) {
		vp_buf_puts(&c->out, ",\"tags\":");
		vp_buf_puts(&c->out, conf->tags);
	}
	vp_buf_putc(&c->out, '}');
}

bool
vp_control_check_name(struct vp_call *c, struct vp_span name)
{
	bool ok = name.n > 0 && name.s[0] != '-' && name.s[name.n - 1] != '-';

	if (name.n > VP_INDEX_NAME_MAX)
		return vp_call_fail(c, 400, "name: must be 1 to %d characters long, is %zu",
		    VP_INDEX_NAME_MAX, name.n);
	for (size_t i = 0; i < name.n && ok; i++)
		ok = (name.s[i] >= 'a' && name.s[i] <= 'z') ||
		     (name.s[i] >= '0' && name.s[i] <= '9') || name.s[i] == '-';
	return ok ||
	       vp_call_fail(c, 400,
		   "name: Name must consist of lower case alphanumeric characters or '-', and must "
		   "start and end with an alphanumeric character");
}

/* One of some words, as a JSON string. */
static bool
check_word(struct vp_call *c, struct vp_span json, const char *where, const char *a, const char *b)
{
	struct vp_span text;

	if (!vp_call_text(c, json, where, &text))
		return false;
	return vp_span_is(text, a) || vp_span_is(text, b) ||
	       vp_call_fail(
		   c, 400, "%s: must be \"%s\" or \"%s\", got '%.100s'", where, a, b, text.s);
}

static bool
read_metric(struct vp_call *c, struct vp_span json, const char *where, enum vp_metric *metric)
{
	struct vp_span text;

	if (!vp_call_text(c, json, where, &text))
		return false;
	return vp_metric_read(text, metric) == 0 ||
	       vp_call_fail(c, 400,
		   "%s: must be \"cosine\", \"dotproduct\" or \"euclidean\", got '%.100s'", where,
		   text.s);
}

/* Tags: an object of strings. With old tags, those are merged; a tag set to "" goes. *out is a JSON
 * object. */
bool
vp_control_merge_tags(struct vp_call *c, const char *old, struct vp_span set, struct vp_span *out)
{
	struct vp_buf merged = {0}, kept = {0};
	struct vp_span key, value;
	struct vp_json_walk w;
	size_t n = 0;
	bool ok = true;

	vp_attrs_merge(&merged, vp_str(old), set);
	vp_buf_putc(&kept, '{');
	for (vp_json_begin(&w, vp_buf_get(&merged)); ok && vp_json_member(&w, &key, &value) > 0;) {
		if (vp_json_type(value) != '"')
			ok = vp_call_fail(
			    c, 400, "tags: '%.*s' must be a string", (int)key.n, key.s);
		else if (key.n > TAG_KEY_MAX || value.n - 2 > TAG_VALUE_MAX)
			ok = vp_call_fail(c, 400,
			    "tags: '%.80s': keys have up to %d characters, values up to %d", key.s,
			    TAG_KEY_MAX, TAG_VALUE_MAX);
		else if (value.n > 2) {
			vp_buf_puts(&kept, n++ ? ",\"" : "\"");
			vp_buf_span(&kept, key);
			vp_buf_puts(&kept, "\":");
			vp_buf_span(&kept, value);
		}
	}
	vp_buf_putc(&kept, '}');
	if (ok && n > TAGS_MAX)
		ok = vp_call_fail(c, 400, "tags: more than %d", TAGS_MAX);
	if (ok) {
		out->s = memcpy(vp_call_alloc(c, kept.n, 1), kept.s, kept.n);
		out->n = kept.n;
	}
	vp_buf_free(&merged);
	vp_buf_free(&kept);
	return ok;
}

bool
vp_control_check_read_capacity(struct vp_call *c, struct vp_span json)
{
	struct vp_span mode = {0}, dedicated = {0}, node = {0}, scaling = {0};
	const struct vp_member members[] = {
	    {"mode", NULL, '"', true, &mode},
	    {"dedicated", NULL, '{', false, &dedicated},
	};
	const struct vp_member of_dedicated[] = {
	    {"node_type", NULL, '"', true, &node},
	    {"scaling", NULL, '"', true, &scaling},
	};
	bool is_dedicated;

	if (!vp_call_members(c, json, "read_capacity.", members, N(members)) ||
	    !check_word(c, mode, "read_capacity.mode", "OnDemand", "Dedicated"))
		return false;
	is_dedicated = vp_span_is(mode, "\"Dedicated\"");
	if (is_dedicated != (dedicated.n > 0))
		return vp_call_fail(c, 400, "read_capacity.dedicated: %s",
		    is_dedicated ? "is missing" : "goes with the mode \"Dedicated\" only");
	return !is_dedicated || vp_call_members(c, dedicated, "read_capacity.dedicated.",
				    of_dedicated, N(of_dedicated));
}

/* spec: exactly one of serverless, pod, byoc. */
static bool
check_spec(struct vp_call *c, struct vp_span json)
{
	struct vp_span serverless = {0}, pod = {0}, byoc = {0}, cloud = {0}, region = {0},
		       capacity = {0}, schema = {0};
	const struct vp_member members[] = {
	    {"serverless", NULL, '{', false, &serverless},
	    {"pod", NULL, '{', false, &pod},
	    {"byoc", NULL, '{', false, &byoc},
	};
	const struct vp_member of_serverless[] = {
	    {"cloud", NULL, '"', true, &cloud},
	    {"region", NULL, '"', true, &region},
	    {"read_capacity", NULL, '{', false, &capacity},
	    {"schema", NULL, '{', false, &schema},
	};
	struct vp_span environment = {0};
	const struct vp_member of_other[] = {
	    {"environment", NULL, '"', true, &environment},
	    {"read_capacity", NULL, '{', false, &capacity},
	};

	if (!vp_call_members(c, json, "spec.", members, N(members)))
		return false;
	if ((serverless.n > 0) + (pod.n > 0) + (byoc.n > 0) != 1)
		return vp_call_fail(c, 400, "spec: must hold exactly one of serverless, pod, byoc");
	if (serverless.n
		? !vp_call_members(
		      c, serverless, "spec.serverless.", of_serverless, N(of_serverless))
		: !vp_call_members(c, pod.n ? pod : byoc, "spec.pod.", of_other, N(of_other)))
		return false;
	return !capacity.n || vp_control_check_read_capacity(c, capacity);
}

bool
vp_control_check_protection(struct vp_call *c, struct vp_span json)
{
	return !json.n || check_word(c, json, "deletion_protection", "enabled", "disabled");
}

char *
vp_control_text(struct vp_call *c, struct vp_span s)
{
	char *text = memcpy(vp_call_alloc(c, s.n + 1, 1), s.s, s.n);

	text[s.n] = '\0';
	return text;
}

static bool
read_classic(struct vp_call *c, struct wish *w)
{
	struct vp_span name = {0}, dimension = {0}, metric = {0}, type = {0};
	const struct vp_member members[] = {
	    {"name", NULL, '"', true, &name},
	    {"dimension", NULL, '0', false, &dimension},
	    {"metric", NULL, '"', false, &metric},
	    {"vector_type", NULL, '"', false, &type},
	    {"spec", NULL, '{', true, &w->spec},
	    {"deletion_protection", NULL, '"', false, &w->protection},
	    {"tags", NULL, '{', false, &w->tags},
	};
	bool sparse;

	if (!vp_call_body(c, members, N(members), false) ||
	    !vp_call_text(c, name, "name", &w->name) ||
	    (type.n && !check_word(c, type, "vector_type", "dense", "sparse")) ||
	    !check_spec(c, w->spec))
		return false;
	sparse = vp_span_is(type, "\"sparse\"");
	w->metric = sparse ? VP_DOTPRODUCT : VP_COSINE;
	if (metric.n && !read_metric(c, metric, "metric", &w->metric))
		return false;
	if (sparse && (dimension.n || w->metric != VP_DOTPRODUCT))
		return vp_call_fail(c, 400,
		    "%s: a sparse index has no dimension, and the metric dotproduct",
		    dimension.n ? "dimension" : "metric");
	if (!sparse && !dimension.n)
		return vp_call_fail(c, 400, "dimension: is missing");
	return vp_call_integer(c, dimension, "dimension", 1, VP_DIMENSION_MAX, 0, &w->dimension);
}

/* schema: {"fields":{"_values":{...}}} or {"fields":{"_sparse_values":{...}}} or both. */
static bool
read_fields(struct vp_call *c, struct vp_span schema, struct wish *w)
{
	struct vp_span fields = {0}, key, field;
	const struct vp_member members[] = {{"fields", NULL, '{', true, &fields}};
	struct vp_json_walk walk;
	bool dense = false, sparse = false;

	if (!vp_call_members(c, schema, "schema.", members, N(members)))
		return false;
	w->metric = VP_COSINE;
	for (vp_json_begin(&walk, fields); vp_json_member(&walk, &key, &field) > 0;) {
		struct vp_span type = {0}, dimension = {0}, metric = {0};
		const struct vp_member of_field[] = {
		    {"type", NULL, '"', true, &type},
		    {"dimension", NULL, '0', false, &dimension},
		    {"metric", NULL, '"', false, &metric},
		};
		bool is_dense = vp_json_key_is(key, "_values");
		if (!is_dense && !vp_json_key_is(key, "_sparse_values"))
			return vp_call_fail(c, 400,
			    "schema.fields: '%.*s': only _values and _sparse_values are served: no "
			    "document indexes",
			    key.n > 100 ? 100 : (int)key.n, key.s);
		if (!vp_call_members(c, field, "schema.fields.", of_field, N(of_field)))
			return false;
		if (!vp_span_is(type, is_dense ? "\"dense_vector\"" : "\"sparse_vector\""))
			return vp_call_fail(c, 400, "schema.fields.type: must be \"%s\"",
			    is_dense ? "dense_vector" : "sparse_vector");
		dense |= is_dense;
		sparse |= !is_dense;
		if (!is_dense)
			continue;
		if (!dimension.n)
			return vp_call_fail(c, 400, "schema.fields._values.dimension: is missing");
		if (!vp_call_integer(c, dimension, "schema.fields._values.dimension", 1,
			VP_DIMENSION_MAX, 0, &w->dimension) ||
		    (metric.n &&
			!read_metric(c, metric, "schema.fields._values.metric", &w->metric)))
			return false;
	}
	if (!dense && !sparse)
		return vp_call_fail(c, 400, "schema.fields: must hold _values or _sparse_values");
	if (sparse && dense && w->metric != VP_DOTPRODUCT)
		return vp_call_fail(c, 400,
		    "schema.fields: _sparse_values beside _values need the metric dotproduct");
	if (!dense)
		w->metric = VP_DOTPRODUCT;
	return true;
}

/* The spec that a deployment and a read capacity mean. */
static bool
read_deployment(struct vp_call *c, struct vp_span deployment, struct wish *w)
{
	struct vp_span type = {0}, cloud = VP_LIT("\"aws\""), region = VP_LIT("\"us-east-1\"");
	const struct vp_member members[] = {
	    {"deployment_type", NULL, '"', true, &type},
	    {"cloud", NULL, '"', false, &cloud},
	    {"region", NULL, '"', false, &region},
	};
	struct vp_buf spec = {0};

	if (deployment.n && !vp_call_members(c, deployment, "deployment.", members, N(members)))
		return false;
	if (deployment.n && !vp_span_is(type, "\"managed\""))
		return vp_call_fail(
		    c, 400, "deployment.deployment_type: only \"managed\" is served");
	if (w->read_capacity.n && !vp_control_check_read_capacity(c, w->read_capacity))
		return false;
	vp_buf_printf(&spec, "{\"serverless\":{\"cloud\":%.*s,\"region\":%.*s", (int)cloud.n,
	    cloud.s, (int)region.n, region.s);
	if (w->read_capacity.n) {
		vp_buf_puts(&spec, ",\"read_capacity\":");
		vp_buf_span(&spec, w->read_capacity);
	}
	vp_buf_puts(&spec, "}}");
	w->spec = vp_str(vp_control_text(c, vp_buf_get(&spec)));
	vp_buf_free(&spec);
	return true;
}

/* From 2026-07 on, a member that is not known is refused, so that nobody takes an old request for a
 * new one. */
static bool
refuse_classic_members(struct vp_call *c)
{
	static const char *const classic[] = {"dimension", "metric", "vector_type", "spec"};
	struct vp_span value;

	for (size_t i = 0; i < N(classic); i++)
		if (vp_json_find(vp_request_body(c->request), classic[i], &value) > 0)
			return vp_call_fail(c, 400,
			    "%s: is no member since API version 2026-07: use schema", classic[i]);
	return true;
}

static bool
read_schema(struct vp_call *c, struct wish *w)
{
	struct vp_span name = {0}, schema = {0}, deployment = {0};
	const struct vp_member members[] = {
	    {"name", NULL, '"', false, &name},
	    {"schema", NULL, '{', true, &schema},
	    {"deployment", NULL, '{', false, &deployment},
	    {"deletion_protection", NULL, '"', false, &w->protection},
	    {"tags", NULL, '{', false, &w->tags},
	    {"read_capacity", NULL, '{', false, &w->read_capacity},
	};

	if (!refuse_classic_members(c) || !vp_call_body(c, members, N(members), false) ||
	    !read_fields(c, schema, w) || !read_deployment(c, deployment, w))
		return false;
	if (!name.n) {
		char key[33], made[16];
		vp_server_key(key);
		snprintf(made, sizeof made, "index-%.8s", key);
		w->name = vp_str(vp_control_text(c, vp_str(made)));
		return true;
	}
	return vp_call_text(c, name, "name", &w->name);
}

static void
describe(struct vp_call *c, const char *name)
{
	struct vp_index *index;

	vp_store_read(c->store);
	index = vp_store_index(c->store, name);
	if (index)
		write_index(c, index);
	vp_store_read_end(c->store);
	if (!index)
		vp_call_stored(c, VP_STORE_NO_INDEX, name);
}

static void
create(struct vp_call *c)
{
	struct wish w = {0};
	struct vp_index_conf conf;
	struct vp_span body = vp_request_body(c->request), tags;

	if (vp_json_check(body, NULL)) {
		vp_call_fail(c, 422, "body: is not JSON");
		return;
	}
	if (!(vp_control_schemas(c) ? read_schema(c, &w) : read_classic(c, &w)) ||
	    !vp_control_check_name(c, w.name) || !vp_control_check_protection(c, w.protection) ||
	    !vp_control_merge_tags(c, "{}", w.tags.n ? w.tags : VP_LIT("{}"), &tags))
		return;
	conf = (struct vp_index_conf){
	    .name = vp_control_text(c, w.name),
	    .dimension = w.dimension,
	    .metric = w.metric,
	    .is_protected = vp_span_is(w.protection, "\"enabled\""),
	    .tags = vp_control_text(c, tags),
	    .spec = vp_control_text(c, w.spec),
	};
	if (!vp_call_stored(c, vp_store_create(c->store, &conf, &c->message), conf.name))
		return;
	c->status = 201;
	describe(c, conf.name);
}

char *
vp_control_spec(struct vp_call *c, const char *spec, struct vp_span read_capacity)
{
	struct vp_span kind, inner, old;
	struct vp_buf out = {0};
	char *text;

	vp_control_open_spec(spec, &kind, &inner, &old);
	vp_buf_printf(&out, "{\"%.*s\":{", (int)kind.n, kind.s);
	write_members(&out, inner, "read_capacity");
	if (read_capacity.n) {
		vp_buf_puts(&out, "\"read_capacity\":");
		vp_buf_span(&out, read_capacity);
	} else {
		out.n--; /* the last comma: a spec is never empty */
	}
	vp_buf_puts(&out, "}}");
	text = vp_control_text(c, vp_buf_get(&out));
	vp_buf_free(&out);
	return text;
}

static bool
read_change(struct vp_call *c, struct wish *w)
{
	struct vp_span embed = {0}, kind = {0}, inner = {0};
	const struct vp_member members[] = {
	    {"deletion_protection", NULL, '"', false, &w->protection},
	    {"tags", NULL, '{', false, &w->tags},
	    {"spec", NULL, '{', false, &w->spec},
	    {"read_capacity", NULL, '{', false, &w->read_capacity},
	    {"embed", NULL, '*', false, &embed},
	};
	const struct vp_member of_inner[] = {
	    {"read_capacity", NULL, '{', false, &w->read_capacity}};

	if (!vp_call_body(c, members, N(members), false) ||
	    !vp_control_check_protection(c, w->protection))
		return false;
	if (embed.n)
		return vp_call_fail(
		    c, 400, "embed: hosted models are not served: embed with hf-embed");
	if (w->spec.n) {
		struct vp_json_walk walk;
		vp_json_begin(&walk, w->spec);
		if (vp_json_member(&walk, &kind, &inner) <= 0)
			return vp_call_fail(c, 400, "spec: must hold serverless, pod or byoc");
		if (!vp_call_members(c, inner, "spec.serverless.", of_inner, N(of_inner)))
			return false;
	}
	return !w->read_capacity.n || vp_control_check_read_capacity(c, w->read_capacity);
}

static void
configure(struct vp_call *c, const char *name)
{
	struct wish w = {0};
	struct vp_index_conf conf = {0};
	struct vp_index *index;
	struct vp_span tags;
	int64_t key = 0;

	if (!read_change(c, &w))
		return;
	vp_store_read(c->store);
	index = vp_store_index(c->store, name);
	if (index) {
		key = index->key;
		conf.is_protected = w.protection.n ? vp_span_is(w.protection, "\"enabled\"")
						   : index->conf.is_protected;
		conf.tags = vp_control_text(c, vp_str(index->conf.tags));
		conf.spec = w.read_capacity.n
				? vp_control_spec(c, index->conf.spec, w.read_capacity)
				: vp_control_text(c, vp_str(index->conf.spec));
	}
	vp_store_read_end(c->store);
	if (w.tags.n && index) {
		if (!vp_control_merge_tags(c, conf.tags, w.tags, &tags))
			return;
		conf.tags = vp_control_text(c, tags);
	}
	if (!vp_call_stored(c,
		index ? vp_store_configure(c->store, key, &conf, &c->message) : VP_STORE_NO_INDEX,
		name))
		return;
	c->status = 202;
	describe(c, name);
}

static void
drop(struct vp_call *c, const char *name)
{
	struct vp_index *index;
	int64_t key = 0;

	vp_store_read(c->store);
	index = vp_store_index(c->store, name);
	if (index)
		key = index->key;
	vp_store_read_end(c->store);
	if (vp_call_stored(
		c, index ? vp_store_drop(c->store, key, &c->message) : VP_STORE_NO_INDEX, name))
		c->status = 202;
}

static void
list(struct vp_call *c)
{
	struct vp_index *const *indexes;
	size_t n;

	vp_buf_puts(&c->out, "{\"indexes\":[");
	vp_store_read(c->store);
	indexes = vp_store_indexes(c->store, &n);
	for (size_t i = 0; i < n; i++) {
		if (i)
			vp_buf_putc(&c->out, ',');
		write_index(c, indexes[i]);
	}
	vp_store_read_end(c->store);
	vp_buf_puts(&c->out, "]}");
}

static void
all_indexes(struct vp_call *c, const char *method)
{
	if (strcmp(method, "GET") == 0)
		list(c);
	else if (strcmp(method, "POST") == 0)
		create(c);
	else
		vp_call_fail(c, 405, "/indexes: takes GET and POST");
}

static void
one_index(struct vp_call *c, const char *method, const char *name)
{
	if (strcmp(method, "GET") == 0)
		describe(c, name);
	else if (strcmp(method, "PATCH") == 0)
		configure(c, name);
	else if (strcmp(method, "DELETE") == 0)
		drop(c, name);
	else
		vp_call_fail(c, 405, "/indexes/NAME: takes GET, PATCH and DELETE");
}

/* Of a pod-based index, which there is none of here. */
static void
create_collection(struct vp_call *c)
{
	struct vp_span name = {0}, source = {0}, text;
	const struct vp_member members[] = {
	    {"name", NULL, '"', true, &name},
	    {"source", NULL, '"', true, &source},
	};
	bool found;

	if (!vp_call_body(c, members, N(members), false) ||
	    !vp_call_text(c, source, "source", &text))
		return;
	vp_store_read(c->store);
	found = vp_store_index(c->store, text.s);
	vp_store_read_end(c->store);
	if (found)
		vp_call_fail(c, 400,
		    "source: collections cannot be made of a serverless index: make a backup");
	else
		vp_call_stored(c, VP_STORE_NO_INDEX, text.s);
}

static void
collections(struct vp_call *c, const char *method, const char *rest)
{
	if (*rest)
		vp_call_fail(c, 404, "Collection %.100s not found.", rest + 1);
	else if (strcmp(method, "GET") == 0)
		vp_buf_puts(&c->out, "{\"collections\":[]}");
	else if (strcmp(method, "POST") == 0)
		create_collection(c);
	else
		vp_call_fail(c, 405, "/collections: takes GET and POST");
}

static void
schedules(struct vp_call *c, const char *method, const char *rest)
{
	(void)method;
	(void)rest;
	vp_call_fail(c, 400, "backup-schedules: are not served: ask for backups when they are due");
}

/* /indexes and what is below it */
static void
indexes(struct vp_call *c, const char *method, const char *rest)
{
	const char *below = *rest ? strchr(rest + 1, '/') : NULL;
	struct vp_span name;

	if (*rest == '\0' || strcmp(rest, "/") == 0) {
		all_indexes(c, method);
	} else if (strcmp(rest, "/create-for-model") == 0 && strcmp(method, "POST") == 0) {
		vp_call_fail(c, 400,
		    "embed: hosted models are not served: create an index with a dimension, and "
		    "embed with hf-embed");
	} else if (below && strcmp(below, "/backups") == 0) {
		name = (struct vp_span){rest + 1, (size_t)(below - rest - 1)};
		vp_control_index_backups(c, method, vp_control_text(c, name));
	} else if (below && strcmp(below, "/backup-schedules") == 0) {
		schedules(c, method, below);
	} else if (below) {
		vp_call_fail(c, 404, "%.100s: not served by pc-local", vp_request_path(c->request));
	} else {
		one_index(c, method, rest + 1);
	}
}

static void
inference(struct vp_call *c, const char *method, const char *rest)
{
	(void)method;
	(void)rest;
	vp_call_fail(c, 400, "%.100s: inference is not served: embed with hf-embed",
	    vp_request_path(c->request));
}

/* What is not served is answered with what to do instead; not with a 5xx, which clients try again. */
static const struct tree {
	const char *at;
	void (*answer)(struct vp_call *c, const char *method, const char *rest);
} trees[] = {
    {"/indexes", indexes},
    {"/backups", vp_control_backups},
    {"/restore-jobs", vp_control_restores},
    {"/collections", collections},
    {"/backup-schedules", schedules},
    {"/embed", inference},
    {"/rerank", inference},
    {"/models", inference},
};

void
vp_control_call(struct vp_call *c, const char *path)
{
	for (const struct tree *t = trees; t < trees + N(trees); t++) {
		const char *rest = path + strlen(t->at);
		if (strncmp(path, t->at, strlen(t->at)) == 0 && (!*rest || *rest == '/')) {
			t->answer(c, vp_request_method(c->request), rest);
			return;
		}
	}
	vp_call_fail(c, 404, "%.100s: not served by pc-local", path);
}
