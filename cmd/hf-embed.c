/* hf-embed: give records their vectors, from a Hugging Face Inference Endpoint */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "clock.h"
#include "flow.h"
#include "hash.h"
#include "hf.h"
#include "json.h"
#include "opt.h"
#include "out.h"
#include "reject.h"

enum { TRUNCATE = 256, CACHE, CACHE_KEY, CACHE_MAX, CACHE_ONLY };
enum {
	REQUEST_BYTES = 1900000, /* text-embeddings-inference takes 2,000,000 bytes a request */
	CACHE_MIN = 1000000,     /* bytes that a cache may be limited to, at least */
	ASKED = 1 << 16          /* texts that are remembered as being asked for; 1 MB */
};

static const struct vp_program program = {
    .name = "hf-embed",
    .synopsis = "[-lqv] [-n records] [-s number] [-j number] [-r file] [--skip number] "
		"[--truncate] [--cache file] [--cache-key name] [--cache-max size] [--cache-only] "
		"[url]",
    .help = "  url                     of the endpoint (HF_ENDPOINT_URL)\n"
	    "  -l, --lines             input is lines of text, not JSON\n"
	    "  -n, --records N         loose records in a request, 1 to 1000 (64)\n"
	    "  -s, --start N           with -l, the first id (0)\n"
	    "      --truncate          have the server cut texts that are too long for the model\n"
	    "      --cache FILE        vectors are kept there, and taken from there\n"
	    "      --cache-key NAME    of the model, for the cache (what the endpoint says)\n"
	    "      --cache-max SIZE    of the cache: what was used longest ago goes (none)\n"
	    "      --cache-only        send nothing: a text that is not in the cache is rejected\n",
    .shorts = "ln:s:",
    .longs = (const struct option[]){{"lines", 0, NULL, 'l'}, {"records", 1, NULL, 'n'},
	{"start", 1, NULL, 's'}, {"truncate", 0, NULL, TRUNCATE}, {"cache", 1, NULL, CACHE},
	{"cache-key", 1, NULL, CACHE_KEY}, {"cache-max", 1, NULL, CACHE_MAX},
	{"cache-only", 0, NULL, CACHE_ONLY}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS | VP_OPT_SKIP,
};

static struct vp_flow flow;
static bool openai; /* the request has the OpenAI form */
static bool truncate_flag;
static size_t dim; /* values in a vector that the endpoint sent, once one has been seen */

static const char *cache_path, *cache_key;
static uint64_t cache_max;
static bool cache_only;
static struct vp_cache *cache;
static struct vp_buf keyed; /* what a key is made of: the model's name, a byte, and a text */
static size_t keyed_name;   /* bytes of the model's name in it */
static size_t cache_dim;    /* values in a vector of the cache, once one has been taken out */

/* A cache that fails is left alone from then on: the endpoint has all the answers. */
static int
usable(int e)
{
	if (e != VP_E_IO)
		return e;
	vp_warn("--cache %s: %s: going on without it", cache_path, vp_cache_why(cache));
	vp_cache_close(cache);
	cache = NULL;
	return 0;
}

/* The key of r's text, also where it is spelled with escapes. A text that the server was asked to cut has another key:
 * without --truncate it may be refused. False where it has none: half a surrogate pair is no text. */
static bool
key_of(const struct vp_record *r, bool truncated, struct vp_hash *key)
{
	struct vp_span text = {0};

	vp_record_text(r, &text);
	keyed.n = keyed_name;
	vp_buf_putc(&keyed, truncated);
	if (vp_json_decode(text, &keyed))
		return false;
	*key = vp_hash_bytes(vp_buf_get(&keyed));
	return true;
}

/* Whether the cache has r's vector; *key is the key under which it has it, or would. */
static bool
cached(const struct vp_record *r, struct vp_hash *key)
{
	for (int t = 0; t <= truncate_flag && cache; t++)
		if (key_of(r, t, key) && usable(vp_cache_has(cache, *key)))
			return true;
	return false;
}

static int
check(const struct vp_record *r, const char **why)
{
	struct vp_span text;
	struct vp_hash key;

	if (vp_record_has_vector(r))
		return 0;
	switch (vp_record_text(r, &text)) {
	case 1:
		if (text.n > 2 && (!cache_only || cached(r, &key)))
			return 0;
		if (text.n > 2) {
			*why = "its text is not in the cache: leave out --cache-only";
			return VP_E_MISSING;
		}
		*why = "metadata.text is empty: there is nothing to embed";
		return VP_E_MISSING;
	case 0:
		*why = "no metadata.text: there is nothing to embed (vec-batch -t makes one)";
		return VP_E_MISSING;
	}
	*why = "metadata.text is not a string";
	return VP_E_TYPE;
}

/* A record that has its vector is passed on as it is: an interrupted job can be fed in again. */
static bool
has_values(void *arg, const struct vp_record *r)
{
	(void)arg;
	return vp_record_has_vector(r);
}

static size_t
weigh(const struct vp_record *r)
{
	struct vp_span text = {0};

	vp_record_text(r, &text);
	return text.n + 1;
}

/* {"inputs":["text","text"]}: the texts' own bytes, escapes and all. */
static void
request(void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body)
{
	(void)arg;
	vp_body_puts(body, openai ? "{\"input\":[" : "{\"inputs\":[");
	for (size_t i = 0; i < n; i++) {
		struct vp_span text = {0};

		vp_record_text(rec[i], &text);
		if (i)
			vp_body_puts(body, ",");
		vp_body_add(body, text);
	}
	vp_body_puts(body, truncate_flag ? "],\"truncate\":true}" : "]}");
}

/* Whether r need not be sent: the cache has its vector, or will have it when r's turn comes, because the same text is
 * being asked for. Where it then has not, r is sent after all; so it does no harm that only the last texts are known. */
static bool
find(void *arg, const struct vp_record *r)
{
	static struct vp_hash asked[ASKED];
	struct vp_hash key, *slot;

	(void)arg;
	if (cached(r, &key))
		return true;
	if (!cache || !key_of(r, truncate_flag, &key))
		return false;
	slot = &asked[key.w[0] % ASKED];
	if (slot->w[0] == key.w[0] && slot->w[1] == key.w[1])
		return true;
	*slot = key;
	return false;
}

/* The vectors of an index have one length, so those of a run must have; 0: not known yet. */
static void
same_dim(size_t a, size_t b)
{
	if (!a || !b || a == b)
		return;
	vp_out_flush();
	vp_die(VP_EX_CONFIG,
	    "--cache %s: vectors of %zu values and of %zu: are they of one model? give each its "
	    "own --cache-key",
	    cache_path, a, b);
}

static bool
fetch(void *arg, const struct vp_record *r, struct vp_buf *out)
{
	struct vp_hash key;
	size_t n = 0;

	(void)arg;
	for (int t = 0; t <= truncate_flag && cache && !n; t++)
		if (key_of(r, t, &key))
			usable(vp_cache_fetch(cache, key, out, &n));
	if (cache_only && !n) {
		vp_out_flush();
		vp_die(VP_EX_IO, "line %llu: its text has gone from the cache meanwhile", r->line);
	}
	same_dim(cache_dim, n);
	same_dim(dim, n);
	cache_dim = n ? n : cache_dim;
	return n > 0;
}

/* Put vectors in as soon as they are there: what was paid for stays, whatever happens next. */
static void
keep(const struct vp_record *const rec[], size_t n, const struct vp_span vector[])
{
	struct vp_hash *key = vp_alloc(n, sizeof *key);
	struct vp_span *kept = vp_alloc(n, sizeof *kept);
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (key_of(rec[i], truncate_flag, &key[k]))
			kept[k++] = vector[i];
	usable(vp_cache_put(cache, key, kept, k));
	free(key);
	free(kept);
}

static int
answer(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
    struct vp_span out[], struct vp_buf *why)
{
	int e = vp_hf_vectors(body, n, &dim, out, why);

	(void)arg;
	if (e)
		return e;
	same_dim(cache_dim, dim);
	if (cache)
		keep(rec, n, out);
	return 0;
}

/* The record with its vector put in behind the id, or first where it has none, or in the place of a null or an
 * empty array that stands for it. All else is as it came. */
static void
print_record(const struct vp_record *r, const struct vp_result *result)
{
	const char *end = r->all.s + r->all.n, *at;

	if (result->state == VP_SKIPPED) {
		vp_out_span(r->all);
		return;
	}
	if (r->values.s)
		at = r->values.s;
	else if (r->id.n)
		at = r->id.s + r->id.n;
	else /* blanks may stand before a loose record */
		at = (const char *)memchr(r->all.s, '{', r->all.n) + 1;
	vp_out(r->all.s, (size_t)(at - r->all.s));
	if (!r->values.s)
		vp_out_puts(r->id.n ? ",\"values\":" : "\"values\":");
	vp_out_json(result->span);
	if (r->values.s)
		at += r->values.n ? r->values.n : sizeof "null" - 1;
	else if (!r->id.n)
		vp_out_putc(',');
	vp_out(at, (size_t)(end - at));
}

static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	vp_flow_records(job, n, print_record);
}

