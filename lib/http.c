/* http: requests in flight, and the policy for their answers */
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "http.h"
#include "json.h"
#include "opt.h"

enum {
	BODY_MAX =
	    512 * 1024 *
	    1024, /* bytes of an answer: 1,000 vectors of 20,000 numbers, printed at length */
	TOLD_MAX = 16 * 1024 * 1024, /* bytes that are made room for because a header says so */
	LARGE_BUFFER = 256 * 1024,   /* two thirds of the CPU time of the default 16 KB */
	SMALL_BUFFER = 16 * 1024,    /* enough where less than that is to go through it */
	CONNECT_MS = 20000
};

struct flight {
	struct flight *next;
	CURL *easy;
	const char *method;
	uint64_t start_ms, limit_ms; /* when it began, when it is over time */
	bool flying, finished;
	char error[CURL_ERROR_SIZE];
	CURLcode code;
	struct vp_http_answer a;
	char *url;
	const struct vp_body *body;
	size_t span, at; /* how far it has been sent: bytes `at` of span number `span` */
};

struct vp_http {
	CURLM *multi;
	struct curl_slist *headers;
	bool secret; /* among the headers is one */
	struct flight
	    *flights; /* all, flying and idle: an idle one keeps its buffers for the next request */
	size_t flying;
	size_t answer_bytes; /* of the last answer: the next ones will be like it */
};

static char *secret; /* what the secret header says, behind its scheme; for redact */

static const char *
ca_file(void)
{
	const char *f = getenv("CURL_CA_BUNDLE");

	if (!f || !*f)
		f = getenv("SSL_CERT_FILE");
	return f && *f ? f : NULL;
}

/* What libcurl copies may find no memory; a request without it would be another one. */
static void
must_copy(CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY)
		vp_oom();
}

static void
add_header(struct vp_http *h, const char *line)
{
	struct curl_slist *longer = curl_slist_append(h->headers, line);

	if (!longer)
		vp_oom();
	h->headers = longer;
}

struct vp_http *
vp_http_new(const char *secret_header, const char *const more[])
{
	struct vp_http *h = vp_zalloc(1, sizeof *h);
	char agent[128];

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		vp_die(VP_EX_INTERNAL, "libcurl: cannot start");
	h->multi = curl_multi_init();
	if (!h->multi)
		vp_oom();
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 256L);
	snprintf(agent, sizeof agent, "User-Agent: vecpipe/%s (%s)", VP_VERSION, vp_name);
	add_header(h, agent);
	add_header(h, "Content-Type: application/json");
	/* libcurl would announce bodies over 1 MB with Expect: 100-continue and wait a second for the answer */
	add_header(h, "Expect:");
	h->secret = secret_header != NULL;
	if (secret_header) {
		const char *value = strstr(secret_header, ": "), *blank;

		add_header(h, secret_header);
		value = value ? value + 2 : secret_header;
		blank = strchr(value, ' '); /* behind "Bearer" */
		free(secret);
		secret = vp_strdup(blank ? blank + 1 : value);
	}
	for (; more && *more; more++)
		add_header(h, *more);
	return h;
}

static void
flight_free(struct flight *f)
{
	curl_easy_cleanup(f->easy);
	vp_buf_free(&f->a.body);
	free(f->url);
	free(f);
}

void
vp_http_free(struct vp_http *h)
{
	if (!h)
		return;
	vp_http_abort(h);
	for (struct flight *f = h->flights, *next; f; f = next) {
		next = f->next;
		flight_free(f);
	}
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	curl_global_cleanup();
	free(secret);
	secret = NULL;
	free(h);
}

/* Whether libcurl has taken, or given, a part of a URL. */
static bool
url_part(CURLUcode code)
{
	if (code == CURLUE_OUT_OF_MEMORY)
		vp_oom();
	return code == CURLUE_OK;
}

