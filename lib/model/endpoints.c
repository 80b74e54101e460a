/* endpoints: Inference Endpoints on this machine: their life, and the proxy in front of each */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../clock.h"
#include "../opt.h"
#include "endpoints.h"
#include "hub.h"

#define TICK_S 1 /* how often it is looked for what is over, where anything can be */

struct vp_replica {
	struct vp_serve serve;
	struct vp_replica *next; /* of those that are to be let go */
};

/* A request that waits for a replica, because its header X-Scale-Up-Timeout says so. */
struct vp_held {
	struct vp_held *next;
	struct vp_request *request;
	const char *path;
	uint64_t until_ms;
};

int64_t
vp_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool
vp_endpoint_ready(const struct vp_endpoint *e)
{
	return e->replica != NULL;
}

static void
retire(struct vp_endpoints *es, struct vp_replica *r)
{
	if (!r)
		return;
	r->next = es->retired;
	es->retired = r;
	pthread_cond_broadcast(&es->changed);
}

static void
enter(struct vp_endpoint *e, enum vp_state state)
{
	e->state = state;
	free(e->error);
	e->error = NULL;
}

/* What the proxy says where there is no replica. */
static void
answer_closed(const struct vp_endpoint *e, struct vp_request *r)
{
	struct vp_buf body = {0};

	vp_buf_puts(&body,
	    e->state == VP_PAUSED
		? "{\"error\":\"Bad Request: The endpoint is paused, ask a maintainer to restart "
		  "it\",\"code\":\"BAD_REQUEST\"}"
		: "{\"error\":\"503 Service Unavailable\",\"code\":\"SERVICE_UNAVAILABLE\"}");
	vp_request_reply(r, e->state == VP_PAUSED ? 400 : 503, "application/json", &body);
}

/* Let a request through to the replica. */
static void
pass(struct vp_endpoint *e, struct vp_request *r, const char *path)
{
	vp_serve_answer(
	    &e->replica->serve, r, strcmp(path, e->spec.health) == 0 ? "/health" : path);
}

/* Answer the requests that wait and are over by now_ms, or all, once it is known what becomes of
 * them. Whether there are any left. */
static bool
release(struct vp_endpoint *e, uint64_t now_ms)
{
	for (struct vp_held **at = &e->held, *h; (h = *at);) {
		if (!e->replica && h->until_ms > now_ms) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		if (e->replica)
			pass(e, h->request, h->path);
		else
			answer_closed(e, h->request);
		free(h);
	}
	return e->held != NULL;
}

void
vp_endpoint_start(struct vp_endpoints *es, struct vp_endpoint *e)
{
	enter(e, e->replica ? VP_UPDATING : VP_PENDING);
	e->load = ++es->serial;
	e->due = true;
	pthread_cond_broadcast(&es->changed);
}

void
vp_endpoint_stop(struct vp_endpoints *es, struct vp_endpoint *e, enum vp_state state)
{
	enter(e, state);
	e->load = 0;
	e->due = false;
	retire(es, e->replica);
	e->replica = NULL;
	release(e, UINT64_MAX);
}

struct vp_endpoint *
vp_endpoints_find(const struct vp_endpoints *es, const char *namespace, const char *name)
{
	struct vp_endpoint *e = es->first;

	while (e && (strcmp(e->namespace, namespace) != 0 || strcmp(e->spec.name, name) != 0))
		e = e->next;
	return e;
}

struct vp_endpoint *
vp_endpoints_add(struct vp_endpoints *es, const char *namespace, const struct vp_spec *spec)
{
	struct vp_endpoint *e = vp_zalloc(1, sizeof *e), **last = &es->first;

	e->namespace = vp_strdup(namespace);
	e->spec = *spec;
	e->created_ms = e->updated_ms = vp_wall_ms();
	while (*last)
		last = &(*last)->next;
	*last = e;
	vp_endpoint_start(es, e);
	return e;
}

