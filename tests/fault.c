/* fault: a Hugging Face endpoint and a Pinecone on one port, for tests: it misbehaves when told to, and
 * counts everything
 *
 *	fault [--dim 768] [--shape toolkit|tei|openai] [--fault SPEC]... [--log FILE] ...
 *
 * listens on 127.0.0.1, prints `port N` and `seed S`, a line each, and serves until SIGTERM, SIGINT, the
 * end of its lifetime, or (--until-eof) the end of standard input. `fault -h` lists the options. A thread
 * for each connection, blocking calls only: a connection that hangs or dribbles holds up nobody.
 *
 * WHAT IT PLAYS. POST / is an endpoint of --shape; /toolkit, /tei and /openai in front of a path choose
 * the shape for that request, and so do /predict, /embed and /v1/embeddings. GET /info, /health, /ping
 * and / as the shape has them. Pinecone's control plane is /indexes; the data plane of index NAME is
 * below /NAME, which is the host that the control plane names; without /NAME it is the first index.
 * Upsert, query, stats, list, fetch, delete and update do the work ($eq filters only), with Pinecone's limits
 * of 1000 records and 2 MiB for an upsert. TEI's limit is --max-batch, 32 as in TEI itself.
 *
 * A VECTOR TELLS ITS TEXT. With h the 64-bit FNV-1a hash of the decoded text, stirred by SplitMix64's
 * finisher (or like texts would have nearly the same vector), values[0] is the upper 24 bits of h and
 * values[1] the next 24: integers, exact in a float32. All other values follow from h too, so an
 * upserted vector can be compared with the one that was sent, byte for byte.
 *
 * RULES. --fault SPEC, or lines of a --script file (blank lines and # comments are passed over):
 *
 *	KIND:WHEN:ACTION[,ACTION]...
 *
 * KIND  embed info health create describe indexes drop upsert query stats list fetch delete update other;
 *       hf, control, data: the groups of these; or *
 * WHEN  terms parted by commas. N: the Nth request that the rule matches, from 1; *: each one; p=P: each
 *       with probability P; contains=TEXT: match only requests with TEXT in the raw body. TEXT holds
 *       neither , nor :
 * ACTION
 *   times=N  every=N           go on for N applications; apply to each Nth (the Nth first, if WHEN is *)
 *   status=CODE                refuse, in the words that the service has for it
 *   body=NAME                  in these words: paused toolkit empty unauthorized forbidden notfound
 *                              large tokenizer backend overloaded throttled plain html asleep unhealthy
 *                              none; brings its own status unless there is one
 *   max-batch=N                refuse more than N texts or records: 422 (tei, openai), 413 (toolkit),
 *                              400 (upsert), unless status= says otherwise
 *   max-bytes=N                refuse a longer request body: 413, upsert 400
 *   max-length=N               refuse a batch with a text of N bytes or more: 422, toolkit 400
 *   redirect=URL               307 to URL
 *   retry-after=S              add that header
 *   delay=MS                   be slow before answering
 *   early                      act before the request's body is read
 *   reset                      reset the connection, do no work
 *   lost                       do the work, then reset instead of answering
 *   hang                       never answer
 *   cut  cut-chunked           close half way through the body
 *   slow[=MS]                  a byte of the body each MS (1000)
 *   chunked  close             legal: in chunks; Connection: close after the answer
 *   hugeheader[=BYTES]         a header of that length (1 MiB)
 *   hugebody[=BYTES]           white space behind the answer up to that length (1 GiB)
 *   empty  notjson             200 without a body; 200 with half a document
 *   count=N                    N vectors more than texts (-1: one fewer)
 *   dim=K  nan[=TOKEN]         the last vector has K values; its last value is TOKEN (NaN)
 *   shuffle                    legal: openai items in reverse order; nothing in other shapes
 *   shortcount                 upsert: drop the last record and count one less
 *   state=NAME                 describe: index not ready, in that state
 *
 * The first rule that applies wins; all that match count the request. Keys and tokens are checked, and
 * --rate too, before a rule refuses.
 *
 * AUDIT. GET /audit is one JSON object; requests below /audit are never counted, delayed or failed.
 *   connections, requests{KIND}, total, statuses{"200",..,"none"}, bytes_in, bytes_out, max_concurrent,
 *   max_concurrent_of{KIND}: requests between their head's arrival and the start of the answer
 *   embedded{texts, distinct, max}: answers in full to a text, texts with one, most for one text
 *   upserted{requests, acknowledged, written, distinct, duplicates, mismatched, altered, textless,
 *   unknown_members}: requests answered 200, records in their counts; writes, live records, writes over
 *   a live record; values that belong to another text than metadata.text, that belong to it but are not
 *   the bytes sent, or that can't be told; members of records that the API does not know
 *   rules[{spec, seen, applied}]
 * GET /audit/ids: the live ids, a line each, in order of arrival. GET /audit/texts: a line
 * {"text","embedded","upserted"} for each text. --log FILE: a line for each request, written before the
 * answer: n, at_ms (since start), connection, kind, method, path (with query), headers (names in lower
 * case), head (as it came), body (up to 64 KiB; null if not read), body_bytes, status (0: none), rule. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "err.h"
#include "json.h"
#include "opt.h"

#define HEAD_MAX (64 * 1024)         /* bytes of a request's head */
#define BODY_MAX (256 * 1024 * 1024) /* bytes of a request's body */
#define LOG_BODY_MAX (64 * 1024)     /* bytes of a body in the log */
#define UPSERT_RECORDS_MAX 1000      /* Pinecone's limits for one upsert */
#define UPSERT_BYTES_MAX (2 * 1024 * 1024)
#define STARTS 1024 /* where a vector can begin in the table of numbers */

enum kind {
	/* hf */
	EMBED,
	INFO,
	HEALTH,
	/* control */
	CREATE,
	DESCRIBE,
	INDEXES,
	DROP,
	/* data */
	UPSERT,
	QUERY,
	STATS,
	LIST,
	FETCH,
	DELETE,
	UPDATE,

	OTHER,
	KINDS,
	AUDIT = KINDS /* not counted */
};
static const char *const kind_names[KINDS] = {"embed", "info", "health", "create", "describe",
    "indexes", "drop", "upsert", "query", "stats", "list", "fetch", "delete", "update", "other"};
#define BITS(from, to) ((2u << (to)) - (1u << (from)))
static const struct {
	const char *name;
	unsigned kinds;
} groups[] = {{"hf", BITS(EMBED, HEALTH)}, {"control", BITS(CREATE, DROP)},
    {"data", BITS(UPSERT, UPDATE)}, {"*", BITS(EMBED, OTHER)}};

enum shape { TOOLKIT, TEI, OPENAI };
static const char *const shape_names[] = {"toolkit", "tei", "openai", NULL};

/* What becomes of the answer. */
enum how { ANSWER, RESET, HANG, CUT, CUT_CHUNKED, CHUNKED, SLOW, CLOSE, HUGE_HEADER, HUGE_BODY };

/* How a refusal is written: by the proxy in front of an endpoint, by TEI (with an error word), by the
 * toolkit, by Pinecone; as plain text or HTML, as load balancers do; or not at all. */
enum form { PROXY, WORD, BARE, PINECONE, TEXT, HTML, NOTHING };

#define ANY (1u << TOOLKIT | 1u << TEI | 1u << OPENAI)
#define TEIS (1u << TEI | 1u << OPENAI)
static const struct refusal {
	const char *name;
	int status;
	unsigned shapes; /* that use it when only the status is given */
	enum form form;
	const char *word, *text;
} refusals[] = {
    {"paused", 400, 0, PROXY, "BAD_REQUEST",
	"Bad Request: The endpoint is paused, ask a maintainer to restart it"},
    {"toolkit", 400, 1u << TOOLKIT, BARE, NULL, "index out of range in self"},
    {"empty", 400, TEIS, WORD, "Empty", "`inputs` cannot be empty"},
    {"unauthorized", 401, ANY, PROXY, "UNAUTHORIZED", "401 Unauthorized"},
    {"forbidden", 403, ANY, PROXY, "FORBIDDEN", "403 Forbidden"},
    {"notfound", 404, ANY, PROXY, "NOT_FOUND", "404 Not Found"},
    {"large", 413, ANY, TEXT, NULL, "Failed to buffer the request body: length limit exceeded"},
    {"tokenizer", 422, ANY, WORD, "Tokenizer", "Tokenizer error: the input cannot be tokenized"},
    {"backend", 424, ANY, WORD, "Backend", "Backend error: out of memory"},
    {"overloaded", 429, TEIS, WORD, "Overloaded", "Model is overloaded"},
    {"throttled", 429, 1u << TOOLKIT, PROXY, "TOO_MANY_REQUESTS", "429 Too Many Requests"},
    {"plain", 500, ANY, TEXT, NULL, "Internal Server Error"},
    {"html", 502, ANY, HTML, NULL, "502 Bad Gateway"},
    {"html", 504, ANY, HTML, NULL, "504 Gateway Time-out"},
    {"asleep", 503, ANY, PROXY, "SERVICE_UNAVAILABLE", "503 Service Unavailable"},
    {"unhealthy", 503, 0, WORD, "Unhealthy", "unhealthy"},
    {"none", 401, 0, NOTHING, NULL, NULL},
};

/* Reason phrases; Pinecone's error word, gRPC number and a text for each. */
static const struct status {
	int status;
	const char *reason, *word;
	int code;
	const char *text;
} statuses[] = {
    {200, "OK", "OK", 0, ""},
    {201, "Created", "OK", 0, ""},
    {202, "Accepted", "OK", 0, ""},
    {307, "Temporary Redirect", "UNKNOWN", 2, "Moved"},
    {400, "Bad Request", "INVALID_ARGUMENT", 3, "The request is not valid."},
    {401, "Unauthorized", "UNAUTHENTICATED", 16, "Invalid API key."},
    {403, "Forbidden", "FORBIDDEN", 7, "This API key may not do that."},
    {404, "Not Found", "NOT_FOUND", 5, "Resource not found"},
    {408, "Request Timeout", "DEADLINE_EXCEEDED", 4, "The request took too long."},
    {409, "Conflict", "ALREADY_EXISTS", 6, "Resource already exists."},
    {413, "Payload Too Large", "INVALID_ARGUMENT", 11, "The request is too large."},
    {415, "Unsupported Media Type", "INVALID_ARGUMENT", 3, "Unsupported media type."},
    {422, "Unprocessable Entity", "UNPROCESSABLE_ENTITY", 3, "The request can't be read."},
    {424, "Failed Dependency", "UNKNOWN", 2, "Failed dependency."},
    {429, "Too Many Requests", "RESOURCE_EXHAUSTED", 8, "Too many requests: write fewer a second."},
    {500, "Internal Server Error", "UNKNOWN", 2, "Internal error."},
    {502, "Bad Gateway", "UNAVAILABLE", 14, "Bad gateway."},
    {503, "Service Unavailable", "UNAVAILABLE", 14, "Service unavailable."},
    {504, "Gateway Timeout", "DEADLINE_EXCEEDED", 4, "Upstream timed out."},
};

struct rule {
	char *spec, *text;    /* as given; a copy in parts, that the strings below point into */
	unsigned kinds;       /* bit set of enum kind */
	const char *contains; /* NULL: any body */
	size_t first;         /* WHEN N; 0 is * */
	double chance;        /* WHEN p=; 0: always */
	size_t times, every;  /* 0: not given; add_rule sets what that means */
	size_t status;        /* 0: do not refuse */
	const char *body;     /* name of a refusal */
	size_t max_batch, max_bytes, max_length;
	const char *redirect, *retry_after, *nan, *state;
	size_t delay_ms, dim, how_arg;
	long count;
	bool early, lost, empty, notjson, has_dim, shuffle, shortcount, samepage;
	enum how how;
	size_t seen, applied; /* under lock */
};

static const struct action {
	const char *name;
	enum { NUMBER, SIGNED, STRING, STRING_OR, FLAG, HOW } type;
	size_t at; /* offset of the member in struct rule */
	enum how how;
	const char *value; /* STRING_OR, HOW: where none is given */
} actions[] = {
    {"times", NUMBER, offsetof(struct rule, times), 0, NULL},
    {"every", NUMBER, offsetof(struct rule, every), 0, NULL},
    {"status", NUMBER, offsetof(struct rule, status), 0, NULL},
    {"body", STRING, offsetof(struct rule, body), 0, NULL},
    {"max-batch", NUMBER, offsetof(struct rule, max_batch), 0, NULL},
    {"max-bytes", NUMBER, offsetof(struct rule, max_bytes), 0, NULL},
    {"max-length", NUMBER, offsetof(struct rule, max_length), 0, NULL},
    {"redirect", STRING, offsetof(struct rule, redirect), 0, NULL},
    {"retry-after", STRING, offsetof(struct rule, retry_after), 0, NULL},
    {"delay", NUMBER, offsetof(struct rule, delay_ms), 0, NULL},
    {"early", FLAG, offsetof(struct rule, early), 0, NULL},
    {"lost", FLAG, offsetof(struct rule, lost), 0, NULL},
    {"empty", FLAG, offsetof(struct rule, empty), 0, NULL},
    {"notjson", FLAG, offsetof(struct rule, notjson), 0, NULL},
    {"count", SIGNED, offsetof(struct rule, count), 0, NULL},
    {"dim", NUMBER, offsetof(struct rule, dim), 0, NULL},
    {"nan", STRING_OR, offsetof(struct rule, nan), 0, "NaN"},
    {"shuffle", FLAG, offsetof(struct rule, shuffle), 0, NULL},
    {"shortcount", FLAG, offsetof(struct rule, shortcount), 0, NULL},
    {"state", STRING, offsetof(struct rule, state), 0, NULL},
    {"samepage", FLAG, offsetof(struct rule, samepage), 0, NULL},
    {"reset", HOW, 0, RESET, NULL},
    {"hang", HOW, 0, HANG, NULL},
    {"cut", HOW, 0, CUT, NULL},
    {"cut-chunked", HOW, 0, CUT_CHUNKED, NULL},
    {"chunked", HOW, 0, CHUNKED, NULL},
    {"close", HOW, 0, CLOSE, NULL},
    {"slow", HOW, 0, SLOW, "1000"},
    {"hugeheader", HOW, 0, HUGE_HEADER, "1048576"},
    {"hugebody", HOW, 0, HUGE_BODY, "1073741824"},
};