int
vp_http_safe(const char *url, const char **why)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	int e = VP_E_SYNTAX;

	*why = "not an http or https URL";
	if (!u)
		vp_oom();
	if (url_part(curl_url_set(u, CURLUPART_URL, url, 0)) &&
	    url_part(curl_url_get(u, CURLUPART_SCHEME, &scheme, 0)) &&
	    url_part(curl_url_get(u, CURLUPART_HOST, &host, 0))) {
		if (url_part(curl_url_get(u, CURLUPART_USER, &user, 0))) {
			*why = "holds a user name: messages show the URL, so no secret may stand "
			       "in it";
		} else if (strcmp(scheme, "https") == 0) {
			e = 0;
		} else if (strcmp(scheme, "http") == 0) {
			*why = "a secret is sent over plain http only to this machine: use https";
			/* 127.0.0.0/8 as numbers only: a name such as 127.0.0.1.example.org is no loopback */
			e = strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
				    (strncmp(host, "127.", 4) == 0 &&
					strspn(host, "0123456789.") == strlen(host))
				? 0
				: VP_E_TYPE;
		}
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_url_cleanup(u);
	return e;
}

static size_t
on_body(char *s, size_t size, size_t n, void *user)
{
	struct flight *f = user;
	curl_off_t whole = 0;

	(void)size;
	if (f->a.body.n ==
	    0) { /* room for all of it at once, if its length is told and to be believed */
		curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &whole);
		if (whole > 0 && whole < TOLD_MAX)
			vp_buf_room(&f->a.body, (size_t)whole);
	}
	return vp_buf_add(&f->a.body, s, n) ? 0 : n;
}

void
vp_body_add(struct vp_body *b, struct vp_span s)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		b->span = vp_realloc(b->span, b->cap, sizeof *b->span);
	}
	b->span[b->n++] = s;
	b->bytes += s.n;
}

void
vp_body_puts(struct vp_body *b, const char *text)
{
	vp_body_add(b, vp_str(text));
}

void
vp_body_free(struct vp_body *b)
{
	free(b->span);
	*b = (struct vp_body){0};
}

static size_t
on_read(char *to, size_t size, size_t room, void *user)
{
	struct flight *f = user;
	size_t done = 0;

	(void)size;
	while (done < room && f->span < f->body->n) {
		struct vp_span s = f->body->span[f->span];
		size_t n = s.n - f->at < room - done ? s.n - f->at : room - done;

		if (n)
			memcpy(to + done, s.s + f->at, n);
		done += n;
		f->at += n;
		if (f->at == s.n) {
			f->span++;
			f->at = 0;
		}
	}
	return done;
}

/* libcurl begins again where a kept connection turns out to be dead. */
static int
on_rewind(void *user, curl_off_t offset, int origin)
{
	struct flight *f = user;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	f->span = f->at = 0;
	return CURL_SEEKFUNC_OK;
}

/* The value of header name in the line s, or an empty span. */
static struct vp_span
header_value(struct vp_span s, const char *name)
{
	size_t n = strlen(name);

	if (s.n <= n || s.s[n] != ':' || strncasecmp(s.s, name, n) != 0)
		return (struct vp_span){NULL, 0};
	s = (struct vp_span){s.s + n + 1, s.n - n - 1};
	while (s.n && isspace((unsigned char)*s.s))
		s = (struct vp_span){s.s + 1, s.n - 1};
	while (s.n && isspace((unsigned char)s.s[s.n - 1]))
		s.n--;
	return s;
}

static void
copy_text(char *to, size_t room, struct vp_span s)
{
	snprintf(to, room, "%.*s", (int)s.n, s.n ? s.s : "");
}

/* Retry-After (RFC 9110 section 10.2.3): seconds, or a date. Hugging Face's management API sends `ratelimit:
 * "api";r=0;t=55` instead, t being seconds. */
static int64_t
read_retry_after(struct vp_span v)
{
	char text[64], *end;
	double seconds;
	time_t date;

	copy_text(text, sizeof text, v);
	seconds = strtod(text, &end);
	if (end == text || *end) {
		date = curl_getdate(text, NULL);
		if (date < 0)
			return -1;
		seconds = difftime(date, time(NULL));
	}
	if (!(seconds >= 0))
		return 0;
	return seconds > 86400 ? 86400000 : (int64_t)(seconds * 1000);
}

