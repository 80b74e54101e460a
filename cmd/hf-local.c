/* hf-local: an embedding endpoint on this machine, from a model folder of the Hugging Face Hub */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "fnum.h"
#include "json.h"
#include "model/tasks.h"
#include "opt.h"
#include "server.h"

enum { /* options without a letter */
	NAME_OPTION = 1,
	MAX_BATCH_OPTION,
	MAX_BODY_OPTION,
	MAX_QUEUE_OPTION,
	PRECISION_OPTION
};

static const struct vp_program program = {
    .name = "hf-local",
    .synopsis = "[-a address] [-j threads] [-p port] [--max-batch texts] [--max-body size] "
		"[--max-queue texts] [--name name] [--precision precision] "
		"model [-- command [argument ...]]",
    .help = "  model                   folder of the model\n"
	    "  command                 is run with the address and the token in its environment\n"
	    "  -a, --address ADDRESS   numeric address to listen on (127.0.0.1)\n"
	    "  -j, --threads N         threads that compute (one for each processor)\n"
	    "  -p, --port PORT         port to listen on (any free one)\n"
	    "      --max-batch N       texts in a request (1024)\n"
	    "      --max-body SIZE     bytes of a request's body (16MB)\n"
	    "      --max-queue N       texts that may wait; more is answered 429 (8192)\n"
	    "      --name NAME         what the model is called in answers (the folder's name)\n"
	    "      --precision P       int16 or f32: what is computed with (int16)\n",
    .shorts = "a:j:p:",
    .longs = (const struct option[]){{"address", 1, NULL, 'a'}, {"threads", 1, NULL, 'j'},
	{"name", 1, NULL, NAME_OPTION}, {"port", 1, NULL, 'p'},
	{"max-batch", 1, NULL, MAX_BATCH_OPTION}, {"max-body", 1, NULL, MAX_BODY_OPTION},
	{"max-queue", 1, NULL, MAX_QUEUE_OPTION}, {"precision", 1, NULL, PRECISION_OPTION}, {0}},
    .common = VP_OPT_SAY,
};

static const char *aflag;          /* -a: where to listen */
static size_t jflag;               /* -j; 0: a thread for each processor */
static char *name;                 /* --name: what the model is called in answers */
static uint16_t pflag;             /* -p */
static size_t max_batch = 1024;    /* --max-batch */
static size_t max_body = 16000000; /* --max-body */
static size_t max_queue = 8192;    /* --max-queue */
static bool float32;               /* --precision f32 */

static struct vp_model model;
static struct vp_tasks tasks;
static struct vp_server *server;
static const char *token; /* that clients must have */

/* Whose habits a route follows, in its answers and in its errors. */
enum habit { TOOLKIT, TEI, OPENAI };

/* What a request wants. */
struct ask {
	struct vp_span inputs; /* n is 0 where there are none */
	bool truncate, left;   /* cut what is too long, at its beginning */
	bool normalize;
	bool special; /* /tokenize: add_special_tokens */
	bool base64;
	size_t dimensions; /* numbers of a vector; fewer than the model's are its first ones */
	const struct vp_prompt *prompt;
	bool prompt_given;
};

/* One request, from its arrival to its answer. */
struct job {
	struct vp_task task; /* first: done gets a pointer to it */
	struct vp_request *request;
	enum habit habit;
	struct ask ask;
	bool tokens; /* /tokenize: the ids are all that is wanted */
	bool flat;   /* inputs was one text, not an array */
	size_t characters;
	uint64_t start_us, ready_us; /* taken off the server's queue; tokenized */
};

/* The thread that reads requests has these for itself. */
static struct vp_words words;
static struct vp_buf text;

static const struct route {
	const char *path;
	bool get, post;
} routes[] = {{"/", true, true}, {"/predict", false, true}, {"/embed", false, true},
    {"/embeddings", false, true}, {"/v1/embeddings", false, true}, {"/tokenize", false, true},
    {"/info", true, false}, {"/metrics", true, false}, {"/health", true, false},
    {"/ping", true, false}};

#define ROUTES (sizeof routes / sizeof *routes)