void
vp_endpoint_delete(struct vp_endpoints *es, struct vp_endpoint *e)
{
	struct vp_endpoint **at = &es->first;

	vp_endpoint_stop(es, e, VP_SCALED);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	vp_spec_free(&e->spec);
	free(e->namespace);
	free(e->error);
	free(e);
}

/* How long the proxy is to hold a request, in milliseconds; 0: not at all. */
static uint64_t
patience(const struct vp_request *r)
{
	const char *value = vp_request_header(r, "X-Scale-Up-Timeout");
	uint64_t seconds;

	return value && vp_read_number(value, &seconds) == 0 && seconds <= 86400 ? seconds * 1000
										 : 0;
}

void
vp_endpoint_answer(
    struct vp_endpoints *es, struct vp_endpoint *e, struct vp_request *r, const char *path)
{
	struct vp_serve *serve = e->replica ? &e->replica->serve : NULL;
	struct vp_held *h;
	uint64_t ms;

	if (!vp_serve_admits(serve, r, path, e->spec.open ? NULL : es->conf.token))
		return;
	e->used_ms = vp_wall_ms();
	e->active_ms = vp_now_ms();
	if (serve) {
		pass(e, r, path);
		return;
	}
	if (e->state == VP_SCALED)
		vp_endpoint_start(es, e);
	ms = e->load ? patience(r) : 0;
	if (!ms) {
		answer_closed(e, r);
		return;
	}
	h = vp_zalloc(1, sizeof *h);
	*h = (struct vp_held){e->held, r, path, e->active_ms + ms};
	e->held = h;
	pthread_cond_broadcast(&es->changed); /* the watcher sees to it that it is not forgotten */
}

void
vp_endpoints_drain(struct vp_endpoints *es)
{
	pthread_mutex_lock(&es->lock);
	for (struct vp_endpoint *e = es->first; e; e = e->next)
		release(e, UINT64_MAX);
	pthread_mutex_unlock(&es->lock);
}

/* The endpoint that still wants the load with this serial, or NULL. */
static struct vp_endpoint *
endpoint_of(const struct vp_endpoints *es, uint64_t load)
{
	struct vp_endpoint *e = es->first;

	while (e && e->load != load)
		e = e->next;
	return e;
}

/* Open a model; without the lock. NULL, and why. */
static struct vp_replica *
open_replica(
    const char *dir, const char *revision, const struct vp_serve_conf *conf, struct vp_buf *why)
{
	char *folder = vp_hub_below(dir, conf->name, revision, why);
	struct vp_replica *r;

	if (!folder)
		return NULL;
	r = vp_zalloc(1, sizeof *r);
	if (vp_serve_open(&r->serve, folder, conf, why)) {
		vp_serve_close(&r->serve);
		free(r);
		r = NULL;
	}
	free(folder);
	return r;
}

/* Give an endpoint what its load has come to: a replica, or why there is none. */
static void
settle(struct vp_endpoints *es, struct vp_endpoint *e, struct vp_replica *r, struct vp_buf *why)
{
	enter(e, r ? VP_RUNNING : e->replica ? VP_UPDATE_FAILED : VP_FAILED);
	e->load = 0;
	e->active_ms = vp_now_ms();
	if (r) {
		retire(es, e->replica);
		e->replica = r;
	} else {
		e->error = vp_strdup(vp_buf_cstr(why));
	}
	release(e, UINT64_MAX);
}