static size_t
on_header(char *s, size_t size, size_t n, void *user)
{
	struct flight *f = user;
	struct vp_span line = {s, n}, v;

	(void)size;
	if (n > 5 && memcmp(s, "HTTP/", 5) ==
			 0) { /* a new head: what an interim answer said does not count */
		f->a.retry_after_ms = -1;
		*f->a.request_id = *f->a.location = *f->a.message = '\0';
	} else if ((v = header_value(line, "retry-after")).n) {
		f->a.retry_after_ms = read_retry_after(v);
	} else if ((v = header_value(line, "ratelimit")).n) {
		const char *t = memmem(v.s, v.n, ";t=", 3);
		if (t && f->a.retry_after_ms < 0)
			f->a.retry_after_ms =
			    read_retry_after((struct vp_span){t + 3, (size_t)(v.s + v.n - t - 3)});
	} else if ((v = header_value(line, "x-pinecone-request-id")).n ||
		   (v = header_value(line, "x-request-id")).n ||
		   (!*f->a.request_id && (v = header_value(line, "x-amzn-trace-id")).n)) {
		copy_text(f->a.request_id, sizeof f->a.request_id, v);
	} else if ((v = header_value(line, "x-error-message")).n) {
		copy_text(f->a.message, sizeof f->a.message, v);
	} else if ((v = header_value(line, "location")).n) {
		const char *query = memchr(v.s, '?', v.n); /* it may hold a secret */
		v.n = query ? (size_t)(query - v.s) : v.n;
		copy_text(f->a.location, sizeof f->a.location, v);
	}
	return n;
}

static struct flight *
idle_flight(struct vp_http *h)
{
	struct flight *f;

	for (f = h->flights; f; f = f->next)
		if (!f->flying)
			return f;
	f = vp_zalloc(1, sizeof *f);
	f->easy = curl_easy_init();
	if (!f->easy)
		vp_oom();
	f->next = h->flights;
	h->flights = f;
	curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
	curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(f->easy, CURLOPT_READDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_SEEKFUNCTION, on_rewind);
	curl_easy_setopt(f->easy, CURLOPT_SEEKDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
	curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	must_copy(curl_easy_setopt(f->easy, CURLOPT_PROTOCOLS_STR, "http,https"));
	curl_easy_setopt(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(f->easy, CURLOPT_PIPEWAIT, 0L);
	if (ca_file())
		must_copy(curl_easy_setopt(f->easy, CURLOPT_CAINFO, ca_file()));
	return f;
}

/* Room in libcurl for what is sent or comes: each request in flight has both, and mostly one of them is all that counts. */
static long
buffer_for(size_t bytes)
{
	return bytes > SMALL_BUFFER ? LARGE_BUFFER : SMALL_BUFFER;
}

/* What a URL asks its host for; NULL where it asks for no more than a path. */
static const char *
query_target(const char *url)
{
	const char *authority = strstr(url, "://");

	return authority && strchr(url, '?') ? strchr(authority + 3, '/') : NULL;
}

/* The URL of this request. libcurl 7.88 forgets a query for which there is no memory, and then the request means another
 * thing, so one with a query is said again as the target: that is copied or fails. Not where it may go by way of http_proxy,
 * which wants the whole URL. */
static void
set_url(const struct vp_http *h, struct flight *f, const char *url)
{
	const bool plain = strncasecmp(url, "http:", 5) == 0, direct = h->secret || !plain;

	free(f->url);
	f->url = vp_strdup(url);
	must_copy(curl_easy_setopt(f->easy, CURLOPT_URL, f->url));
	must_copy(curl_easy_setopt(
	    f->easy, CURLOPT_REQUEST_TARGET, direct ? query_target(f->url) : NULL));
	/* a secret that goes over plain http goes to this machine: not by way of http_proxy */
	must_copy(curl_easy_setopt(f->easy, CURLOPT_PROXY, h->secret && plain ? "" : NULL));
}

void
vp_http_send(
    struct vp_http *h, const char *method, const char *url, const struct vp_body *body, void *user)
{
	struct flight *f = idle_flight(h);
	CURL *e = f->easy;

	vp_buf_free(&f->a.body);
	f->a = (struct vp_http_answer){.user = user, .retry_after_ms = -1, .body.max = BODY_MAX};
	f->method = method;
	f->body = body;
	f->span = f->at = 0;
	*f->error = '\0';
	if (!f->url || strcmp(f->url, url) != 0)
		set_url(h, f, url);
	curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	if (body) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->bytes);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, buffer_for(body->bytes));
	}
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_for(h->answer_bytes));
	must_copy(curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method));
	f->start_ms = vp_now_ms();
	f->limit_ms = f->start_ms + vp_opts.timeout_ms;
	if (f->limit_ms > vp_deadline_at())
		f->limit_ms = vp_deadline_at();
	f->flying = true;
	f->finished = false;
	h->flying++;
	if (curl_multi_add_handle(h->multi, e)) {
		f->code = CURLE_FAILED_INIT;
		f->finished = true;
	}
}

