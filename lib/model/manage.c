/* manage: the management API of Inference Endpoints */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "manage.h"

#define USER "local" /* who whoami says it is */
#define NAMESPACE_MAX 96
#define BODY_MAX 65536 /* bytes of a specification */

static const struct {
	const char *name, *message;
} states[] = {
    [VP_PENDING] = {"pending", "Endpoint waits for its turn to be started"},
    [VP_INITIALIZING] = {"initializing", "Endpoint is loading its model"},
    [VP_RUNNING] = {"running", "Endpoint is ready"},
    [VP_UPDATING] = {"updating", "Endpoint is loading its model anew"},
    [VP_UPDATE_FAILED] = {"updateFailed", "Endpoint goes on as it was before the update"},
    [VP_FAILED] = {"failed", "Endpoint failed to start"},
    [VP_PAUSED] = {"paused", "Endpoint is paused"},
    [VP_SCALED] = {"scaledToZero", "Endpoint is scaled to zero"},
};

static void
send_json(struct vp_request *r, int status, jv doc)
{
	jv text = jv_dump_string(doc, 0);
	struct vp_buf body = {0};

	vp_buf_puts(&body, jv_string_value(text));
	jv_free(text);
	vp_request_reply(r, status, "application/json", &body);
}

static jv
error_doc(int status, const char *message)
{
	static const struct {
		int status;
		const char *words, *code;
	} codes[] = {{400, "Bad Request", "BAD_REQUEST"}, {404, "Not Found", "NOT_FOUND"},
	    {405, "Method Not Allowed", "METHOD_NOT_ALLOWED"}, {409, "Conflict", "CONFLICT"},
	    {413, "Payload Too Large", "PAYLOAD_TOO_LARGE"},
	    {503, "Service Unavailable", "SERVICE_UNAVAILABLE"}};
	size_t i = 0;

	while (i < sizeof codes / sizeof *codes - 1 && codes[i].status != status)
		i++;
	return JV_OBJECT(jv_string("error"), jv_string_fmt("%s: %s", codes[i].words, message),
	    jv_string("code"), jv_string(codes[i].code));
}

static void VP_PRINTF(3, 4) fail(struct vp_request *r, int status, const char *format, ...)
{
	struct vp_refusal why;
	va_list args;

	va_start(args, format);
	vp_refusal_set(&why, status, "", format, args);
	va_end(args);
	send_json(r, status, error_doc(status, why.message));
}

static void
not_that_method(struct vp_request *r, const char *allow)
{
	vp_request_add_header(r, "Allow", allow);
	fail(r, 405, "%.20s: not here: only %s", vp_request_method(r), allow);
}

/* RFC 3339, in milliseconds. */
static jv
time_doc(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	return jv_string_fmt("%s.%03dZ", text, (int)(ms % 1000));
}

static jv
user_doc(void)
{
	return JV_OBJECT(jv_string("id"), jv_string(USER), jv_string("name"), jv_string(USER));
}

static jv
status_doc(const struct vp_endpoints *es, const struct vp_endpoint *e, const struct vp_request *r)
{
	const char *host = vp_request_host(r);
	bool down = e->state == VP_PAUSED || e->state == VP_SCALED || e->state == VP_FAILED;
	jv doc = JV_OBJECT(jv_string("state"), jv_string(states[e->state].name),
	    jv_string("message"), jv_string(states[e->state].message), jv_string("createdAt"),
	    time_doc(e->created_ms), jv_string("createdBy"), user_doc(), jv_string("updatedAt"),
	    time_doc(e->updated_ms), jv_string("updatedBy"), user_doc(), jv_string("private"),
	    jv_null(), jv_string("readyReplica"), jv_number(vp_endpoint_ready(e)),
	    jv_string("targetReplica"), jv_number(down ? 0 : e->spec.replicas));

	if (e->error)
		doc = jv_object_set(doc, jv_string("errorMessage"), jv_string(e->error));
	if (e->used_ms)
		doc = jv_object_set(doc, jv_string("lastUsedAt"), time_doc(e->used_ms));
	if (e->placed)
		doc = jv_object_set(doc, jv_string("url"),
		    jv_string_fmt("http://%s" VP_ENDPOINTS "%s/%s", host ? host : es->conf.address,
			e->namespace, e->spec.name));
	return doc;
}

static jv
endpoint_doc(const struct vp_endpoints *es, const struct vp_endpoint *e, const struct vp_request *r)
{
	jv doc = jv_object_set(
	    jv_copy(e->spec.doc), jv_string("healthRoute"), jv_string(e->spec.health));

	return jv_object_set(doc, jv_string("status"), status_doc(es, e, r));
}

static void
send_endpoint(struct vp_endpoints *es, struct vp_request *r, const struct vp_endpoint *e)
{
	send_json(r, 200, endpoint_doc(es, e, r));
}

static void
list(struct vp_endpoints *es, struct vp_request *r, const char *namespace)
{
	jv items = jv_array();

	for (struct vp_endpoint *e = es->first; e; e = e->next)
		if (strcmp(e->namespace, namespace) == 0)
			items = jv_array_append(items, endpoint_doc(es, e, r));
	send_json(r, 200, JV_OBJECT(jv_string("items"), items));
}

