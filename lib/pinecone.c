/* pinecone: key, addresses, headers; making an index and waiting for it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "opt.h"
#include "pinecone.h"

enum { HEADERS_MAX = 32, FIRST_LOOK_MS = 100, LOOK_MS = 5000, NAMES_MAX = 20 };

char *
vp_pinecone_base(const char *what, const char *address)
{
	struct vp_buf b = {0};
	const char *why;
	size_t n = strlen(address);

	while (n > 0 && address[n - 1] == '/')
		n--;
	if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0)
		vp_buf_puts(&b, "https://");
	vp_buf_add(&b, address, n);
	if (vp_http_safe(vp_buf_cstr(&b), &why))
		vp_die(VP_EX_CONFIG, "%s=%s: %s", what, address, why);
	return vp_buf_take(&b, NULL);
}

/* A header's name is a token (RFC 9110 section 5.1); its value must not start another header. */
static bool
header_ok(struct vp_span name, struct vp_span value)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.s[i] <= ' ' || (unsigned char)name.s[i] >= 0x7f ||
		    strchr("()<>@,;:\\\"/[]?={}", name.s[i]))
			return false;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.s[i] < ' ' || value.s[i] == 0x7f)
			return false;
	return name.n > 0;
}

/* PINECONE_ADDITIONAL_HEADERS, a JSON object of strings, as lines behind those that are there.
 * What does not parse is left out with a warning, as the official clients do; what would break out
 * of its header is refused. */
static void
add_headers(const char *lines[], size_t n)
{
	static const char name[] = "PINECONE_ADDITIONAL_HEADERS";
	const char *text = vp_http_env(name);
	struct vp_json_walk w;
	struct vp_span key, value;

	if (!text)
		return;
	if (vp_json_check(vp_str(text), &value) || vp_json_type(value) != '{') {
		vp_warn("%s: not a JSON object: left out", name);
		return;
	}
	vp_json_begin(&w, value);
	while (vp_json_member(&w, &key, &value) > 0) {
		struct vp_buf line = {0}, v = {0};

		if (n == HEADERS_MAX)
			vp_die(VP_EX_CONFIG, "%s: too many headers: want %d at most", name,
			    HEADERS_MAX - 1);
		if (vp_json_type(value) != '"' || vp_json_decode(value, &v) ||
		    !header_ok(key, vp_buf_get(&v)))
			vp_die(VP_EX_CONFIG, "%s: %.*s: not a header: want {\"Name\":\"value\"}",
			    name, (int)key.n, key.s);
		vp_buf_printf(&line, "%.*s: %.*s", (int)key.n, key.s, (int)v.n, v.n ? v.s : "");
		vp_buf_cstr(&line);
		lines[n++] = vp_buf_take(&line, NULL);
		vp_buf_free(&v);
	}
}

void
vp_pinecone_open(struct vp_pinecone *pc)
{
	static const char version[] = "X-Pinecone-Api-Version: " VP_PINECONE_VERSION;
	const char *lines[HEADERS_MAX + 1] = {version};
	const char *key = vp_http_env("PINECONE_API_KEY"),
		   *controller = vp_http_env("PINECONE_CONTROLLER_HOST");
	struct vp_buf header = {0};

	if (!key)
		vp_die(VP_EX_CONFIG, "PINECONE_API_KEY: not set: set it to a key of your project, "
				     "or run under pc-local");
	pc->controller = vp_pinecone_base(
	    "PINECONE_CONTROLLER_HOST", controller ? controller : "https://api.pinecone.io");
	vp_buf_printf(&header, "Api-Key: %s", key);
	add_headers(lines, 1);
	pc->http = vp_http_new(vp_buf_cstr(&header), lines);
	for (size_t i = 1; lines[i]; i++)
		free((char *)(uintptr_t)lines[i]);
	vp_buf_free(&header);
}

void
vp_pinecone_close(struct vp_pinecone *pc)
{
	vp_http_free(pc->http);
	free(pc->controller);
}

void
vp_pinecone_control_url(
    const struct vp_pinecone *pc, struct vp_buf *url, const char *index, const char *rest)
{
	vp_buf_printf(url, "%s/indexes/", pc->controller);
	vp_http_escape(url, vp_str(index));
	vp_buf_puts(url, rest);
	vp_buf_cstr(url);
}