/* What has been done since the start, for GET /metrics. */
static struct {
	pthread_mutex_t lock;
	uint64_t answers[ROUTES + 1][600]; /* by route, the last being none of ours, and status */
	uint64_t requests, texts, tokens;  /* with vectors in their answers; and what was in them */
	uint64_t total_us, tokenization_us, queue_us, inference_us; /* their sums */
} metrics = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The route's place in the table; ROUTES if it is none. */
static size_t
route_of(const char *path)
{
	size_t i = 0;

	while (i < ROUTES && strcmp(routes[i].path, path) != 0)
		i++;
	return i;
}

static void
count_answer(const char *path, int status)
{
	pthread_mutex_lock(&metrics.lock);
	metrics.answers[route_of(path)][status]++;
	pthread_mutex_unlock(&metrics.lock);
}

static void
reply(struct vp_request *r, int status, const char *type, struct vp_buf *body)
{
	count_answer(vp_request_path(r), status);
	if (vp_opts.verbose)
		vp_warn("%s %s: %d, %zu bytes", vp_request_method(r), vp_request_path(r), status,
		    body->n);
	vp_request_reply(r, status, type, body);
}

/* An error in the form of the route's habit. */
static void
error_body(enum habit habit, int status, const char *kind, const char *message, struct vp_buf *body)
{
	vp_buf_puts(body, habit == OPENAI ? "{\"message\":" : "{\"error\":");
	vp_json_quote(body, vp_str(message));
	if (habit == OPENAI)
		vp_buf_printf(body, ",\"code\":%d,\"type\":\"%s\"}", status, kind);
	else
		vp_buf_printf(body, ",\"error_type\":\"%s\"}", kind);
}

static void VP_PRINTF(5, 6) fail(
    struct vp_request *r, enum habit habit, int status, const char *kind, const char *format, ...)
{
	struct vp_buf body = {0};
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	error_body(habit, status, kind, message, &body);
	reply(r, status, "application/json", &body);
}

static enum habit
habit_of(const char *path)
{
	if (strcmp(path, "/") == 0 || strcmp(path, "/predict") == 0)
		return TOOLKIT;
	return strcmp(path, "/embeddings") == 0 || strcmp(path, "/v1/embeddings") == 0 ? OPENAI
										       : TEI;
}

/* What the server refuses by itself: a body that is too large, or not HTTP. */
static void
refusal(int status, const char *path, const char *message, struct vp_buf *body)
{
	count_answer(path, status);
	error_body(habit_of(path), status, "Validation", message, body);
}

static bool
string_is(struct vp_span v, const char *want)
{
	return vp_json_type(v) == '"' && vp_json_key_is((struct vp_span){v.s + 1, v.n - 2}, want);
}

/* Read a boolean; null leaves it as it is. */
static const char *
read_flag(struct vp_span v, bool *out)
{
	char type = vp_json_type(v);

	if (type == 't' || type == 'f')
		*out = type == 't';
	else if (type != 'n')
		return "want true or false";
	return NULL;
}

/* Take one member of a request into a. NULL, or what is wrong with it. */
static const char *
read_member(struct ask *a, struct vp_span key, struct vp_span v)
{
	uint64_t n;

	if (vp_json_key_is(key, "inputs") || vp_json_key_is(key, "input")) {
		a->inputs = v;
	} else if (vp_json_key_is(key, "truncate")) {
		return read_flag(v, &a->truncate);
	} else if (vp_json_key_is(key, "normalize") ||
		   vp_json_key_is(key, "normalize_embeddings")) {
		return read_flag(v, &a->normalize);
	} else if (vp_json_key_is(key, "add_special_tokens")) {
		return read_flag(v, &a->special);
	} else if (vp_json_type(v) == 'n') {
		return NULL;
	} else if (vp_json_key_is(key, "truncation_direction")) {
		a->left = string_is(v, "left") || string_is(v, "Left");
		if (!a->left && !string_is(v, "right") && !string_is(v, "Right"))
			return "want \"left\" or \"right\"";
	} else if (vp_json_key_is(key, "encoding_format")) {
		a->base64 = string_is(v, "base64");
		if (!a->base64 && !string_is(v, "float"))
			return "want \"float\" or \"base64\"";
	} else if (vp_json_key_is(key, "dimensions")) {
		if (vp_json_uint(v, &n) || n < 1 || n > model.pooler.dim)
			return "want a number from 1 to the model's own dimensions";
		a->dimensions = (size_t)n;
	} else if (vp_json_key_is(key, "prompt_name")) {
		text.n = 0;
		a->prompt = vp_json_decode(v, &text)
				? NULL
				: vp_config_prompt(&model.config, vp_buf_cstr(&text));
		if (!a->prompt)
			return "the model has no such prompt";
	}
	return NULL; /* what is not known is passed over, as all three servers do */
}