/* A 503 only ends a run when --wait is over; whether the endpoint will ever run, its answer does not tell: one that has
 * failed says the same as one that starts. */
static const char *
advice(void *arg, long status)
{
	static char text[160];

	(void)arg;
	if (status != 503)
		return NULL;
	snprintf(text, sizeof text,
	    "the wait of %.10g s is over: 'hf-endpoint describe' tells its state, "
	    "'hf-endpoint wait' or a longer --wait waits on",
	    (double)vp_opts.wait_ms / 1000);
	return text;
}

static struct vp_protocol protocol = {
    .service = VP_HF,
    .method = "POST",
    .skip = has_values,
    .weigh = weigh,
    .request = request,
    .answer = answer,
    .deliver = deliver,
    .advice = advice,
};

/* The client, with the token if there is one and it may be sent to url, which where names. */
static struct vp_http *
client(const char *where, const char *url)
{
	struct vp_http *http = NULL;
	char *token = vp_hf_token();
	const char *why;
	int e = vp_http_safe(url, &why);

	if (!e || (e != VP_E_SYNTAX && !token))
		http = vp_hf_client(token);
	free(token);
	if (!http)
		vp_die(VP_EX_CONFIG, "%s: %s", where, why);
	return http;
}

/* The route that tells what the endpoint serves stands beside those that embed. */
static void
info_url(struct vp_buf *out)
{
	static const char *const routes[] = {"/v1/embeddings", "/embeddings", "/embed", "/predict"};
	struct vp_span base = {flow.url, strcspn(flow.url, "?")};

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		size_t n = strlen(routes[i]);

		while (base.n && base.s[base.n - 1] == '/')
			base.n--;
		if (base.n > n && memcmp(base.s + base.n - n, routes[i], n) == 0)
			base.n -= n;
	}
	vp_buf_span(out, base);
	vp_buf_puts(out, "/info");
}

