/* spec: what an Inference Endpoint is asked to be */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../opt.h"
#include "spec.h"

#define NAME_MAX_BYTES 32
#define IDLE_MIN 15 /* minutes, as the service has it */
#define IDLE_MAX 2880
#define REPLICAS_MAX 1000
#define BATCH_MAX 1000000

/* Always false. */
static bool VP_PRINTF(2, 3) refuse(struct vp_refusal *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vp_refusal_set(why, 400, "Validation", format, args);
	va_end(args);
	return false;
}

/* The value at a path of members, "model.image"; null where there is none. */
static jv
at(jv doc, const char *path)
{
	jv v = jv_copy(doc);

	while (*path) {
		size_t n = strcspn(path, ".");

		if (jv_get_kind(v) != JV_KIND_OBJECT) {
			jv_free(v);
			return jv_null();
		}
		v = jv_object_get(v, jv_string_sized(path, (int)n));
		if (!jv_is_valid(v)) {
			jv_free(v);
			return jv_null();
		}
		path += n + (path[n] == '.');
	}
	return v;
}

/* Set what is at a path to v. What is above it is an object, or missing, or null. */
static jv
with(jv doc, const char *path, jv v)
{
	size_t n = strcspn(path, ".");
	jv key = jv_string_sized(path, (int)n);

	if (jv_get_kind(doc) != JV_KIND_OBJECT) {
		jv_free(doc);
		doc = jv_object();
	}
	if (path[n]) {
		jv inner = jv_object_get(jv_copy(doc), jv_copy(key));

		v = with(
		    jv_is_valid(inner) ? inner : (jv_free(inner), jv_object()), path + n + 1, v);
	}
	return jv_object_set(doc, key, v);
}

static bool
is_null(jv doc, const char *path)
{
	jv v = at(doc, path);
	bool null = jv_get_kind(v) == JV_KIND_NULL;

	jv_free(v);
	return null;
}

/* The text at a path as a new string; NULL where there is none, or it is empty, or has a NUL. */
static char *
text_at(jv doc, const char *path)
{
	jv v = at(doc, path);
	char *text = NULL;

	if (jv_get_kind(v) == JV_KIND_STRING) {
		const char *s = jv_string_value(v);

		if (*s && strlen(s) == (size_t)jv_string_length_bytes(jv_copy(v)))
			text = vp_strdup(s);
	}
	jv_free(v);
	return text;
}

/* Whether there is a whole number from min to max at a path, in *out. */
static bool
number_at(jv doc, const char *path, unsigned min, unsigned max, unsigned *out)
{
	jv v = at(doc, path);
	double d = jv_get_kind(v) == JV_KIND_NUMBER ? jv_number_value(v) : -1;
	bool good = d >= min && d <= max && d == (double)(unsigned)d;

	if (good)
		*out = (unsigned)d;
	jv_free(v);
	return good;
}

/* The parts of a document that the API knows. What a client has read and sends back (status) goes. */
static jv
known_parts(jv doc)
{
	static const char *const parts[] = {"accountId", "name", "type", "provider", "compute",
	    "model", "privateService", "route", "cacheHttpResponses", "tags"};
	jv out = jv_object();

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		jv v = jv_object_get(jv_copy(doc), jv_string(parts[i]));

		if (jv_is_valid(v))
			out = jv_object_set(out, jv_string(parts[i]), v);
		else
			jv_free(v);
	}
	jv_free(doc);
	return out;
}

/* Put stars in the place of all values of the object at a path. */
static jv
starred(jv doc, const char *path)
{
	jv secrets = at(doc, path);

	if (jv_get_kind(secrets) == JV_KIND_OBJECT) {
		jv keys = jv_keys(jv_copy(secrets));

		jv_array_foreach(keys, i, key) secrets =
		    jv_object_set(secrets, key, jv_string("***"));
		jv_free(keys);
		return with(doc, path, secrets);
	}
	jv_free(secrets);
	return doc;
}

static jv
with_default(jv doc, const char *path, jv value)
{
	if (is_null(doc, path))
		return with(doc, path, value);
	jv_free(value);
	return doc;
}