/* Read a request's body, or its member parameters (the toolkit's way), into a. False: it has been answered. */
static bool
read_body(struct vp_request *r, enum habit habit, struct vp_span body, struct ask *a)
{
	struct vp_json_walk w;
	struct vp_span key, v;
	int e;

	for (vp_json_begin(&w, body); (e = vp_json_member(&w, &key, &v)) > 0;) {
		const char *why = read_member(a, key, v);

		if (why) {
			fail(r, habit, habit == TOOLKIT ? 400 : 422, "Validation", "%.*s: %s",
			    (int)(key.n < 40 ? key.n : 40), key.s, why);
			return false;
		}
		if (habit == TOOLKIT && vp_json_key_is(key, "parameters") &&
		    vp_json_type(v) == '{' && !read_body(r, TEI, v, a))
			return false;
	}
	if (e < 0)
		fail(r, habit, 400, "Validation", "request body: %s",
		    e == VP_E_TYPE ? "not an object" : vp_error_text(e));
	return e == 0;
}

/* Whether an array is of token ids, so one text: [1,2] and not ["a","b"] or [[1,2],[3]]. */
static bool
is_ids(struct vp_span v)
{
	struct vp_json_walk w;
	struct vp_span item;

	if (vp_json_type(v) != '[')
		return false;
	vp_json_begin(&w, v);
	return vp_json_item(&w, &item) > 0 && vp_json_type(item) == '0';
}

static bool
too_long(struct job *j, size_t n)
{
	fail(j->request, j->habit, 422, "Validation",
	    "Input validation error: `%s` must have less than %zu tokens. Given: %zu",
	    j->habit == OPENAI ? "input" : "inputs", model.config.max_tokens + 1, n);
	return false;
}

/* Add one text that came as token ids: they are what the model sees, so without prompt and special tokens. False: the
 * request has been answered. */
static bool
add_ids(struct job *j, struct vp_span value)
{
	const size_t max = model.config.max_tokens, before = j->task.ids.n;
	struct vp_json_walk w;
	struct vp_span v;
	size_t n;

	for (vp_json_begin(&w, value); vp_json_item(&w, &v) > 0;) {
		uint64_t id;

		if (vp_json_uint(v, &id) || id >= model.encoder.words->shape[0]) {
			fail(j->request, j->habit, 422, "Tokenizer",
			    "token id %.*s: the model's are whole numbers from 0 to %zu",
			    (int)(v.n < 40 ? v.n : 40), v.s, model.encoder.words->shape[0] - 1);
			return false;
		}
		vp_ids_add(&j->task.ids, (uint32_t)id);
	}
	n = j->task.ids.n - before;
	if (n > max && !j->ask.truncate)
		return too_long(j, n);
	if (n > max && j->ask.left)
		memmove(j->task.ids.id + before, j->task.ids.id + before + n - max,
		    max * sizeof *j->task.ids.id);
	j->task.ids.n = before + (n < max ? n : max);
	j->characters += n;
	j->task.length[j->task.n++] = n < max ? n : max;
	return true;
}

/* Tokenize one text and add it to the job. False: the request has been answered. */
static bool
add_text(struct job *j, struct vp_span value)
{
	const char *where = j->habit == OPENAI ? "input" : "inputs";
	const size_t max = model.config.max_tokens;
	size_t before = j->task.ids.n, n;

	if (j->habit != TOOLKIT && !j->tokens && is_ids(value))
		return add_ids(j, value);
	text.n = 0;
	if (j->ask.prompt)
		vp_buf_add(&text, j->ask.prompt->text, j->ask.prompt->n);
	n = text.n;
	if (vp_json_type(value) != '"') {
		fail(j->request, j->habit, j->habit == TOOLKIT ? 400 : 422, "Validation",
		    j->habit == TOOLKIT || j->tokens
			? "%s: want a text, or an array of texts"
			: "%s: want a text or its token ids, or an array of these",
		    where);
		return false;
	}
	if (vp_json_decode(value, &text)) {
		fail(j->request, j->habit, j->habit == TOOLKIT ? 400 : 422, "Tokenizer",
		    "%s: text %zu has half of a surrogate pair in it", where, j->task.n);
		return false;
	}
	if (text.n == n && j->habit != TOOLKIT && !j->tokens) {
		fail(j->request, j->habit, 400, "Empty", "`%s` cannot be empty", where);
		return false;
	}
	for (size_t i = n; i < text.n; i++)
		j->characters += (text.s[i] & 0xc0) != 0x80;
	vp_tokenizer_encode(&model.tokenizer, &words, vp_buf_get(&text),
	    j->ask.truncate ? max : SIZE_MAX, j->ask.left, &j->task.ids);
	n = j->task.ids.n - before;
	if (n > max && !j->ask.truncate && !j->tokens)
		return too_long(j, n);
	j->task.length[j->task.n++] = n;
	return true;
}