/* What a map holds: every item begins with one of these. */
struct item {
	char *key; /* owned, with a NUL behind it */
	size_t n;
	uint64_t hash;
};

/* Items by key, and in order of arrival; none ever goes. */
struct map {
	struct item **slots, **all;
	size_t cap, n;
};

struct text {
	struct item item;          /* the key is the text */
	size_t embedded, upserted; /* full answers to it; records written with it */
};

struct index {
	char *name, *metric, *spec; /* spec: JSON as it came */
	size_t dim, describes, ready_after;
	bool gone;
};

struct record {
	struct item item; /* the key is index, NUL, namespace, NUL, id */
	struct index *index;
	const char *space, *id;  /* in the key */
	char *sparse, *metadata; /* JSON as it came; NULL where there was none */
	char *values;            /* the same; NULL where the hash makes them anew */
	uint64_t hash;           /* of metadata.text */
	bool live;
};

struct header {
	struct vp_span name, value;
};

/* A text to embed, or a record to store. */
struct part {
	struct vp_span id, values, sparse, metadata; /* in the request's body */
	size_t text, n; /* offset and bytes of the text in conn.texts */
	uint64_t hash;  /* of the text */
	size_t n_values;
	bool has_text;
	bool own, same; /* the values belong to the text; and are the bytes that were sent */
};

struct conn {
	int fd;
	size_t id;
	char window[64 * 1024]; /* read, but not used yet: from at to have */
	size_t at, have;
	struct vp_buf head, body, texts, out, extra, scratch, key;

	/* the request */
	size_t n;       /* number of the request, from 1 */
	uint64_t at_ms; /* when its head had arrived, since start */
	struct vp_span method, target, path, query;
	struct header headers[100];
	size_t n_headers;
	enum kind kind;
	enum shape shape;
	struct vp_span name;           /* of the index */
	bool close, body_read, single; /* single: one text that is no array */
	struct part *parts;
	size_t n_parts, cap_parts, longest;
	struct vp_span space; /* namespace of an upsert */

	/* the answer: body in out, further headers in extra */
	int status; /* 0: none yet */
	const char *type;
};

/* --answer */
struct scripted {
	char *call; /* `METHOD TARGET` */
	int status;
	char *body;
	bool used;
};

enum {
	DIM = 256,
	SHAPE,
	DIGITS,
	MAX_BATCH,
	INDEX,
	READY_AFTER,
	TOKEN,
	API_KEY,
	DELAY,
	WORKERS,
	RATE,
	RETRY_AFTER,
	FAULT,
	SCRIPTED,
	SCRIPT,
	SEED,
	LOG,
	UNTIL_EOF,
	LIFETIME
};

static uint64_t port, dim = 8, max_batch = 32, ready_after, delay_ms, workers, rate, seed;
static uint64_t lifetime_ms = 300000, start_ms;
static size_t n_rules, n_indexes;
static enum shape default_shape = TOOLKIT;
static const char *token, *api_key, *retry_after;
static bool long_digits, until_eof;
static FILE *log_file;
static struct rule **rules;
static struct index **indexes;
static struct scripted **scripted; /* [n_scripted] */
static size_t n_scripted;
static sem_t gate; /* --workers */

/* The numbers of all vectors, as text and as values: number i is text[number_at[i]] up to the comma
 * before number_at[i + 1]. A vector is a slice, so that writing one is a copy. */
static char *numbers;
static size_t *number_at;
static float *number_value;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* for all below, and for rules and indexes */
static struct map texts, records;
static size_t n_connections, n_requests, by_kind[KINDS], by_status[600], in_hand, in_hand_max;
static size_t in_hand_of[KINDS], in_hand_max_of[KINDS];
static size_t upserts, acknowledged, written, duplicates, mismatched, altered, textless,
    unknown_members;
static double rate_left;
static uint64_t rate_at_ms;
static _Atomic uint64_t bytes_in, bytes_out;

/* --- hashing and maps --- */

/* 64-bit FNV-1a. */
static uint64_t
fnv(struct vp_span s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.s[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* SplitMix64's finisher: a random number for each x. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void
map_grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 1024;

	m->all = vp_realloc(m->all, cap / 2, sizeof *m->all);
	free(m->slots);
	m->slots = vp_zalloc(cap, sizeof *m->slots);
	m->cap = cap;
	for (size_t i = 0; i < m->n; i++) {
		size_t at = m->all[i]->hash & (cap - 1);
		while (m->slots[at])
			at = (at + 1) & (cap - 1);
		m->slots[at] = m->all[i];
	}
}

/* The item under key; where there is none, a new one of size bytes, all zero but its key, or NULL if size
 * is 0. */
static void *
map_get(struct map *m, struct vp_span key, size_t size)
{
	uint64_t hash = fnv(key);
	struct item *item;
	size_t at;

	if (m->n >= m->cap / 2)
		map_grow(m);
	for (at = hash & (m->cap - 1); (item = m->slots[at]); at = (at + 1) & (m->cap - 1))
		if (item->hash == hash && vp_span_eq((struct vp_span){item->key, item->n}, key))
			return item;
	if (!size)
		return NULL;
	item = vp_zalloc(1, size);
	item->key = vp_alloc(key.n + 1, 1);
	if (key.n)
		memcpy(item->key, key.s, key.n);
	item->key[key.n] = '\0';
	item->n = key.n;
	item->hash = hash;
	m->slots[at] = m->all[m->n++] = item;
	return item;
}

/* --- rules --- */

static _Noreturn void
bad_rule(const char *spec, const char *what, const char *part)
{
	vp_die(VP_EX_USAGE, "rule %s: %s %s: the form is KIND:WHEN:ACTION,..., see tests/fault.c",
	    spec, what, part);
}

static unsigned
parse_kinds(const char *spec, const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(name, kind_names[i]) == 0)
			return 1u << i;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strcmp(name, groups[i].name) == 0)
			return groups[i].kinds;
	bad_rule(spec, "no such kind:", name);
}

static void
parse_when(struct rule *r, char *terms)
{
	uint64_t n;
	char *save, *end;

	for (char *t = strtok_r(terms, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		if (strcmp(t, "*") == 0)
			continue;
		if (strncmp(t, "contains=", 9) == 0 && t[9]) {
			r->contains = t + 9;
		} else if (strncmp(t, "p=", 2) == 0) {
			r->chance = strtod(t + 2, &end);
			if (end == t + 2 || *end || !(r->chance > 0 && r->chance <= 1))
				bad_rule(r->spec, "want a probability above 0, up to 1:", t);
		} else if (vp_read_number(t, &n) == 0 && n > 0) {
			r->first = n;
		} else {
			bad_rule(r->spec, "want N, *, p=P or contains=TEXT, not", t);
		}
	}
}

static void
parse_action(struct rule *r, char *text)
{
	char *value = strchr(text, '='), *end;
	const struct action *a = actions, *last = actions + sizeof actions / sizeof *actions;
	void *at;
	uint64_t n;

	if (value)
		*value++ = '\0';
	while (a < last && strcmp(a->name, text) != 0)
		a++;
	if (a == last)
		bad_rule(r->spec, "no such action:", text);
	at = (char *)r + a->at;
	if (a->type == FLAG || (a->type == HOW && !a->value) ? value != NULL : !value && !a->value)
		bad_rule(r->spec, value ? "takes no value:" : "wants a value:", text);
	if (a->type == FLAG) {
		*(bool *)at = true;
	} else if (a->type == STRING || a->type == STRING_OR) {
		*(const char **)at = value ? value : a->value;
	} else if (a->type == SIGNED) {
		*(long *)at = strtol(value, &end, 10);
		if (end == value || *end)
			bad_rule(r->spec, "not a number:", value);
	} else if (a->type == NUMBER || a->value) {
		if (vp_read_number(value ? value : a->value, &n) || n > SIZE_MAX / 4)
			bad_rule(r->spec, "not a number:", value);
		*(size_t *)(a->type == NUMBER ? at : (void *)&r->how_arg) = n;
	}
	if (a->type == HOW)
		r->how = a->how;
	r->has_dim |= strcmp(text, "dim") == 0;
}

static const struct refusal *
find_refusal(const char *name, size_t status, enum shape shape)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const struct refusal *f = &refusals[i];
		if (name ? strcmp(f->name, name) == 0
			 : (size_t)f->status == status && f->shapes >> shape & 1)
			return f;
	}
	return NULL;
}

/* Whether the parts of a rule go together, as far as one action alone can't tell. */
static void
check_rule(const struct rule *r)
{
	if (r->early && (r->contains || r->max_batch || r->max_bytes || r->max_length))
		bad_rule(r->spec, "the body is not known with", "early");
	if (r->body && !find_refusal(r->body, 0, TOOLKIT))
		bad_rule(r->spec, "no such body:", r->body);
	if (r->status && (r->status < 200 || r->status > 599))
		bad_rule(r->spec, "want a status from 200 to 599:", "status");
	if (r->dim > 20000 || r->count < -100000 || r->count > 100000)
		bad_rule(r->spec, "out of range:", r->count ? "count" : "dim");
}

static void
add_rule(const char *spec)
{
	struct rule *r = vp_zalloc(1, sizeof *r);
	char *when, *what, *save;

	rules = vp_realloc(rules, n_rules + 1, sizeof(struct rule *));
	rules[n_rules++] = r;
	r->spec = vp_strdup(spec);
	r->text = vp_strdup(spec);
	when = strchr(r->text, ':');
	what = when ? strchr(when + 1, ':') : NULL;
	if (!what || !what[1])
		bad_rule(spec, "something is missing after", r->text);
	*when++ = *what++ = '\0';
	r->kinds = parse_kinds(spec, r->text);
	parse_when(r, when);
	for (char *t = strtok_r(what, ",", &save); t; t = strtok_r(NULL, ",", &save))
		parse_action(r, t);
	check_rule(r);
	if (r->lost)
		r->how = RESET;
	if (r->first && !r->every && !r->times && r->chance == 0)
		r->times = 1;
	if (!r->first)
		r->first = r->every ? r->every : 1;
}

/* --answer `METHOD TARGET STATUS BODY` */
static void
add_answer(const char *text)
{
	const char *target = strchr(text, ' '), *status = target ? strchr(target + 1, ' ') : NULL;
	struct scripted *a;
	char *body;

	a = vp_alloc(1, sizeof *a);
	scripted = vp_realloc(scripted, n_scripted + 1, sizeof(struct scripted *));
	scripted[n_scripted++] = a;
	*a = (struct scripted){.status = status ? (int)strtol(status + 1, &body, 10) : 0};
	if (a->status < 200 || a->status > 599 || *body != ' ')
		vp_die(VP_EX_USAGE, "--answer %s: want METHOD TARGET STATUS BODY", text);
	a->call = vp_strdup(text);
	a->call[status - text] = '\0';
	a->body = vp_strdup(body + 1);
}

static void
read_script(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f)
		vp_die(VP_EX_NOINPUT, "--script %s:", path);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (*line && *line != '#')
			add_rule(line);
	}
	free(line);
	fclose(f);
}

static bool
over_limit(const struct rule *r, const struct conn *c)
{
	return (!r->max_batch || c->n_parts > r->max_batch) &&
	       (!r->max_bytes || c->body.n > r->max_bytes) &&
	       (!r->max_length || c->longest >= r->max_length);
}

static bool
is_due(const struct rule *r, size_t number)
{
	if (r->seen < r->first || (r->times && r->applied >= r->times))
		return false;
	if (r->every && (r->seen - r->first) % r->every != 0)
		return false;
	return r->chance == 0 ||
	       ldexp((double)(mix(seed ^ mix(number << 32 ^ r->seen)) >> 11), -53) < r->chance;
}

/* The rule that applies to a request, or NULL: of those that act early, before its body is read, or of the
 * others. Counts the request for each rule that it matches. */
static const struct rule *
pick_rule(struct conn *c, bool early)
{
	struct rule *won = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_rules; i++) {
		struct rule *r = rules[i];
		if (r->early != early || !(r->kinds >> c->kind & 1) || !over_limit(r, c))
			continue;
		if (r->contains &&
		    (!c->body.n || !memmem(c->body.s, c->body.n, r->contains, strlen(r->contains))))
			continue;
		r->seen++;
		if (!won && is_due(r, i)) {
			r->applied++;
			won = r;
		}
	}
	pthread_mutex_unlock(&lock);
	return won;
}

/* Whether a rule keeps the client from getting a right and whole answer. */
static bool
spoils(const struct rule *r)
{
	return r && (r->how == RESET || r->how == HANG || r->how == CUT || r->how == CUT_CHUNKED ||
			r->how == HUGE_HEADER || r->how == HUGE_BODY || r->empty || r->notjson ||
			r->count || r->has_dim || r->nan || r->shortcount);
}

static bool
refuses(const struct rule *r)
{
	return r && (r->status || r->body || r->redirect || r->max_batch || r->max_bytes ||
			r->max_length);
}

/* --- vectors --- */

