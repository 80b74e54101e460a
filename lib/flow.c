/* flow: batches through a service, many in flight, in order, none lost */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "flow.h"
#include "opt.h"
#include "out.h"
#include "progress.h"
#include "reject.h"
#include "stop.h"

enum {
	AUTO_MAX = 16,          /* -j auto goes no further: 16 x 1.3 MB is 64 vectors at a time */
	JOBS_PER_FLIGHT = 4,    /* jobs in the window for each request in flight */
	WINDOW_BYTES = 8 << 20, /* of batches and answers in the window, beyond the first job; */
	FLIGHT_BYTES = 2 << 20, /* but so much for each request that -j asks for */
	LINGER_MS = 100,        /* a loose group that is not full goes out when no input came */
	WRONG_MAX = 2,          /* an answer that breaks the protocol is asked for again */
	WAIT_STEP_MS = 5000,    /* between two looks at a server that is starting */
	SAY_AGAIN_MS = 60000,   /* one that comes and goes is not said to be starting each time */
	REFUSED_MAX = 32,       /* records refused, and none accepted: it is not the records */
	STALLED_MS = 30000      /* with 429 only: so long without a success is unavailable */
};

/* Jobs and parts */

static void
part_add(struct vp_part *p, struct vp_job *job, const struct vp_record *r)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->rec = vp_realloc(p->rec, p->cap, sizeof *p->rec);
		p->job = vp_realloc(p->job, p->cap, sizeof *p->job);
	}
	p->rec[p->n] = r;
	p->job[p->n++] = job;
}

static void
part_free(struct vp_part *p)
{
	vp_buf_free(&p->answer);
	vp_body_free(&p->request);
	free(p->rec);
	free(p->job);
	free(p);
}

/* Cut p behind its first n records; the rest becomes a part of its own behind it. */
static void
cut(struct vp_part *p, size_t n)
{
	struct vp_part *rest = vp_zalloc(1, sizeof *rest);

	for (size_t i = n; i < p->n; i++)
		part_add(rest, p->job[i], p->rec[i]);
	rest->next = p->next;
	p->next = rest;
	p->n = n;
	p->tries = p->waits = p->wrong = 0;
	p->not_before_ms = 0;
}

/* Cut p so that its first piece keeps the limits; a record alone is always a piece. */
static void
fit(const struct vp_flow *f, struct vp_part *p)
{
	size_t bytes = 0, n = 0;

	if (!f->max_bytes && (!f->max_records || p->n <= f->max_records))
		return;
	for (; n < p->n; n++) {
		bytes += f->max_bytes ? f->protocol->weigh(p->rec[n]) : 0;
		if (n && ((f->max_records && n >= f->max_records) ||
			     (f->max_bytes && bytes > f->max_bytes)))
			break;
	}
	if (n < p->n)
		cut(p, n);
}

/* Take p, which is done, off the list. An answer stays as long as a job needs it. */
static void
retire(struct vp_flow *f, struct vp_part *p)
{
	struct vp_part **at = &f->parts;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (!p->left) {
		f->bytes -= p->answer.n;
		part_free(p);
	}
}

static size_t
index_of(const struct vp_job *job, const struct vp_record *r)
{
	return (size_t)(r - job->batch.rec);
}

static struct vp_result *
result_of(const struct vp_part *p, size_t i)
{
	return &p->job[i]->result[index_of(p->job[i], p->rec[i])];
}