/* What need not be sent, and what is not to be kept. */
static jv
completed(jv doc)
{
	doc = with_default(doc, "accountId", jv_null());
	doc = with_default(doc, "type", jv_string("authenticated"));
	doc = with_default(doc, "compute.scaling.minReplica", jv_number(1));
	doc = with_default(doc, "compute.scaling.maxReplica", jv_number(1));
	doc = with_default(doc, "compute.scaling.scaleToZeroTimeout", jv_null());
	doc = with_default(doc, "model.revision", jv_null());
	doc = with_default(doc, "model.task", jv_string("sentence-embeddings"));
	doc = with_default(doc, "tags", jv_array());
	doc = starred(doc, "model.secrets");
	return starred(doc, "model.image.custom.credentials");
}

/* Objects where the API has objects. */
static bool
has_objects(jv doc, struct vp_refusal *why)
{
	static const char *const paths[] = {"provider", "compute", "compute.scaling", "model",
	    "model.image", "model.env", "model.secrets"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		jv v = at(doc, paths[i]);
		jv_kind kind = jv_get_kind(v);

		jv_free(v);
		if (kind != JV_KIND_OBJECT && kind != JV_KIND_NULL)
			return refuse(why, "%s: want an object", paths[i]);
	}
	return true;
}

/* All texts that it must have. */
static bool
has_texts(jv doc, struct vp_refusal *why)
{
	static const char *const paths[] = {"name", "type", "provider.vendor", "provider.region",
	    "compute.accelerator", "compute.instanceType", "compute.instanceSize",
	    "model.repository", "model.framework", "model.task"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char *text = text_at(doc, paths[i]);

		if (!text)
			return refuse(why, "%s: missing, or not a text", paths[i]);
		free(text);
	}
	return true;
}