static void
make_numbers(void)
{
	size_t most = dim, n;
	struct vp_buf b = {0};

	for (size_t i = 0; i < n_rules; i++)
		most = rules[i]->dim > most ? rules[i]->dim : most;
	n = STARTS + most;
	number_at = vp_alloc(n + 1, sizeof *number_at);
	number_value = vp_alloc(n, sizeof *number_value);
	for (size_t i = 0; i < n; i++) {
		float f = (float)ldexp((double)(int64_t)mix(i), -66); /* -1/8 to 1/8 */
		char s[32];

		/* the shortest text that reads back as the float, as TEI writes it; or the float's own value
		 * as a double, as the toolkit does */
		for (int digits = long_digits ? 17 : 6; digits <= 17; digits++) {
			snprintf(s, sizeof s, "%.*g", digits, (double)f);
			if (strtof(s, NULL) == f)
				break;
		}
		number_at[i] = b.n;
		number_value[i] = f;
		vp_buf_printf(&b, "%s,", s);
	}
	number_at[n] = b.n;
	numbers = vp_buf_take(&b, NULL);
}

static unsigned
first_value(uint64_t hash)
{
	return (unsigned)(hash >> 40);
}

static unsigned
second_value(uint64_t hash)
{
	return (unsigned)(hash >> 16 & 0xffffff);
}

/* Append the vector of n values of a hash; last, if given, stands in place of the last value. */
static void
put_vector(struct vp_buf *out, uint64_t hash, size_t n, const char *last)
{
	size_t start = hash % STARTS, n_last = last && n > 2 ? 1 : 0;

	if (n < 2)
		vp_buf_printf(out, n ? "[%u]" : "[]", first_value(hash));
	else
		vp_buf_printf(out, "[%u,%u,", first_value(hash), second_value(hash));
	if (n < 2)
		return;
	vp_buf_add(
	    out, numbers + number_at[start], number_at[start + n - 2 - n_last] - number_at[start]);
	if (n_last)
		vp_buf_puts(out, last);
	else
		out->n--; /* the comma */
	vp_buf_putc(out, ']');
}

/* --- refusals --- */

static const struct status *
status_of(int status)
{
	static const struct status unknown = {0, "Unknown", "UNKNOWN", 2, "Unknown."};

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].status == status)
			return &statuses[i];
	return &unknown;
}

/* Make the answer a refusal. The form PINECONE takes its word from the status. */
static void VP_PRINTF(5, 6)
    refuse(struct conn *c, int status, enum form form, const char *word, const char *format, ...)
{
	struct vp_buf *out = &c->out, text = {0};
	va_list ap;

	text.s = vp_alloc(1024, 1);
	va_start(ap, format);
	vsnprintf(text.s, 1024, format, ap);
	va_end(ap);
	text.n = strlen(text.s);
	c->status = status;
	c->type = form == HTML ? "text/html" : form == TEXT ? "text/plain" : "application/json";
	out->n = 0;
	if (form == TEXT) {
		vp_buf_span(out, vp_buf_get(&text));
	} else if (form == HTML) {
		vp_buf_printf(out,
		    "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></"
		    "center>\r\n"
		    "</body>\r\n</html>\r\n",
		    text.s, text.s);
	} else if (form == PINECONE && c->kind >= CREATE && c->kind <= DROP) {
		vp_buf_printf(
		    out, "{\"error\":{\"code\":\"%s\",\"message\":", status_of(status)->word);
		vp_json_quote(out, vp_buf_get(&text));
		vp_buf_printf(out, "},\"status\":%d}", status);
	} else if (form == PINECONE) {
		vp_buf_printf(out, "{\"code\":%d,\"message\":", status_of(status)->code);
		vp_json_quote(out, vp_buf_get(&text));
		vp_buf_puts(out, ",\"details\":[]}");
	} else if (form != NOTHING) {
		bool message = form == WORD && c->shape == OPENAI;

		vp_buf_puts(out, message ? "{\"message\":" : "{\"error\":");
		vp_json_quote(out, vp_buf_get(&text));
		if (message)
			vp_buf_printf(out, ",\"code\":%d,\"type\":\"%s\"", status, word);
		else if (form == PROXY || form == WORD)
			vp_buf_printf(
			    out, ",\"%s\":\"%s\"", form == PROXY ? "code" : "error_type", word);
		vp_buf_putc(out, '}');
	}
	vp_buf_free(&text);
}

static bool
is_hf(const struct conn *c)
{
	return c->kind <= HEALTH;
}

/* Refuse with a status alone, or with a named body and perhaps a status. */
static void
refuse_by_status(struct conn *c, size_t status, const char *name)
{
	const struct refusal *f = name || is_hf(c) ? find_refusal(name, status, c->shape) : NULL;

	if (f)
		refuse(c, status ? (int)status : f->status, f->form, f->word, "%s",
		    f->text ? f->text : "");
	else if (is_hf(c))
		refuse(c, (int)status, TEXT, NULL, "%s", status_of((int)status)->reason);
	else
		refuse(c, (int)status, PINECONE, NULL, "%s", status_of((int)status)->text);
}

static void
refuse_batch(struct conn *c, size_t status, size_t limit)
{
	if (!is_hf(c))
		refuse(c, status ? (int)status : 400, PINECONE, NULL,
		    "Cannot upsert %zu vectors: at most %zu are allowed in one request", c->n_parts,
		    limit);
	else if (c->shape == TOOLKIT)
		refuse_by_status(c, status ? status : 413, NULL);
	else
		refuse(c, status ? (int)status : 422, WORD, "Validation",
		    "batch size %zu > maximum allowed batch size %zu", c->n_parts, limit);
}

static void
refuse_bytes(struct conn *c, size_t status, size_t limit)
{
	if (is_hf(c)) {
		refuse_by_status(c, status ? status : 413, NULL);
		return;
	}
	/* the body of a 413 carries gRPC's OUT_OF_RANGE, but Pinecone's status for it is 400 */
	refuse(c, 413, PINECONE, NULL,
	    "Error, message length too large: found %zu bytes, the limit is: %zu bytes", c->body.n,
	    limit);
	c->status = status ? (int)status : 400;
}

static void
refuse_length(struct conn *c, size_t status, size_t limit)
{
	enum form form = !is_hf(c) ? PINECONE : c->shape == TOOLKIT ? BARE : WORD;

	refuse(c,
	    status         ? (int)status
	    : form == WORD ? 422
			   : 400,
	    form, "Validation",
	    "Input validation error: `inputs` must have less than %zu tokens. Given: %zu", limit,
	    c->longest);
}

static void
refuse_by_rule(struct conn *c, const struct rule *r)
{
	if (r->redirect) {
		refuse(c, r->status ? (int)r->status : 307, TEXT, NULL, "%s", "");
		vp_buf_printf(&c->extra, "Location: %s\r\n", r->redirect);
	} else if (r->body || !(r->max_batch || r->max_bytes || r->max_length)) {
		refuse_by_status(c, r->status, r->body);
	} else if (r->max_batch) {
		refuse_batch(c, r->status, r->max_batch);
	} else if (r->max_bytes) {
		refuse_bytes(c, r->status, r->max_bytes);
	} else {
		refuse_length(c, r->status, r->max_length);
	}
}

/* --- reading a request --- */