/* Append what the endpoint says of its model. Whether that tells it from others: "/repository" is where the service puts
 * each model, so without the hash of its revision that is no name. */
static bool
take_info(struct vp_span info)
{
	struct vp_span id, v;
	bool named = false;

	if (vp_json_check(info, NULL) || vp_json_find(info, "model_id", &id) != 1 || id.n <= 2)
		return false;
	named = vp_json_type(id) == '"' && id.s[1] != '/';
	vp_buf_span(&keyed, id);
	if (vp_json_find(info, "model_sha", &v) == 1 && vp_json_type(v) == '"') {
		vp_buf_span(&keyed, v);
		named = true;
	}
	if (vp_json_find(info, "model_dtype", &v) == 1)
		vp_buf_span(&keyed, v);
	if (vp_json_path(info, &v, "model_type", "embedding", "pooling", NULL) == 1)
		vp_buf_span(&keyed, v);
	return named;
}

/* The model's name, as the cache knows it: --cache-key, else what the endpoint says, else its address. Returns 0 or an exit
 * status, having said why. */
static int
name_model(void)
{
	const uint64_t until = vp_now_ms() + vp_opts.wait_ms;
	struct vp_http_answer a = {0};
	struct vp_buf url = {0};
	bool named = cache_key != NULL;
	int status = 0;

	if (cache_key) {
		vp_buf_puts(&keyed, cache_key);
	} else {
		info_url(&url);
		status = vp_http_call(flow.http, VP_HF, "GET", vp_buf_cstr(&url), NULL, &a);
		named = status == 0 && a.status == 200 && take_info(vp_buf_get(&a.body));
		if (status == VP_EX_TEMP && a.status == 503 && until <= vp_deadline_at())
			vp_warn("%.*s: %s", (int)strcspn(flow.url, "?"), flow.url,
			    advice(NULL, a.status));
	}
	if (!named)
		vp_buf_puts(&keyed, flow.url);
	vp_buf_putc(&keyed, '\0');
	keyed_name = keyed.n;
	vp_buf_free(&a.body);
	vp_buf_free(&url);
	return status;
}