static bool
read_name(struct vp_spec *s, struct vp_refusal *why)
{
	s->name = text_at(s->doc, "name");
	if (strlen(s->name) > NAME_MAX_BYTES || *s->name == '-' ||
	    s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return refuse(
		    why, "name: want at most %d of the characters a-z, 0-9 and -", NAME_MAX_BYTES);
	return true;
}

/* protected is what authenticated was called, and what older clients send. private is that, too, where
 * there is no private network. */
static bool
read_type(struct vp_spec *s, struct vp_refusal *why)
{
	char *type = text_at(s->doc, "type");
	bool known;

	s->open = strcmp(type, "public") == 0;
	known = s->open || strcmp(type, "authenticated") == 0 || strcmp(type, "protected") == 0 ||
		strcmp(type, "private") == 0;
	free(type);
	return known || refuse(why, "type: want authenticated, public or private");
}

static bool
read_scaling(struct vp_spec *s, struct vp_refusal *why)
{
	unsigned min, max, minutes;

	if (!number_at(s->doc, "compute.scaling.minReplica", 0, REPLICAS_MAX, &min))
		return refuse(
		    why, "compute.scaling.minReplica: want a number from 0 to %d", REPLICAS_MAX);
	if (!number_at(s->doc, "compute.scaling.maxReplica", min ? min : 1, REPLICAS_MAX, &max))
		return refuse(why, "compute.scaling.maxReplica: want a number from %u to %d",
		    min ? min : 1, REPLICAS_MAX);
	s->replicas = min ? min : 1;
	if (is_null(s->doc, "compute.scaling.scaleToZeroTimeout"))
		return true;
	if (!number_at(s->doc, "compute.scaling.scaleToZeroTimeout", IDLE_MIN, IDLE_MAX, &minutes))
		return refuse(why,
		    "compute.scaling.scaleToZeroTimeout: want null or minutes from %d to %d",
		    IDLE_MIN, IDLE_MAX);
	s->idle_minutes = min ? 0 : minutes;
	return true;
}

/* Which server the image has: the toolkit and text-embeddings-inference are what there is here. */
static bool
read_image(struct vp_spec *s, struct vp_refusal *why)
{
	char *custom = text_at(s->doc, "model.image.custom.url"),
	     *route = text_at(s->doc, "model.image.custom.healthRoute");

	if (!route)
		route = text_at(s->doc, "model.image.tei.healthRoute");
	s->health = route ? route : vp_strdup("/health");
	s->tei = !is_null(s->doc, "model.image.tei") ||
		 (custom && strstr(custom, "text-embeddings-inference"));
	free(custom);
	if (*s->health != '/')
		return refuse(why, "model.image: healthRoute: want a path that begins with /");
	return s->tei || !is_null(s->doc, "model.image.huggingface") ||
	       refuse(why, "model.image: only huggingface, tei, and a custom url with "
			   "text-embeddings-inference in it can be had on this machine");
}

static bool
read_model(struct vp_spec *s, struct vp_refusal *why)
{
	char *task, *batch;
	uint64_t n = 0;
	bool good;

	if (!read_image(s, why))
		return false;
	s->repository = text_at(s->doc, "model.repository");
	s->revision = text_at(s->doc, "model.revision");
	if (!s->revision && !is_null(s->doc, "model.revision"))
		return refuse(why, "model.revision: want null or a text");
	task = text_at(s->doc, "model.task");
	good = strcmp(task, "sentence-embeddings") == 0 ||
	       (s->tei && strcmp(task, "feature-extraction") == 0);
	if (!good)
		refuse(why,
		    "model.task: %.100s: only sentence-embeddings can be had on this machine",
		    task);
	free(task);
	if (!good || !s->tei || is_null(s->doc, "model.env.MAX_CLIENT_BATCH_SIZE"))
		return good;
	batch = text_at(s->doc, "model.env.MAX_CLIENT_BATCH_SIZE");
	good = batch && vp_read_number(batch, &n) == 0 && n >= 1 && n <= BATCH_MAX;
	s->max_batch = (size_t)n;
	free(batch);
	return good || refuse(why, "model.env: MAX_CLIENT_BATCH_SIZE: want a number from 1 to %d",
			   BATCH_MAX);
}

/* The body as an object, with known parts only; invalid and why. */
static jv
parse(struct vp_span body, struct vp_refusal *why)
{
	struct vp_span value;
	int e = vp_json_check(body, &value);
	jv doc;

	if (!e && vp_json_type(value) != '{')
		e = VP_E_TYPE;
	doc = e ? jv_invalid() : jv_parse_sized(value.s, (int)value.n);
	if (!e && !jv_is_valid(doc))
		e = VP_E_LIMIT; /* libjq nests less deep */
	if (e) {
		refuse(
		    why, "request body: %s", e == VP_E_TYPE ? "not an object" : vp_error_text(e));
		return doc;
	}
	return known_parts(doc);
}

/* old with the changes of a PUT. */
static jv
merged(jv old, jv changes)
{
	if (!is_null(changes, "model.image"))
		old = with(old, "model.image", jv_null());
	return jv_object_merge_recursive(old, changes);
}

bool
vp_spec_read(
    struct vp_spec *s, struct vp_span body, const struct vp_spec *old, struct vp_refusal *why)
{
	jv doc = parse(body, why);

	*s = (struct vp_spec){.doc = jv_null()};
	if (!jv_is_valid(doc)) {
		jv_free(doc);
		return false;
	}
	s->doc = old ? merged(jv_copy(old->doc), doc) : doc;
	if (has_objects(s->doc, why)) {
		s->doc = completed(s->doc);
		if (has_texts(s->doc, why) && read_name(s, why) && read_type(s, why) &&
		    read_scaling(s, why) && read_model(s, why)) {
			if (!old || strcmp(s->name, old->name) == 0)
				return true;
			refuse(why, "name: can't be changed");
		}
	}
	vp_spec_free(s);
	return false;
}

void
vp_spec_free(struct vp_spec *s)
{
	jv_free(s->doc);
	free(s->name);
	free(s->repository);
	free(s->revision);
	free(s->health);
	*s = (struct vp_spec){.doc = jv_null()};
}
