/* call: one call of the API that is being answered */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "json.h"
#include "opt.h"

struct vp_chunk {
	struct vp_chunk *next;
	max_align_t memory[];
};

/* How a status is called: on the control plane by name, on the data plane by gRPC's number. */
static const struct {
	int status, number;
	const char *name;
} codes[] = {
    {400, 3, "INVALID_ARGUMENT"},
    {401, 16, "UNAUTHENTICATED"},
    {403, 7, "FORBIDDEN"},
    {404, 5, "NOT_FOUND"},
    {405, 12, "METHOD_NOT_ALLOWED"},
    {409, 6, "ALREADY_EXISTS"},
    {412, 9, "FAILED_PRECONDITION"},
    {413, 11, "OUT_OF_RANGE"},
    {422, 3, "UNPROCESSABLE_ENTITY"},
    {503, 14, "UNAVAILABLE"},
    {507, 8, "RESOURCE_EXHAUSTED"},
    {0, 2, "UNKNOWN"},
};

void *
vp_call_alloc(struct vp_call *c, size_t n, size_t size)
{
	struct vp_chunk *chunk;

	if (size && n > (SIZE_MAX - sizeof *chunk) / size)
		vp_oom();
	chunk = vp_alloc(sizeof *chunk + n * size, 1);
	chunk->next = c->chunks;
	c->chunks = chunk;
	return chunk->memory;
}