/* Read the body of a POST or PUT. False: it has been answered. */
static bool
read_spec(struct vp_request *r, const struct vp_spec *old, struct vp_spec *spec)
{
	struct vp_span body = vp_request_body(r);
	struct vp_refusal why;

	if (body.n > BODY_MAX)
		fail(r, 413, "request body: larger than %d bytes", BODY_MAX);
	else if (!vp_spec_read(spec, body, old, &why))
		fail(r, why.status, "%s", why.message);
	else
		return true;
	return false;
}

static void
create(struct vp_endpoints *es, struct vp_request *r, const char *namespace)
{
	struct vp_spec spec;

	if (!read_spec(r, NULL, &spec))
		return;
	if (vp_endpoints_find(es, namespace, spec.name)) {
		fail(r, 409, "endpoint %s: there is one of that name already", spec.name);
		vp_spec_free(&spec);
		return;
	}
	send_endpoint(es, r, vp_endpoints_add(es, namespace, &spec));
}

/* What is paused or scaled to zero stays so. */
static void
update(struct vp_endpoints *es, struct vp_request *r, struct vp_endpoint *e)
{
	struct vp_spec spec;

	if (!read_spec(r, &e->spec, &spec))
		return;
	vp_spec_free(&e->spec);
	e->spec = spec;
	e->updated_ms = vp_wall_ms();
	if (e->state != VP_PAUSED && e->state != VP_SCALED)
		vp_endpoint_start(es, e);
	send_endpoint(es, r, e);
}

/* Whether it is up, or will be without anyone's doing. */
static bool
is_up(const struct vp_endpoint *e)
{
	return e->state == VP_RUNNING || e->state == VP_UPDATING || e->state == VP_PENDING ||
	       e->state == VP_INITIALIZING;
}

static void
act(struct vp_endpoints *es, struct vp_request *r, struct vp_endpoint *e, const char *action)
{
	if (strcmp(action, "pause") == 0) {
		vp_endpoint_stop(es, e, VP_PAUSED);
	} else if (strcmp(action, "resume") == 0) {
		if (is_up(e)) { /* clients look for these two words */
			fail(r, 400, "endpoint %s: is already running, or about to be",
			    e->spec.name);
			return;
		}
		vp_endpoint_start(es, e);
	} else if (e->state == VP_PAUSED || e->state == VP_FAILED) {
		fail(r, 400, "endpoint %s: is %s: resume it first", e->spec.name,
		    states[e->state].name);
		return;
	} else {
		vp_endpoint_stop(es, e, VP_SCALED);
	}
	e->updated_ms = vp_wall_ms();
	send_endpoint(es, r, e);
}

static void
remove_endpoint(struct vp_endpoints *es, struct vp_request *r, struct vp_endpoint *e)
{
	vp_endpoint_delete(es, e);
	send_json(r, 200, jv_object());
}

static bool
is_action(const char *s)
{
	return strcmp(s, "pause") == 0 || strcmp(s, "resume") == 0 ||
	       strcmp(s, "scale-to-zero") == 0;
}

static void
whoami(struct vp_request *r)
{
	jv token = JV_OBJECT(
	    jv_string("displayName"), jv_string("hf-local"), jv_string("role"), jv_string("write"));

	send_json(r, 200,
	    JV_OBJECT(jv_string("type"), jv_string("user"), jv_string("id"), jv_string(USER),
		jv_string("name"), jv_string(USER), jv_string("fullname"), jv_string(USER),
		jv_string("orgs"), jv_array(), jv_string("auth"),
		JV_OBJECT(jv_string("type"), jv_string("access_token"), jv_string("accessToken"),
		    token)));
}

/* The hardware: one machine, at no price. */
static void
provider(struct vp_request *r)
{
	const double gb = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1e9;
	struct utsname name;
	jv compute, region;

	uname(&name);
	compute = JV_OBJECT(jv_string("id"), jv_string("local-here-cpu-x1"),
	    jv_string("accelerator"), jv_string("cpu"), jv_string("instanceType"), jv_string("cpu"),
	    jv_string("instanceSize"), jv_string("x1"), jv_string("architecture"),
	    jv_string(name.machine), jv_string("numAccelerators"), jv_number(1));
	compute = jv_object_set(
	    compute, jv_string("numCpus"), jv_number((double)sysconf(_SC_NPROCESSORS_ONLN)));
	compute = jv_object_set(compute, jv_string("memoryGb"), jv_number((double)(long)gb));
	compute = jv_object_set(compute, jv_string("gpuMemoryGb"), jv_null());
	compute = jv_object_set(compute, jv_string("pricePerHour"), jv_number(0));
	compute = jv_object_set(compute, jv_string("status"), jv_string("available"));
	compute = jv_object_set(compute, jv_string("quota"),
	    JV_OBJECT(jv_string("maxAccelerators"), jv_number(1000), jv_string("usedAccelerators"),
		jv_number(0)));
	region = JV_OBJECT(jv_string("name"), jv_string("here"), jv_string("label"),
	    jv_string("This machine"), jv_string("status"), jv_string("available"),
	    jv_string("computes"), JV_ARRAY(compute));
	send_json(r, 200,
	    JV_OBJECT(jv_string("vendors"),
		JV_ARRAY(JV_OBJECT(jv_string("name"), jv_string("local"), jv_string("status"),
		    jv_string("available"), jv_string("regions"), JV_ARRAY(region)))));
}