static bool
fill(struct conn *c)
{
	ssize_t n;

	do
		n = recv(c->fd, c->window, sizeof c->window, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	c->at = 0;
	c->have = (size_t)n;
	bytes_in += (uint64_t)n;
	return true;
}

/* Append a line with its LF. False at the end of the stream, or if out would pass HEAD_MAX. */
static bool
read_line(struct conn *c, struct vp_buf *out)
{
	for (;;) {
		char *from, *lf;
		size_t n;

		if (c->at == c->have && !fill(c))
			return false;
		from = c->window + c->at;
		lf = memchr(from, '\n', c->have - c->at);
		n = lf ? (size_t)(lf - from) + 1 : c->have - c->at;
		if (out->n + n > HEAD_MAX)
			return false;
		vp_buf_add(out, from, n);
		c->at += n;
		if (lf)
			return true;
	}
}

static bool
read_bytes(struct conn *c, struct vp_buf *out, size_t n)
{
	size_t there = c->have - c->at < n ? c->have - c->at : n;

	if (n > BODY_MAX || out->n > BODY_MAX - n)
		return false;
	vp_buf_room(out, n);
	vp_buf_add(out, c->window + c->at, there);
	c->at += there;
	for (n -= there; n > 0;) {
		ssize_t got = recv(c->fd, out->s + out->n, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out->n += (size_t)got;
		n -= (size_t)got;
		bytes_in += (uint64_t)got;
	}
	return true;
}

static struct vp_span
trim(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && strchr(" \t\r\n", to[-1]))
		to--;
	return (struct vp_span){from, (size_t)(to - from)};
}

static bool
parse_head(struct conn *c)
{
	const char *p = c->head.s, *end = p + c->head.n, *lf = memchr(p, '\n', c->head.n), *space,
		   *mark;

	space = memchr(p, ' ', (size_t)(lf - p));
	if (!space)
		return false;
	c->method = (struct vp_span){p, (size_t)(space - p)};
	p = space + 1;
	space = memchr(p, ' ', (size_t)(lf - p));
	if (!space || lf - space < 9 || memcmp(space, " HTTP/1.", 8) != 0 || *p != '/')
		return false;
	c->close = space[8] == '0';
	c->target = (struct vp_span){p, (size_t)(space - p)};
	mark = memchr(p, '?', c->target.n);
	c->path = (struct vp_span){p, mark ? (size_t)(mark - p) : c->target.n};
	c->query =
	    mark ? (struct vp_span){mark + 1, (size_t)(space - mark) - 1} : (struct vp_span){"", 0};
	c->n_headers = 0;
	for (p = lf + 1; p < end; p = lf + 1) {
		const char *colon;

		lf = memchr(p, '\n', (size_t)(end - p));
		if (trim(p, lf).n == 0)
			break;
		colon = memchr(p, ':', (size_t)(lf - p));
		if (!colon || c->n_headers == sizeof c->headers / sizeof *c->headers)
			return false;
		c->headers[c->n_headers++] = (struct header){trim(p, colon), trim(colon + 1, lf)};
	}
	return true;
}

/* The value of a header, or an empty span. */
static struct vp_span
header(const struct conn *c, const char *name)
{
	for (size_t i = 0; i < c->n_headers; i++)
		if (c->headers[i].name.n == strlen(name) &&
		    strncasecmp(c->headers[i].name.s, name, c->headers[i].name.n) == 0)
			return c->headers[i].value;
	return (struct vp_span){"", 0};
}

static bool
send_all(struct conn *c, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(c->fd, s, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes_out += (uint64_t)sent;
		s += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool
read_chunks(struct conn *c)
{
	struct vp_buf *line = &c->scratch;

	for (;;) {
		char *end;
		unsigned long n;

		line->n = 0;
		if (!read_line(c, line))
			return false;
		n = strtoul(vp_buf_cstr(line), &end, 16);
		if (end == line->s || !strchr(" ;\r\n", *end))
			return false;
		if (n == 0)
			break;
		line->n = 0;
		if (!read_bytes(c, &c->body, n) || !read_line(c, line) || line->n > 2)
			return false;
	}
	do /* trailer */
		line->n = 0;
	while (read_line(c, line) && line->n > 2);
	return line->n > 0 && line->n <= 2;
}

static bool
read_body(struct conn *c)
{
	struct vp_span length = header(c, "content-length"),
		       coding = header(c, "transfer-encoding");
	char digits[24], *end;
	unsigned long n = 0;

	if (header(c, "expect").n && !send_all(c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
		return false;
	if (coding.n) {
		c->body_read =
		    coding.n == 7 && strncasecmp(coding.s, "chunked", 7) == 0 && read_chunks(c);
		return c->body_read;
	}
	if (length.n) {
		if (length.n >= sizeof digits)
			return false;
		memcpy(digits, length.s, length.n);
		digits[length.n] = '\0';
		n = strtoul(digits, &end, 10);
		if (*end || *digits == '-')
			return false;
	}
	c->body_read = read_bytes(c, &c->body, n);
	return c->body_read;
}

/* A parameter of the query, percent-decoded into out: the one after skip others of that name. */
static bool
parameter(const struct conn *c, const char *name, size_t skip, struct vp_buf *out)
{
	const char *p = c->query.s, *end = p + c->query.n, *next;
	size_t n = strlen(name);

	out->n = 0;
	for (; p < end; p = next + 1) {
		next = memchr(p, '&', (size_t)(end - p));
		next = next ? next : end;
		if ((size_t)(next - p) <= n || p[n] != '=' || memcmp(p, name, n) != 0 || skip-- > 0)
			continue;
		for (p += n + 1; p < next; p++) {
			unsigned byte;

			if (*p == '%' && next - p > 2 && sscanf(p + 1, "%2x", &byte) == 1) {
				vp_buf_putc(out, (char)byte);
				p += 2;
			} else {
				vp_buf_putc(out, *p == '+' ? ' ' : *p);
			}
		}
		return true;
	}
	return false;
}

/* --- which service, which call --- */

static bool
ends_with(struct vp_span s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n >= n && memcmp(s.s + s.n - n, tail, n) == 0;
}

static bool
begins_with(struct vp_span s, const char *start)
{
	size_t n = strlen(start);

	return s.n >= n && memcmp(s.s, start, n) == 0;
}

static const struct route {
	const char *method, *tail;
	enum kind kind;
	int shape; /* that the path stands for; -1: as the front of the path, or --shape, says */
} routes[] = {
    {"POST", "/embed", EMBED, TEI},
    {"POST", "/embeddings", EMBED, OPENAI},
    {"POST", "/predict", EMBED, TOOLKIT},
    {"GET", "/info", INFO, -1},
    {"GET", "/health", HEALTH, -1},
    {"GET", "/ping", HEALTH, -1},
    {"POST", "/vectors/upsert", UPSERT, -1},
    {"POST", "/query", QUERY, -1},
    {"POST", "/describe_index_stats", STATS, -1},
    {"GET", "/vectors/list", LIST, -1},
    {"GET", "/vectors/fetch", FETCH, -1},
    {"POST", "/vectors/fetch_by_metadata", FETCH, -1},
    {"POST", "/vectors/delete", DELETE, -1},
    {"POST", "/vectors/update", UPDATE, -1},
};

/* Sets kind and shape, and for the data plane and one index, its name. */
static void
route(struct conn *c)
{
	struct vp_span path = c->path;
	bool get = vp_span_is(c->method, "GET"), post = vp_span_is(c->method, "POST");

	c->kind = OTHER;
	c->shape = default_shape;
	c->name = (struct vp_span){"", 0};
	if (begins_with(path, "/audit")) {
		c->kind = AUDIT;
		return;
	}
	if (vp_span_is(path, "/indexes")) {
		c->kind = get ? INDEXES : post ? CREATE : OTHER;
		return;
	}
	if (begins_with(path, "/indexes/")) {
		c->kind = get ? DESCRIBE : vp_span_is(c->method, "DELETE") ? DROP : OTHER;
		c->name = (struct vp_span){path.s + 9, path.n - 9};
		return;
	}
	for (int i = TOOLKIT; i <= OPENAI; i++) {
		size_t n = strlen(shape_names[i]) + 1;
		if (begins_with((struct vp_span){path.s + 1, path.n - 1}, shape_names[i]) &&
		    (path.n == n || path.s[n] == '/')) {
			c->shape = (enum shape)i;
			path = (struct vp_span){path.s + n, path.n - n};
			break;
		}
	}
	if (path.n <= 1) {
		c->kind = post ? EMBED : get ? HEALTH : OTHER;
		return;
	}
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		const struct route *r = &routes[i];
		size_t n = strlen(r->tail);
		if (!vp_span_is(c->method, r->method) || !ends_with(path, r->tail))
			continue;
		c->kind = r->kind;
		if (r->shape >= 0)
			c->shape = (enum shape)r->shape;
		if (path.n > n)
			c->name = (struct vp_span){path.s + 1, path.n - n - 1};
		return;
	}
}

/* --- understanding a request --- */

static struct part *
add_part(struct conn *c)
{
	if (c->n_parts == c->cap_parts) {
		c->cap_parts = c->cap_parts ? c->cap_parts * 2 : 64;
		c->parts = vp_realloc(c->parts, c->cap_parts, sizeof *c->parts);
	}
	c->parts[c->n_parts] = (struct part){0};
	return &c->parts[c->n_parts++];
}

/* Decode the text of a part. False where string is none. */
static bool
set_text(struct conn *c, struct part *p, struct vp_span string)
{
	p->text = c->texts.n;
	if (vp_json_type(string) != '"' || vp_json_decode(string, &c->texts))
		return false;
	p->n = c->texts.n - p->text;
	p->hash = mix(fnv((struct vp_span){c->texts.s + p->text, p->n}));
	p->has_text = true;
	c->longest = p->n > c->longest ? p->n : c->longest;
	return true;
}

/* An embedding request that the server can't read. TEI says that from its HTTP layer, in plain text. */
static void
refuse_input(struct conn *c, int status, const char *text)
{
	if (c->shape == TOOLKIT)
		refuse(c, 400, BARE, NULL, "%s", text);
	else
		refuse(c, status, TEXT, NULL, "%s", text);
}

static void
read_inputs(struct conn *c)
{
	struct vp_span type = header(c, "content-type"), inputs, item;
	struct vp_json_walk w;
	bool strings = true;

	if (!vp_span_is(type, "application/json") &&
	    !vp_span_is(type, "application/json; charset=UTF-8")) {
		refuse_input(c, 415, "Expected request with `Content-Type: application/json`");
		return;
	}
	if (vp_json_check(vp_buf_get(&c->body), NULL)) {
		refuse_input(c, 400, "Failed to parse the request body as JSON");
		return;
	}
	if (vp_json_find(vp_buf_get(&c->body), c->shape == OPENAI ? "input" : "inputs", &inputs) !=
	    1) {
		refuse_input(c, 422,
		    c->shape == OPENAI ? "missing field `input`" : "missing field `inputs`");
		return;
	}
	c->single = vp_json_type(inputs) == '"';
	if (c->single)
		strings = set_text(c, add_part(c), inputs);
	else if (vp_json_type(inputs) != '[')
		strings = false;
	else
		for (vp_json_begin(&w, inputs); strings && vp_json_item(&w, &item) > 0;)
			strings = set_text(c, add_part(c), item);
	if (!strings) {
		refuse_input(c, 422, "inputs: expected a string or an array of strings");
		return;
	}
	for (size_t i = 0; i < c->n_parts && c->shape != TOOLKIT; i++)
		if (c->parts[i].n == 0)
			refuse_by_status(c, 0, "empty");
	if (c->n_parts == 0)
		refuse_by_status(c, 400, c->shape == TOOLKIT ? "toolkit" : "empty");
	else if (c->shape != TOOLKIT && c->n_parts > max_batch)
		refuse_batch(c, 0, max_batch);
}

/* Whether values begin with the two numbers that belong to hash. */
static bool
values_match(struct vp_span values, uint64_t hash)
{
	struct vp_json_walk w;
	struct vp_span item;
	uint64_t a, b;

	vp_json_begin(&w, values);
	return vp_json_item(&w, &item) > 0 && vp_json_uint(item, &a) == 0 &&
	       vp_json_item(&w, &item) > 0 && vp_json_uint(item, &b) == 0 &&
	       a == first_value(hash) && b == second_value(hash);
}

/* Compare a record's values with what was sent for its text, and count them. False where they are no
 * array of finite numbers. The comparison comes first: it is ten times as fast as reading numbers. */
static bool
judge_values(struct conn *c, struct part *p)
{
	if (p->has_text) {
		c->scratch.n = 0;
		put_vector(&c->scratch, p->hash, dim, NULL);
		p->same = vp_span_eq(vp_buf_get(&c->scratch), p->values);
		p->own = p->same || values_match(p->values, p->hash);
	}
	p->n_values = dim;
	return p->same || vp_json_numbers(p->values, &p->n_values) == 0;
}

/* One record of an upsert. False where the request must be refused, and has been. */
static bool
read_record(struct conn *c, struct vp_span item)
{
	struct part *p = add_part(c);
	struct vp_json_walk w;
	struct vp_span key, value, text;
	int e;

	for (vp_json_begin(&w, item); (e = vp_json_member(&w, &key, &value)) > 0;) {
		if (vp_json_key_is(key, "id"))
			p->id = value;
		else if (vp_json_key_is(key, "values"))
			p->values = value;
		else if (vp_json_key_is(key, "sparseValues"))
			p->sparse = value;
		else if (vp_json_key_is(key, "metadata"))
			p->metadata = value;
		else {
			pthread_mutex_lock(&lock);
			unknown_members++;
			pthread_mutex_unlock(&lock);
		}
	}
	if (e < 0 || vp_json_type(p->id) != '"') {
		refuse(c, 400, PINECONE, NULL, "vectors[%zu]: want an object with an id",
		    c->n_parts - 1);
		return false;
	}
	if (p->metadata.n && vp_json_find(p->metadata, "text", &text) == 1)
		set_text(c, p, text);
	return true;
}

static void
read_records(struct conn *c)
{
	struct vp_json_walk w;
	struct vp_span key, value, vectors = {0}, item;
	int e;

	if (c->body.n > UPSERT_BYTES_MAX) {
		refuse_bytes(c, 0, UPSERT_BYTES_MAX);
		return;
	}
	c->space = (struct vp_span){0};
	for (vp_json_begin(&w, vp_buf_get(&c->body)); (e = vp_json_member(&w, &key, &value)) > 0;) {
		if (vp_json_key_is(key, "vectors"))
			vectors = value;
		else if (vp_json_key_is(key, "namespace"))
			c->space = value;
	}
	if (e < 0 || vp_json_type(vectors) != '[') {
		refuse(c, 400, PINECONE, NULL, "want an object with an array of vectors");
		return;
	}
	for (vp_json_begin(&w, vectors); vp_json_item(&w, &item) > 0;)
		if (!read_record(c, item))
			return;
	if (c->n_parts == 0)
		refuse(c, 400, PINECONE, NULL, "vectors: there is none");
	else if (c->n_parts > UPSERT_RECORDS_MAX)
		refuse_batch(c, 0, UPSERT_RECORDS_MAX);
}

/* --- the endpoint's work --- */

static void
note_embedded(struct conn *c)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < c->n_parts; i++) {
		struct part *p = &c->parts[i];
		struct vp_span key = {c->texts.s + p->text, p->n};
		struct text *t = map_get(&texts, key, sizeof *t);
		t->embedded++;
	}
	pthread_mutex_unlock(&lock);
}

static void
embed(struct conn *c, const struct rule *r)
{
	struct vp_buf *out = &c->out;
	long want = (long)c->n_parts + (r ? r->count : 0);
	size_t n = want > 0 ? (size_t)want : 0, tokens = 0;
	bool nested = c->shape == TOOLKIT ? !c->single || n != 1 : true;

	vp_buf_puts(out, c->shape == OPENAI    ? "{\"object\":\"list\",\"data\":"
			 : c->shape == TOOLKIT ? "{\"embeddings\":"
					       : "");
	vp_buf_puts(out, nested ? "[" : "");
	for (size_t k = 0; k < n; k++) {
		size_t i = r && r->shuffle && c->shape == OPENAI ? n - 1 - k : k;
		const struct part *p = &c->parts[i < c->n_parts ? i : c->n_parts - 1];
		bool odd = r && i == n - 1;

		vp_buf_puts(out, k ? "," : "");
		if (c->shape == OPENAI)
			vp_buf_printf(
			    out, "{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i);
		put_vector(out, p->hash, odd && r->has_dim ? r->dim : dim, odd ? r->nan : NULL);
		vp_buf_puts(out, c->shape == OPENAI ? "}" : "");
		tokens += 2 + p->n / 4; /* about what a tokenizer makes of it */
	}
	vp_buf_puts(out, nested ? "]" : "");
	if (c->shape == OPENAI)
		vp_buf_printf(out,
		    ",\"model\":\"fault\",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}",
		    tokens, tokens);
	else if (c->shape == TOOLKIT)
		vp_buf_putc(out, '}');
	if (!spoils(r))
		note_embedded(c);
}

static void
info(struct conn *c, const struct rule *r)
{
	(void)r;
	if (c->shape != TEI) {
		refuse_by_status(c, 404, NULL);
		return;
	}
	vp_buf_printf(&c->out,
	    "{\"model_id\":\"fault\",\"model_sha\":null,\"model_dtype\":\"float32\","
	    "\"model_type\":{\"embedding\":{\"pooling\":\"mean\"}},\"max_concurrent_requests\":512,"
	    "\"max_input_length\":512,\"max_batch_tokens\":16384,\"max_batch_requests\":null,"
	    "\"max_client_batch_size\":%zu,\"auto_truncate\":true,\"tokenization_workers\":1,"
	    "\"version\":\"1.9.3\"}",
	    max_batch);
}

static void
health(struct conn *c, const struct rule *r)
{
	(void)r;
	c->type = "text/plain";
	vp_buf_puts(&c->out, c->shape == TOOLKIT ? "Ok" : "");
}

/* --- Pinecone's control plane --- */

/* The live index of that name; an empty name is the first one. The caller holds the lock. */
static struct index *
index_named(struct vp_span name)
{
	for (size_t i = 0; i < n_indexes; i++)
		if (!indexes[i]->gone && (name.n == 0 || vp_span_is(name, indexes[i]->name)))
			return indexes[i];
	return NULL;
}

static bool
index_ready(const struct index *x)
{
	return x->describes > x->ready_after;
}

static struct index *
add_index(const char *name, size_t dimension, const char *metric, const char *spec)
{
	struct index *x = vp_zalloc(1, sizeof *x);

	x->name = vp_strdup(name);
	x->dim = dimension;
	x->metric = vp_strdup(metric);
	x->spec = vp_strdup(spec);
	indexes = vp_realloc(indexes, n_indexes + 1, sizeof(struct index *));
	indexes[n_indexes++] = x;
	return x;
}

static void
put_index(struct vp_buf *out, const struct index *x, const char *state)
{
	bool ready = index_ready(x) && !state;

	vp_buf_printf(out,
	    "{\"name\":\"%s\",\"metric\":\"%s\",\"dimension\":%zu,\"vector_type\":\"dense\","
	    "\"host\":\"http://127.0.0.1:%u/"
	    "%s\",\"status\":{\"ready\":%s,\"state\":\"%s\"},\"spec\":%s,"
	    "\"deletion_protection\":\"disabled\"",
	    x->name, x->metric, x->dim, (unsigned)port, x->name, ready ? "true" : "false",
	    state   ? state
	    : ready ? "Ready"
		    : "Initializing",
	    x->spec);
	/* what newer clients want instead of metric, dimension and spec */
	vp_buf_printf(out,
	    ",\"schema\":{\"fields\":{\"_values\":{\"type\":\"dense_vector\",\"dimension\":%zu,"
	    "\"metric\":\"%s\"}}},\"deployment\":{\"deployment_type\":\"managed\","
	    "\"cloud\":\"aws\",\"region\":\"us-east-1\"},\"read_capacity\":"
	    "{\"mode\":\"OnDemand\",\"status\":{\"state\":\"Ready\"}}}",
	    x->dim, x->metric);
}

static bool
is_index_name(struct vp_span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool alnum = (s.s[i] >= 'a' && s.s[i] <= 'z') || (s.s[i] >= '0' && s.s[i] <= '9');
		if (!alnum && (s.s[i] != '-' || i == 0 || i == s.n - 1))
			return false;
	}
	return s.n >= 1 && s.n <= 45;
}

static bool
is_metric(struct vp_span s)
{
	return vp_span_is(s, "cosine") || vp_span_is(s, "dotproduct") || vp_span_is(s, "euclidean");
}

static void
create(struct conn *c, const struct rule *r)
{
	struct vp_span body = vp_buf_get(&c->body), name = {0}, metric = {0}, spec = {0}, value;
	struct vp_buf text[3] = {{0}};
	uint64_t dimension = 0;
	struct index *x;

	(void)r;
	if (vp_json_find(body, "name", &name) == 1 && vp_json_decode(name, &text[0]) == 0)
		name = vp_buf_get(&text[0]);
	if (vp_json_find(body, "metric", &metric) != 1 || vp_json_decode(metric, &text[1]))
		vp_buf_puts(&text[1], "cosine");
	if (vp_json_find(body, "spec", &spec) == 1 && vp_json_type(spec) == '{')
		vp_buf_span(&text[2], spec);
	if (vp_json_find(body, "dimension", &value) == 1)
		vp_json_uint(value, &dimension);
	pthread_mutex_lock(&lock);
	if (vp_json_check(body, NULL))
		refuse(c, 422, PINECONE, NULL, "The body is not JSON");
	else if (!is_index_name(name))
		refuse(c, 400, PINECONE, NULL,
		    "Name must consist of lower case alphanumeric characters or '-', "
		    "and must start and end with an alphanumeric character");
	else if (dimension < 1 || dimension > 20000 || !is_metric(vp_buf_get(&text[1])) ||
		 !text[2].n)
		refuse(c, 400, PINECONE, NULL,
		    "want a dimension from 1 to 20000, a metric and a spec");
	else if (index_named(name))
		refuse(c, 409, PINECONE, NULL, "Resource already exists.");
	else {
		x = add_index(
		    vp_buf_cstr(&text[0]), dimension, vp_buf_cstr(&text[1]), vp_buf_cstr(&text[2]));
		x->ready_after = ready_after;
		x->describes = ready_after == 0;
		put_index(&c->out, x, NULL);
		c->status = 201;
	}
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 3; i++)
		vp_buf_free(&text[i]);
}

static void
list_indexes(struct conn *c, const struct rule *r)
{
	bool first = true;

	(void)r;
	vp_buf_puts(&c->out, "{\"indexes\":[");
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_indexes; i++)
		if (!indexes[i]->gone) {
			vp_buf_puts(&c->out, first ? "" : ",");
			put_index(&c->out, indexes[i], NULL);
			first = false;
		}
	pthread_mutex_unlock(&lock);
	vp_buf_puts(&c->out, "]}");
}

