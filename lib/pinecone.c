/* pinecone: key, addresses, headers; making an index and waiting for it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "clock.h"
#include "json.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "stop.h"

enum { HEADERS_MAX = 32, FIRST_LOOK_MS = 100, LOOK_MS = 5000 };

/* A base address out of what users write: https:// where there is no scheme, no slash at the end.
 * The caller frees. An address to which the key may not be sent ends the program. */
static char *
base_of(const char *what, const char *address)
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

/* YYYY-MM: then versions compare as their text does. */
static bool
is_version(const char *s)
{
	return strlen(s) == 7 && s[4] == '-' && strspn(s, "0123456789") == 4 &&
	       strspn(s + 5, "0123456789") == 2;
}

void
vp_pinecone_open(struct vp_pinecone *pc)
{
	const char *lines[HEADERS_MAX + 1] = {NULL};
	const char *key = vp_http_env("PINECONE_API_KEY"),
		   *controller = vp_http_env("PINECONE_CONTROLLER_HOST"),
		   *version = vp_http_env("PINECONE_API_VERSION");
	struct vp_buf header = {0};

	if (!key)
		vp_die(VP_EX_CONFIG, "PINECONE_API_KEY: not set: set it to a key of your project, "
				     "or run under pc-local");
	pc->controller = base_of(
	    "PINECONE_CONTROLLER_HOST", controller ? controller : "https://api.pinecone.io");
	version = version ? version : VP_PINECONE_VERSION;
	if (!is_version(version))
		vp_die(VP_EX_CONFIG,
		    "PINECONE_API_VERSION=%s: want a year and a month, such as 2026-04", version);
	pc->with_schema = strcmp(version, "2026-07") >= 0;
	vp_buf_printf(&header, "X-Pinecone-Api-Version: %s", version);
	vp_buf_cstr(&header);
	lines[0] = vp_buf_take(&header, NULL);
	vp_buf_printf(&header, "Api-Key: %s", key);
	add_headers(lines, 1);
	pc->http = vp_http_new(vp_buf_cstr(&header), lines);
	for (size_t i = 0; lines[i]; i++)
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

const char *
vp_pinecone_operand(int argc, char *argv[], const char *namespace_name)
{
	vp_operands(argc, 1);
	if (!vp_pinecone_name_ok(vp_str(argv[optind])))
		vp_usage("'%s': no name that an index can have", argv[optind]);
	if (namespace_name && !vp_utf8_valid(vp_str(namespace_name), NULL))
		vp_usage("-s: not valid UTF-8");
	return argv[optind];
}

struct vp_span
vp_pinecone_filter(const char *argument)
{
	struct vp_span filter;

	if (vp_json_check(vp_str(argument), &filter) || vp_json_type(filter) != '{')
		vp_usage(
		    "-f %s: not a JSON object: want such as {\"year\":{\"$gte\":2020}}", argument);
	return filter;
}

/* Whether an answer is a JSON object (to DELETE it may be empty): 0, or an exit status (said), and then its
 * body is freed. gone: what to do about a 404. */
static int
want_object(const char *method, const char *url, const char *gone, struct vp_http_answer *a)
{
	struct vp_span object;
	int e = 0;

	if (a->status >= 300) { /* 404 or 409, which vp_http_call leaves to its caller */
		e = vp_http_refused(method, url, a, a->status == 404 ? gone : NULL);
	} else if ((a->body.n || strcmp(method, "DELETE") != 0) &&
		   (vp_json_check(vp_buf_get(&a->body), &object) || vp_json_type(object) != '{')) {
		vp_warn("%s %.*s: %ld: the answer is not a JSON object", method,
		    (int)strcspn(url, "?"), url, a->status);
		e = VP_EX_PROTOCOL;
	}
	if (e)
		vp_buf_free(&a->body);
	return e;
}

int
vp_pinecone_call(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a)
{
	int e = vp_http_call(pc->http, VP_PINECONE, method, url, body, a);

	if (e)
		return e;
	if (a->status != 404)
		return want_object(method, url, NULL, a);
	vp_buf_free(&a->body);
	return -1;
}

int
vp_pinecone_ask(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, const char *gone, struct vp_http_answer *a)
{
	int e = vp_http_call(pc->http, VP_PINECONE, method, url, body, a);

	return e ? e : want_object(method, url, gone, a);
}

/* The index's description, appended to *out; returns as vp_pinecone_call. */
static int
describe(struct vp_pinecone *pc, const char *index, struct vp_buf *out)
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

/* Of another API: a vector that is sent there would be refused with words about something else. */
static bool
is_document_index(const char *index, struct vp_span description)
{
	struct vp_shape shape = {0};

	if (vp_shape_read(description, &shape) || shape.type != VP_SHAPE_DOCUMENT)
		return false;
	vp_warn("index %s: it is a document index, which takes no vectors: make another with "
		"'pc-index create'",
	    index);
	return true;
}

static int
find_host(struct vp_pinecone *pc, const char *index, bool for_vectors, char **base)
{
	const char *host = vp_http_env("PINECONE_INDEX_HOST");
	struct vp_buf description = {0}, text = {0};
	struct vp_span v;
	int e;

	if (host) {
		*base = base_of("PINECONE_INDEX_HOST", host);
		return 0;
	}
	e = describe(pc, index, &description);
	if (e == 0 && for_vectors && is_document_index(index, vp_buf_get(&description)))
		e = VP_EX_CONFIG;
	if (e == 0 && (vp_json_find(vp_buf_get(&description), "host", &v) != 1 ||
			  vp_json_decode(v, &text) || !text.n)) {
		vp_warn("index %s: its description has no host: is it ready? see 'pc-index "
			"describe %s'",
		    index, index);
		e = VP_EX_PROTOCOL;
	}
	if (e == 0)
		*base = base_of("the index's host", vp_buf_cstr(&text));
	vp_buf_free(&text);
	vp_buf_free(&description);
	return e;
}

int
vp_pinecone_host(struct vp_pinecone *pc, const char *index, char **base)
{
	return find_host(pc, index, false, base);
}

int
vp_pinecone_index(struct vp_pinecone *pc, const char *index, char **base)
{
	return find_host(pc, index, true, base);
}

/* Whether it exists is asked first: a 409 would not tell an index that was there from one that was
 * made by a try whose answer was lost. */
int
vp_pinecone_make(struct vp_pinecone *pc, const char *index, const struct vp_shape *shape,
    const struct vp_shape_place *place, bool *existed)
{
	struct vp_buf body = {0}, url = {0}, text = {0};
	struct vp_http_answer a;
	int e = describe(pc, index, &text);

	*existed = e == 0;
	if (e == -1) {
		vp_shape_put(&body, index, shape, place, pc->with_schema);
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

int
vp_pinecone_create(struct vp_pinecone *pc, const char *index, uint64_t dimension,
    const char *metric, const char *cloud, const char *region, bool *existed)
{
	struct vp_shape shape = {.dimension = dimension};
	const struct vp_shape_place place = {.cloud = cloud, .region = region};

	snprintf(shape.metric, sizeof shape.metric, "%s", metric);
	return vp_pinecone_make(pc, index, &shape, &place, existed);
}

static bool
is_one_of(struct vp_span json, const char *const words[])
{
	for (; *words; words++)
		if (json.n == strlen(*words) + 2 && memcmp(json.s + 1, *words, json.n - 2) == 0)
			return true;
	return false;
}

/* 1: ready; 0: not yet; an exit status (said): it never will be. */
static int
ready(const char *what, struct vp_span description)
{
	static const char *const done[] = {"Ready", "Completed", NULL};
	static const char *const failed[] = {
	    "InitializationFailed", "Terminating", "Disabled", "Failed", "Cancelled", NULL};
	struct vp_span state, v;
	struct vp_buf why = {0};

	if (vp_json_find(description, "status", &state) != 1)
		return 0;
	if (vp_json_type(state) == '{') {
		if (vp_json_find(state, "ready", &v) == 1 && vp_json_type(v) == 't')
			return 1;
		if (vp_json_find(state, "state", &state) != 1)
			return 0;
	} else if (is_one_of(state, done)) {
		return 1;
	}
	if (!is_one_of(state, failed))
		return 0;
	if (vp_json_find(description, "error", &v) != 1 || vp_json_decode(v, &why) || !why.n)
		vp_buf_puts(&why, "it will not become ready");
	vp_warn("%s: its state is %.*s: %s", what, (int)state.n, state.s, vp_buf_cstr(&why));
	vp_buf_free(&why);
	return VP_EX_UNAVAILABLE;
}

/* A look at it: 0 not ready yet, 1 ready (then described holds its description), -1 not there, or an
 * exit status (said). */
static int
look(struct vp_pinecone *pc, const struct vp_pinecone_work *work, struct vp_buf *described)
{
	struct vp_http_answer a = {0};
	int e = vp_pinecone_call(pc, "GET", work->url, NULL, &a);

	if (e)
		return e;
	e = ready(work->what, vp_buf_get(&a.body));
	if (e == 1 && described)
		vp_buf_span(described, vp_buf_get(&a.body));
	vp_buf_free(&a.body);
	return e;
}

int
vp_pinecone_await(
    struct vp_pinecone *pc, const struct vp_pinecone_work *work, struct vp_buf *described)
{
	uint64_t until = vp_now_ms() + vp_opts.wait_ms, pause = FIRST_LOOK_MS;
	const char *which = "--wait";
	bool said = false;
	int e;

	if (vp_deadline_at() < until) {
		until = vp_deadline_at();
		which = "--deadline";
	}
	while ((e = look(pc, work, described)) == 0) {
		if (vp_now_ms() + pause > until) {
			vp_warn("%s: not ready yet, and %s is over: see '%s'", work->what, which,
			    work->see);
			return VP_EX_TEMP;
		}
		if (!said)
			vp_info("%s: waiting until it is ready, up to %llu s", work->what,
			    (unsigned long long)(vp_opts.wait_ms / 1000));
		said = true;
		vp_http_sleep(pc->http, pause);
		pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
	}
	return e == 1 ? 0 : e;
}

int
vp_pinecone_wait(struct vp_pinecone *pc, const char *index, struct vp_buf *described)
{
	struct vp_buf url = {0}, what = {0}, see = {0};
	struct vp_pinecone_work work;
	int e;

	vp_pinecone_control_url(pc, &url, index, "");
	vp_buf_printf(&what, "index %s", index);
	vp_buf_printf(&see, "pc-index describe %s", index);
	work = (struct vp_pinecone_work){url.s, vp_buf_cstr(&what), vp_buf_cstr(&see)};
	e = vp_pinecone_await(pc, &work, described);
	vp_buf_free(&url);
	vp_buf_free(&what);
	vp_buf_free(&see);
	return e == -1 ? vp_pinecone_no_index(pc, index) : e;
}

int
vp_pinecone_no_index(struct vp_pinecone *pc, const char *index)
{
	struct vp_choices names = {0};
	struct vp_buf url = {0};
	struct vp_http_answer a;
	struct vp_span list;
	const char *there = "";

	vp_buf_printf(&url, "%s/indexes", pc->controller);
	if (vp_http_call(pc->http, VP_PINECONE, "GET", vp_buf_cstr(&url), NULL, &a) == 0) {
		if (vp_json_find(vp_buf_get(&a.body), "indexes", &list) == 1) {
			vp_choices_add_members(&names, list, "name");
			there = vp_choices_text(&names);
		}
		vp_buf_free(&a.body);
	}
	vp_warn("index %s: no such index%s: create it with 'pc-index create -d DIMENSION %s'",
	    index, there, index);
	vp_buf_free(&names.text);
	vp_buf_free(&url);
	return VP_EX_CONFIG;
}

int
vp_pinecone_find(struct vp_pinecone *pc, const char *index, char **base)
{
	int e = vp_pinecone_index(pc, index, base);

	return e == -1 ? vp_pinecone_no_index(pc, index) : e;
}

const char *
vp_pinecone_advice(void *arg, long status)
{
	(void)arg;
	return status == 404 ? "the index is gone: 'pc-index list' shows which there are" : NULL;
}

int
vp_pinecone_acknowledged(void *arg, const struct vp_record *const rec[], size_t n,
    struct vp_span body, struct vp_span out[], struct vp_buf *why)
{
	(void)arg;
	(void)rec;
	(void)n;
	(void)out;
	if (vp_json_check(body, &body) == 0 && vp_json_type(body) == '{')
		return 0;
	vp_buf_puts(why, "the answer is not a JSON object");
	return VP_E_TYPE;
}

void
vp_pinecone_parameter(struct vp_buf *url, const char *name, struct vp_span value)
{
	vp_buf_printf(url, "%c%s=", memchr(url->s, '?', url->n) ? '&' : '?', name);
	vp_http_escape(url, value);
}

/* The token of the next page, decoded, in place of what token holds; empty where this was the last
 * one. VP_E_TYPE: it is no string, or the one that led here, and would go on for ever. */
static int
next_page(struct vp_span page, struct vp_buf *token)
{
	struct vp_buf next = {0};
	struct vp_span v;
	int e = vp_json_path(page, &v, "pagination", "next", NULL);

	if (e == 1 && vp_json_type(v) != 'n')
		e = vp_json_decode(v, &next);
	else
		e = 0;
	if (!e && next.n && vp_span_eq(vp_buf_get(&next), vp_buf_get(token)))
		e = VP_E_TYPE;
	vp_buf_free(token);
	*token = next;
	return e;
}

/* Ask for the page that token leads to, the first one where it is empty. */
static int
get_page(struct vp_pinecone *pc, const struct vp_pages *p, struct vp_span token,
    struct vp_http_answer *a)
{
	struct vp_buf url = {0}, body = {0};
	int e;

	vp_buf_puts(&url, p->url);
	vp_buf_span(&body, p->body);
	if (token.n && !p->body.n) {
		vp_pinecone_parameter(&url, "paginationToken", token);
	} else if (token.n) {
		vp_buf_puts(&body, ",\"paginationToken\":");
		vp_json_quote(&body, token);
	}
	vp_buf_putc(&body, '}');
	e = vp_pinecone_ask(pc, p->method, vp_buf_cstr(&url), p->body.n ? &body : NULL,
	    p->gone ? p->gone : vp_pinecone_advice(NULL, 404), a);
	vp_buf_free(&url);
	vp_buf_free(&body);
	return e;
}

int
vp_pinecone_pages(struct vp_pinecone *pc, const struct vp_pages *p)
{
	struct vp_buf token = {0}, why = {0};
	struct vp_http_answer a;
	int e;

	vp_stop_catch();
	do {
		struct vp_span page;

		if ((e = get_page(pc, p, vp_buf_get(&token), &a)) != 0)
			break;
		page = vp_buf_get(&a.body);
		if ((e = p->print(page, &why)) == 0 && (e = next_page(page, &token)) != 0)
			vp_buf_puts(&why, "the answer does not lead to a next page");
		if (e) {
			vp_warn("%s %.*s: %s", p->method, (int)strcspn(p->url, "?"), p->url,
			    vp_buf_cstr(&why));
			e = VP_EX_PROTOCOL;
		}
		vp_buf_free(&a.body);
		vp_out_done(1); /* there is no input whose line 1 could be spoken of: */
		vp_out_flush();
		vp_resume(0);
		if (!e && token.n && vp_stop_told()) {
			vp_warn("interrupted");
			e = VP_EX_TEMP;
		}
	} while (!e && token.n);
	vp_out_close();
	vp_buf_free(&token);
	vp_buf_free(&why);
	return e;
}
