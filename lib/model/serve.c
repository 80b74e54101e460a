/* serve: one model behind HTTP */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../clock.h"
#include "../fnum.h"
#include "serve.h"

/* One request for vectors, from its arrival to its answer. */
struct job {
	struct vp_task task; /* first: done gets a pointer to it */
	struct vp_serve *serve;
	struct vp_request *request;
	const char *path; /* lives as long as the request */
	struct vp_ask ask;
	uint64_t start_us, ready_us; /* taken off the server's queue; tokenized */
};

static const struct route {
	const char *path;
	bool get, post;
} routes[VP_ROUTES] = {{"/", true, true}, {"/predict", false, true}, {"/embed", false, true},
    {"/embeddings", false, true}, {"/v1/embeddings", false, true}, {"/tokenize", false, true},
    {"/info", true, false}, {"/metrics", true, false}, {"/health", true, false},
    {"/ping", true, false}};

/* The route's place in the table; VP_ROUTES if it is none. */
static size_t
route_of(const char *path)
{
	size_t i = 0;

	while (i < VP_ROUTES && strcmp(routes[i].path, path) != 0)
		i++;
	return i;
}

static void
count_answer(struct vp_serve *s, const char *path, int status)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->answers[route_of(path)][status]++;
	pthread_mutex_unlock(&s->lock);
}

static void
reply(struct vp_serve *s, struct vp_request *r, const char *path, int status, const char *type,
    struct vp_buf *body)
{
	count_answer(s, path, status);
	vp_request_reply(r, status, type, body);
}

static enum vp_habit
habit_of(const struct vp_serve *s, const char *path)
{
	if (strcmp(path, "/") == 0 || strcmp(path, "/predict") == 0)
		return s && s->conf.tei ? VP_TEI : VP_TOOLKIT;
	return strcmp(path, "/embeddings") == 0 || strcmp(path, "/v1/embeddings") == 0 ? VP_OPENAI
										       : VP_TEI;
}

/* An error in the form of the route's habit. */
static void
error_body(
    enum vp_habit habit, int status, const char *kind, const char *message, struct vp_buf *body)
{
	vp_buf_puts(body, habit == VP_OPENAI ? "{\"message\":" : "{\"error\":");
	vp_json_quote(body, vp_str(message));
	if (habit == VP_OPENAI)
		vp_buf_printf(body, ",\"code\":%d,\"type\":\"%s\"}", status, kind);
	else
		vp_buf_printf(body, ",\"error_type\":\"%s\"}", kind);
}

static void VP_PRINTF(6, 7) fail(struct vp_serve *s, struct vp_request *r, const char *path,
    int status, const char *kind, const char *format, ...)
{
	struct vp_buf body = {0};
	struct vp_refusal why;
	va_list args;

	va_start(args, format);
	vp_refusal_set(&why, status, kind, format, args);
	va_end(args);
	error_body(habit_of(s, path), status, kind, why.message, &body);
	reply(s, r, path, status, "application/json", &body);
}

void
vp_serve_refusal(
    struct vp_serve *s, int status, const char *path, const char *message, struct vp_buf *body)
{
	count_answer(s, path, status);
	error_body(habit_of(s, path), status, "Validation", message, body);
}

static void
free_job(struct job *j)
{
	vp_ids_free(&j->ask.ids);
	free(j->ask.length);
	free(j->task.out);
	free(j);
}

/* n float32, little-endian, in base64 (RFC 4648 section 4). */
static void
put_base64(struct vp_buf *out, const float *x, size_t n)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *b = (const unsigned char *)x;
	size_t bytes = n * 4;
	char *p = vp_buf_room(out, bytes / 3 * 4 + 4 + 2), *start = p;

	*p++ = '"';
	for (size_t i = 0; i < bytes; i += 3) {
		unsigned v = (unsigned)b[i] << 16 | (i + 1 < bytes ? (unsigned)b[i + 1] << 8 : 0) |
			     (i + 2 < bytes ? (unsigned)b[i + 2] : 0);

		*p++ = digit[v >> 18];
		*p++ = digit[v >> 12 & 63];
		*p++ = i + 1 < bytes ? digit[v >> 6 & 63] : '=';
		*p++ = i + 2 < bytes ? digit[v & 63] : '=';
	}
	*p++ = '"';
	out->n += (size_t)(p - start);
}