static void
describe(struct conn *c, const struct rule *r)
{
	struct index *x;

	pthread_mutex_lock(&lock);
	x = c->name.n ? index_named(c->name) : NULL;
	if (x) {
		x->describes++;
		put_index(&c->out, x, r ? r->state : NULL);
	} else {
		refuse(
		    c, 404, PINECONE, NULL, "Resource %.*s not found", (int)c->name.n, c->name.s);
	}
	pthread_mutex_unlock(&lock);
}

static void
drop(struct conn *c, const struct rule *r)
{
	struct index *x;

	(void)r;
	pthread_mutex_lock(&lock);
	x = c->name.n ? index_named(c->name) : NULL;
	if (x) {
		x->gone = true;
		for (size_t i = 0; i < records.n; i++) {
			struct record *record = (struct record *)(void *)records.all[i];
			if (record->index == x)
				record->live = false;
		}
		c->status = 202;
	} else {
		refuse(
		    c, 404, PINECONE, NULL, "Resource %.*s not found", (int)c->name.n, c->name.s);
	}
	pthread_mutex_unlock(&lock);
}

/* --- Pinecone's data plane --- */

/* The index that a request is for, or NULL: then it has been refused. */
static struct index *
target_index(struct conn *c)
{
	struct index *x;
	bool ready;

	pthread_mutex_lock(&lock);
	x = index_named(c->name);
	ready = x && index_ready(x);
	pthread_mutex_unlock(&lock);
	if (!x)
		refuse(c, 404, PINECONE, NULL, "Index %.*s not found", (int)c->name.n, c->name.s);
	else if (!ready)
		refuse(c, 503, PINECONE, NULL, "Index %s is not ready", x->name);
	return ready ? x : NULL;
}

/* The key of a record: index, NUL, namespace, NUL, id; "__default__" is the namespace "". */
static void
make_key(struct vp_buf *key, const struct index *x, struct vp_span space, struct vp_span id)
{
	key->n = 0;
	vp_buf_add(key, x->name, strlen(x->name) + 1);
	if (!vp_span_is(space, "__default__"))
		vp_buf_span(key, space);
	vp_buf_putc(key, '\0');
	vp_buf_span(key, id);
}

static bool
in_space(const struct record *record, const struct index *x, const char *space)
{
	return record->live && record->index == x && strcmp(record->space, space) == 0;
}

static void
set_json(char **to, struct vp_span s)
{
	free(*to);
	*to = NULL;
	if (s.n) {
		*to = vp_alloc(s.n + 1, 1);
		memcpy(*to, s.s, s.n);
		(*to)[s.n] = '\0';
	}
}

/* Store one record of an upsert, and note what is to be said about its vector. */
static void
store(
    struct conn *c, struct index *x, const struct part *p, struct vp_span space, struct vp_span id)
{
	struct vp_span text = {c->texts.s + p->text, p->n};
	struct record *record;

	make_key(&c->key, x, space, id);
	pthread_mutex_lock(&lock);
	record = map_get(&records, vp_buf_get(&c->key), sizeof *record);
	record->space = record->item.key + strlen(x->name) + 1;
	record->id = record->space + strlen(record->space) + 1;
	written++;
	duplicates += record->live;
	textless += !p->has_text;
	mismatched += p->has_text && !p->own;
	altered += p->own && !p->same;
	record->live = true;
	record->index = x;
	record->hash = p->hash;
	set_json(&record->values, p->same ? (struct vp_span){0} : p->values);
	set_json(&record->sparse, p->sparse);
	set_json(&record->metadata, p->metadata);
	if (p->has_text) {
		struct text *t = map_get(&texts, text, sizeof *t);
		t->upserted++;
	}
	pthread_mutex_unlock(&lock);
}

/* A namespace or an id in a request: decoded into out. False where it is no string, or holds a NUL. */
static bool
decode_name(struct vp_span value, struct vp_buf *out)
{
	out->n = 0;
	if (!value.n || vp_json_type(value) == 'n')
		return true;
	return vp_json_decode(value, out) == 0 && !memchr(vp_buf_cstr(out), '\0', out->n);
}

/* Whether record i of an upsert can be stored in x; if not, the request has been refused. */
static bool
check_record(struct conn *c, const struct index *x, size_t i)
{
	struct part *p = &c->parts[i];
	struct vp_buf id = {0};
	bool named = decode_name(p->id, &id) && id.n >= 1 && id.n <= 512, good = false;

	vp_buf_free(&id);
	if (!named)
		refuse(
		    c, 400, PINECONE, NULL, "vectors[%zu]: want an id of 1 to 512 characters", i);
	else if (!judge_values(c, p))
		refuse(c, 400, PINECONE, NULL, "vectors[%zu]: values must be finite numbers", i);
	else if (p->n_values != x->dim)
		refuse(c, 400, PINECONE, NULL,
		    "Vector dimension %zu does not match the dimension of the index %zu",
		    p->n_values, x->dim);
	else
		good = true;
	return good;
}

static void
upsert(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct vp_buf space = {0}, id = {0};
	size_t n = c->n_parts - (r && r->shortcount);
	bool good = x && decode_name(c->space, &space);

	if (x && !good)
		refuse(c, 400, PINECONE, NULL, "namespace: want a string without NUL");
	for (size_t i = 0; good && i < c->n_parts; i++) /* all or nothing */
		good = check_record(c, x, i);
	if (good) {
		for (size_t i = 0; i < n; i++) {
			decode_name(c->parts[i].id, &id);
			store(c, x, &c->parts[i], vp_buf_get(&space), vp_buf_get(&id));
		}
		vp_buf_printf(&c->out, "{\"upsertedCount\":%zu}", n);
	}
	if (good && (!spoils(r) || r->shortcount)) {
		pthread_mutex_lock(&lock);
		upserts++;
		acknowledged += n;
		pthread_mutex_unlock(&lock);
	}
	vp_buf_free(&space);
	vp_buf_free(&id);
}

static void
put_values(struct vp_buf *out, const struct record *record)
{
	if (record->values)
		vp_buf_puts(out, record->values);
	else
		put_vector(out, record->hash, dim, NULL);
}

/* A record as fetch and query show it, without the braces and with a comma before each member. */
static void
put_record(struct vp_buf *out, const struct record *record, bool values, bool metadata)
{
	if (values) {
		vp_buf_puts(out, ",\"values\":");
		put_values(out, record);
		if (record->sparse)
			vp_buf_printf(out, ",\"sparseValues\":%s", record->sparse);
	}
	if (metadata && record->metadata)
		vp_buf_printf(out, ",\"metadata\":%s", record->metadata);
}

/* The numbers of an array; n of them, or false. */
static bool
read_values(struct vp_span array, double *out, size_t n)
{
	struct vp_json_walk w;
	struct vp_span item;
	size_t i = 0;

	for (vp_json_begin(&w, array); vp_json_item(&w, &item) > 0; i++)
		if (i == n || vp_json_double(item, &out[i]))
			return false;
	return i == n;
}

static void
record_values(const struct record *record, double *out, size_t n)
{
	if (record->values) {
		if (!read_values(vp_str(record->values), out, n))
			memset(out, 0, n * sizeof *out);
		return;
	}
	out[0] = first_value(record->hash);
	out[1] = second_value(record->hash);
	for (size_t i = 2; i < n; i++)
		out[i] = (double)number_value[record->hash % STARTS + i - 2];
}

