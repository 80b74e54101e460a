/* data-import: imports into an index, as the API tells of them */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-import.h"
#include "import.h"
#include "opt.h"

#define N(array) (sizeof(array) / sizeof *(array))
#define URI_MAX 1500

static void
write_import(struct vp_buf *out, const struct vp_import *m)
{
	bool over = *m->finished;

	vp_buf_printf(out, "{\"id\":\"%lld\",\"uri\":", (long long)m->key);
	vp_json_quote(out, vp_str(m->uri));
	vp_buf_printf(out, ",\"status\":\"%s\",\"createdAt\":\"%s\"", m->status, m->created);
	if (over)
		vp_buf_printf(out, ",\"finishedAt\":\"%s\"", m->finished);
	vp_buf_printf(out, ",\"percentComplete\":%.1f,\"recordsImported\":%zu",
	    strcmp(m->status, "Completed") == 0 ? 100 : m->percent, m->records);
	if (m->error) {
		vp_buf_puts(out, ",\"error\":");
		vp_json_quote(out, vp_str(m->error));
	}
	vp_buf_putc(out, '}');
}

static void
list(struct vp_call *c, const struct vp_target *t)
{
	const char *token = vp_request_query(c->request, "paginationToken");
	const struct vp_import *m;
	struct vp_span after = {0};
	uint64_t key = 0;
	size_t limit, n = 0;

	if (!vp_call_parameter(c, "limit", 1, 100, 100, &limit))
		return;
	if (token && *token) {
		if (!vp_token_read(c, token, &after))
			return;
		if (vp_read_number(after.s, &key) || key > INT64_MAX) {
			vp_call_fail(c, 400, "paginationToken: is none that this server has given");
			return;
		}
	}
	vp_buf_puts(&c->out, "{\"data\":[");
	vp_store_read(c->store);
	for (m = vp_import_next(c->store, t->key, (int64_t)key); m && n < limit;
	     m = vp_import_next(c->store, t->key, (int64_t)key)) {
		if (n++)
			vp_buf_putc(&c->out, ',');
		write_import(&c->out, m);
		key = (uint64_t)m->key;
	}
	vp_store_read_end(c->store);
	vp_buf_putc(&c->out, ']');
	if (m) {
		char last[32];
		snprintf(last, sizeof last, "%llu", (unsigned long long)key);
		vp_buf_puts(&c->out, ",\"pagination\":{\"next\":\"");
		vp_token_write(&c->out, vp_str(last));
		vp_buf_puts(&c->out, "\"}");
	}
	vp_buf_putc(&c->out, '}');
}

/* Whether a folder may be imported from, with what to do if not. */
static bool
check_uri(struct vp_call *c, struct vp_span uri)
{
	char *folder = NULL;
	int e;

	if (uri.n == 0 || uri.n > URI_MAX)
		return vp_call_fail(
		    c, 400, "uri: must be 1 to %d bytes long, is %zu", URI_MAX, uri.n);
	e = vp_import_resolve(c->store, uri.s, &folder);
	free(folder);
	switch (e) {
	case 0:
		return true;
	case VP_E_TYPE:
		return vp_call_fail(c, 400,
		    "uri: must be file:///PATH, which is PATH below the folder that pc-local was "
		    "started with --imports for: other stores are not read");
	case VP_E_MISSING:
		return vp_call_fail(c, 400,
		    "uri: imports are not allowed: start pc-local with --imports DIRECTORY, or "
		    "send "
		    "the records with pc-upsert");
	case VP_E_LIMIT:
		return vp_call_fail(
		    c, 400, "uri: leads outside of the folder that --imports names");
	default:
		return vp_call_fail(c, 400, "uri: %.200s: %s", uri.s, strerror(errno));
	}
}

static void
start(struct vp_call *c, const struct vp_target *t)
{
	struct vp_span json = {0}, mode = {0}, on_error = {0}, integration = {0}, uri,
		       word = VP_LIT("continue");
	const struct vp_member members[] = {
	    {"uri", NULL, '"', true, &json},
	    {"errorMode", "error_mode", '{', false, &mode},
	    {"integrationId", "integration_id", '"', false, &integration},
	};
	const struct vp_member of_mode[] = {{"onError", "on_error", '"', false, &on_error}};
	int64_t key;

	if (!vp_call_body(c, members, N(members), false) || !vp_call_text(c, json, "uri", &uri) ||
	    (mode.n && !vp_call_members(c, mode, "errorMode.", of_mode, N(of_mode))) ||
	    (on_error.n && !vp_call_text(c, on_error, "errorMode.onError", &word)))
		return;
	if (!vp_span_is(word, "continue") && !vp_span_is(word, "abort"))
		vp_call_fail(c, 400, "errorMode.onError: must be \"abort\" or \"continue\"");
	else if (check_uri(c, uri) && vp_call_stored(c,
					  vp_import_start(c->store, t->key, uri.s,
					      vp_span_is(word, "continue"), &key, &c->message),
					  t->name))
		vp_buf_printf(&c->out, "{\"id\":\"%lld\"}", (long long)key);
}

/* An import of the index, or NULL and the error answer; it stays as long as the store does. */
static struct vp_import *
find(struct vp_call *c, const struct vp_target *t, const char *id)
{
	struct vp_import *m = NULL;
	uint64_t key;

	if (vp_read_number(id, &key) == 0 && key && key <= INT64_MAX) {
		vp_store_read(c->store);
		m = vp_import_next(c->store, t->key, (int64_t)key - 1);
		vp_store_read_end(c->store);
	}
	if (m && (uint64_t)m->key == key)
		return m;
	vp_call_fail(c, 404, "Import %.100s not found", id);
	return NULL;
}

void
vp_data_imports(struct vp_call *c, const struct vp_target *t, const char *method, const char *rest)
{
	const char *id = *rest ? rest + 1 : rest;
	struct vp_import *m;

	if (!*id && strcmp(method, "GET") == 0) {
		list(c, t);
	} else if (!*id && strcmp(method, "POST") == 0) {
		start(c, t);
	} else if (!*id) {
		vp_call_fail(c, 405, "/bulk/imports: takes GET and POST");
	} else if (strcmp(method, "GET") == 0 && (m = find(c, t, id))) {
		vp_store_read(c->store);
		write_import(&c->out, m);
		vp_store_read_end(c->store);
	} else if (strcmp(method, "DELETE") == 0 && (m = find(c, t, id))) {
		if (vp_call_stored(c, vp_import_cancel(c->store, m, &c->message), id))
			vp_buf_puts(&c->out, "{}");
	} else if (!c->status) {
		vp_call_fail(c, 405, "/bulk/imports/ID: takes GET and DELETE");
	}
}