/* Take up the load that e is due. The lock is let go in between. */
static void
load(struct vp_endpoints *es, struct vp_endpoint *e)
{
	uint64_t serial = e->load;
	char *repository = vp_strdup(e->spec.repository),
	     *revision = e->spec.revision ? vp_strdup(e->spec.revision) : NULL;
	struct vp_serve_conf conf = {.name = repository,
	    .threads = es->conf.threads,
	    .max_batch = e->spec.max_batch ? e->spec.max_batch : es->conf.max_batch,
	    .max_queue = es->conf.max_queue,
	    .tei = e->spec.tei};
	struct vp_buf why = {0};
	struct vp_replica *r;

	e->due = false;
	e->placed = true;
	if (e->state == VP_PENDING)
		enter(e, VP_INITIALIZING);
	es->loading = true;
	pthread_mutex_unlock(&es->lock);
	r = open_replica(es->conf.dir, revision, &conf, &why);
	pthread_mutex_lock(&es->lock);
	es->loading = false;
	e = endpoint_of(es, serial);
	if (e)
		settle(es, e, r, &why);
	else
		retire(es, r);
	vp_buf_free(&why);
	free(repository);
	free(revision);
}

/* Scale to zero what has been idle for as long as it may be, and answer what has waited for as long
 * as it would. Whether there is anything left to look at again. */
static bool
look_round(struct vp_endpoints *es)
{
	const uint64_t now = vp_now_ms();
	bool again = false;

	for (struct vp_endpoint *e = es->first; e; e = e->next) {
		again |= release(e, now);
		if (!e->replica || e->state == VP_UPDATING || !e->spec.idle_minutes)
			continue;
		if (vp_tasks_waiting(&e->replica->serve.tasks))
			e->active_ms = now;
		if (now - e->active_ms >= (uint64_t)e->spec.idle_minutes * 60000)
			vp_endpoint_stop(es, e, VP_SCALED);
		else
			again = true;
	}
	return again;
}

static void *
watch(void *arg)
{
	struct vp_endpoints *es = arg;
	struct timespec until;

	pthread_mutex_lock(&es->lock);
	while (!es->ending)
		if (look_round(es)) {
			clock_gettime(CLOCK_MONOTONIC, &until);
			until.tv_sec += TICK_S;
			pthread_cond_timedwait(&es->changed, &es->lock, &until);
		} else {
			pthread_cond_wait(&es->changed, &es->lock);
		}
	pthread_mutex_unlock(&es->lock);
	return NULL;
}

static void *
keep(void *arg)
{
	struct vp_endpoints *es = arg;

	pthread_mutex_lock(&es->lock);
	while (!es->ending || es->retired) {
		struct vp_replica *r = es->retired;
		struct vp_endpoint *e = es->first;

		while (e && !e->due)
			e = e->next;
		if (r) {
			es->retired = r->next;
			pthread_mutex_unlock(&es->lock);
			vp_serve_close(&r->serve);
			free(r);
			pthread_mutex_lock(&es->lock);
		} else if (e) {
			load(es, e);
		} else {
			pthread_cond_wait(&es->changed, &es->lock);
		}
	}
	pthread_mutex_unlock(&es->lock);
	return NULL;
}

int
vp_endpoints_start(struct vp_endpoints *es, const struct vp_endpoints_conf *conf)
{
	pthread_condattr_t monotonic;

	*es = (struct vp_endpoints){.conf = *conf};
	pthread_mutex_init(&es->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&es->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	errno = pthread_create(&es->keeper, NULL, keep, es);
	if (!errno)
		errno = pthread_create(&es->watcher, NULL, watch, es);
	return errno ? VP_E_IO : 0;
}

void
vp_endpoints_stop(struct vp_endpoints *es)
{
	bool loading;

	pthread_mutex_lock(&es->lock);
	while (es->first)
		vp_endpoint_delete(es, es->first);
	es->ending = true;
	loading = es->loading;
	pthread_cond_broadcast(&es->changed);
	pthread_mutex_unlock(&es->lock);
	pthread_join(es->watcher, NULL);
	if (loading) {
		pthread_detach(es->keeper);
		return;
	}
	pthread_join(es->keeper, NULL);
	pthread_cond_destroy(&es->changed);
	pthread_mutex_destroy(&es->lock);
}