/* Parts of a path, each a copy within room. */
struct parts {
	char room[512];
	char *part[4];
	size_t n; /* parts; 5: more than there is place for */
};

static void
split(struct parts *p, const char *path)
{
	p->n = 0;
	if (strlen(path) >= sizeof p->room) {
		p->n = 5;
		return;
	}
	strcpy(p->room, path);
	for (char *s = p->room; *s && p->n < 5;) {
		char *end = strchrnul(s, '/');

		if (p->n < 4)
			p->part[p->n] = s;
		p->n++;
		s = end + (*end == '/');
		*end = '\0';
	}
}

static bool
is_namespace(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n && n <= NAMESPACE_MAX && !s[n];
}

/* /v2/endpoint/NAMESPACE[/NAME[/ACTION]], of which path is what follows the first slash behind
 * endpoint. */
static void
manage(struct vp_endpoints *es, struct vp_request *r, const char *path)
{
	const char *method = vp_request_method(r);
	bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
	struct vp_endpoint *e = NULL;
	struct parts p;

	split(&p, path);
	if (p.n > 1 && p.n < 4)
		e = vp_endpoints_find(es, p.part[0], p.part[1]);
	if (p.n < 1 || p.n > 3 || !is_namespace(p.part[0]) || (p.n == 3 && !is_action(p.part[2])))
		fail(r, 404, "%.200s: no such route", vp_request_path(r));
	else if (p.n == 1 && get)
		list(es, r, p.part[0]);
	else if (p.n == 1 && post)
		create(es, r, p.part[0]);
	else if (p.n == 1)
		not_that_method(r, "GET, POST");
	else if (!e)
		fail(r, 404, "endpoint %.100s: there is none of that name in %s", p.part[1],
		    p.part[0]);
	else if (p.n == 3 && post)
		act(es, r, e, p.part[2]);
	else if (p.n == 3)
		not_that_method(r, "POST");
	else if (get)
		send_endpoint(es, r, e);
	else if (strcmp(method, "PUT") == 0)
		update(es, r, e);
	else if (strcmp(method, "DELETE") == 0)
		remove_endpoint(es, r, e);
	else
		not_that_method(r, "GET, PUT, DELETE");
}

/* The endpoint whose address path begins with, or NULL; path is what follows VP_ENDPOINTS. *rest is
 * set to what follows its address, "/" at least. */
static struct vp_endpoint *
addressed(struct vp_endpoints *es, const char *path, const char **rest)
{
	struct vp_endpoint *e;
	struct parts p;

	*rest = "/";
	split(&p, path);
	if (p.n < 2)
		return NULL;
	e = vp_endpoints_find(es, p.part[0], p.part[1]);
	path += strlen(p.part[0]) + 1 + strlen(p.part[1]);
	if (e && *path)
		*rest = path;
	return e;
}

/* What follows prefix in path; NULL where it does not begin so. */
static const char *
behind(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static void
answer_api(struct vp_endpoints *es, struct vp_request *r)
{
	const char *path = vp_request_path(r), *rest = behind(path, "/v2/endpoint/");
	bool who = strcmp(path, "/api/whoami-v2") == 0;

	if (rest)
		manage(es, r, rest);
	else if (!who && !behind(path, "/v2/provider/"))
		fail(r, 404, "%.200s: no such route", path);
	else if (strcmp(vp_request_method(r), "GET") != 0)
		not_that_method(r, "GET");
	else if (who)
		whoami(r);
	else
		provider(r);
}

void
vp_manage_answer(struct vp_endpoints *es, struct vp_request *r)
{
	const char *path = behind(vp_request_path(r), VP_ENDPOINTS), *rest = "/info";
	struct vp_endpoint *e = NULL;

	pthread_mutex_lock(&es->lock);
	if (path)
		e = addressed(es, path, &rest);
	if (e)
		vp_endpoint_answer(es, e, r, rest);
	else if (!vp_serve_admits(NULL, r, rest, es->conf.token))
		;
	else if (path)
		fail(r, 404, "%.200s: no endpoint has that address", vp_request_path(r));
	else
		answer_api(es, r);
	pthread_mutex_unlock(&es->lock);
}

void
vp_manage_refusal(int status, const char *path, const char *message, struct vp_buf *body)
{
	const char *rest = behind(path, VP_ENDPOINTS);
	jv text;

	for (int i = 0; rest && i < 2; i++) /* what follows NAMESPACE/NAME */
		rest = strchr(rest + i, '/');
	if (rest) {
		vp_serve_refusal(NULL, status, rest, message, body);
		return;
	}
	text = jv_dump_string(error_doc(status, message), 0);
	vp_buf_puts(body, jv_string_value(text));
	jv_free(text);
}