/* FNV-1a of the id's text, however it is spelled. Two ids with one hash only wait for each other. */
static uint64_t
id_hash(struct vp_span id, struct vp_buf *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	text->n = 0;
	if (vp_json_decode(id, text))
		vp_buf_span(text, id);
	for (size_t i = 0; i < text->n; i++)
		h = (h ^ (unsigned char)text->s[i]) * UINT64_C(1099511628211);
	return h;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool
shares_id(const struct vp_job *a, const struct vp_job *b)
{
	for (size_t i = 0, k = 0; i < a->n_ids && k < b->n_ids;) {
		if (a->ids[i] == b->ids[k])
			return true;
		if (a->ids[i] < b->ids[k])
			i++;
		else
			k++;
	}
	return false;
}

/* Find out behind what the job's records must wait. Two sorted lists for each job in the window: 64 jobs of 64 records
 * take some 8,000 steps, next to nothing beside the records' own bytes. */
static void
note_ids(const struct vp_flow *f, struct vp_job *job)
{
	struct vp_buf text = {0};

	job->ids = vp_alloc(job->open, sizeof *job->ids);
	for (size_t i = 0; i < job->batch.n; i++)
		if (job->result[i].state == VP_OPEN && !job->batch.rec[i].bad)
			job->ids[job->n_ids++] = id_hash(job->batch.rec[i].id, &text);
	vp_buf_free(&text);
	qsort(job->ids, job->n_ids, sizeof *job->ids, by_number);
	for (size_t i = 1; i < job->n_ids; i++)
		job->twice = job->twice || job->ids[i] == job->ids[i - 1];
	for (const struct vp_job *k = f->first; k && !job->after; k = k->next)
		job->after = k->open && shares_id(k, job);
}

/* Whether p must wait for records before it that have one of its ids. */
static bool
must_wait(const struct vp_flow *f, const struct vp_part *p)
{
	const struct vp_job *job = *p->job;

	if (job->after)
		for (const struct vp_job *k = f->first; k != job; k = k->next)
			if (k->open)
				return true;
	if (job->twice)
		for (const struct vp_part *k = f->parts; k != p; k = k->next)
			if (*k->job == job)
				return true;
	return false;
}

/* The run can't get past record `at` of the job: nothing behind it is sent from now on. */
static struct vp_buf *
fail(struct vp_job *job, int status, size_t at)
{
	if (job->failed && job->failed_at <= at) {
		static struct vp_buf unheard;
		unheard.n = 0;
		return &unheard;
	}
	job->failed = status;
	job->failed_at = at;
	job->reason.n = 0;
	return &job->reason;
}

/* What may be behind a bad record. */
static const char *
hint(const struct vp_record *r)
{
	if (r->hint)
		return r->hint;
	return r->cut ? "; the last line has no end: was it cut?" : "";
}

/* A record that is none takes its place in the order too: aside with it, or the run ends there. */
static void
add_bad(struct vp_job *job, size_t i)
{
	const struct vp_record *r = &job->batch.rec[i];

	if (vp_reject_on())
		job->result[i].state = VP_REJECTED;
	else
		vp_buf_printf(
		    fail(job, VP_EX_DATA, i), "line %llu: %s%s", r->line, r->bad, hint(r));
}

/* Records that one request is to have where they are gathered: a batch that is larger is not cut for it. */
static size_t
gather_to(const struct vp_flow *f, const struct vp_batch *b)
{
	size_t group = f->in.group ? f->in.group : 64;

	if (f->max_records && f->max_records < group)
		group = f->max_records;
	return b->n > group ? b->n : group;
}

/* Send the record some time, behind all others. */
static void
queue(struct vp_flow *f, struct vp_job *job, const struct vp_record *r)
{
	struct vp_part **end = &f->parts;

	if (!f->filling || (f->gather && f->filling->n >= gather_to(f, &job->batch))) {
		while (*end)
			end = &(*end)->next;
		*end = f->filling = vp_zalloc(1, sizeof **end);
	}
	part_add(f->filling, job, r);
}

/* Bytes that a batch takes in the window, without answers. */
static size_t
weight(const struct vp_batch *b)
{
	return b->bytes.n + b->n * (sizeof *b->rec + sizeof(struct vp_result));
}

void
vp_flow_add(struct vp_flow *f, struct vp_batch *b)
{
	const struct vp_protocol *protocol = f->protocol;
	struct vp_job *job = vp_zalloc(1, sizeof *job);

	job->batch = *b;
	job->result = vp_zalloc(b->n, sizeof *job->result);
	for (size_t i = 0; i < b->n; i++) {
		const struct vp_record *r = &b->rec[i];

		if (r->bad) {
			add_bad(job, i);
		} else if (protocol->skip && protocol->skip(f->arg, r)) {
			job->result[i].state = VP_SKIPPED;
		} else if (protocol->find && protocol->find(f->arg, r)) {
			job->result[i].state = VP_KEPT;
		} else {
			queue(f, job, r);
			job->open++;
		}
	}
	if (!f->gather)
		f->filling = NULL;
	if (protocol->ordered && job->open)
		note_ids(f, job);
	if (f->last)
		f->last->next = job;
	else
		f->first = job;
	f->last = job;
	f->jobs++;
	f->bytes += weight(b);
	memset(b, 0, sizeof *b);
}

static void
drop_first_job(struct vp_flow *f)
{
	struct vp_job *job = f->first;

	f->first = job->next;
	if (!f->first)
		f->last = NULL;
	f->jobs--;
	f->bytes -= weight(&job->batch);
	for (size_t i = 0; i < job->batch.n; i++) {
		struct vp_part *p = job->result[i].part;

		if (p && --p->left == 0) {
			f->bytes -= p->answer.n;
			part_free(p);
		}
		free(job->result[i].why);
	}
	vp_batch_free(&job->batch);
	vp_buf_free(&job->reason);
	vp_buf_free(&job->kept);
	free(job->result);
	free(job->ids);
	free(job);
}

/* How much of an id a message shows. */
static int
shown(struct vp_span id)
{
	return id.n < 200 ? (int)id.n : 200;
}

/* `where` of a message about a part: the request and the input lines and ids it was for. */
static void
say_where(const struct vp_flow *f, const struct vp_part *p, struct vp_buf *out)
{
	const struct vp_record *a = p->rec[0], *z = p->rec[p->n - 1];

	vp_buf_printf(out, "line %llu: %s %.*s", a->line, f->protocol->method,
	    (int)strcspn(f->url, "?"), f->url);
	if (a->id.n && p->n == 1)
		vp_buf_printf(out, " (record %.*s)", shown(a->id), a->id.s);
	else if (a->id.n && z->id.n)
		vp_buf_printf(out, " (%zu records, %.*s to %.*s)", p->n, shown(a->id), a->id.s,
		    shown(z->id), z->id.s);
}

static void
fail_part(const struct vp_flow *f, struct vp_part *p, int status, const char *why, const char *what)
{
	struct vp_buf *reason = fail(*p->job, status, index_of(*p->job, *p->rec));

	say_where(f, p, reason);
	vp_buf_printf(reason, ": %s", why);
	if (what)
		vp_buf_printf(reason, ": %s", what);
}

/* What the server said, and what to do about it. */
static void
fail_answer(const struct vp_flow *f, struct vp_part *p, const struct vp_http_answer *a, int status,
    const char *what)
{
	struct vp_buf text = {0};

	if (f->protocol->advice && a->status && f->protocol->advice(f->arg, a->status))
		what = f->protocol->advice(f->arg, a->status);
	if (a->fault) {
		vp_buf_puts(&text, a->fault);
	} else {
		vp_buf_printf(&text, "%ld: ", a->status);
		vp_http_message(a, &text);
	}
	fail_part(f, p, status, vp_buf_cstr(&text), what);
	vp_buf_free(&text);
}

/* Record r of the job is refused: aside with it, when its turn comes; without -r the run ends there, with
 * status. Whether the run goes on. */
static bool
reject_record(
    struct vp_flow *f, struct vp_job *job, const struct vp_record *r, int status, const char *why)
{
	struct vp_result *result = &job->result[index_of(job, r)];
	struct vp_buf text = {0};
	bool on = vp_reject_on();

	if (r->id.n)
		vp_buf_printf(&text, "record %.*s: ", shown(r->id), r->id.s);
	vp_buf_puts(&text, why);
	vp_buf_cstr(&text);
	if (!on) {
		vp_buf_printf(
		    fail(job, status, index_of(job, r)), "line %llu: %s", r->line, text.s);
	} else if (!f->accepted && ++f->refused == REFUSED_MAX) {
		vp_buf_printf(fail(job, status, index_of(job, r)),
		    "line %llu: %s: the server has refused all of %d records that it was asked "
		    "about",
		    r->line, text.s, REFUSED_MAX);
		on = false;
	} else {
		result->state = VP_REJECTED;
		result->why = vp_buf_take(&text, NULL);
		job->open--;
	}
	vp_buf_free(&text);
	return on;
}

/* The same for the one record of p. */
static void
reject_part(struct vp_flow *f, struct vp_part *p, int status, const char *why)
{
	p->done = reject_record(f, *p->job, *p->rec, status, why);
}

/* Input */

static size_t
window_bytes(void)
{
	size_t asked = vp_opts.jobs * FLIGHT_BYTES;

	return asked > WINDOW_BYTES ? asked : WINDOW_BYTES;
}

/* Whether the window has room for one more job. Where requests are gathered, jobs that send little or nothing are passed
 * over to fill them, as many as its bytes allow. */
static bool
room(const struct vp_flow *f)
{
	size_t n = f->gather ? 0 : f->jobs;

	if (f->gather)
		for (const struct vp_part *p = f->parts; p; p = p->next)
			n++;
	return f->jobs == 0 ||
	       (n < (size_t)f->pace.max * JOBS_PER_FLIGHT && f->bytes < window_bytes());
}

static bool
wants_input(const struct vp_flow *f)
{
	return !f->input_over && !f->drain && !(f->last && f->last->failed) && room(f);
}

static void
input_error(struct vp_flow *f)
{
	vp_warn("standard input, behind line %llu:", f->in.in.line);
	f->input_over = f->drain = true;
	f->exit = VP_EX_IO;
}

/* Whether no input has come for a while. It is looked for once more: it may be there since before, and only we were busy. */
static bool
idle(const struct vp_flow *f)
{
	struct pollfd p = {.fd = f->in.in.fd, .events = POLLIN};

	return vp_now_ms() - f->read_ms >= LINGER_MS && poll(&p, 1, 0) == 0;
}

static void
read_input(struct vp_flow *f)
{
	struct vp_batch b;

	while (wants_input(f)) {
		switch (vp_records_gather(&f->in, idle(f), &b)) {
		case VP_GATHER_BATCH:
			vp_flow_add(f, &b);
			break;
		case VP_GATHER_READ:
			return;
		case VP_GATHER_END:
			f->input_over = true;
			if (f->in.in.line < f->in.skip) {
				vp_warn(
				    "--skip %llu: the input has %llu lines: is it the same one?",
				    f->in.skip, f->in.in.line);
				f->exit = VP_EX_DATA;
			}
			return;
		case VP_GATHER_ERROR:
			input_error(f);
			return;
		}
	}
}

/* Sending */

static size_t
allowed(const struct vp_flow *f)
{
	if (f->wait_until_ms) /* one request is enough to see whether the server is up */
		return 1;
	return vp_pace_window(&f->pace);
}

/* Whether the answers to what is in flight will take up what room is left. */
static bool
full(const struct vp_flow *f)
{
	return f->bytes + vp_http_flying(f->http) * f->answer_bytes >= window_bytes();
}

static void
send_part(struct vp_flow *f, struct vp_part *p)
{
	const struct vp_protocol *protocol = f->protocol;
	struct vp_buf url = {0};

	if (p == f->filling)
		f->filling = NULL;
	fit(f, p);
	vp_body_free(&p->request);
	if (protocol->request)
		protocol->request(f->arg, p->rec, p->n, &p->request);
	vp_buf_puts(&url, f->url);
	if (protocol->target)
		protocol->target(f->arg, p->rec, p->n, &url);
	p->bytes = p->request.bytes + url.n - strlen(f->url);
	p->tries++;
	p->flying = true;
	f->requests++;
	f->bytes_sent += p->bytes;
	p->sent_us = vp_now_us();
	vp_pace_sent(&f->pace, p->sent_us);
	vp_http_send(f->http, protocol->method, vp_buf_cstr(&url),
	    protocol->request ? &p->request : NULL, p);
	vp_buf_free(&url);
}

/* Whether p, which may get more records, is to be sent as it is: it is full, or none come. */
static bool
ripe(const struct vp_flow *f, const struct vp_part *p)
{
	if (p->n >= gather_to(f, &f->last->batch) || f->input_over)
		return true;
	if (!wants_input(f))
		return vp_http_flying(f->http) == 0;
	return idle(f);
}

/* Send what may be sent, oldest first. Returns when the next part falls due, or UINT64_MAX. */
static uint64_t
send_parts(struct vp_flow *f)
{
	uint64_t now = vp_now_ms(), due = UINT64_MAX;
	const struct vp_job *job = f->first;

	if (f->drain || f->exit)
		return due;
	for (struct vp_part *p = f->parts; p; p = p->next) {
		uint64_t at =
		    p->not_before_ms > f->pause_until_ms ? p->not_before_ms : f->pause_until_ms;

		for (; job != *p->job; job = job->next)
			if (job->failed)
				return due;
		if (job->failed && index_of(job, *p->rec) >= job->failed_at)
			return due;
		if (p->flying || must_wait(f, p) || (p == f->filling && !ripe(f, p)))
			continue;
		if (vp_http_flying(f->http) >= allowed(f) || (job != f->first && full(f)))
			return due;
		if (at < (vp_pace_due(&f->pace) + 999) / 1000)
			at = (vp_pace_due(&f->pace) + 999) / 1000;
		if (at <= now)
			send_part(f, p);
		else if (at < due)
			due = at;
	}
	for (; job; job = job->next)
		if (job->failed)
			return due;
	vp_pace_idle(&f->pace, vp_now_us());
	return due;
}

/* Answers */

static void
count_retry(struct vp_flow *f, const char *cause)
{
	f->retries++;
	for (size_t i = 0; i < sizeof f->causes / sizeof *f->causes; i++) {
		if (!*f->causes[i].name)
			snprintf(f->causes[i].name, sizeof f->causes[i].name, "%s", cause);
		if (strcmp(f->causes[i].name, cause) == 0) {
			f->causes[i].n++;
			return;
		}
	}
}

/* What an answer holds for record i of p. */
static void
take_one(struct vp_flow *f, struct vp_part *p, size_t i, struct vp_span span)
{
	if (!span.s && f->protocol->absent) {
		reject_record(f, p->job[i], p->rec[i], VP_EX_DATA, f->protocol->absent);
		return;
	}
	*result_of(p, i) = (struct vp_result){.state = VP_ANSWERED, .span = span, .part = p};
	p->left++;
	p->job[i]->open--;
}

static void
take_body(struct vp_flow *f, struct vp_part *p, struct vp_http_answer *a)
{
	struct vp_span *out = vp_zalloc(p->n, sizeof *out);
	struct vp_buf why = {0};
	int e = f->protocol->answer(f->arg, p->rec, p->n, vp_buf_get(&a->body), out, &why);

	if (e == 0) {
		f->accepted = true;
		for (size_t i = 0; i < p->n; i++)
			take_one(f, p, i, out[i]);
		p->answer = a->body;
		a->body = (struct vp_buf){0};
		p->done = true;
		f->bytes += p->answer.n;
		f->answer_bytes = p->answer.n;
		f->last_done_ms = vp_now_ms();
		vp_pace_accepted(&f->pace, p->n, vp_now_us());
	} else if (e == VP_E_MISSING && p->n > 1) {
		count_retry(f, "missing");
		cut(p, p->n / 2);
	} else if (p->wrong++ < (vp_opts.retries < WRONG_MAX ? vp_opts.retries : WRONG_MAX)) {
		count_retry(f, "wrong");
		p->not_before_ms = vp_now_ms() + vp_http_backoff(p->wrong, -1);
	} else if (e == VP_E_MISSING) {
		reject_part(f, p, VP_EX_PROTOCOL, vp_buf_cstr(&why));
	} else {
		fail_part(f, p, VP_EX_PROTOCOL, vp_buf_cstr(&why), NULL);
	}
	vp_buf_free(&why);
	free(out);
}

static void
learn_limit(struct vp_flow *f, struct vp_part *p, size_t max_batch)
{
	size_t n = max_batch && max_batch < p->n ? max_batch : (p->n + 1) / 2;

	if (max_batch && (!f->max_records || max_batch < f->max_records)) {
		f->max_records = max_batch;
		vp_info(
		    "the server takes at most %zu records in a request: batches are sent in parts",
		    max_batch);
	} else if (!max_batch && f->protocol->weigh) {
		if (!f->max_bytes || p->bytes / 2 < f->max_bytes)
			f->max_bytes = p->bytes / 2;
		vp_info("the server refuses a request of %zu bytes: batches are sent in parts",
		    p->bytes);
	}
	cut(p, n);
}

static void
try_again(struct vp_flow *f, struct vp_part *p, const struct vp_http_answer *a,
    const struct vp_judgement *j)
{
	uint64_t now = vp_now_ms(), wait = vp_http_backoff(p->tries + p->waits, a->retry_after_ms);
	bool given_up = p->tries > vp_opts.retries;

	if (j->verdict == VP_AGAIN) {
		vp_pace_failed(&f->pace, p->sent_us, vp_now_us());
		if (!given_up && !f->trouble_said && (a->refused || wait >= VP_SAY_WAIT_MS)) {
			f->trouble_said = true;
			vp_info("%.*s: %s: trying again in %llu s", (int)strcspn(f->url, "?"),
			    f->url, a->fault ? a->fault : j->cause,
			    (unsigned long long)(wait + 999) / 1000);
		}
	}
	if (j->verdict == VP_SLOWER) {
		given_up = given_up && (!vp_opts.retries || now - f->last_done_ms > STALLED_MS);
		vp_pace_refused(&f->pace, p->sent_us, vp_now_us());
		if (!given_up && a->retry_after_ms >= 0 && now >= f->pause_until_ms) {
			if (wait >= VP_SAY_WAIT_MS)
				vp_info("too many requests (429): going on in %llu s",
				    (unsigned long long)(wait + 999) / 1000);
			f->pause_until_ms = now + wait;
		}
	} else if (j->verdict == VP_WAIT) {
		p->tries--; /* these are not counted against --retries: what the server says when it is up is */
		p->waits++;
		if (!f->wait_until_ms)
			f->wait_until_ms = now + vp_opts.wait_ms;
		if (!f->wait_said_ms || now - f->wait_said_ms > SAY_AGAIN_MS) {
			f->wait_said_ms = now;
			vp_info("%.*s: not available yet (503): waiting for it, up to %llu s",
			    (int)strcspn(f->url, "?"), f->url,
			    (unsigned long long)(vp_opts.wait_ms / 1000));
		}
		if (a->retry_after_ms < 0 && wait > WAIT_STEP_MS)
			wait = WAIT_STEP_MS;
		given_up = now + wait > f->wait_until_ms;
	}
	if (given_up && a->status == 424 && p->n > 1) { /* out of memory, perhaps */
		cut(p, p->n / 2);
		return;
	}
	if (given_up) {
		fail_answer(f, p, a, j->verdict == VP_WAIT ? VP_EX_TEMP : j->exit, j->what);
		return;
	}
	count_retry(f, j->cause);
	p->not_before_ms = now + wait;
}

static void
take_answer(struct vp_flow *f, struct vp_http_answer *a)
{
	struct vp_part *p = a->user;
	struct vp_judgement j = vp_http_judge(f->protocol->service, a);
	struct vp_buf text = {0};

	p->flying = false;
	f->bytes_received += a->body.n;
	if (a->status && j.verdict != VP_WAIT)
		f->wait_until_ms = 0;
	switch (j.verdict) {
	case VP_DONE:
		take_body(f, p, a);
		break;
	case VP_AGAIN:
	case VP_SLOWER:
	case VP_WAIT:
		try_again(f, p, a, &j);
		break;
	case VP_SPLIT:
	case VP_SUSPECT:
		if (p->n > 1) {
			count_retry(f, j.cause);
			if (j.verdict == VP_SPLIT)
				learn_limit(f, p, j.max_batch);
			else
				cut(p, p->n / 2);
		} else {
			vp_buf_printf(&text, "%ld: ", a->status);
			vp_http_message(a, &text);
			reject_part(f, p, VP_EX_DATA, vp_buf_cstr(&text));
		}
		break;
	case VP_FINAL: /* no other request will do better: this is the reason, whatever failed before */
		(*p->job)->failed = 0;
		fail_answer(f, p, a, j.exit, j.what);
		vp_http_abort(f->http);
		f->exit = j.exit;
		break;
	}
	vp_buf_free(&text);
	vp_body_free(&p->request);
	vp_buf_free(&a->body);
	if (p->done)
		retire(f, p);
}

/* Output */

void
vp_flow_receipts(const struct vp_job *job, size_t n, const char *count, struct vp_span space)
{
	for (size_t i = 0; i < n; i++) {
		const struct vp_part *p = job->result[i].part;
		const struct vp_record *a = &job->batch.rec[i], *z;
		struct vp_buf line = {0};

		if (!p || p->rec[0] != a)
			continue;
		z = p->rec[p->n - 1];
		if (index_of(job, z) >= n)
			continue;
		vp_buf_printf(&line, "{\"%s\":%zu,\"first\":", count, p->n);
		vp_buf_span(&line, a->id);
		vp_buf_puts(&line, ",\"last\":");
		vp_buf_span(&line, z->id);
		vp_buf_puts(&line, ",\"namespace\":");
		vp_buf_span(&line, space);
		vp_buf_puts(&line, "}\n");
		vp_out_span(vp_buf_get(&line));
		vp_buf_free(&line);
	}
}

void
vp_flow_records(const struct vp_job *job, size_t n,
    void (*print)(const struct vp_record *r, const struct vp_result *result))
{
	bool array = job->batch.array;
	size_t printed = 0;

	for (size_t i = 0; i < n; i++) {
		if (job->result[i].state == VP_REJECTED)
			continue;
		if (array)
			vp_out_putc(printed ? ',' : '[');
		print(&job->batch.rec[i], &job->result[i]);
		if (!array)
			vp_out_putc('\n');
		printed++;
	}
	if (array && (printed || job->batch.n == 0))
		vp_out_puts(printed ? "]\n" : "[]\n");
}

/* The first job's records before n: the good ones go to standard output, the others aside. */
static void
deliver(struct vp_flow *f, size_t n)
{
	struct vp_job *job = f->first;
	unsigned long long before = f->records;

	f->protocol->deliver(f->arg, job, n);
	for (size_t i = 0; i < n; i++) {
		const struct vp_record *r = &job->batch.rec[i];
		const char *why = job->result[i].why;

		f->kept += job->result[i].state == VP_KEPT;
		if (job->result[i].state != VP_REJECTED)
			f->records++;
		else if (why)
			vp_reject(r->line, r->input, "%s", why);
		else
			vp_reject(r->line, r->input, "%s%s", r->bad, hint(r));
	}
	f->batches += f->records > before;
	vp_out_done(n < job->batch.n ? job->batch.rec[n].line : job->batch.next);
}

/* How many of the first job's records, from its start, have ended. */
static size_t
ended(const struct vp_job *job)
{
	size_t n = 0;

	while (n < job->batch.n && job->result[n].state != VP_OPEN)
		n++;
	return n;
}

/* Have the answers that are kept from before for the first job's first n records. Returns n, or the first record whose
 * answer is gone; those are sent then, before all others. */
static size_t
fetch(struct vp_flow *f, size_t n)
{
	struct vp_job *job = f->first;
	struct vp_part *gone = vp_zalloc(1, sizeof *gone);
	size_t at = 0;

	job->kept.n = 0;
	for (size_t i = 0; i < n; i++) {
		struct vp_result *result = &job->result[i];
		size_t before = job->kept.n;

		if (result->state != VP_KEPT)
			continue;
		if (f->protocol->fetch(f->arg, &job->batch.rec[i], &job->kept)) {
			result->span.n = job->kept.n - before;
		} else {
			part_add(gone, job, &job->batch.rec[i]);
			result->state = VP_OPEN;
			job->open++;
		}
	}
	for (size_t i = 0; i < n; i++) /* the buffer does not move any more */
		if (job->result[i].state == VP_KEPT) {
			job->result[i].span.s = job->kept.s + at;
			at += job->result[i].span.n;
		}
	if (!gone->n) {
		part_free(gone);
		return n;
	}
	gone->next = f->parts;
	f->parts = gone;
	return index_of(job, *gone->rec);
}

/* Whether the first job can go out: whole, or up to where the run ends. */
static bool
can_go_out(const struct vp_flow *f)
{
	const struct vp_job *job = f->first;

	return job && (job->failed ? ended(job) >= job->failed_at : job->open == 0);
}

static void
deliver_jobs(struct vp_flow *f)
{
	while (can_go_out(f) && !f->first->failed) {
		if (fetch(f, f->first->batch.n) < f->first->batch.n)
			break;
		deliver(f, f->first->batch.n);
		drop_first_job(f);
	}
	if (can_go_out(f) && !f->exit)
		f->exit = f->first->failed;
}

/* Whether nothing is left to do, or what is left can't be done. */
static bool
over(const struct vp_flow *f)
{
	if (f->drain && !(f->first && f->first->failed && f->exit))
		return vp_http_flying(f->http) == 0;
	return f->exit || (f->input_over && !f->first);
}

static void
stop_if_told(struct vp_flow *f)
{
	if (vp_stop_told() && !f->drain) {
		f->drain = true;
		if (vp_http_flying(f->http))
			vp_info("interrupted: waiting for %zu requests in flight; once more to "
				"stop now",
			    vp_http_flying(f->http));
	}
	if (vp_now_ms() >= vp_deadline_at()) {
		vp_http_abort(f->http);
		f->drain = true;
		if (!f->exit)
			vp_warn("--deadline: %llu ms are over",
			    (unsigned long long)vp_opts.deadline_ms);
		f->exit = VP_EX_TEMP;
	}
}

static void
wait_for_something(struct vp_flow *f, uint64_t due)
{
	struct pollfd fds[2] = {{.fd = vp_stop_fd(), .events = POLLIN}};
	uint64_t now = vp_now_ms(), ms = 1000, blocked;
	bool reading = wants_input(f);
	size_t n = f->drain  ? 0
		   : reading ? 2
			     : 1; /* a signal that has been seen wakes nobody again */

	if (due != UINT64_MAX && due < now + ms)
		ms = due > now ? due - now : 0;
	if (vp_deadline_at() < now + ms)
		ms = vp_deadline_at() > now ? vp_deadline_at() - now : 0;
	if (reading) {
		fds[1] = (struct pollfd){.fd = f->in.in.fd, .events = POLLIN};
		if ((f->in.next.n || f->filling) && ms > LINGER_MS)
			ms = LINGER_MS;
	}
	/* Output only waits here if nothing is ready: then the reader gets what there is. */
	if (poll(fds, n, 0) == 0)
		vp_out_flush();
	if ((blocked = vp_out_blocked_ms() - f->blocked_ms) > 0) {
		vp_http_excuse(f->http, blocked);
		f->blocked_ms += blocked;
	}
	vp_http_work(f->http, fds, n, ms);
	while (reading && fds[1].revents) {
		f->read_ms = vp_now_ms();
		if (vp_lines_fill(&f->in.in)) {
			input_error(f);
			return;
		}
		if (vp_lines_ready(&f->in.in) || poll(&fds[1], 1, 0) <= 0)
			break;
	}
}

static void
say_stats(const struct vp_flow *f)
{
	double seconds = (double)(vp_now_ms() - f->start_ms) / 1000;
	struct vp_buf b = {0};

	vp_buf_printf(&b,
	    "{\"program\":\"%s\",\"records\":%llu,\"batches\":%llu,\"requests\":%llu,\"retries\":{",
	    vp_name, f->records, f->batches, f->requests);
	for (size_t i = 0; i < sizeof f->causes / sizeof *f->causes && *f->causes[i].name; i++)
		vp_buf_printf(&b, "%s\"%s\":%llu", i ? "," : "", f->causes[i].name, f->causes[i].n);
	vp_buf_puts(&b, "},");
	if (f->protocol->find)
		vp_buf_printf(&b, "\"cache_hits\":%llu,", f->kept);
	vp_buf_printf(&b,
	    "\"rejected\":%llu,\"bytes_sent\":%llu,\"bytes_received\":%llu,\"seconds\":%.3f,"
	    "\"records_per_second\":%.1f}\n",
	    vp_reject_count(), f->bytes_sent, f->bytes_received, seconds,
	    seconds > 0 ? (double)f->records / seconds : 0.0);
	fwrite(b.s, 1, b.n, stderr);
	vp_buf_free(&b);
}

/* The input line at which a run that stopped early is to go on. */
static unsigned long long
first_unfinished(const struct vp_flow *f)
{
	if (f->first)
		return f->first->batch.line;
	if (f->in.next.n)
		return f->in.next.line;
	return (f->in.in.line > f->in.skip ? f->in.in.line : f->in.skip) + 1;
}

static int
finish(struct vp_flow *f)
{
	struct vp_job *job = f->first;
	bool left = job || !f->input_over || f->in.next.n;
	int failed = job && ended(job) >= job->failed_at ? job->failed : 0;

	if (job) { /* its first records may have ended */
		size_t n = ended(job);
		if (failed && n > job->failed_at)
			n = job->failed_at;
		if (job->batch.array && failed != VP_EX_DATA)
			n = 0; /* the whole line comes again: what it would give now would be there twice */
		vp_out_done(job->batch.line);
		n = fetch(f, n);
		if (n)
			deliver(f, n);
	} else {
		vp_out_done(first_unfinished(f));
	}
	if (!f->exit && f->drain && left) {
		vp_out_flush();
		vp_warn("interrupted");
		f->exit = VP_EX_TEMP;
	}
	if (!f->exit)
		f->exit = vp_reject_count() ? VP_EX_REJECTED : VP_EX_OK;
	vp_out_close();
	if (vp_say_first)
		vp_say_first();
	if (vp_opts.stats)
		say_stats(f);
	if (job) {
		for (; job && (!job->failed || job->failed != f->exit); job = job->next)
			;
		if (job)
			vp_warn("%s", vp_buf_cstr(&job->reason));
	}
	if (f->exit > VP_EX_REJECTED && f->exit != VP_EX_DATA)
		vp_resume_say();
	vp_resume(0);
	while (f->first)
		drop_first_job(f);
	while (f->parts) {
		struct vp_part *p = f->parts;

		f->parts = p->next;
		part_free(p);
	}
	vp_batch_free(&f->in.next);
	vp_lines_free(&f->in.in);
	return f->exit;
}

int
vp_flow_run(struct vp_flow *f)
{
	f->start_ms = f->last_done_ms = f->read_ms = vp_now_ms();
	vp_pace_start(&f->pace, vp_opts.jobs, AUTO_MAX, vp_now_us());
	vp_resume(f->in.skip + 1);
	vp_stop_catch();
	for (;;) {
		struct vp_http_answer a;
		uint64_t due;

		stop_if_told(f);
		while (vp_http_next(f->http, &a))
			take_answer(f, &a);
		deliver_jobs(f);
		read_input(f);
		due = send_parts(f);
		if (over(f))
			break;
		if (can_go_out(
			f)) /* nothing had to be sent for it, and it makes room for more input */
			continue;
		vp_progress(&(struct vp_progress){
		    f->records, f->batches, f->retries, vp_http_flying(f->http), f->in.in.bytes});
		wait_for_something(f, due);
	}
	return finish(f);
}
