/* request: any session of requests to pc-local, each answered with JSON and a status below 500
 *
 * Its second thread, which restores and imports, is not started: what it would do stays to be done.
 *
 * A request is a line `METHOD path?query`, a line with its body, and so on; paths of the data plane go to the index
 * `demo`, and where they begin with `/words` to the sparse index of that name. The functions of server.h that
 * read a request are ours here, so no server is linked. */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "json.h"
#include "server.h"
#include "store/control.h"
#include "store/data.h"

struct vp_request {
	char method[16], path[512], query[512], value[512];
	struct vp_span body;
};

const char *
vp_request_method(const struct vp_request *r)
{
	return r->method;
}

const char *
vp_request_path(const struct vp_request *r)
{
	return r->path;
}

struct vp_span
vp_request_body(const struct vp_request *r)
{
	return r->body;
}

const char *
vp_request_header(const struct vp_request *r, const char *name)
{
	(void)name; /* the API version: a session of the old one, or of the new one */
	return strchr(r->query, '!') ? "2026-07" : "2026-04";
}

void
vp_request_query_each(const struct vp_request *r, const char *name,
    void (*f)(void *arg, const char *value), void *arg)
{
	size_t n = strlen(name);
	char value[512];

	for (const char *p = r->query; *p; p += strcspn(p, "&"), p += *p == '&')
		if (strncmp(p, name, n) == 0 && p[n] == '=') {
			snprintf(
			    value, sizeof value, "%.*s", (int)strcspn(p + n + 1, "&"), p + n + 1);
			f(arg, value);
		}
}

static void
keep_first(void *arg, const char *value)
{
	struct vp_request *r = arg;

	if (!*r->value)
		snprintf(r->value, sizeof r->value, "%s", value);
}

const char *
vp_request_query(const struct vp_request *r, const char *name)
{
	struct vp_request *writable = (struct vp_request *)r;
	static char values[8][512]; /* several are looked at in one call */
	static size_t turn;

	*writable->value = '\0';
	vp_request_query_each(r, name, keep_first, writable);
	if (!*r->value)
		return NULL;
	turn = (turn + 1) % 8;
	return strcpy(values[turn], r->value);
}

void
vp_server_key(char key[33])
{
	memcpy(key, "0123456789abcdef0123456789abcdef", 33);
}

static struct vp_store *store;
static char folder[256], file[300];

static void
remove_file(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[310];

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", file, ends[i]);
		unlink(path);
	}
}

static void
leave(void)
{
	rmdir(folder);
}

static void
open_store(void)
{
	const char *tmp = getenv("TMPDIR");
	struct vp_buf why = {0};

	if (!*folder) {
		snprintf(folder, sizeof folder, "%s/request.XXXXXX", tmp ? tmp : "/tmp");
		must(mkdtemp(folder) != NULL, "there is a folder");
		snprintf(file, sizeof file, "%s/db", folder);
		atexit(leave);
	}
	must(vp_store_open(file, NULL, &store, &why) == VP_STORE_OK, "there is a store");
}

static bool
is_control(const char *path)
{
	static const char *const begins[] = {"/indexes", "/backups", "/restore-jobs",
	    "/collections", "/backup-schedules", "/embed", "/rerank", "/models"};

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (strncmp(path, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static void
ask(struct vp_request *r)
{
	struct vp_call c = {.request = r, .store = store, .address = "127.0.0.1:1"};

	c.control = is_control(r->path);
	if (c.control)
		vp_control_call(&c, r->path);
	else if (strncmp(r->path, "/words/", 7) == 0)
		vp_data_call(&c, "words", r->path + 6);
	else
		vp_data_call(&c, "demo", r->path);
	must(c.status == 0 || (c.status >= 200 && c.status < 500), "it is answered");
	must(c.out.n == 0 || vp_json_check(vp_buf_get(&c.out), NULL) == 0, "with JSON");
	vp_call_free(&c);
}

static void
ask_plainly(const char *method, const char *path, const char *body)
{
	struct vp_request r = {.body = vp_str(body)};

	snprintf(r.method, sizeof r.method, "%s", method);
	snprintf(r.path, sizeof r.path, "%s", path);
	ask(&r);
}

/* Every session begins with a file that has two indexes and no records. */
static void
begin_session(void)
{
	open_store();
	ask_plainly("POST", "/indexes",
	    "{\"name\":\"demo\",\"dimension\":3,\"metric\":\"dotproduct\","
	    "\"spec\":{\"serverless\":{\"cloud\":\"aws\",\"region\":\"r\"}}}");
	ask_plainly("POST", "/indexes",
	    "{\"name\":\"words\",\"vector_type\":\"sparse\",\"metric\":\"dotproduct\","
	    "\"spec\":{\"serverless\":{\"cloud\":\"aws\",\"region\":\"r\"}}}");
}

static struct vp_span
take_line(struct vp_span *rest)
{
	const char *lf = rest->n ? memchr(rest->s, '\n', rest->n) : NULL;
	struct vp_span line = {rest->n ? rest->s : "", lf ? (size_t)(lf - rest->s) : rest->n};

	rest->s += line.n + !!lf;
	rest->n -= line.n + !!lf;
	return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_span rest = behind(data, size, 0);

	begin_session();
	while (rest.n) {
		struct vp_request r = {0};
		struct vp_span head = take_line(&rest);
		char *text = vp_alloc(head.n + 1, 1);

		memcpy(text, head.s, head.n);
		text[head.n] = '\0';
		r.body = take_line(&rest);
		if (sscanf(text, "%15s %511[^? ]?%511s", r.method, r.path, r.query) >= 2 &&
		    r.path[0] == '/' && vp_utf8_valid(head, NULL)) /* server.c refuses the rest */
			ask(&r);
		free(text);
	}
	vp_store_close(store);
	remove_file();
	return 0;
}