/* How near b is to a: higher is nearer, so a distance comes out negative. */
static double
nearness(const char *metric, const double *a, const double *b, size_t n)
{
	double dot = 0, aa = 0, bb = 0;

	for (size_t i = 0; i < n; i++) {
		dot += a[i] * b[i];
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	if (*metric == 'e')
		return -(aa - 2 * dot + bb);
	return *metric == 'd' ? dot : aa > 0 && bb > 0 ? dot / (sqrt(aa) * sqrt(bb)) : 0;
}

/* Whether metadata passes a filter. 1, 0, or -1 for a filter beyond {"field":scalar} and
 * {"field":{"$eq":scalar}}. */
static int
passes(struct vp_span filter, const char *metadata)
{
	struct vp_json_walk w;
	struct vp_span key, want, have;
	int e, result = 1;

	for (vp_json_begin(&w, filter); (e = vp_json_member(&w, &key, &want)) > 0;) {
		struct vp_buf name = {0};
		if (key.n && *key.s == '$')
			return -1;
		if (vp_json_type(want) == '{' && vp_json_find(want, "$eq", &want) != 1)
			return -1;
		if (strchr("[{", vp_json_type(want)))
			return -1;
		vp_json_decode((struct vp_span){key.s - 1, key.n + 2}, &name);
		if (!metadata || vp_json_find(vp_str(metadata), vp_buf_cstr(&name), &have) != 1 ||
		    !vp_span_eq(want, have))
			result = 0;
		vp_buf_free(&name);
	}
	return e < 0 ? -1 : result;
}

struct hit {
	const struct record *record;
	double near;
};

static int
by_nearness(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->near > y->near   ? -1
	       : x->near < y->near ? 1
				   : strcmp(x->record->id, y->record->id);
}

struct ask { /* a query */
	uint64_t top_k;
	struct vp_span vector, id, filter;
	bool values, metadata;
};

/* The query's own vector, from its vector or the record of its id. 1, 0 if there is no such record, -1 if
 * the request is wrong: then it has been refused. The caller holds the lock. */
static int
ask_vector(
    struct conn *c, const struct index *x, const struct ask *q, const char *space, double *out)
{
	struct vp_buf id = {0};
	struct record *record;
	int found;

	if (q->vector.n) {
		if (read_values(q->vector, out, x->dim))
			return 1;
		refuse(c, 400, PINECONE, NULL,
		    "vector: want %zu numbers, the dimension of the index", x->dim);
		return -1;
	}
	if (!q->id.n || !decode_name(q->id, &id)) {
		refuse(c, 400, PINECONE, NULL, "want a vector or an id");
		return -1;
	}
	make_key(&c->key, x, vp_str(space), vp_buf_get(&id));
	record = map_get(&records, vp_buf_get(&c->key), 0);
	found = record && record->live;
	if (found)
		record_values(record, out, x->dim);
	vp_buf_free(&id);
	return found;
}

/* All records of a namespace that pass the filter, nearest first. */
static size_t
find_hits(const struct index *x, const struct ask *q, const char *space, const double *to,
    struct hit **out)
{
	double *values = vp_alloc(x->dim, sizeof *values);
	size_t n = 0;

	*out = vp_alloc(records.n, sizeof **out);
	for (size_t i = 0; i < records.n; i++) {
		const struct record *record = (const void *)records.all[i];
		if (!in_space(record, x, space) ||
		    (q->filter.n && passes(q->filter, record->metadata) != 1))
			continue;
		record_values(record, values, x->dim);
		(*out)[n++] = (struct hit){record, nearness(x->metric, to, values, x->dim)};
	}
	free(values);
	if (n)
		qsort(*out, n, sizeof **out, by_nearness);
	return n;
}

static void
put_hits(struct vp_buf *out, const struct index *x, const struct ask *q, const struct hit *hits,
    size_t n)
{
	for (size_t i = 0; i < n && i < q->top_k; i++) {
		double score = *x->metric == 'e' ? -hits[i].near : hits[i].near;

		vp_buf_puts(out, i ? ",{\"id\":" : "{\"id\":");
		vp_json_quote(out, vp_str(hits[i].record->id));
		vp_buf_printf(out, ",\"score\":%.9g", score);
		put_record(out, hits[i].record, q->values, q->metadata);
		vp_buf_putc(out, '}');
	}
}

static bool
read_ask(struct conn *c, struct ask *q, struct vp_buf *space)
{
	struct vp_span body = vp_buf_get(&c->body), key, value, name = {0};
	struct vp_json_walk w;
	int e;

	for (vp_json_begin(&w, body); (e = vp_json_member(&w, &key, &value)) > 0;) {
		if (vp_json_key_is(key, "topK"))
			vp_json_uint(value, &q->top_k);
		else if (vp_json_key_is(key, "vector"))
			q->vector = value;
		else if (vp_json_key_is(key, "id"))
			q->id = value;
		else if (vp_json_key_is(key, "filter") && vp_json_type(value) != 'n')
			q->filter = value;
		else if (vp_json_key_is(key, "namespace"))
			name = value;
		else if (vp_json_key_is(key, "includeValues"))
			q->values = vp_json_type(value) == 't';
		else if (vp_json_key_is(key, "includeMetadata"))
			q->metadata = vp_json_type(value) == 't';
	}
	if (e < 0 || q->top_k < 1 || q->top_k > 10000 || !decode_name(name, space))
		refuse(c, 400, PINECONE, NULL, "want an object with a topK from 1 to 10000");
	else if (q->filter.n && passes(q->filter, NULL) < 0)
		refuse(c, 400, PINECONE, NULL, "filter: this server knows $eq only");
	return c->status == 0;
}

static void
put_usage(struct vp_buf *out, struct vp_span space)
{
	vp_buf_puts(out, ",\"namespace\":");
	vp_json_quote(out, space);
	vp_buf_puts(out, ",\"usage\":{\"readUnits\":1}}");
}

static void
query(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct ask q = {0};
	struct vp_buf space = {0};
	struct hit *hits = NULL;
	double *to;
	int found;
	size_t n = 0;

	(void)r;
	if (!x || !read_ask(c, &q, &space)) {
		vp_buf_free(&space);
		return;
	}
	if (vp_span_is(vp_buf_get(&space), "__default__"))
		space.n = 0;
	to = vp_alloc(x->dim, sizeof *to);
	pthread_mutex_lock(&lock);
	found = ask_vector(c, x, &q, vp_buf_cstr(&space), to);
	if (found > 0)
		n = find_hits(x, &q, space.s, to, &hits);
	if (found >= 0) {
		vp_buf_puts(&c->out, "{\"matches\":[");
		put_hits(&c->out, x, &q, hits, n);
		vp_buf_putc(&c->out, ']');
		put_usage(&c->out, vp_buf_get(&space));
	}
	pthread_mutex_unlock(&lock);
	free(hits);
	free(to);
	vp_buf_free(&space);
}

static int
by_space_and_id(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
	int order = strcmp(x->space, y->space);

	return order ? order : strcmp(x->id, y->id);
}

/* The live records of an index, sorted by namespace and id. The caller holds the lock, and frees. */
static struct record **
sorted_records(const struct index *x, size_t *n)
{
	struct record **all = vp_alloc(records.n, sizeof *all);

	*n = 0;
	for (size_t i = 0; i < records.n; i++) {
		struct record *record = (struct record *)(void *)records.all[i];
		if (record->live && record->index == x)
			all[(*n)++] = record;
	}
	if (*n)
		qsort(all, *n, sizeof *all, by_space_and_id);
	return all;
}

static void
stats(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct record **all;
	size_t n, same;

	(void)r;
	if (!x)
		return;
	pthread_mutex_lock(&lock);
	all = sorted_records(x, &n);
	vp_buf_puts(&c->out, "{\"namespaces\":{");
	for (size_t i = 0; i < n; i += same) {
		for (same = 1; i + same < n && strcmp(all[i]->space, all[i + same]->space) == 0;)
			same++;
		vp_buf_puts(&c->out, i ? "," : "");
		vp_json_quote(&c->out, vp_str(all[i]->space));
		vp_buf_printf(&c->out, ":{\"vectorCount\":%zu}", same);
	}
	vp_buf_printf(&c->out,
	    "},\"dimension\":%zu,\"indexFullness\":0,\"totalVectorCount\":%zu,\"metric\":\"%s\","
	    "\"vectorType\":\"dense\"}",
	    x->dim, n, x->metric);
	pthread_mutex_unlock(&lock);
	free(all);
}

/* The namespace of a GET, as asked and as stored. */
static const char *
asked_space(struct conn *c, struct vp_buf *space)
{
	parameter(c, "namespace", 0, space);
	return strcmp(vp_buf_cstr(space), "__default__") == 0 ? "" : space->s;
}

/* Pages of ids in byte order. A token is the number of ids that came before. */
static void
list_ids(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct vp_buf space = {0}, prefix = {0}, *out = &c->out;
	size_t n, found = 0, skip = 0, limit = 100;
	struct record **all;
	const char *name;

	if (!x)
		return;
	if (parameter(c, "limit", 0, &prefix))
		limit = strtoul(vp_buf_cstr(&prefix), NULL, 10);
	if (parameter(c, "paginationToken", 0, &prefix))
		skip = strtoul(vp_buf_cstr(&prefix), NULL, 10);
	parameter(c, "prefix", 0, &prefix);
	name = asked_space(c, &space);
	pthread_mutex_lock(&lock);
	all = sorted_records(x, &n);
	vp_buf_puts(out, "{\"vectors\":[");
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i]->space, name) != 0 ||
		    strncmp(all[i]->id, vp_buf_cstr(&prefix), prefix.n) != 0)
			continue;
		if (found >= skip && found - skip < limit) {
			vp_buf_puts(out, found > skip ? ",{\"id\":" : "{\"id\":");
			vp_json_quote(out, vp_str(all[i]->id));
			vp_buf_putc(out, '}');
		}
		found++;
	}
	pthread_mutex_unlock(&lock);
	vp_buf_putc(out, ']');
	if (found > skip && found - skip > limit)
		vp_buf_printf(out, ",\"pagination\":{\"next\":\"%zu\"}",
		    r && r->samepage ? skip : skip + limit);
	put_usage(out, vp_buf_get(&space));
	free(all);
	vp_buf_free(&space);
	vp_buf_free(&prefix);
}

/* `"id":{"id":...}`, a record of a fetch. */
static void
put_fetched(struct vp_buf *out, const struct record *record)
{
	vp_json_quote(out, vp_str(record->id));
	vp_buf_puts(out, ":{\"id\":");
	vp_json_quote(out, vp_str(record->id));
	put_record(out, record, true, true);
	vp_buf_putc(out, '}');
}

/* The live record with that id, or NULL. The caller holds the lock. */
static struct record *
find_record(struct conn *c, const struct index *x, const char *space, struct vp_span id)
{
	struct record *record;

	make_key(&c->key, x, vp_str(space), id);
	record = map_get(&records, vp_buf_get(&c->key), 0);
	return record && record->live ? record : NULL;
}

/* The namespace in a body, decoded; NULL where it is refused. */
static const char *
body_space(struct conn *c, struct vp_buf *space)
{
	struct vp_span body = vp_buf_get(&c->body), name = {0};

	if (vp_json_check(body, NULL) || vp_json_find(body, "namespace", &name) < 0 ||
	    !decode_name(name, space)) {
		refuse(c, 400, PINECONE, NULL, "want an object, and in it a namespace");
		return NULL;
	}
	return vp_span_is(vp_buf_get(space), "__default__") ? "" : vp_buf_cstr(space);
}

/* The filter in a body; an empty span where there is none. False where it is refused. */
static bool
body_filter(struct conn *c, struct vp_span *filter)
{
	if (vp_json_find(vp_buf_get(&c->body), "filter", filter) != 1)
		filter->n = 0;
	if (!filter->n || passes(*filter, NULL) >= 0)
		return true;
	refuse(c, 400, PINECONE, NULL, "filter: this server knows $eq only");
	return false;
}

/* A page of records that match, in byte order of ids. A token is the number of those that came before. */
static void
fetch_by_metadata(struct conn *c, struct index *x)
{
	struct vp_span body = vp_buf_get(&c->body), filter, v;
	struct vp_buf space = {0}, page = {0}, *out = &c->out;
	const char *name = body_space(c, &space);
	size_t n, found = 0, skip = 0;
	uint64_t limit = 100;
	struct record **all;

	if (!name || !body_filter(c, &filter)) {
		vp_buf_free(&space);
		return;
	}
	if (vp_json_find(body, "limit", &v) == 1)
		vp_json_uint(v, &limit);
	if (vp_json_find(body, "paginationToken", &v) == 1 && decode_name(v, &page))
		skip = strtoul(vp_buf_cstr(&page), NULL, 10);
	vp_buf_puts(out, "{\"vectors\":{");
	pthread_mutex_lock(&lock);
	all = sorted_records(x, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i]->space, name) != 0 || passes(filter, all[i]->metadata) != 1)
			continue;
		if (found >= skip && found - skip < limit) {
			vp_buf_puts(out, found > skip ? "," : "");
			put_fetched(out, all[i]);
		}
		found++;
	}
	pthread_mutex_unlock(&lock);
	vp_buf_putc(out, '}');
	if (found > skip + limit)
		vp_buf_printf(out, ",\"pagination\":{\"next\":\"%zu\"}", skip + (size_t)limit);
	put_usage(out, vp_buf_get(&space));
	free(all);
	vp_buf_free(&space);
	vp_buf_free(&page);
}

static void
fetch(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct vp_buf space = {0}, id = {0}, *out = &c->out;
	const char *name, *comma = "";

	(void)r;
	if (!x)
		return;
	if (vp_span_is(c->method, "POST")) {
		fetch_by_metadata(c, x);
		return;
	}
	name = asked_space(c, &space);
	vp_buf_puts(out, "{\"vectors\":{");
	pthread_mutex_lock(&lock);
	for (size_t i = 0; parameter(c, "ids", i, &id); i++) {
		const struct record *record = find_record(c, x, name, vp_buf_get(&id));

		if (!record)
			continue;
		vp_buf_puts(out, comma);
		put_fetched(out, record);
		comma = ",";
	}
	pthread_mutex_unlock(&lock);
	vp_buf_putc(out, '}');
	put_usage(out, vp_buf_get(&space));
	vp_buf_free(&space);
	vp_buf_free(&id);
}

static void
delete_records(struct conn *c, const struct rule *r)
{
	struct index *x = target_index(c);
	struct vp_span body = vp_buf_get(&c->body), ids = {0}, all = {0}, filter = {0}, item;
	struct vp_buf space = {0}, id = {0};
	const char *name = x ? body_space(c, &space) : NULL;
	struct vp_json_walk w;
	struct record *record;

	(void)r;
	if (!name || !body_filter(c, &filter)) {
		vp_buf_free(&space);
		return;
	}
	if (vp_json_find(body, "ids", &ids) != 1)
		ids.n = 0;
	if (vp_json_find(body, "deleteAll", &all) != 1)
		all.n = 0;
	if ((vp_json_type(ids) == '[') + (vp_json_type(all) == 't') + (filter.n > 0) != 1) {
		refuse(c, 400, PINECONE, NULL, "want an array of ids, a filter, or deleteAll");
		vp_buf_free(&space);
		return;
	}
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < records.n && !ids.n; i++) {
		record = (struct record *)(void *)records.all[i];
		if (in_space(record, x, name) &&
		    (!filter.n || passes(filter, record->metadata) == 1))
			record->live = false;
	}
	vp_json_begin(&w, ids);
	while (ids.n && vp_json_item(&w, &item) > 0)
		if (decode_name(item, &id) && (record = find_record(c, x, name, vp_buf_get(&id))))
			record->live = false;
	pthread_mutex_unlock(&lock);
	vp_buf_puts(&c->out, "{}");
	vp_buf_free(&space);
	vp_buf_free(&id);
}

/* The members of *metadata that change has not, then those of change. */
static void
merge(char **metadata, struct vp_span change)
{
	struct vp_buf all = {0};
	struct vp_json_walk w;
	struct vp_span key, value;

	for (vp_json_begin(&w, vp_str(*metadata ? *metadata : "{}"));
	     vp_json_member(&w, &key, &value) > 0;) {
		struct vp_span other;
		char *name = strndup(key.s, key.n);

		if (vp_json_find(change, name, &other) != 1)
			vp_buf_printf(
			    &all, "%s\"%s\":%.*s", all.n ? "," : "{", name, (int)value.n, value.s);
		free(name);
	}
	for (vp_json_begin(&w, change); vp_json_member(&w, &key, &value) > 0;)
		vp_buf_printf(&all, "%s\"%.*s\":%.*s", all.n ? "," : "{", (int)key.n, key.s,
		    (int)value.n, value.s);
	vp_buf_puts(&all, all.n ? "}" : "{}");
	set_json(metadata, vp_buf_get(&all));
	vp_buf_free(&all);
}