/* How many texts there are in inputs, which are checked JSON. */
static size_t
count_texts(struct vp_span inputs, bool flat)
{
	struct vp_json_walk w;
	struct vp_span v;
	size_t n = 0;

	if (flat)
		return 1;
	for (vp_json_begin(&w, inputs); vp_json_item(&w, &v) > 0;)
		n++;
	return n;
}

/* Tokenize all texts of a job. False: the request has been answered. */
static bool
add_texts(struct job *j)
{
	struct vp_json_walk w;
	struct vp_span v;
	size_t n;

	j->flat =
	    vp_json_type(j->ask.inputs) != '[' || (j->habit != TOOLKIT && is_ids(j->ask.inputs));
	n = count_texts(j->ask.inputs, j->flat);
	if (n > max_batch) {
		fail(j->request, j->habit, 422, "Validation",
		    "batch size %zu > maximum allowed batch size %zu", n, max_batch);
		return false;
	}
	if (!n && j->habit != TOOLKIT) {
		fail(j->request, j->habit, 400, "Empty", "`%s` cannot be empty",
		    j->habit == OPENAI ? "input" : "inputs");
		return false;
	}
	j->task.length = vp_alloc(n ? n : 1, sizeof *j->task.length);
	if (j->flat)
		return add_text(j, j->ask.inputs);
	for (vp_json_begin(&w, j->ask.inputs); vp_json_item(&w, &v) > 0;)
		if (!add_text(j, v))
			return false;
	return true;
}

static void
free_job(struct job *j)
{
	vp_ids_free(&j->task.ids);
	free(j->task.length);
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
	const size_t dim = model.pooler.dim, n = j->ask.dimensions;

	vp_buf_puts(out, j->habit == OPENAI ? "{\"object\":\"list\",\"data\":["
			 : j->habit == TEI  ? "["
					    : "{\"embeddings\":");
	if (j->habit == TOOLKIT && !j->flat)
		vp_buf_putc(out, '[');
	for (size_t i = 0; i < j->task.n; i++) {
		float *x = j->task.out + i * dim;

		if (j->ask.normalize)
			vp_normalize(x, n);
		if (i)
			vp_buf_putc(out, ',');
		if (j->habit == OPENAI)
			vp_buf_printf(
			    out, "{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i);
		if (j->ask.base64)
			put_base64(out, x, n);
		else
			vp_floats_print(out, x, n);
		if (j->habit == OPENAI)
			vp_buf_putc(out, '}');
	}
	if (j->habit == TOOLKIT && !j->flat)
		vp_buf_putc(out, ']');
	if (j->habit == OPENAI) {
		vp_buf_puts(out, "],\"model\":");
		vp_json_quote(out, vp_str(name));
		vp_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}",
		    j->task.ids.n, j->task.ids.n);
	}
	vp_buf_putc(out, j->habit == TEI ? ']' : '}');
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
	struct vp_buf body = {0};
	uint64_t now = vp_now_us();

	if (!j->task.n) /* it was never on the queue */
		t->taken_us = j->ready_us;
	pthread_mutex_lock(&metrics.lock);
	metrics.requests++;
	metrics.texts += t->n;
	metrics.tokens += t->ids.n;
	metrics.total_us += now - j->start_us;
	metrics.tokenization_us += j->ready_us - j->start_us;
	metrics.queue_us += t->taken_us - j->ready_us;
	metrics.inference_us += now - t->taken_us;
	pthread_mutex_unlock(&metrics.lock);
	write_vectors(j, &body);
	vp_request_add_header(j->request, "x-compute-type", "cpu");
	add_number_header(j->request, "x-compute-tokens", j->task.ids.n);
	add_number_header(j->request, "x-compute-characters", j->characters);
	add_number_header(j->request, "x-total-time", (now - j->start_us) / 1000);
	add_number_header(j->request, "x-tokenization-time", (j->ready_us - j->start_us) / 1000);
	add_number_header(j->request, "x-queue-time", (t->taken_us - j->ready_us) / 1000);
	add_number_header(j->request, "x-inference-time", (now - t->taken_us) / 1000);
	reply(j->request, 200, "application/json", &body);
	free_job(j);
}

