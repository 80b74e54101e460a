/* flow: batches through a service, many in flight, in order, none lost */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "flow.h"
#include "opt.h"
#include "out.h"
#include "progress.h"
#include "reject.h"

enum {
	AUTO_MAX = 16,           /* -j auto goes no further: 16 x 1.3 MB is 64 vectors at a time */
	JOBS_PER_FLIGHT = 4,     /* jobs in the window for each request in flight */
	WINDOW_BYTES = 12 << 20, /* of batches and answers in the window, beyond the first job; */
	FLIGHT_BYTES = 2 << 20,  /* but so much for each request that -j asks for */
	LINGER_MS = 100,         /* a loose group that is not full goes out when no input came */
	WRONG_MAX = 2,           /* an answer that breaks the protocol is asked for again */
	WAIT_STEP_MS = 5000,     /* between two looks at a server that is starting */
	SAY_AGAIN_MS = 60000,    /* one that comes and goes is not said to be starting each time */
	SAY_WAIT_MS = 5000,      /* a wait that a 429 asks for is said if it is so long */
	SAME_SIGNAL_MS = 100,    /* timeout(1) signals its child, then the group it is in */
	ALARM_MS = 100,    /* how often a blocked write looks at the deadline, once it is over */
	REFUSED_MAX = 32,  /* records refused, and none accepted: it is not the records */
	STALLED_MS = 30000 /* with 429 only: so long without a success is unavailable */
};

/* Signals: the first one stops the reading, the second one the program. */
static volatile sig_atomic_t signals;
static uint64_t signal_ms; /* when the first one came */
static int signal_pipe[2] = {-1, -1};

static void
on_signal(int number)
{
	int saved = errno;

	(void)number;
	if (!signals) {
		signals = 1;
		signal_ms = vp_now_ms();
	} else if (vp_now_ms() - signal_ms >= SAME_SIGNAL_MS) {
		vp_out_cut_back();
		vp_resume_say();
		_exit(VP_EX_TEMP);
	}
	if (write(signal_pipe[1], "", 1) < 0) { /* full: it will be seen anyway */
	}
	errno = saved;
}

/* A reader that has stopped reading holds up the whole loop in a write: the deadline is kept from here. */
static void
on_alarm(int number)
{
	(void)number;
	if (vp_out_blocked()) {
		vp_out_cut_back();
		vp_resume_say();
		_exit(VP_EX_TEMP);
	}
}

static void
catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction a = {.sa_handler = on_signal}, old,
			 alarm_action = {.sa_handler = on_alarm};

	sigfillset(&a.sa_mask); /* not one inside the other */
	sigfillset(&alarm_action.sa_mask);
	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK))
		vp_die(VP_EX_INTERNAL, "pipe:");
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		/* nohup(1) and `&` have them ignored: so be it */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &a, NULL);
	if (vp_opts.deadline_ms) {
		uint64_t now = vp_now_ms(),
			 ms = vp_deadline_at() > now ? vp_deadline_at() - now : 1;
		struct itimerval t = {{ALARM_MS / 1000, ALARM_MS % 1000 * 1000},
		    {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)}};

		sigaction(SIGALRM, &alarm_action, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
	}
}

/* Jobs and parts */

static struct vp_part *
part_new(struct vp_job *job, size_t first, size_t n)
{
	struct vp_part *p = vp_zalloc(1, sizeof *p);

	p->job = job;
	p->first = first;
	p->n = n;
	return p;
}

/* Cut p behind its first n records; the rest becomes a part of its own behind it. */
static void
cut(struct vp_part *p, size_t n)
{
	struct vp_part *rest = part_new(p->job, p->first + n, p->n - n);

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
		bytes += f->max_bytes ? f->protocol->weigh(p->job->send[p->first + n]) : 0;
		if (n && ((f->max_records && n >= f->max_records) ||
			     (f->max_bytes && bytes > f->max_bytes)))
			break;
	}
	if (n < p->n)
		cut(p, n);
}