/* One record by id, whatever of it is given; or the metadata of those that match a filter. */
static void
update(struct conn *c, const struct rule *r)
{
	static const char *const names[] = {"id", "values", "setMetadata", "dryRun"};
	struct index *x = target_index(c);
	struct vp_span body = vp_buf_get(&c->body), v[4] = {{0}}, filter = {0};
	struct vp_buf space = {0}, id = {0};
	const char *name = x ? body_space(c, &space) : NULL;
	size_t matched = 0;
	bool good = name && body_filter(c, &filter);

	(void)r;
	for (size_t i = 0; good && i < 4; i++)
		if (vp_json_find(body, names[i], &v[i]) != 1)
			v[i].n = 0;
	if (good && (!decode_name(v[0], &id) || (id.n > 0) + (filter.n > 0) != 1)) {
		refuse(c, 400, PINECONE, NULL, "want an id, or a filter");
		good = false;
	}
	pthread_mutex_lock(&lock);
	for (size_t i = 0; good && i < records.n; i++) {
		struct record *record = (struct record *)(void *)records.all[i];
		if (!in_space(record, x, name) ||
		    (filter.n ? passes(filter, record->metadata) != 1
			      : strcmp(record->id, vp_buf_cstr(&id)) != 0))
			continue;
		matched++;
		if (vp_json_type(v[3]) == 't')
			continue;
		if (v[1].n)
			set_json(&record->values, v[1]);
		if (v[2].n)
			merge(&record->metadata, v[2]);
	}
	pthread_mutex_unlock(&lock);
	if (good && filter.n)
		vp_buf_printf(&c->out, "{\"matchedRecords\":%zu}", matched);
	else if (good)
		vp_buf_puts(&c->out, "{}");
	vp_buf_free(&space);
	vp_buf_free(&id);
}

static void
other(struct conn *c, const struct rule *r)
{
	(void)r;
	if (header(c, "api-key").n)
		refuse(c, 404, PINECONE, NULL, "no such call: %.*s", (int)c->path.n, c->path.s);
	else
		refuse(c, 404, PROXY, "NOT_FOUND", "404 Not Found");
}

/* --- the audit --- */

static void
put_counts(struct vp_buf *out, const char *name, const size_t count[KINDS])
{
	vp_buf_printf(out, "\"%s\":{", name);
	for (int i = 0; i < KINDS; i++)
		vp_buf_printf(out, "%s\"%s\":%zu", i ? "," : "", kind_names[i], count[i]);
	vp_buf_puts(out, "},");
}

static void
put_statuses(struct vp_buf *out)
{
	vp_buf_printf(out, "\"statuses\":{\"none\":%zu", by_status[0]);
	for (int i = 1; i < 600; i++)
		if (by_status[i])
			vp_buf_printf(out, ",\"%d\":%zu", i, by_status[i]);
	vp_buf_puts(out, "},");
}

static void
put_audit(struct vp_buf *out)
{
	size_t sum = 0, distinct = 0, max = 0, live = 0;

	for (size_t i = 0; i < texts.n; i++) {
		const struct text *t = (const void *)texts.all[i];
		sum += t->embedded;
		distinct += t->embedded > 0;
		max = t->embedded > max ? t->embedded : max;
	}
	for (size_t i = 0; i < records.n; i++)
		live += ((const struct record *)(const void *)records.all[i])->live;
	vp_buf_printf(out, "{\"connections\":%zu,\"total\":%zu,", n_connections, n_requests);
	put_counts(out, "requests", by_kind);
	put_statuses(out);
	vp_buf_printf(out, "\"bytes_in\":%llu,\"bytes_out\":%llu,\"max_concurrent\":%zu,",
	    (unsigned long long)bytes_in, (unsigned long long)bytes_out, in_hand_max);
	put_counts(out, "max_concurrent_of", in_hand_max_of);
	vp_buf_printf(
	    out, "\"embedded\":{\"texts\":%zu,\"distinct\":%zu,\"max\":%zu},", sum, distinct, max);
	vp_buf_printf(out,
	    "\"upserted\":{\"requests\":%zu,\"acknowledged\":%zu,\"written\":%zu,\"distinct\":%zu,"
	    "\"duplicates\":%zu,\"mismatched\":%zu,\"altered\":%zu,\"textless\":%zu,"
	    "\"unknown_members\":%zu},\"rules\":[",
	    upserts, acknowledged, written, live, duplicates, mismatched, altered, textless,
	    unknown_members);
	for (size_t i = 0; i < n_rules; i++) {
		vp_buf_puts(out, i ? ",{\"spec\":" : "{\"spec\":");
		vp_json_quote(out, vp_str(rules[i]->spec));
		vp_buf_printf(
		    out, ",\"seen\":%zu,\"applied\":%zu}", rules[i]->seen, rules[i]->applied);
	}
	vp_buf_puts(out, "]}\n");
}

static void
put_audit_texts(struct vp_buf *out)
{
	for (size_t i = 0; i < texts.n; i++) {
		const struct text *t = (const void *)texts.all[i];

		vp_buf_puts(out, "{\"text\":");
		vp_json_quote(out, (struct vp_span){t->item.key, t->item.n});
		vp_buf_printf(
		    out, ",\"embedded\":%zu,\"upserted\":%zu}\n", t->embedded, t->upserted);
	}
}

static void
put_audit_ids(struct vp_buf *out)
{
	for (size_t i = 0; i < records.n; i++) {
		const struct record *record = (const void *)records.all[i];
		if (record->live) {
			vp_buf_puts(out, record->id);
			vp_buf_putc(out, '\n');
		}
	}
}

static void
audit(struct conn *c)
{
	c->status = 200;
	pthread_mutex_lock(&lock);
	if (vp_span_is(c->path, "/audit")) {
		put_audit(&c->out);
	} else if (vp_span_is(c->path, "/audit/ids")) {
		c->type = "text/plain";
		put_audit_ids(&c->out);
	} else if (vp_span_is(c->path, "/audit/texts")) {
		c->type = "application/x-ndjson";
		put_audit_texts(&c->out);
	} else {
		refuse(c, 404, TEXT, NULL, "audits are /audit, /audit/ids and /audit/texts");
	}
	pthread_mutex_unlock(&lock);
}

/* Append bytes as a JSON string, with U+FFFD for what is no UTF-8. */
static void
put_bytes(struct vp_buf *out, struct vp_buf *scratch, struct vp_span s)
{
	size_t bad;

	scratch->n = 0;
	while (!vp_utf8_valid(s, &bad)) {
		vp_buf_add(scratch, s.s, bad);
		vp_buf_puts(scratch, "\xef\xbf\xbd");
		s = (struct vp_span){s.s + bad + 1, s.n - bad - 1};
	}
	vp_buf_span(scratch, s);
	vp_json_quote(out, vp_buf_get(scratch));
}

static void
write_log(struct conn *c, const struct rule *r)
{
	struct vp_buf line = {0}, *scratch = &c->scratch;
	struct vp_span body = vp_buf_get(&c->body);

	if (!log_file)
		return;
	vp_buf_printf(&line,
	    "{\"n\":%zu,\"at_ms\":%llu,\"connection\":%zu,\"kind\":\"%s\",\"method\":", c->n,
	    (unsigned long long)c->at_ms, c->id, kind_names[c->kind]);
	put_bytes(&line, scratch, c->method);
	vp_buf_puts(&line, ",\"path\":");
	put_bytes(&line, scratch, c->target);
	vp_buf_puts(&line, ",\"headers\":{");
	for (size_t i = 0; i < c->n_headers; i++) {
		size_t at = line.n + (i > 0);

		vp_buf_puts(&line, i ? "," : "");
		put_bytes(&line, scratch, c->headers[i].name);
		for (; at < line.n; at++)
			if (line.s[at] >= 'A' && line.s[at] <= 'Z')
				line.s[at] |= 32;
		vp_buf_putc(&line, ':');
		put_bytes(&line, scratch, c->headers[i].value);
	}
	vp_buf_puts(&line, "},\"head\":");
	put_bytes(&line, scratch, vp_buf_get(&c->head));
	vp_buf_puts(&line, ",\"body\":");
	if (c->body_read)
		put_bytes(&line, scratch,
		    (struct vp_span){body.s, body.n < LOG_BODY_MAX ? body.n : LOG_BODY_MAX});
	else
		vp_buf_puts(&line, "null");
	vp_buf_printf(&line, ",\"body_bytes\":%zu,\"status\":%d,\"rule\":", body.n, c->status);
	if (r)
		vp_json_quote(&line, vp_str(r->spec));
	else
		vp_buf_puts(&line, "null");
	vp_buf_puts(&line, "}\n");
	pthread_mutex_lock(&lock);
	fwrite(line.s, 1, line.n, log_file);
	fflush(log_file);
	pthread_mutex_unlock(&lock);
	vp_buf_free(&line);
}

/* --- one request --- */

static void
sleep_ms(uint64_t ms)
{
	struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (ms && nanosleep(&t, &t) && errno == EINTR)
		;
}

/* False where the request carries the wrong secret: then it has been refused. */
static bool
authorised(struct conn *c)
{
	struct vp_span bearer = header(c, "authorization"), key = header(c, "api-key");

	if (is_hf(c)) {
		if (!token || (begins_with(bearer, "Bearer ") && bearer.n == 7 + strlen(token) &&
				  ends_with(bearer, token)))
			return true;
	} else if (!api_key || vp_span_is(key, api_key)) {
		return true;
	}
	refuse_by_status(c, 401, NULL);
	return false;
}

/* A bucket of --rate tokens that fills at --rate a second. */
static bool
within_rate(struct conn *c)
{
	uint64_t now = vp_now_ms();
	bool within;

	if (!rate)
		return true;
	pthread_mutex_lock(&lock);
	rate_left += (double)(now - rate_at_ms) * (double)rate / 1000;
	rate_left = rate_left > (double)rate ? (double)rate : rate_left;
	rate_at_ms = now;
	within = rate_left >= 1;
	rate_left -= within;
	pthread_mutex_unlock(&lock);
	if (!within) {
		refuse_by_status(c, 429, NULL);
		if (retry_after)
			vp_buf_printf(&c->extra, "Retry-After: %s\r\n", retry_after);
	}
	return within;
}

static void (*const work[KINDS])(struct conn *, const struct rule *) = {embed, info, health, create,
    describe, list_indexes, drop, upsert, query, stats, list_ids, fetch, delete_records, update,
    other};

static void
understand(struct conn *c)
{
	if (c->kind == EMBED)
		read_inputs(c);
	else if (c->kind == UPSERT)
		read_records(c);
}

static void
put_broken(struct conn *c, const struct rule *r)
{
	c->status = 200;
	c->out.n = 0;
	vp_buf_puts(&c->out, r->empty ? "" : "{\"embeddings\": [[0.1, ");
}