/* The vectors of a job as the habit has them. */
static void
write_vectors(const struct job *j, struct vp_buf *out)
{
	const size_t dim = j->serve->model.pooler.dim, n = j->ask.dimensions;

	vp_buf_puts(out, j->ask.habit == VP_OPENAI ? "{\"object\":\"list\",\"data\":["
			 : j->ask.habit == VP_TEI  ? "["
						   : "{\"embeddings\":");
	if (j->ask.habit == VP_TOOLKIT && !j->ask.flat)
		vp_buf_putc(out, '[');
	for (size_t i = 0; i < j->task.n; i++) {
		float *x = j->task.out + i * dim;

		if (j->ask.normalize)
			vp_normalize(x, n);
		if (i)
			vp_buf_putc(out, ',');
		if (j->ask.habit == VP_OPENAI)
			vp_buf_printf(
			    out, "{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i);
		if (j->ask.base64)
			put_base64(out, x, n);
		else
			vp_floats_print(out, x, n);
		if (j->ask.habit == VP_OPENAI)
			vp_buf_putc(out, '}');
	}
	if (j->ask.habit == VP_TOOLKIT && !j->ask.flat)
		vp_buf_putc(out, ']');
	if (j->ask.habit == VP_OPENAI) {
		vp_buf_puts(out, "],\"model\":");
		vp_json_quote(out, vp_str(j->serve->name));
		vp_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}",
		    j->task.ids.n, j->task.ids.n);
	}
	vp_buf_putc(out, j->ask.habit == VP_TEI ? ']' : '}');
}

static void
add_number_header(struct vp_request *r, const char *header, uint64_t n)
{
	char value[24];

	snprintf(value, sizeof value, "%llu", (unsigned long long)n);
	vp_request_add_header(r, header, value);
}

/* All vectors of a job are there; called by the thread that made the last one. */
static void
answer_vectors(struct vp_task *t)
{
	struct job *j = (struct job *)t;
	struct vp_serve *s = j->serve;
	struct vp_buf body = {0};
	uint64_t now = vp_now_us();

	if (!j->task.n) /* it was never on the queue */
		t->taken_us = j->ready_us;
	pthread_mutex_lock(&s->lock);
	s->requests++;
	s->texts += t->n;
	s->tokens += t->ids.n;
	s->total_us += now - j->start_us;
	s->tokenization_us += j->ready_us - j->start_us;
	s->queue_us += t->taken_us - j->ready_us;
	s->inference_us += now - t->taken_us;
	pthread_mutex_unlock(&s->lock);
	write_vectors(j, &body);
	vp_request_add_header(j->request, "x-compute-type", "cpu");
	add_number_header(j->request, "x-compute-tokens", j->task.ids.n);
	add_number_header(j->request, "x-compute-characters", j->ask.characters);
	add_number_header(j->request, "x-total-time", (now - j->start_us) / 1000);
	add_number_header(j->request, "x-tokenization-time", (j->ready_us - j->start_us) / 1000);
	add_number_header(j->request, "x-queue-time", (t->taken_us - j->ready_us) / 1000);
	add_number_header(j->request, "x-inference-time", (now - t->taken_us) / 1000);
	reply(j->serve, j->request, j->path, 200, "application/json", &body);
	free_job(j);
}

/* [[{"id","text","special","start","stop"},..],..]: where a token stood in the text is not known. */
static void
answer_tokens(struct job *j)
{
	const struct vp_tokenizer *t = &j->serve->model.tokenizer;
	struct vp_buf body = {0};
	const uint32_t *id = j->task.ids.id;

	vp_buf_putc(&body, '[');
	for (size_t i = 0; i < j->task.n; id += j->task.length[i++]) {
		size_t from = j->ask.special ? 0 : t->n_before;
		size_t to = j->task.length[i] - (j->ask.special ? 0 : t->n_after);

		vp_buf_puts(&body, i ? ",[" : "[");
		for (size_t k = from; k < to; k++) {
			vp_buf_printf(&body, "%s{\"id\":%u,\"text\":", k > from ? "," : "", id[k]);
			vp_json_quote(&body, vp_vocab_token(&t->vocab, id[k]));
			vp_buf_printf(&body, ",\"special\":%s,\"start\":null,\"stop\":null}",
			    vp_tokenizer_is_special(t, id[k]) ? "true" : "false");
		}
		vp_buf_putc(&body, ']');
	}
	vp_buf_putc(&body, ']');
	reply(j->serve, j->request, j->path, 200, "application/json", &body);
}