/* [[{"id","text","special","start","stop"},..],..]: where a token stood in the text is not known. */
static void
answer_tokens(struct job *j)
{
	const struct vp_tokenizer *t = &model.tokenizer;
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
	reply(j->request, 200, "application/json", &body);
}

/* A POST with texts: read it, and either answer it or put its texts on the queue. */
static void
begin_job(struct vp_request *r, enum habit habit, bool tokens)
{
	struct job *j = vp_zalloc(1, sizeof *j);

	j->request = r;
	j->habit = habit;
	j->tokens = tokens;
	j->start_us = vp_now_us();
	j->ask = (struct ask){.truncate = !tokens,
	    .special = true,
	    .dimensions = model.pooler.dim,
	    .normalize = habit != TOOLKIT || model.config.normalize,
	    .prompt = model.config.prompt};
	if (!read_body(r, habit, vp_request_body(r), &j->ask)) {
		free_job(j);
		return;
	}
	if (!j->ask.inputs.n) {
		fail(r, habit, habit == TOOLKIT ? 400 : 422, "Validation", "request body: no `%s`",
		    habit == OPENAI ? "input" : "inputs");
		free_job(j);
		return;
	}
	if (!add_texts(j)) {
		free_job(j);
		return;
	}
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
	j->task.out = vp_alloc(j->task.n, model.pooler.dim * sizeof(float));
	j->task.done = answer_vectors;
	if (!vp_tasks_add(&tasks, &j->task, max_queue)) {
		fail(r, habit, 429, "Overloaded", "Model is overloaded");
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
put_duration(struct vp_buf *out, const char *metric, const char *help, uint64_t us)
{
	vp_buf_printf(out, "# HELP %s %s\n# TYPE %s summary\n%s_sum %.6f\n%s_count %llu\n", metric,
	    help, metric, metric, (double)us / 1e6, metric, (unsigned long long)metrics.requests);
}

/* The text format of Prometheus, 0.0.4; names as text-embeddings-inference has them where it has such a thing. */
static void
answer_metrics(struct vp_request *r)
{
	struct vp_buf body = {0};

	vp_buf_puts(&body, "# HELP te_request_count Answers, by route and status.\n"
			   "# TYPE te_request_count counter\n");
	pthread_mutex_lock(&metrics.lock);
	for (size_t i = 0; i <= ROUTES; i++)
		for (size_t status = 0; status < 600; status++)
			if (metrics.answers[i][status])
				vp_buf_printf(&body,
				    "te_request_count{path=\"%s\",status=\"%zu\"} %llu\n",
				    i < ROUTES ? routes[i].path : "other", status,
				    (unsigned long long)metrics.answers[i][status]);
	put_counter(&body, "te_embed_count", "Texts embedded.", metrics.texts);
	put_counter(&body, "te_embed_tokens", "Tokens in them.", metrics.tokens);
	put_duration(&body, "te_request_duration",
	    "Seconds from a request's arrival to its answer.", metrics.total_us);
	put_duration(&body, "te_request_tokenization_duration", "Seconds of that to tokenize it.",
	    metrics.tokenization_us);
	put_duration(
	    &body, "te_request_queue_duration", "Seconds of that in the queue.", metrics.queue_us);
	put_duration(&body, "te_request_inference_duration", "Seconds of that to compute it.",
	    metrics.inference_us);
	pthread_mutex_unlock(&metrics.lock);
	vp_buf_printf(&body,
	    "# HELP te_queue_size Texts that no thread has taken yet.\n"
	    "# TYPE te_queue_size gauge\nte_queue_size %zu\n",
	    vp_tasks_waiting(&tasks));
	reply(r, 200, "text/plain; version=0.0.4", &body);
}

static void
answer_info(struct vp_request *r)
{
	const size_t tokens = model.config.max_tokens;
	struct vp_buf body = {0};

	vp_buf_puts(&body, "{\"model_id\":");
	vp_json_quote(&body, vp_str(name));
	vp_buf_puts(
	    &body, model.encoder.kernel->narrow
		       ? ",\"model_sha\":null,\"model_dtype\":\"int16\",\"served_model_name\":"
		       : ",\"model_sha\":null,\"model_dtype\":\"float32\",\"served_model_name\":");
	vp_json_quote(&body, vp_str(name));
	vp_buf_printf(&body,
	    ",\"model_type\":{\"embedding\":{\"pooling\":\"%s\"}},\"max_concurrent_requests\":%zu,"
	    "\"max_input_length\":%zu,\"max_batch_tokens\":%zu,\"max_batch_requests\":null,"
	    "\"max_client_batch_size\":%zu,\"auto_truncate\":true,\"tokenization_workers\":1,"
	    "\"version\":\"" VP_VERSION "\",\"sha\":null,\"docker_label\":null}",
	    vp_pooling_name(model.config.pooling), max_queue, tokens,
	    tokens > VP_CHUNK_MAX ? tokens : VP_CHUNK_MAX, max_batch);
	reply(r, 200, "application/json", &body);
}

static void
answer_ok(struct vp_request *r)
{
	struct vp_buf body = {0};

	vp_buf_puts(&body, "Ok");
	reply(r, 200, "text/plain; charset=utf-8", &body);
}

/* Whether the request carries the token. The scheme's name has no case (RFC 9110 section 11.1). */
static bool
has_token(const struct vp_request *r)
{
	const char *value = vp_request_header(r, "Authorization");

	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return false;
	value += 7;
	return vp_server_key_eq(value + strspn(value, " "), token);
}

static bool
is_json(const struct vp_request *r)
{
	const char *type = vp_request_header(r, "Content-Type");
	size_t n = strlen("application/json");

	return type && strncasecmp(type, "application/json", n) == 0 &&
	       (!type[n] || type[n] == ';' || type[n] == ' ');
}

static void
answer(struct vp_request *r)
{
	const char *path = vp_request_path(r), *method = vp_request_method(r),
		   *why = vp_request_forbidden(r);
	enum habit habit = habit_of(path);
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0,
	     post = strcmp(method, "POST") == 0;
	const struct route *route = routes + route_of(path), *end = routes + ROUTES;
	struct vp_buf body = {0};

	if (why) {
		fail(r, habit, 403, "Forbidden", "%s", why);
	} else if (!has_token(r)) { /* in the words of the proxy in front of every endpoint */
		vp_buf_puts(&body, "{\"error\":\"401 Unauthorized\",\"code\":\"UNAUTHORIZED\"}");
		reply(r, 401, "application/json", &body);
	} else if (route == end) {
		fail(r, habit, 404, "NotFound", "%.100s: no such route", path);
	} else if (!(get && route->get) && !(post && route->post)) {
		vp_request_add_header(r, "Allow",
		    !route->post ? "GET"
		    : route->get ? "GET, POST"
				 : "POST");
		fail(r, habit, 405, "Validation", "%.20s %s: not that method", method, path);
	} else if (strcmp(path, "/info") == 0) {
		answer_info(r);
	} else if (strcmp(path, "/metrics") == 0) {
		answer_metrics(r);
	} else if (get) {
		answer_ok(r);
	} else if (!is_json(r)) {
		fail(r, habit, habit == TOOLKIT ? 400 : 415, "Validation",
		    "want `Content-Type: application/json`");
	} else {
		begin_job(r, habit, strcmp(path, "/tokenize") == 0);
	}
}

static void *
read_requests(void *arg)
{
	struct vp_request *r[64];

	(void)arg;
	for (size_t n; (n = vp_server_take(server, r, 64));)
		for (size_t i = 0; i < n; i++)
			answer(r[i]);
	return NULL;
}

static void
open_model(const char *folder)
{
	struct vp_buf why = {0};
	int e;
	const char *end = folder + strlen(folder), *start;

	if (float32 && vp_kernel()->narrow)
		vp_kernel_use(vp_kernel_float());
	e = vp_model_open(&model, folder, &why);
	if (e)
		vp_die(e == VP_E_IO ? VP_EX_NOINPUT : VP_EX_DATA, "%s", vp_buf_cstr(&why));
	vp_buf_free(&why);
	if (name)
		return;
	while (end > folder + 1 && end[-1] == '/')
		end--;
	for (start = end; start > folder && start[-1] != '/'; start--)
		;
	name = vp_strdup(start);
	name[end - start] = '\0';
}

static void
start_server(void)
{
	struct vp_server_conf conf = {
	    .address = aflag, .port = pflag, .body_max = max_body, .refusal = refusal};
	int e = vp_server_start(&conf, &server);

	if (e == VP_E_NUMBER)
		vp_usage("-a %s: want a numeric address, such as 127.0.0.1 or ::1", aflag);
	if (e && errno == EADDRINUSE)
		vp_die(VP_EX_UNAVAILABLE, "port %u: is in use: stop what has it, or leave out -p",
		    pflag);
	if (e)
		vp_die(VP_EX_UNAVAILABLE, "%s port %u:", aflag ? aflag : "127.0.0.1", pflag);
}

/* The token that clients must have: the one in the environment, else one made for this run. True if made. */
static bool
choose_token(void)
{
	static char fresh[33];
	const char *given = getenv("HF_TOKEN");

	if (given && *given) {
		token = given;
		return false;
	}
	if (aflag && !vp_server_is_loopback(aflag))
		vp_die(VP_EX_CONFIG,
		    "-a %s: other machines can reach that: set HF_TOKEN to a token of yours first",
		    aflag);
	vp_server_key(fresh);
	token = fresh;
	return true;
}

/* Processors that this process may run on: what taskset or a container leaves it. */
static size_t
processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static int
serve(char *command[], bool fresh)
{
	char url[128], key[64] = "HF_TOKEN=";
	char *env[] = {url, fresh ? key : NULL, NULL};
	pthread_t reader;
	int status;

	snprintf(url, sizeof url,
	    aflag && strchr(aflag, ':') ? "HF_ENDPOINT_URL=http://[%s]:%u"
					: "HF_ENDPOINT_URL=http://%s:%u",
	    aflag ? aflag : "127.0.0.1", vp_server_port(server));
	if (fresh)
		strcat(key, token);
	if (vp_tasks_start(&tasks, &model, jflag ? jflag : processors()))
		vp_die(VP_EX_INTERNAL, "starting a thread:");
	errno = pthread_create(&reader, NULL, read_requests, NULL);
	if (errno)
		vp_die(VP_EX_INTERNAL, "starting a thread:");
	status = vp_server_run(command, env);
	vp_server_stop(server);
	pthread_join(reader, NULL);
	vp_tasks_stop(&tasks);
	vp_server_free(server);
	vp_model_close(&model);
	vp_words_free(&words);
	vp_buf_free(&text);
	free(name);
	return status;
}

int
main(int argc, char *argv[])
{
	const char *folder;
	bool fresh, parted;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'a':
			aflag = optarg;
			break;
		case 'j':
			jflag = (size_t)vp_arg_number(c, 1, 256);
			break;
		case NAME_OPTION:
			free(name);
			name = vp_strdup(optarg);
			break;
		case 'p':
			pflag = (uint16_t)vp_arg_number(c, 0, 65535);
			break;
		case MAX_BATCH_OPTION:
			max_batch = (size_t)vp_arg_number(c, 1, 1000000);
			break;
		case MAX_BODY_OPTION:
			max_body = (size_t)vp_arg_bytes(c, 1, (uint64_t)1 << 32);
			break;
		case MAX_QUEUE_OPTION:
			max_queue = (size_t)vp_arg_number(c, 1, 1000000);
			break;
		case PRECISION_OPTION:
			float32 = strcmp(optarg, "f32") == 0;
			if (!float32 && strcmp(optarg, "int16") != 0)
				vp_usage("--precision %s: want int16 or f32", optarg);
			break;
		}
	parted =
	    strcmp(argv[optind - 1], "--") == 0; /* where getopt leaves it, before all operands */
	if (optind == argc)
		vp_operands(argc, 1);
	folder = argv[optind++];
	if (optind < argc && !parted) /* POSIXLY_CORRECT: it stands where it was written */
		parted = strcmp(argv[optind], "--") == 0 && optind++;
	if (optind < argc && !parted)
		vp_usage("%s: want -- between the model and the command", argv[optind]);
	vp_server_block_signals();
	fresh = choose_token();
	open_model(folder);
	start_server();
	return serve(argv + optind, fresh);
}