void
vp_call_free(struct vp_call *c)
{
	for (struct vp_chunk *chunk = c->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	c->chunks = NULL;
	vp_buf_free(&c->out);
	vp_buf_free(&c->message);
}

void
vp_error_body(bool control, int status, const char *message, struct vp_buf *out)
{
	size_t i = 0;

	while (codes[i].status && codes[i].status != status)
		i++;
	if (control) {
		vp_buf_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", codes[i].name);
		vp_json_quote(out, vp_str(message));
		vp_buf_printf(out, "},\"status\":%d}", status);
	} else {
		vp_buf_printf(out, "{\"code\":%d,\"message\":", codes[i].number);
		vp_json_quote(out, vp_str(message));
		vp_buf_puts(out, ",\"details\":[]}");
	}
}

/* What a message quotes may have been cut inside a character. */
static void
mend_utf8(struct vp_buf *b)
{
	size_t bad;

	while (!vp_utf8_valid(vp_buf_get(b), &bad))
		b->s[bad] = '?';
}

bool
vp_call_fail(struct vp_call *c, int status, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	c->message.n = c->out.n = 0;
	vp_buf_puts(&c->message, text);
	mend_utf8(&c->message);
	c->status = status;
	vp_error_body(c->control, status, vp_buf_cstr(&c->message), &c->out);
	return false;
}

bool
vp_call_stored(struct vp_call *c, enum vp_store_error e, const char *what)
{
	struct vp_buf why = c->message; /* put there by the store */

	switch (e) {
	case VP_STORE_OK:
		return true;
	case VP_STORE_NO_INDEX:
		return vp_call_fail(c, 404, "Resource %s not found", what);
	case VP_STORE_NO_NAMESPACE:
		return vp_call_fail(c, 404, "Namespace not found");
	case VP_STORE_EXISTS:
		return vp_call_fail(c, 409, "Resource already exists.");
	case VP_STORE_PROTECTED:
		return vp_call_fail(c, 403,
		    "Deletion protection is enabled for this index. "
		    "Disable deletion protection before retrying.");
	case VP_STORE_PENDING:
		return vp_call_fail(
		    c, 412, "Index %s is being made from a backup: wait until it is ready", what);
	case VP_STORE_NO_BACKUP:
		return vp_call_fail(c, 404, "Backup %s not found.", what);
	default:
		c->message = (struct vp_buf){0};
		vp_call_fail(c, e == VP_STORE_LIMIT ? 400 : 507, "%s", vp_buf_cstr(&why));
		if (e != VP_STORE_LIMIT)
			vp_warn("%s", why.s);
		vp_buf_free(&why);
		return false;
	}
}

static bool
has_type(struct vp_span value, char type)
{
	char is = vp_json_type(value);

	return type == '*' || is == type || (type == 't' && is == 'f');
}

static const char *
type_name(char type)
{
	switch (type) {
	case '"':
		return "a string";
	case '0':
		return "a number";
	case '{':
		return "an object";
	case '[':
		return "a list";
	default:
		return "true or false";
	}
}

/* The place of a key among members; n if it is none of them. */
static size_t
find_member(const struct vp_member *members, size_t n, struct vp_span key)
{
	size_t i = 0;

	while (i < n && !vp_json_key_is(key, members[i].name) &&
	       !(members[i].other && vp_json_key_is(key, members[i].other)))
		i++;
	return i;
}

static bool
walk_failed(struct vp_call *c, int e, const char *where, struct vp_span key)
{
	int length = *where ? (int)strlen(where) - 1 : 4; /* without its dot */

	if (e == VP_E_LIMIT && key.n)
		return vp_call_fail(c, 400, "%s%.*s: nested too deep", where,
		    key.n > 100 ? 100 : (int)key.n, key.s);
	return vp_call_fail(c, 400, "%.*s: %s", length, *where ? where : "body",
	    e == VP_E_TYPE ? "must be an object" : vp_error_text(e));
}

bool
vp_call_walk(struct vp_call *c, struct vp_json_walk *w, const char *where,
    const struct vp_member *members, size_t n, const struct vp_reader *r)
{
	struct vp_span key = {0}, value;
	uint64_t seen = 0; /* n is well below 64 */
	int e;

	if (w->p == w->end && !*where)
		return vp_call_fail(c, 400, "body: is empty: must be a JSON object");
	while ((e = vp_json_key(w, &key)) > 0) {
		size_t i = find_member(members, n, key);
		if (i < n && seen >> i & 1)
			return vp_call_fail(
			    c, 400, "%s%s: stands there twice", where, members[i].name);
		if (i < n)
			seen |= UINT64_C(1) << i;
		if (r && i == r->member && w->p < w->end && *w->p == members[i].type) {
			if (!r->read(c, w, r->arg, members[i].value))
				return false;
			continue;
		}
		if ((e = vp_json_pass(w, &value)) <= 0)
			break;
		if (i == n || vp_json_type(value) == 'n')
			continue;
		if (!has_type(value, members[i].type))
			return vp_call_fail(c, 400, "%s%s: must be %s", where, members[i].name,
			    type_name(members[i].type));
		*members[i].value = value;
	}
	if (e < 0)
		return walk_failed(c, e, where, key);
	for (size_t i = 0; i < n; i++)
		if (members[i].required && members[i].value->n == 0)
			return vp_call_fail(c, 400, "%s%s: is missing", where, members[i].name);
	return true;
}

bool
vp_call_members(struct vp_call *c, struct vp_span object, const char *where,
    const struct vp_member *members, size_t n)
{
	struct vp_json_walk w;

	vp_json_begin(&w, object);
	return vp_call_walk(c, &w, where, members, n, NULL);
}

bool
vp_call_body(struct vp_call *c, const struct vp_member *members, size_t n, bool may_be_empty)
{
	struct vp_span body = vp_request_body(c->request);

	if (body.n == 0 && may_be_empty)
		body = VP_LIT("{}");
	return vp_call_members(c, body, "", members, n);
}

bool
vp_call_text(struct vp_call *c, struct vp_span json, const char *where, struct vp_span *text)
{
	struct vp_buf b = {.s = vp_call_alloc(c, json.n + 1, 1), .cap = json.n + 1};

	/* decoding never makes a string longer, so b keeps the memory it has */
	if (vp_json_decode(json, &b))
		return vp_call_fail(c, 400, "%s: must be a string of UTF-8 text", where);
	if (memchr(b.s, '\0', b.n))
		return vp_call_fail(c, 400, "%s: U+0000 is not allowed", where);
	b.s[b.n] = '\0';
	*text = vp_buf_get(&b);
	return true;
}

bool
vp_call_integer(struct vp_call *c, struct vp_span json, const char *where, size_t min, size_t max,
    size_t default_value, size_t *out)
{
	uint64_t v = default_value;

	if (json.n && (vp_json_uint(json, &v) || v < min || v > max))
		return vp_call_fail(
		    c, 400, "%s: must be an integer from %zu to %zu", where, min, max);
	*out = (size_t)v;
	return true;
}

bool
vp_call_parameter(
    struct vp_call *c, const char *name, size_t min, size_t max, size_t default_value, size_t *out)
{
	const char *text = vp_request_query(c->request, name);
	uint64_t v = default_value;

	if (text && *text && (vp_read_number(text, &v) || v < min || v > max))
		return vp_call_fail(
		    c, 400, "%s: must be an integer from %zu to %zu", name, min, max);
	*out = (size_t)v;
	return true;
}

bool
vp_call_is_true(struct vp_span json)
{
	return vp_json_type(json) == 't';
}

bool
vp_call_filter(struct vp_call *c, struct vp_span json, struct vp_filter **out)
{
	struct vp_buf why = {0};
	bool ok = vp_filter_parse(json, out, &why) == 0;

	if (!ok)
		vp_call_fail(c, 400, "%s", vp_buf_cstr(&why));
	vp_buf_free(&why);
	return ok;
}

void
vp_token_write(struct vp_buf *out, struct vp_span last)
{
	for (size_t i = 0; i < last.n; i++)
		vp_buf_printf(out, "%02x", (unsigned char)last.s[i]);
}

bool
vp_token_read(struct vp_call *c, const char *token, struct vp_span *last)
{
	size_t n = strlen(token);
	char *s = vp_call_alloc(c, n / 2 + 1, 1);

	if (n % 2 || strspn(token, "0123456789abcdef") != n)
		return vp_call_fail(c, 400, "paginationToken: is none that this server has given");
	for (size_t i = 0; i < n; i += 2) {
		char digits[] = {token[i], token[i + 1], '\0'};
		s[i / 2] = (char)strtoul(digits, NULL, 16);
	}
	s[n / 2] = '\0';
	*last = (struct vp_span){s, n / 2};
	return true;
}