/* A POST with texts: read it, and either answer it or put its texts on the queue. */
static void
begin_job(struct vp_serve *s, struct vp_request *r, const char *path)
{
	struct job *j = vp_zalloc(1, sizeof *j);
	bool tokens = strcmp(path, "/tokenize") == 0;
	struct vp_refusal why;

	j->serve = s;
	j->request = r;
	j->path = path;
	j->start_us = vp_now_us();
	if (!vp_ask_read(&j->ask, &s->model, habit_of(s, path), tokens, s->conf.max_batch,
		vp_request_body(r), &s->work, &why)) {
		fail(s, r, path, why.status, why.kind, "%s", why.message);
		free_job(j);
		return;
	}
	j->task.ids = j->ask.ids;
	j->task.length = j->ask.length;
	j->task.n = j->ask.n;
	if (tokens) {
		answer_tokens(j);
		free_job(j);
		return;
	}
	j->ready_us = vp_now_us();
	if (!j->task.n) { /* the toolkit answers no texts with no vectors */
		answer_vectors(&j->task);
		return;
	}
	j->task.out = vp_alloc(j->task.n, s->model.pooler.dim * sizeof(float));
	j->task.done = answer_vectors;
	if (!vp_tasks_add(&s->tasks, &j->task, s->conf.max_queue)) {
		fail(s, r, path, 429, "Overloaded", "Model is overloaded");
		free_job(j);
	}
}

static void
put_counter(struct vp_buf *out, const char *metric, const char *help, uint64_t n)
{
	vp_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", metric, help, metric,
	    metric, (unsigned long long)n);
}

static void
put_duration(struct vp_buf *out, const char *metric, const char *help, uint64_t us, uint64_t n)
{
	vp_buf_printf(out, "# HELP %s %s\n# TYPE %s summary\n%s_sum %.6f\n%s_count %llu\n", metric,
	    help, metric, metric, (double)us / 1e6, metric, (unsigned long long)n);
}

/* The text format of Prometheus, 0.0.4; names as text-embeddings-inference has them where it has such a thing. */
static void
answer_metrics(struct vp_serve *s, struct vp_request *r, const char *path)
{
	struct vp_buf body = {0};

	vp_buf_puts(&body, "# HELP te_request_count Answers, by route and status.\n"
			   "# TYPE te_request_count counter\n");
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i <= VP_ROUTES; i++)
		for (size_t status = 0; status < 600; status++)
			if (s->answers[i][status])
				vp_buf_printf(&body,
				    "te_request_count{path=\"%s\",status=\"%zu\"} %llu\n",
				    i < VP_ROUTES ? routes[i].path : "other", status,
				    (unsigned long long)s->answers[i][status]);
	put_counter(&body, "te_embed_count", "Texts embedded.", s->texts);
	put_counter(&body, "te_embed_tokens", "Tokens in them.", s->tokens);
	put_duration(&body, "te_request_duration",
	    "Seconds from a request's arrival to its answer.", s->total_us, s->requests);
	put_duration(&body, "te_request_tokenization_duration", "Seconds of that to tokenize it.",
	    s->tokenization_us, s->requests);
	put_duration(&body, "te_request_queue_duration", "Seconds of that in the queue.",
	    s->queue_us, s->requests);
	put_duration(&body, "te_request_inference_duration", "Seconds of that to compute it.",
	    s->inference_us, s->requests);
	pthread_mutex_unlock(&s->lock);
	vp_buf_printf(&body,
	    "# HELP te_queue_size Texts that no thread has taken yet.\n"
	    "# TYPE te_queue_size gauge\nte_queue_size %zu\n",
	    vp_tasks_waiting(&s->tasks));
	reply(s, r, path, 200, "text/plain; version=0.0.4", &body);
}