size_t
vp_http_flying(const struct vp_http *h)
{
	return h->flying;
}

/* Take note of the transfers that libcurl has finished, and end those that are over time. */
static void
collect(struct vp_http *h)
{
	uint64_t now = vp_now_ms();
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			struct flight *f;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
			f->code = m->data.result;
			f->finished = true;
		}
	for (struct flight *f = h->flights; f; f = f->next)
		if (f->flying && !f->finished && now >= f->limit_ms) {
			f->code = CURLE_OPERATION_TIMEDOUT;
			snprintf(f->error, sizeof f->error, "no whole answer within %llu ms",
			    (unsigned long long)(f->limit_ms - f->start_ms));
			f->finished = true;
		}
}

void
vp_http_work(struct vp_http *h, struct pollfd fds[], size_t n, uint64_t ms)
{
	struct curl_waitfd extra[8];
	uint64_t now = vp_now_ms();
	int running;

	curl_multi_perform(h->multi, &running);
	collect(h);
	for (struct flight *f = h->flights; f; f = f->next) {
		if (f->flying && f->finished)
			ms = 0;
		else if (f->flying && f->limit_ms < now + ms)
			ms = f->limit_ms > now ? f->limit_ms - now : 0;
	}
	if (n > 8)
		n = 8;
	for (size_t i = 0; i < n; i++)
		extra[i] = (struct curl_waitfd){.fd = fds[i].fd,
		    .events = fds[i].events & POLLIN ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT};
	curl_multi_poll(h->multi, extra, (unsigned)n, (int)(ms > 60000 ? 60000 : ms), NULL);
	for (size_t i = 0; i < n; i++) /* libcurl does not report a hang-up: a read will */
		fds[i].revents = 0;
	poll(fds, (nfds_t)n, 0);
	curl_multi_perform(h->multi, &running);
	collect(h);
}

static void
fault(struct flight *f)
{
	if (f->code == CURLE_WRITE_ERROR)
		snprintf(f->error, sizeof f->error, "the answer is over %d MiB", BODY_MAX >> 20);
	f->a.fault = *f->error ? f->error : curl_easy_strerror(f->code);
	f->a.timed_out = f->code == CURLE_OPERATION_TIMEDOUT;
	f->a.refused = f->code == CURLE_COULDNT_CONNECT || f->code == CURLE_COULDNT_RESOLVE_HOST ||
		       f->code == CURLE_COULDNT_RESOLVE_PROXY;
	f->a.untrusted =
	    f->code == CURLE_PEER_FAILED_VERIFICATION || f->code == CURLE_SSL_CACERT_BADFILE;
	f->a.status = 0;
}

/* Under -v: one line for an answer. */
static void
trace(const char *method, const char *url, const struct vp_http_answer *a)
{
	int n = (int)strcspn(url, "?");

	if (a->fault)
		vp_warn(
		    "%s %.*s: %s, %llu ms", method, n, url, a->fault, (unsigned long long)a->ms);
	else
		vp_warn("%s %.*s: %ld, %llu ms, %zu bytes", method, n, url, a->status,
		    (unsigned long long)a->ms, a->body.n);
}

bool
vp_http_next(struct vp_http *h, struct vp_http_answer *a)
{
	for (struct flight *f = h->flights; f; f = f->next) {
		if (!f->flying || !f->finished)
			continue;
		curl_multi_remove_handle(h->multi, f->easy);
		f->flying = false;
		h->flying--;
		f->a.ms = vp_now_ms() - f->start_ms;
		if (f->code)
			fault(f);
		else
			curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &f->a.status);
		*a = f->a;
		h->answer_bytes = a->body.n;
		f->a.body = (struct vp_buf){0};
		if (vp_opts.verbose)
			trace(f->method, f->url, a);
		return true;
	}
	return false;
}

void
vp_http_excuse(struct vp_http *h, uint64_t ms)
{
	for (struct flight *f = h->flights; f; f = f->next)
		f->limit_ms += f->flying ? ms : 0;
}

void
vp_http_abort(struct vp_http *h)
{
	for (struct flight *f = h->flights; f; f = f->next)
		if (f->flying) {
			curl_multi_remove_handle(h->multi, f->easy);
			f->flying = false;
			h->flying--;
		}
}