bool
vp_pinecone_name_ok(struct vp_span name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.s[i] < ' ' || name.s[i] == 0x7f)
			return false;
	return name.n && !vp_span_is(name, ".") && !vp_span_is(name, "..") &&
	       vp_utf8_valid(name, NULL);
}

int
vp_pinecone_call(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a)
{
	struct vp_buf text = {0};
	struct vp_span object;
	int e = vp_http_call(pc->http, VP_PINECONE, method, url, body, a);

	if (e)
		return e;
	if (a->status == 404) {
		e = -1;
	} else if (a->status >= 300) { /* 409, which vp_http_call leaves to its caller */
		vp_http_message(a, &text);
		vp_warn("%s %s: %ld: %s", method, url, a->status, vp_buf_cstr(&text));
		e = VP_EX_CONFIG;
	} else if ((a->body.n || strcmp(method, "DELETE") != 0) &&
		   (vp_json_check(vp_buf_get(&a->body), &object) || vp_json_type(object) != '{')) {
		vp_warn("%s %s: %ld: the answer is not a JSON object", method, url, a->status);
		e = VP_EX_PROTOCOL;
	}
	if (e)
		vp_buf_free(&a->body);
	vp_buf_free(&text);
	return e;
}

int
vp_pinecone_describe(struct vp_pinecone *pc, const char *index, struct vp_buf *out)
{
	struct vp_buf url = {0};
	struct vp_http_answer a;
	int e;

	vp_pinecone_control_url(pc, &url, index, "");
	e = vp_pinecone_call(pc, "GET", url.s, NULL, &a);
	if (e == 0) {
		vp_buf_span(out, vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	vp_buf_free(&url);
	return e;
}

int
vp_pinecone_index(struct vp_pinecone *pc, const char *index, char **base)
{
	const char *host = vp_http_env("PINECONE_INDEX_HOST");
	struct vp_buf description = {0}, text = {0};
	struct vp_span v;
	int e;

	if (host) {
		*base = vp_pinecone_base("PINECONE_INDEX_HOST", host);
		return 0;
	}
	e = vp_pinecone_describe(pc, index, &description);
	if (e == 0 && (vp_json_find(vp_buf_get(&description), "host", &v) != 1 ||
			  vp_json_decode(v, &text) || !text.n)) {
		vp_warn("index %s: its description has no host: is it ready? see 'pc-index "
			"describe %s'",
		    index, index);
		e = VP_EX_PROTOCOL;
	}
	if (e == 0)
		*base = vp_pinecone_base("the index's host", vp_buf_cstr(&text));
	vp_buf_free(&text);
	vp_buf_free(&description);
	return e;
}

static void
put_create(struct vp_buf *body, const char *index, uint64_t dimension, const char *metric,
    const char *cloud, const char *region)
{
	vp_buf_puts(body, "{\"name\":");
	vp_json_quote(body, vp_str(index));
	vp_buf_printf(body, ",\"dimension\":%llu,\"metric\":", (unsigned long long)dimension);
	vp_json_quote(body, vp_str(metric));
	vp_buf_puts(body, ",\"spec\":{\"serverless\":{\"cloud\":");
	vp_json_quote(body, vp_str(cloud));
	vp_buf_puts(body, ",\"region\":");
	vp_json_quote(body, vp_str(region));
	vp_buf_puts(body, "}},\"deletion_protection\":\"disabled\"}");
}

/* Whether it exists is asked first: a 409 would not tell an index that was there from one that was
 * made by a try whose answer was lost. */
int
vp_pinecone_create(struct vp_pinecone *pc, const char *index, uint64_t dimension,
    const char *metric, const char *cloud, const char *region, bool *existed)
{
	struct vp_buf body = {0}, url = {0}, text = {0};
	struct vp_http_answer a;
	int e = vp_pinecone_describe(pc, index, &text);

	*existed = e == 0;
	if (e == -1) {
		put_create(&body, index, dimension, metric, cloud, region);
		vp_buf_printf(&url, "%s/indexes", pc->controller);
		e = vp_http_call(pc->http, VP_PINECONE, "POST", vp_buf_cstr(&url), &body, &a);
		if (e == 0) {
			if (a.status == 404) { /* no such cloud or region */
				vp_http_message(&a, &text);
				vp_warn(
				    "index %s: cannot be created: %s", index, vp_buf_cstr(&text));
				e = VP_EX_CONFIG;
			}
			vp_buf_free(&a.body);
		} else if (e == VP_EX_DATA) { /* a name, a dimension: the server has said what */
			vp_warn("index %s: not created", index);
			e = VP_EX_CONFIG;
		}
	}
	vp_buf_free(&text);
	vp_buf_free(&body);
	vp_buf_free(&url);
	return e;
}

/* 1: ready; 0: not yet; an exit status (said): it never will be. */
static int
ready(const char *index, struct vp_span description)
{
	struct vp_span state, v;

	if (vp_json_path(description, &v, "status", "ready", NULL) == 1 && vp_json_type(v) == 't')
		return 1;
	if (vp_json_path(description, &state, "status", "state", NULL) != 1)
		return 0;
	if (vp_span_is(state, "\"InitializationFailed\"") || vp_span_is(state, "\"Terminating\"") ||
	    vp_span_is(state, "\"Disabled\"")) {
		vp_warn("index %s: its state is %.*s: it will not become ready", index,
		    (int)state.n, state.s);
		return VP_EX_UNAVAILABLE;
	}
	return 0;
}

/* A look at the index: 0 not ready yet, 1 ready (then described holds its description), or an exit
 * status (said). */
static int
look(struct vp_pinecone *pc, const char *index, struct vp_buf *described)
{
	struct vp_buf description = {0};
	int e = vp_pinecone_describe(pc, index, &description);

	if (e == -1)
		e = vp_pinecone_no_index(pc, index);
	else if (e == 0)
		e = ready(index, vp_buf_get(&description));
	if (e == 1 && described)
		vp_buf_span(described, vp_buf_get(&description));
	vp_buf_free(&description);
	return e;
}

int
vp_pinecone_wait(struct vp_pinecone *pc, const char *index, struct vp_buf *described)
{
	uint64_t until = vp_now_ms() + vp_opts.wait_ms, pause = FIRST_LOOK_MS;
	const char *which = "--wait";
	bool said = false;
	int e;

	if (vp_deadline_at() < until) {
		until = vp_deadline_at();
		which = "--deadline";
	}
	while ((e = look(pc, index, described)) == 0) {
		if (vp_now_ms() + pause > until) {
			vp_warn(
			    "index %s: not ready yet, and %s is over: see 'pc-index describe %s'",
			    index, which, index);
			return VP_EX_TEMP;
		}
		if (!said)
			vp_info("index %s: waiting until it is ready, up to %llu s", index,
			    (unsigned long long)(vp_opts.wait_ms / 1000));
		said = true;
		for (uint64_t end = vp_now_ms() + pause, now; (now = vp_now_ms()) < end;)
			vp_http_work(pc->http, NULL, 0, end - now);
		pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
	}
	return e == 1 ? 0 : e;
}

/* ` (there are: a, b)`; nothing where the server does not say. */
static void
put_names(struct vp_buf *out, struct vp_span answer)
{
	struct vp_span list, item, name;
	struct vp_json_walk w;
	size_t n = 0;

	if (vp_json_find(answer, "indexes", &list) != 1)
		return;
	for (vp_json_begin(&w, list); vp_json_item(&w, &item) > 0;) {
		if (vp_json_find(item, "name", &name) != 1 || name.n <= 2)
			continue;
		if (++n > NAMES_MAX)
			continue;
		vp_buf_printf(
		    out, "%s%.*s", n == 1 ? " (there are: " : ", ", (int)name.n - 2, name.s + 1);
	}
	if (n > NAMES_MAX)
		vp_buf_printf(out, " and %zu more", n - NAMES_MAX);
	vp_buf_puts(out, n ? ")" : " (there are none)");
}

int
vp_pinecone_no_index(struct vp_pinecone *pc, const char *index)
{
	struct vp_buf url = {0}, names = {0};
	struct vp_http_answer a;

	vp_buf_printf(&url, "%s/indexes", pc->controller);
	if (vp_http_call(pc->http, VP_PINECONE, "GET", vp_buf_cstr(&url), NULL, &a) == 0) {
		put_names(&names, vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	vp_warn("index %s: no such index%s: create it with 'pc-index create -d DIMENSION %s'",
	    index, vp_buf_cstr(&names), index);
	vp_buf_free(&names);
	vp_buf_free(&url);
	return VP_EX_CONFIG;
}