static size_t
index_of(const struct vp_job *job, const struct vp_record *r)
{
	return (size_t)(r - job->batch.rec);
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
	for (size_t i = 0, k = 0; i < a->sends && k < b->sends;) {
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

	job->ids = vp_alloc(job->sends, sizeof *job->ids);
	for (size_t i = 0; i < job->sends; i++)
		job->ids[i] = id_hash(job->send[i]->id, &text);
	vp_buf_free(&text);
	qsort(job->ids, job->sends, sizeof *job->ids, by_number);
	for (size_t i = 1; i < job->sends; i++)
		job->twice = job->twice || job->ids[i] == job->ids[i - 1];
	for (const struct vp_job *k = f->first; k && !job->after; k = k->next)
		job->after = k->open && shares_id(k, job);
}

/* Whether p must wait for records before it that have one of its ids. */
static bool
must_wait(const struct vp_flow *f, const struct vp_part *p)
{
	if (p->job->after)
		for (const struct vp_job *k = f->first; k != p->job; k = k->next)
			if (k->open)
				return true;
	if (p->job->twice)
		for (const struct vp_part *k = p->job->parts; k != p; k = k->next)
			if (!k->done)
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

static const char *
cut_hint(const struct vp_record *r)
{
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
		    fail(job, VP_EX_DATA, i), "line %llu: %s%s", r->line, r->bad, cut_hint(r));
}

void
vp_flow_add(struct vp_flow *f, struct vp_batch *b)
{
	struct vp_job *job = vp_zalloc(1, sizeof *job);

	job->batch = *b;
	job->result = vp_zalloc(b->n, sizeof *job->result);
	job->send = vp_alloc(b->n, sizeof *job->send);
	for (size_t i = 0; i < b->n; i++) {
		if (b->rec[i].bad)
			add_bad(job, i);
		else if (f->protocol->skip && f->protocol->skip(f->arg, &b->rec[i]))
			job->result[i].state = VP_SKIPPED;
		else
			job->send[job->sends++] = &b->rec[i];
	}
	job->open = job->sends;
	if (job->sends)
		job->parts = part_new(job, 0, job->sends);
	if (f->protocol->ordered && job->sends)
		note_ids(f, job);
	if (f->last)
		f->last->next = job;
	else
		f->first = job;
	f->last = job;
	f->jobs++;
	f->bytes += b->bytes.n;
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
	f->bytes -= job->batch.bytes.n;
	for (struct vp_part *p = job->parts, *next; p; p = next) {
		next = p->next;
		f->bytes -= p->answer.n;
		vp_buf_free(&p->answer);
		vp_body_free(&p->request);
		free(p);
	}
	for (size_t i = 0; i < job->batch.n; i++)
		free(job->result[i].why);
	vp_batch_free(&job->batch);
	vp_buf_free(&job->reason);
	free(job->result);
	free(job->send);
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
	const struct vp_record *a = p->job->send[p->first], *z = p->job->send[p->first + p->n - 1];

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
	struct vp_buf *reason = fail(p->job, status, index_of(p->job, p->job->send[p->first]));

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

/* The one record of p is refused: aside with it, when its turn comes; without -r the run ends there, with
 * status. */
static void
reject_part(struct vp_flow *f, struct vp_part *p, int status, const char *why)
{
	const struct vp_record *r = p->job->send[p->first];
	struct vp_result *result = &p->job->result[index_of(p->job, r)];
	struct vp_buf text = {0};

	if (r->id.n)
		vp_buf_printf(&text, "record %.*s: ", shown(r->id), r->id.s);
	vp_buf_puts(&text, why);
	vp_buf_cstr(&text);
	if (!vp_reject_on()) {
		vp_buf_printf(
		    fail(p->job, status, index_of(p->job, r)), "line %llu: %s", r->line, text.s);
	} else if (!f->accepted && ++f->refused == REFUSED_MAX) {
		vp_buf_printf(fail(p->job, status, index_of(p->job, r)),
		    "line %llu: %s: the server has refused all of %d records that it was asked "
		    "about",
		    r->line, text.s, REFUSED_MAX);
	} else {
		result->state = VP_REJECTED;
		result->why = vp_buf_take(&text, NULL);
		p->job->open--;
		p->done = true;
	}
	vp_buf_free(&text);
}

/* Input */

static size_t
window_bytes(void)
{
	size_t asked = vp_opts.jobs * FLIGHT_BYTES;

	return asked > WINDOW_BYTES ? asked : WINDOW_BYTES;
}

static bool
room(const struct vp_flow *f)
{
	return f->jobs == 0 ||
	       (f->jobs < (size_t)f->pace.max * JOBS_PER_FLIGHT && f->bytes < window_bytes());
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

static void
read_input(struct vp_flow *f)
{
	struct vp_batch b;

	while (wants_input(f)) {
		bool idle = vp_now_ms() - f->read_ms >= LINGER_MS;

		switch (vp_records_gather(&f->in, idle, &b)) {
		case VP_GATHER_BATCH:
			vp_flow_add(f, &b);
			break;
		case VP_GATHER_READ:
			return;
		case VP_GATHER_END:
			f->input_over = true;
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
	fit(f, p);
	vp_body_free(&p->request);
	f->protocol->request(f->arg, p->job->send + p->first, p->n, &p->request);
	p->tries++;
	p->flying = true;
	f->requests++;
	f->bytes_sent += p->request.bytes;
	p->sent_us = vp_now_us();
	vp_pace_sent(&f->pace, p->sent_us);
	vp_http_send(f->http, f->protocol->method, f->url, &p->request, p);
}

/* Send what may be sent, oldest first. Returns when the next part falls due, or UINT64_MAX. */
static uint64_t
send_parts(struct vp_flow *f)
{
	uint64_t now = vp_now_ms(), due = UINT64_MAX;

	if (f->drain || f->exit)
		return due;
	for (struct vp_job *job = f->first; job; job = job->next) {
		for (struct vp_part *p = job->parts; p; p = p->next) {
			uint64_t at = p->not_before_ms > f->pause_until_ms ? p->not_before_ms
									   : f->pause_until_ms;
			if (p->done || p->flying ||
			    (job->failed && index_of(job, job->send[p->first]) >= job->failed_at) ||
			    must_wait(f, p))
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
		if (job->failed)
			return due;
	}
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

static void
take_body(struct vp_flow *f, struct vp_part *p, struct vp_http_answer *a)
{
	struct vp_job *job = p->job;
	struct vp_span *out = vp_alloc(p->n, sizeof *out);
	struct vp_buf why = {0};
	int e = f->protocol->answer(
	    f->arg, job->send + p->first, p->n, vp_buf_get(&a->body), out, &why);

	if (e == 0) {
		for (size_t i = 0; i < p->n; i++)
			job->result[index_of(job, job->send[p->first + i])] =
			    (struct vp_result){.state = VP_ANSWERED, .span = out[i]};
		p->answer = a->body;
		a->body = (struct vp_buf){0};
		p->done = true;
		job->open -= p->n;
		f->bytes += p->answer.n;
		f->answer_bytes = p->answer.n;
		f->last_done_ms = vp_now_ms();
		f->accepted = true;
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
		if (!f->max_bytes || p->request.bytes / 2 < f->max_bytes)
			f->max_bytes = p->request.bytes / 2;
		vp_info("the server refuses a request of %zu bytes: batches are sent in parts",
		    p->request.bytes);
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
		if (!given_up && !f->trouble_said && (a->refused || wait >= SAY_WAIT_MS)) {
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
			if (wait >= SAY_WAIT_MS)
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
		p->job->failed = 0;
		fail_answer(f, p, a, j.exit, j.what);
		vp_http_abort(f->http);
		f->exit = j.exit;
		break;
	}
	vp_buf_free(&text);
	vp_body_free(&p->request);
	vp_buf_free(&a->body);
}

/* Output */

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

		if (job->result[i].state != VP_REJECTED)
			f->records++;
		else if (why)
			vp_reject(r->line, r->input, "%s", why);
		else
			vp_reject(r->line, r->input, "%s%s", r->bad, cut_hint(r));
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
	if (signals && !f->drain) {
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
	struct pollfd fds[2] = {{.fd = signal_pipe[0], .events = POLLIN}};
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
		if (f->in.next.n && ms > LINGER_MS)
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
	vp_buf_printf(&b,
	    "},\"rejected\":%llu,\"bytes_sent\":%llu,\"bytes_received\":%llu,\"seconds\":%.3f,"
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
	return f->in.next.n ? f->in.next.line : f->in.in.line + 1;
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
	vp_batch_free(&f->in.next);
	vp_lines_free(&f->in.in);
	return f->exit;
}

int
vp_flow_run(struct vp_flow *f)
{
	f->start_ms = f->last_done_ms = f->read_ms = vp_now_ms();
	vp_pace_start(&f->pace, vp_opts.jobs, AUTO_MAX, vp_now_us());
	vp_resume(1);
	catch_signals();
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