static int
open_cache(void)
{
	struct vp_buf why = {0};

	if (!cache_path)
		return 0;
	if (vp_cache_open(cache_path, cache_max, &cache, &why))
		vp_die(VP_EX_IO, "--cache %s: %s", cache_path, vp_buf_cstr(&why));
	protocol.find = find;
	protocol.fetch = fetch;
	flow.gather = true;
	return name_model();
}

static void
options(int argc, char *argv[])
{
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'l':
			flow.in.text = true;
			break;
		case 'n':
			flow.in.group = vp_arg_number(c, 1, 1000);
			break;
		case 's':
			flow.in.text_id = vp_arg_number(c, 0, 1000000000000000000);
			break;
		case TRUNCATE:
			truncate_flag = true;
			break;
		case CACHE:
			cache_path = optarg;
			break;
		case CACHE_KEY:
			cache_key = optarg;
			break;
		case CACHE_MAX:
			cache_max = vp_arg_bytes(c, CACHE_MIN, INT64_MAX);
			break;
		case CACHE_ONLY:
			cache_only = true;
			break;
		}
	if (argc - optind > 1)
		vp_operands(argc, 1);
	if (cache_path && !*cache_path) /* SQLite would make a file that goes with the program */
		vp_usage("--cache '': want the name of a file");
	if (cache_key && !*cache_key)
		vp_usage("--cache-key '': want a name of the model");
	if (!cache_path && (cache_key || cache_max || cache_only))
		vp_usage("--cache-%s: which cache? --cache names it", cache_key   ? "key"
								      : cache_max ? "max"
										  : "only");
}

/* The endpoint, and the client for it. Where nothing is to be sent, there need not be one. */
static void
find_endpoint(const char *operand)
{
	const char *where = operand ? "url" : "HF_ENDPOINT_URL";
	size_t n;

	flow.url = operand ? operand : vp_http_env("HF_ENDPOINT_URL");
	if (!flow.url && cache_only && cache_key) {
		flow.url = "";
		flow.http = vp_http_new(NULL, NULL);
		return;
	}
	if (!flow.url)
		vp_die(VP_EX_CONFIG, "HF_ENDPOINT_URL: not set: set it to the endpoint's URL, or "
				     "run under hf-local");
	n = strcspn(flow.url, "?");
	if (n >= 11 && strncmp(flow.url + n - 11, "/embeddings", 11) == 0)
		openai = true;
	flow.http = client(where, flow.url);
}

int
main(int argc, char *argv[])
{
	int status;

	vp_start(&program);
	options(argc, argv);
	find_endpoint(optind < argc ? argv[optind] : NULL);
	flow.protocol = &protocol;
	flow.max_bytes = REQUEST_BYTES;
	flow.in.check = check;
	flow.in.hint = "; -l for plain text";
	flow.in.skip = vp_opts.skip;
	if (cache_path)
		vp_reject_apart(cache_path, "is the cache itself");
	vp_reject_open();
	status = open_cache();
	if (status == 0)
		status = vp_flow_run(&flow);
	vp_cache_close(cache);
	vp_buf_free(&keyed);
	vp_http_free(flow.http);
	return status;
}