/* The policy. A row holds for a status (0: any) and a text in the body ("": any), in one service's answers
 * or in all; the first row that fits decides, final before split before retry. Sources: the services'
 * published specifications and their servers' sources, as named. */
enum {
	HF = 1 << VP_HF,
	PC = 1 << VP_PINECONE,
	HUB = 1 << VP_HUB,
	VIEWER = 1 << VP_VIEWER,
	ALL = HF | PC | HUB | VIEWER
};

struct rule {
	int services;
	long status;
	const char *text;
	enum vp_verdict verdict;
	int exit;
	const char *what;
};

static const struct rule final_rules[] = {
    /* the endpoints' proxy: a paused endpoint answers 400, not 503, and does not wake */
    {HF, 400, "\"Bad Request: The endpoint is paused", VP_FINAL, VP_EX_CONFIG,
	"the endpoint is paused: resume it first"},
    {HF, 400, "\"Bad Request: Invalid state", VP_FINAL, VP_EX_CONFIG,
	"the endpoint is paused or failed: look at its state"},
    {HF, 401, "", VP_FINAL, VP_EX_NOPERM, "set HF_TOKEN to a token that may use this endpoint"},
    {HF, 402, "", VP_FINAL, VP_EX_NOPERM, "the account has no payment method or no credit"},
    {HF, 403, "", VP_FINAL, VP_EX_NOPERM, "the token may not use this endpoint"},
    {HF, 404, "", VP_FINAL, VP_EX_CONFIG, "nothing answers there: check HF_ENDPOINT_URL"},
    {HF, 405, "", VP_FINAL, VP_EX_CONFIG, "this is no embedding route: check HF_ENDPOINT_URL"},
    {PC, 401, "", VP_FINAL, VP_EX_NOPERM,
	"set PINECONE_API_KEY to a key of the project that has the index"},
    {PC, 402, "", VP_FINAL, VP_EX_NOPERM, "the account has no payment method or no credit"},
    {PC, 403, "quota", VP_FINAL, VP_EX_NOPERM, "the project's quota is used up"},
    {PC, 403, "", VP_FINAL, VP_EX_NOPERM, NULL},
    {PC, 404, "", VP_FINAL, VP_EX_CONFIG, NULL},
    /* Pinecone's monthly limits are 429s that no waiting helps */
    {PC, 429, "month", VP_FINAL, VP_EX_UNAVAILABLE, "the plan's monthly limit is reached"},
    {ALL, 415, "", VP_FINAL, VP_EX_PROTOCOL, "the server does not take JSON there"},
    /* resume, of an endpoint that runs: as good as done, says huggingface_hub too */
    {HUB, 400, "already running", VP_DONE, VP_EX_OK, NULL},
    {HUB, 401, "", VP_FINAL, VP_EX_NOPERM, "set HF_TOKEN to a token that may manage endpoints"},
    {HUB, 402, "", VP_FINAL, VP_EX_NOPERM, "the account has no payment method or no credit"},
    {HUB, 403, "", VP_FINAL, VP_EX_NOPERM, "the token may not manage endpoints of this namespace"},
    /* the dataset viewer answers 401 for a dataset that does not exist, and 404 where there is a token */
    {VIEWER, 401, "", VP_DONE, VP_EX_NOPERM, NULL},
    {VIEWER, 403, "", VP_FINAL, VP_EX_NOPERM, "the token may not read this dataset"},
    {VIEWER, 404, "", VP_FINAL, VP_EX_CONFIG, NULL},
    /* what its workers could not do with the dataset is kept, and answered each time */
    {VIEWER, 500, "\"cause_exception\"", VP_FINAL, VP_EX_UNAVAILABLE,
	"the viewer can't read this dataset"},
    {VIEWER, 501, "", VP_FINAL, VP_EX_UNAVAILABLE, "the viewer does not serve this dataset"},
};