static void
answer_info(struct vp_serve *s, struct vp_request *r, const char *path)
{
	const struct vp_config *c = &s->model.config;
	const size_t tokens = c->max_tokens;
	struct vp_buf body = {0};

	if (!*s->weights) /* takes milliseconds: not at the start, and not each time */
		vp_hash_base32(vp_tensors_hash(&s->model.encoder.file), s->weights);
	vp_buf_puts(&body, "{\"model_id\":");
	vp_json_quote(&body, vp_str(s->name));
	vp_buf_printf(&body,
	    ",\"model_sha\":\"%.*s\",\"model_dtype\":\"%s\",\"served_model_name\":", VP_HASH_BASE32,
	    s->weights, s->model.encoder.kernel->narrow ? "int16" : "float32");
	vp_json_quote(&body, vp_str(s->name));
	vp_buf_printf(&body,
	    ",\"model_type\":{\"embedding\":{\"pooling\":\"%s\"}},\"max_concurrent_requests\":%zu,"
	    "\"max_input_length\":%zu,\"max_batch_tokens\":%zu,\"max_batch_requests\":null,"
	    "\"max_client_batch_size\":%zu,\"auto_truncate\":true,\"tokenization_workers\":1,"
	    "\"version\":\"" VP_VERSION "\",\"sha\":null,\"docker_label\":null}",
	    vp_pooling_name(c->pooling), s->conf.max_queue, tokens,
	    tokens > VP_CHUNK_MAX ? tokens : VP_CHUNK_MAX, s->conf.max_batch);
	reply(s, r, path, 200, "application/json", &body);
}

static void
answer_ok(struct vp_serve *s, struct vp_request *r, const char *path)
{
	struct vp_buf body = {0};

	vp_buf_puts(&body, "Ok");
	reply(s, r, path, 200, "text/plain; charset=utf-8", &body);
}

/* Whether the request carries the token. The scheme's name has no case (RFC 9110 section 11.1). */
static bool
has_token(const struct vp_request *r, const char *token)
{
	const char *value = vp_request_header(r, "Authorization");

	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return false;
	value += 7;
	return vp_server_key_eq(value + strspn(value, " "), token);
}

bool
vp_serve_admits(struct vp_serve *s, struct vp_request *r, const char *path, const char *token)
{
	const char *why = vp_request_forbidden(r);
	struct vp_buf body = {0};

	if (why) {
		fail(s, r, path, 403, "Forbidden", "%s", why);
	} else if (token && !has_token(r, token)) {
		vp_buf_puts(&body, "{\"error\":\"401 Unauthorized\",\"code\":\"UNAUTHORIZED\"}");
		reply(s, r, path, 401, "application/json", &body);
		why = "no token";
	}
	return !why;
}

static bool
is_json(const struct vp_request *r)
{
	const char *type = vp_request_header(r, "Content-Type");
	size_t n = strlen("application/json");

	return type && strncasecmp(type, "application/json", n) == 0 &&
	       (!type[n] || type[n] == ';' || type[n] == ' ');
}

void
vp_serve_answer(struct vp_serve *s, struct vp_request *r, const char *path)
{
	const char *method = vp_request_method(r);
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0,
	     post = strcmp(method, "POST") == 0;
	const struct route *route = routes + route_of(path), *end = routes + VP_ROUTES;

	if (route == end) {
		fail(s, r, path, 404, "NotFound", "%.100s: no such route", path);
	} else if (!(get && route->get) && !(post && route->post)) {
		vp_request_add_header(r, "Allow",
		    !route->post ? "GET"
		    : route->get ? "GET, POST"
				 : "POST");
		fail(s, r, path, 405, "Validation", "%.20s %s: not that method", method, path);
	} else if (strcmp(path, "/info") == 0) {
		answer_info(s, r, path);
	} else if (strcmp(path, "/metrics") == 0) {
		answer_metrics(s, r, path);
	} else if (get) {
		answer_ok(s, r, path);
	} else if (!is_json(r)) {
		fail(s, r, path, habit_of(s, path) == VP_TOOLKIT ? 400 : 415, "Validation",
		    "want `Content-Type: application/json`");
	} else {
		begin_job(s, r, path);
	}
}

int
vp_serve_open(
    struct vp_serve *s, const char *model, const struct vp_serve_conf *conf, struct vp_buf *why)
{
	int e;

	s->conf = *conf;
	s->name = vp_strdup(conf->name);
	pthread_mutex_init(&s->lock, NULL);
	e = vp_model_open(&s->model, model, why);
	if (e)
		return e;
	s->started = true;
	if (vp_tasks_start(&s->tasks, &s->model, conf->threads))
		return vp_why(why, VP_E_COUNT, "starting a thread:");
	return 0;
}

void
vp_serve_close(struct vp_serve *s)
{
	if (s->started)
		vp_tasks_stop(&s->tasks);
	vp_model_close(&s->model);
	vp_ask_work_free(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s->name);
}