/* The first of the call's answers that is not used up; its last one is never. False: it has none. */
static bool
answer_by_script(struct conn *c)
{
	struct scripted *found = NULL;

	c->scratch.n = 0;
	vp_buf_printf(
	    &c->scratch, "%.*s %.*s", (int)c->method.n, c->method.s, (int)c->target.n, c->target.s);
	vp_buf_cstr(&c->scratch);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_scripted && !(found && !found->used); i++)
		if (strcmp(scripted[i]->call, c->scratch.s) == 0)
			found = scripted[i];
	if (found) {
		found->used = true;
		c->status = found->status;
		vp_buf_puts(&c->out, found->body);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

/* Decide on an answer, and do the work for it. What understand refused stays refused, unless the rule
 * knows better. */
static void
decide(struct conn *c, const struct rule *r)
{
	bool idle = r && (r->how == RESET || r->how == HANG) && !r->lost;

	if (workers)
		while (sem_wait(&gate) && errno == EINTR)
			;
	sleep_ms(delay_ms + (r ? r->delay_ms : 0));
	if (idle || !authorised(c) || !within_rate(c))
		;
	else if (refuses(r))
		refuse_by_rule(c, r);
	else if (r && (r->empty || r->notjson))
		put_broken(c, r);
	else if (c->status == 0 && !answer_by_script(c))
		work[c->kind](c, r);
	if (c->status == 0)
		c->status = 200;
	if (r && r->retry_after)
		vp_buf_printf(&c->extra, "Retry-After: %s\r\n", r->retry_after);
	if (r && (r->how == RESET || r->how == HANG))
		c->status = 0;
	if (workers)
		sem_post(&gate);
}

static void
arrive(struct conn *c)
{
	pthread_mutex_lock(&lock);
	c->n = ++n_requests;
	c->at_ms = vp_now_ms() - start_ms;
	by_kind[c->kind]++;
	if (++in_hand > in_hand_max)
		in_hand_max = in_hand;
	if (++in_hand_of[c->kind] > in_hand_max_of[c->kind])
		in_hand_max_of[c->kind] = in_hand_of[c->kind];
	pthread_mutex_unlock(&lock);
}

/* A request is out of hand before its answer is sent: the client may send the next one as soon as it has
 * the last byte, and must not be seen with two at once. */
static void
leave(struct conn *c, const struct rule *r)
{
	pthread_mutex_lock(&lock);
	in_hand--;
	in_hand_of[c->kind]--;
	by_status[c->status]++;
	pthread_mutex_unlock(&lock);
	write_log(c, r);
}

/* --- sending the answer --- */

static bool
send_chunk(struct conn *c, const char *s, size_t n)
{
	char size[32];

	snprintf(size, sizeof size, "%zx\r\n", n);
	return send_all(c, size, strlen(size)) && send_all(c, s, n) && send_all(c, "\r\n", 2);
}

static bool
send_chunks(struct conn *c)
{
	size_t half = c->out.n / 2; /* a chunk of nothing would be the last one */

	return (half == 0 || send_chunk(c, c->out.s, half)) &&
	       (c->out.n == 0 || send_chunk(c, c->out.s + half, c->out.n - half)) &&
	       send_all(c, "0\r\n\r\n", 5);
}

static bool
send_spaces(struct conn *c, size_t n)
{
	char block[64 * 1024];

	memset(block, ' ', sizeof block);
	while (n > 0) {
		size_t m = n < sizeof block ? n : sizeof block;
		if (!send_all(c, block, m))
			return false;
		n -= m;
	}
	return true;
}

static bool
send_slowly(struct conn *c, uint64_t ms)
{
	for (size_t i = 0; i < c->out.n; i++) {
		sleep_ms(ms);
		if (!send_all(c, c->out.s + i, 1))
			return false;
	}
	return true;
}

/* The status line and the headers. */
static void
put_head(struct conn *c, const struct rule *r, struct vp_buf *head)
{
	enum how how = r ? r->how : ANSWER;
	size_t length = how == HUGE_BODY && r->how_arg > c->out.n ? r->how_arg : c->out.n;

	head->n = 0;
	vp_buf_printf(head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", c->status,
	    status_of(c->status)->reason, c->type);
	if (c->kind != AUDIT)
		vp_buf_printf(head, "%s: fault-%zu\r\n",
		    is_hf(c) ? "X-Request-Id" : "X-Pinecone-Request-Id", c->n);
	if (how == CHUNKED || how == CUT_CHUNKED)
		vp_buf_puts(head, "Transfer-Encoding: chunked\r\n");
	else
		vp_buf_printf(head, "Content-Length: %zu\r\n", length);
	vp_buf_span(head, vp_buf_get(&c->extra));
	if (how == HUGE_HEADER) {
		vp_buf_puts(head, "X-Filler: ");
		memset(vp_buf_room(head, r->how_arg), 'x', r->how_arg);
		head->n += r->how_arg;
		vp_buf_puts(head, "\r\n");
	}
	vp_buf_puts(head, c->close ? "Connection: close\r\n\r\n" : "\r\n");
}

/* Head and body in one piece, as a server does that has nothing to hide. */
static bool
send_whole(struct conn *c, const struct vp_buf *head)
{
	struct iovec part[2] = {{head->s, head->n}, {c->out.s, c->out.n}};
	struct msghdr message = {.msg_iov = part, .msg_iovlen = c->out.n ? 2 : 1};
	ssize_t n;
	size_t sent;

	do
		n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	sent = (size_t)n;
	bytes_out += sent;
	if (sent < head->n)
		return send_all(c, head->s + sent, head->n - sent) &&
		       send_all(c, c->out.s, c->out.n);
	return send_all(c, c->out.s + (sent - head->n), c->out.n - (sent - head->n));
}

static void
drain(struct conn *c)
{
	while (fill(c))
		;
}

/* Send the answer in the way of the rule. Returns whether the connection stays. */
static bool
deliver(struct conn *c, const struct rule *r)
{
	static const struct linger abort_it = {1, 0}; /* close(2) sends RST */
	enum how how = r ? r->how : ANSWER;
	struct vp_buf *out = &c->out, *head = &c->scratch;
	size_t half = out->n / 2;
	bool sent;

	if (how == RESET) {
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
		return false;
	}
	if (how == HANG) {
		drain(c);
		return false;
	}
	c->close |= how == CLOSE || (r && r->early);
	put_head(c, r, head);
	if (how == ANSWER || how == CLOSE)
		sent = send_whole(c, head);
	else
		sent = send_all(c, head->s, head->n);
	if (how == CUT || how == CUT_CHUNKED) {
		if (sent)
			(void)(how == CUT ? send_all(c, out->s, half)
					  : half && send_chunk(c, out->s, half));
		return false;
	}
	if (sent && how == CHUNKED)
		sent = send_chunks(c);
	else if (sent && how == SLOW)
		sent = send_slowly(c, r->how_arg);
	else if (sent && how == HUGE_HEADER)
		sent = send_all(c, out->s, out->n);
	else if (sent && how == HUGE_BODY)
		sent = send_all(c, out->s, out->n) &&
		       send_spaces(c, r->how_arg > out->n ? r->how_arg - out->n : 0);
	if (sent && r &&
	    r->early) { /* closing with bytes unread would reset the answer on its way */
		shutdown(c->fd, SHUT_WR);
		drain(c);
	}
	return sent && !c->close;
}

/* Read a request's head. False when there is none any more, or none that can be read. */
static bool
read_head(struct conn *c)
{
	size_t line;

	c->head.n = c->body.n = c->out.n = c->extra.n = c->texts.n = 0;
	c->n_parts = c->longest = 0;
	c->status = 0;
	c->type = "application/json";
	c->body_read = c->single = false;
	do {
		line = c->head.n;
		if (!read_line(c, &c->head))
			return false;
	} while (c->head.n - line > 2 || line == 0);
	if (parse_head(c))
		return true;
	send_all(
	    c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 66);
	return false;
}

/* Serve one request. Returns whether another may follow. */
static bool
serve(struct conn *c)
{
	const struct rule *r;
	struct vp_span connection;

	if (!read_head(c))
		return false;
	connection = header(c, "connection");
	c->close |= connection.n == 5 && strncasecmp(connection.s, "close", 5) == 0;
	route(c);
	if (c->kind == AUDIT) {
		if (!read_body(c))
			return false;
		audit(c);
		return deliver(c, NULL);
	}
	arrive(c);
	r = pick_rule(c, true);
	if (!r) {
		if (!read_body(c)) {
			leave(c, NULL);
			return false;
		}
		understand(c);
		r = pick_rule(c, false);
	}
	decide(c, r);
	leave(c, r);
	return deliver(c, r);
}

static void *
serve_connection(void *arg)
{
	struct conn *c = arg;

	while (serve(c))
		;
	close(c->fd);
	vp_buf_free(&c->head);
	vp_buf_free(&c->body);
	vp_buf_free(&c->texts);
	vp_buf_free(&c->out);
	vp_buf_free(&c->extra);
	vp_buf_free(&c->scratch);
	vp_buf_free(&c->key);
	free(c->parts);
	free(c);
	return NULL;
}

static void
accept_one(int listener)
{
	int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	pthread_attr_t attr;
	pthread_t thread;
	struct conn *c;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c = vp_zalloc(1, sizeof *c);
	c->fd = fd;
	pthread_mutex_lock(&lock);
	c->id = ++n_connections;
	pthread_mutex_unlock(&lock);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, serve_connection, c))
		vp_die(VP_EX_INTERNAL, "connection %zu: no more threads", c->id);
	pthread_attr_destroy(&attr);
}

static int
start_listening(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t n = sizeof a;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&a, &n))
		vp_die(VP_EX_UNAVAILABLE, "127.0.0.1:%u:", (unsigned)port);
	port = ntohs(a.sin_port);
	return fd;
}

/* Accept connections until a signal, the end of standard input, or the end of the lifetime. */
static void
run(int listener, int signals)
{
	uint64_t end = vp_now_ms() + lifetime_ms;

	for (;;) {
		struct pollfd p[3] = {
		    {listener, POLLIN, 0}, {signals, POLLIN, 0}, {until_eof ? 0 : -1, POLLIN, 0}};
		uint64_t now = vp_now_ms();
		char discard[4096];

		if (now >= end)
			return;
		if (poll(p, 3, (int)(end - now < 1000000 ? end - now : 1000000)) < 0 &&
		    errno != EINTR)
			vp_die(VP_EX_INTERNAL, "poll:");
		if (p[1].revents || (p[2].revents && read(0, discard, sizeof discard) <= 0))
			return;
		if (p[0].revents)
			accept_one(listener);
	}
}

/* --index NAME[:DIM[:METRIC]] */
static void
index_option(char *text)
{
	char *dimension = strchr(text, ':'),
	     *metric = dimension ? strchr(dimension + 1, ':') : NULL;
	uint64_t n = 0;

	if (dimension)
		*dimension++ = '\0';
	if (metric)
		*metric++ = '\0';
	if (!is_index_name(vp_str(text)) ||
	    (dimension && (vp_read_number(dimension, &n) || n < 1 || n > 20000)) ||
	    (metric && !is_metric(vp_str(metric))))
		vp_die(VP_EX_USAGE, "--index %s: want NAME[:DIM[:METRIC]]", text);
	add_index(text, n, metric ? metric : "cosine",
	    "{\"serverless\":{\"cloud\":\"aws\",\"region\":\"us-east-1\","
	    "\"read_capacity\":{\"mode\":\"OnDemand\",\"status\":{\"state\":\"Ready\"}}}}")
	    ->describes = 1;
}

/* Options that are a number, and its range. */
static const struct {
	int o;
	uint64_t min, max, *to;
} number_options[] = {{'p', 0, 65535, &port}, {DIM, 3, 20000, &dim},
    {MAX_BATCH, 1, 1000000, &max_batch}, {READY_AFTER, 0, 1000000, &ready_after},
    {DELAY, 0, 3600000, &delay_ms}, {WORKERS, 1, 10000, &workers}, {RATE, 1, 1000000, &rate},
    {SEED, 0, UINT64_MAX, &seed}};

static void
option(int o)
{
	int shape = 0;

	for (size_t i = 0; i < sizeof number_options / sizeof *number_options; i++)
		if (number_options[i].o == o)
			*number_options[i].to =
			    vp_arg_number(o, number_options[i].min, number_options[i].max);
	switch (o) {
	case SHAPE:
		while (shape_names[shape] && strcmp(optarg, shape_names[shape]) != 0)
			shape++;
		if (!shape_names[shape])
			vp_die(VP_EX_USAGE, "--shape %s: want toolkit, tei or openai", optarg);
		default_shape = (enum shape)shape;
		break;
	case DIGITS:
		long_digits = strcmp(optarg, "17") == 0;
		if (!long_digits && strcmp(optarg, "short") != 0)
			vp_die(VP_EX_USAGE, "--digits %s: want 17 or short", optarg);
		break;
	case INDEX:
		index_option(optarg);
		break;
	case TOKEN:
		token = optarg;
		break;
	case API_KEY:
		api_key = optarg;
		break;
	case RETRY_AFTER:
		retry_after = optarg;
		break;
	case FAULT:
		add_rule(optarg);
		break;
	case SCRIPTED:
		add_answer(optarg);
		break;
	case SCRIPT:
		read_script(optarg);
		break;
	case LOG:
		log_file = fopen(optarg, "we");
		if (!log_file)
			vp_die(VP_EX_IO, "--log %s:", optarg);
		break;
	case UNTIL_EOF:
		until_eof = true;
		break;
	case LIFETIME:
		lifetime_ms = vp_arg_ms(o);
		break;
	}
}

static const struct vp_program program = {
    .name = "fault",
    .synopsis = "[options]",
    .help =
	"  -p, --port N            port on 127.0.0.1; 0 is any free one (0)\n"
	"      --dim D             values in a vector, 3 to 20000 (8)\n"
	"      --shape SHAPE       toolkit, tei or openai: the endpoint at / (toolkit)\n"
	"      --digits 17|short   numbers as long as the toolkit's, or as short as TEI's (short)\n"
	"      --max-batch N       texts in a request to tei or openai (32)\n"
	"      --index NAME[:DIM[:METRIC]]  an index that is there from the start; the default is\n"
	"                          demo, with --dim and cosine\n"
	"      --ready-after N     an index that is created is ready after N describes (0)\n"
	"      --token T           the endpoint wants this bearer token\n"
	"      --api-key K         Pinecone wants this key\n"
	"      --delay MS          time that each request takes\n"
	"      --workers N         requests in work at a time; others queue\n"
	"      --rate R            requests a second, R at once; more are answered 429\n"
	"      --retry-after S     Retry-After for those\n"
	"      --fault SPEC        add a rule: KIND:WHEN:ACTION[,ACTION]...; see tests/fault.c\n"
	"      --answer TEXT       'METHOD TARGET STATUS BODY' in place of its own answer; several "
	"to\n"
	"                          one call are given in turn, the last of them again and again\n"
	"      --script FILE       add rules, a line each\n"
	"      --seed N            for p= rules (random)\n"
	"      --log FILE          a JSON line for each request\n"
	"      --until-eof         stop when standard input ends\n"
	"      --lifetime TIME     stop after that time (5m)\n",
    .shorts = "p:",
    .longs = (const struct option[]){{"port", 1, NULL, 'p'}, {"dim", 1, NULL, DIM},
	{"shape", 1, NULL, SHAPE}, {"digits", 1, NULL, DIGITS}, {"max-batch", 1, NULL, MAX_BATCH},
	{"index", 1, NULL, INDEX}, {"ready-after", 1, NULL, READY_AFTER}, {"token", 1, NULL, TOKEN},
	{"api-key", 1, NULL, API_KEY}, {"delay", 1, NULL, DELAY}, {"workers", 1, NULL, WORKERS},
	{"rate", 1, NULL, RATE}, {"retry-after", 1, NULL, RETRY_AFTER}, {"fault", 1, NULL, FAULT},
	{"answer", 1, NULL, SCRIPTED}, {"script", 1, NULL, SCRIPT}, {"seed", 1, NULL, SEED},
	{"log", 1, NULL, LOG}, {"until-eof", 0, NULL, UNTIL_EOF}, {"lifetime", 1, NULL, LIFETIME},
	{NULL, 0, NULL, 0}},
};

int
main(int argc, char *argv[])
{
	char default_index[] = "demo";
	sigset_t stop;
	int listener, signals;

	vp_start(&program);
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		vp_die(VP_EX_INTERNAL, "getrandom:");
	seed %= 1000000000; /* short enough to type */
	for (int o; (o = vp_opt(argc, argv)) != -1;)
		option(o);
	vp_operands(argc, 0);
	if (!n_indexes)
		index_option(default_index);
	for (size_t i = 0; i < n_indexes; i++)
		if (indexes[i]->dim == 0)
			indexes[i]->dim = dim;
	make_numbers();
	sem_init(&gate, 0, (unsigned)workers);
	rate_left = (double)rate;
	rate_at_ms = start_ms = vp_now_ms();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL); /* in the threads too */
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	listener = start_listening();
	printf("port %u\nseed %llu\n", (unsigned)port, (unsigned long long)seed);
	if (signals < 0 || fflush(stdout))
		vp_die(VP_EX_IO, "standard output:");
	run(listener, signals);
	return VP_EX_OK;
}