static const struct rule split_rules[] = {
    /* text-embeddings-inference up to 1.8 says 413 to one text that is too long, too: that is no limit for the others */
    {HF, 413, "must have less than", VP_SUSPECT, VP_EX_DATA, NULL},
    /* text-embeddings-inference: 413 up to 1.8, 422 from 1.9 */
    {HF, 413, "maximum allowed batch size", VP_SPLIT, VP_EX_DATA, NULL},
    {HF, 422, "maximum allowed batch size", VP_SPLIT, VP_EX_DATA, NULL},
    /* --payload-limit of text-embeddings-inference; Pinecone's 2 MB; any proxy's own limit */
    {ALL, 413, "", VP_SPLIT, VP_EX_DATA, NULL},
    {PC, 414, "", VP_SPLIT, VP_EX_DATA, NULL},
    /* Pinecone's 400s about size: "Request size ... exceeds the maximum supported size of 2097152 bytes" */
    {PC, 400, "exceeds the maximum supported size", VP_SPLIT, VP_EX_DATA, NULL},
    {PC, 400, "message length too large", VP_SPLIT, VP_EX_DATA, NULL},
};

static const struct rule retry_rules[] = {
    /* the statuses that huggingface_hub and Pinecone's Python client try again, and 425 (RFC 8470 section 5.2) */
    {ALL, 408, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    {ALL, 425, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    {ALL, 429, "", VP_SLOWER, VP_EX_UNAVAILABLE, NULL},
    /* 424 is text-embeddings-inference's `Backend`: inference failed; out of memory passes with a smaller batch */
    {HF, 424, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    {ALL, 503, "", VP_WAIT, VP_EX_UNAVAILABLE, NULL},
    /* the dataset viewer's ResponseNotReady: the answer is being made */
    {VIEWER, 500, "not ready yet", VP_WAIT, VP_EX_UNAVAILABLE, NULL},
    {ALL, 500, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    {ALL, 502, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    {ALL, 504, "", VP_AGAIN, VP_EX_UNAVAILABLE, NULL},
    /* the inference toolkit answers every failure of its handler with 400, text-embeddings-inference uses
     * 400 for an empty text and 422 for a text that it refuses, Pinecone 400 for a bad record */
    {ALL, 400, "", VP_SUSPECT, VP_EX_DATA, NULL},
    {ALL, 422, "", VP_SUSPECT, VP_EX_DATA, NULL},
};

static const struct rule *
find_rule(const struct rule *r, size_t n, enum vp_service service, const struct vp_http_answer *a)
{
	for (; n > 0; n--, r++)
		if (r->services >> service & 1 && r->status == a->status &&
		    (!*r->text ||
			(a->body.n && memmem(a->body.s, a->body.n, r->text, strlen(r->text)))))
			return r;
	return NULL;
}

/* "batch size 64 > maximum allowed batch size 32": the last number. */
static size_t
allowed_batch(const struct vp_http_answer *a)
{
	static const char text[] = "maximum allowed batch size ";
	const char *p = a->body.n ? memmem(a->body.s, a->body.n, text, sizeof text - 1) : NULL;
	size_t n = 0;

	if (p)
		for (p += sizeof text - 1;
		     p < a->body.s + a->body.n && isdigit((unsigned char)*p) && n < 100000; p++)
			n = n * 10 + (size_t)(*p - '0');
	return n;
}

struct vp_judgement
vp_http_judge(enum vp_service service, const struct vp_http_answer *a)
{
	static char cause[16];
	const struct rule *r;

	if (a->untrusted)
		return (struct vp_judgement){VP_FINAL, VP_EX_CONFIG, 0,
		    "CURL_CA_BUNDLE names a file of authorities to trust", "certificate"};
	if (a->fault)
		return (struct vp_judgement){VP_AGAIN, VP_EX_UNAVAILABLE, 0, NULL,
		    a->timed_out ? "timeout"
		    : a->refused ? "refused"
				 : "connection"};
	snprintf(cause, sizeof cause, "%ld", a->status);
	if (a->status >= 200 && a->status < 300)
		return (struct vp_judgement){VP_DONE, VP_EX_OK, 0, NULL, cause};
	if (!(r = find_rule(final_rules, sizeof final_rules / sizeof *r, service, a)) &&
	    !(r = find_rule(split_rules, sizeof split_rules / sizeof *r, service, a)) &&
	    !(r = find_rule(retry_rules, sizeof retry_rules / sizeof *r, service, a))) {
		if (a->status >= 500)
			return (struct vp_judgement){VP_AGAIN, VP_EX_UNAVAILABLE, 0, NULL, cause};
		return (struct vp_judgement){VP_FINAL, VP_EX_PROTOCOL, 0,
		    a->status / 100 == 3 ? "a redirect is not followed: give the address itself"
					 : NULL,
		    cause};
	}
	return (struct vp_judgement){
	    r->verdict, r->exit, r->verdict == VP_SPLIT ? allowed_batch(a) : 0, r->what, cause};
}

/* Where the services put their message, tried in this order. */
static bool
json_message(struct vp_span body, struct vp_buf *out)
{
	static const char *const paths[][2] = {{"error", "message"}, {"error", NULL},
	    {"message", NULL}, {"errors", NULL}, {"detail", NULL}};
	struct vp_span v, item;
	struct vp_json_walk w;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (vp_json_path(body, &v, paths[i][0], paths[i][1], NULL) != 1)
			continue;
		if (vp_json_type(v) == '[') { /* ["text"] or [{"message":"text"}] */
			vp_json_begin(&w, v);
			if (vp_json_item(&w, &item) != 1)
				continue;
			v = item;
			if (vp_json_type(v) == '{' && vp_json_find(v, "message", &v) != 1)
				continue;
		}
		if (vp_json_type(v) == '"' && v.n > 2 && vp_json_decode(v, out) == 0)
			return true;
	}
	return false;
}

/* The Hub's word for an error may be followed by a sentence. */
static void
add_description(struct vp_span body, struct vp_buf *out)
{
	struct vp_span v;

	if (vp_json_find(body, "error_description", &v) == 1 && vp_json_type(v) == '"' && v.n > 2) {
		vp_buf_puts(out, ": ");
		(void)vp_json_decode(v, out);
	}
}

/* A server may send back what it was sent: the secret does not come out again. */
static void
redact(struct vp_buf *b, size_t from)
{
	size_t n = secret ? strlen(secret) : 0;
	char *p;

	while (n && b->n > from && (p = memmem(b->s + from, b->n - from, secret, n))) {
		memset(p, '*', n);
		from = (size_t)(p - b->s) + n;
	}
}

/* Where the words of a text begin: callers have said the status, and a proxy may have no more to say than "401
 * Unauthorized". */
static size_t
behind_status(struct vp_span text, long status)
{
	char number[24];
	size_t n = (size_t)snprintf(number, sizeof number, "%ld ", status);

	return text.n > n && memcmp(text.s, number, n) == 0 ? n : 0;
}

/* Whether a message of n bytes is to get the next byte: up to 300, and no character cut in two. */
static bool
room_for(size_t n, char next)
{
	return n < 300 || (n < 303 && (next & 0xc0) == 0x80);
}

void
vp_http_message(const struct vp_http_answer *a, struct vp_buf *out)
{
	struct vp_buf text = {0};
	struct vp_span body = vp_buf_get(&a->body);
	bool in_tag = false, blank = true;
	size_t start;

	if (*a->message) {
		vp_buf_puts(&text, a->message);
	} else if (json_message(body, &text)) {
		add_description(body, &text);
	} else {
		text.n = 0;
		for (size_t i = 0; i < body.n && text.n < 4096;
		     i++) { /* HTML: what stands between tags */
			if (body.s[i] == '<')
				in_tag = true;
			vp_buf_putc(&text, in_tag ? ' ' : body.s[i]);
			if (body.s[i] == '>')
				in_tag = false;
		}
	}
	redact(&text, 0); /* before it is cut: half a secret would not be known as one */
	start = out->n;
	for (size_t i = behind_status(vp_buf_get(&text), a->status);
	     i < text.n && i < 2048 && room_for(out->n - start, text.s[i]);
	     i++) { /* runs of blanks and controls become one */
		bool b = (unsigned char)text.s[i] <= ' ';
		if (!b || !blank)
			vp_buf_putc(out, b ? ' ' : text.s[i]);
		blank = b;
	}
	while (out->n > start && out->s[out->n - 1] == ' ')
		out->n--;
	if (out->n == start)
		vp_buf_puts(out, a->body.n ? "an answer without a message" : "an empty answer");
	if (*a->location)
		vp_buf_printf(out, " (to %s)", a->location);
	if (*a->request_id)
		vp_buf_printf(out, " (request %s)", a->request_id);
	vp_buf_free(&text);
}

uint64_t
vp_http_backoff(unsigned tries, int64_t retry_after_ms)
{
	uint64_t cap = 500, random = 0, ms;

	for (; tries > 1 && cap < 30000; tries--)
		cap *= 2;
	if (cap > 30000)
		cap = 30000;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = vp_now_us();
	ms = 1 + random % cap;
	if (retry_after_ms >= 0) /* told when: a little later, not all clients at the same moment */
		return (uint64_t)retry_after_ms + random % 100;
	return ms;
}

static const char *
environment(const char *name)
{
	const char *v = getenv(name);

	if (!v || !v[strspn(v, " \t\r\n")])
		return NULL;
	return v;
}

const char *
vp_http_env(const char *name)
{
	const char *v = environment(name);

	for (const char *p = v; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			vp_die(VP_EX_CONFIG, "%s: holds a control character: set it again without",
			    name);
	return v;
}

void
vp_http_sleep(struct vp_http *h, uint64_t ms)
{
	uint64_t until = vp_now_ms() + ms, now;

	while ((now = vp_now_ms()) < until)
		vp_http_work(h, NULL, 0, until - now);
}

void
vp_http_once(struct vp_http *h, const char *method, const char *url, const struct vp_buf *body,
    struct vp_http_answer *a)
{
	struct vp_span span = body ? vp_buf_get(body) : (struct vp_span){NULL, 0};
	struct vp_body one = {.span = &span, .n = 1, .bytes = span.n};

	vp_http_send(h, method, url, body ? &one : NULL, NULL);
	while (!vp_http_next(h, a))
		vp_http_work(h, NULL, 0, 1000);
}

int
vp_http_refused(
    const char *method, const char *url, const struct vp_http_answer *a, const char *advice)
{
	struct vp_buf text = {0};

	if (a->fault) {
		vp_buf_puts(&text, a->fault);
	} else {
		vp_buf_printf(&text, "%ld: ", a->status);
		vp_http_message(a, &text);
	}
	vp_warn("%s %.*s: %s%s%s", method, (int)strcspn(url, "?"), url, vp_buf_cstr(&text),
	    advice ? ": " : "", advice ? advice : "");
	vp_buf_free(&text);
	return VP_EX_CONFIG;
}

int
vp_http_call(struct vp_http *h, enum vp_service service, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a)
{
	uint64_t until = vp_now_ms() + vp_opts.wait_ms;
	struct vp_judgement j;
	bool said = false, trouble_said = false;

	for (unsigned tries = 1, waits = 0;;
	     tries++) { /* waits: those of them that a starting server answered */
		uint64_t wait;

		vp_http_once(h, method, url, body, a);
		j = vp_http_judge(service, a);
		if (j.verdict == VP_DONE || a->status == 404 || a->status == 409)
			return 0;
		wait = vp_http_backoff(tries, a->retry_after_ms);
		waits += j.verdict == VP_WAIT;
		if (a->timed_out && vp_now_ms() >= vp_deadline_at()) {
			j.exit = VP_EX_TEMP;
			break;
		}
		if (j.verdict == VP_WAIT && vp_now_ms() + wait > until) {
			j.exit = VP_EX_TEMP;
			break;
		}
		if (j.verdict != VP_WAIT && ((j.verdict != VP_AGAIN && j.verdict != VP_SLOWER) ||
						tries - waits > vp_opts.retries))
			break;
		if (vp_now_ms() + wait > vp_deadline_at()) {
			j.exit = VP_EX_TEMP;
			break;
		}
		if (j.verdict == VP_WAIT && !said) {
			vp_info("%.*s: not available yet (%ld): waiting for it, up to %llu s",
			    (int)strcspn(url, "?"), url, a->status,
			    (unsigned long long)(vp_opts.wait_ms / 1000));
			said = true;
		} else if (j.verdict != VP_WAIT && (a->refused || wait >= VP_SAY_WAIT_MS) &&
			   (a->retry_after_ms >= 0 || !trouble_said)) {
			vp_info("%.*s: %s: trying again in %llu s", (int)strcspn(url, "?"), url,
			    a->fault ? a->fault : j.cause, (unsigned long long)(wait + 999) / 1000);
			trouble_said = true;
		}
		vp_buf_free(&a->body);
		vp_http_sleep(h, wait);
	}
	vp_http_refused(method, url, a, j.what);
	vp_buf_free(&a->body);
	return j.verdict == VP_SUSPECT || j.verdict == VP_SPLIT ? VP_EX_DATA : j.exit;
}

void
vp_http_escape(struct vp_buf *url, struct vp_span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.s[i];
		if (isalnum(c) || (c && strchr("-._~", c)))
			vp_buf_putc(url, (char)c);
		else
			vp_buf_printf(url, "%%%02X", c);
	}
}
