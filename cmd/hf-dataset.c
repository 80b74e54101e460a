/* hf-dataset: the rows of a Hub dataset, as NDJSON, through the dataset viewer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "clock.h"
#include "hfapi.h"
#include "json.h"
#include "opt.h"
#include "out.h"
#include "pace.h"
#include "progress.h"
#include "stop.h"

enum {
	PAGE_ROWS = 100, /* the viewer's limit for one request */
	AUTO_MAX = 16,   /* -j auto goes no further */
	WRONG_MAX = 2,   /* an answer that breaks the protocol is asked for again */
	WAIT_STEP_MS = 5000,
	HELD_MAX = 32 << 20, /* bytes of pages that wait for one before them, and are in flight */
	KEPT_MAX = 1 << 20,  /* a page's buffer is kept for the next one up to so many */
	STALLED_MS = 30000,  /* with 429 only: so long without a success is unavailable */
	SHARD = 256,
	SPLITS,
	INFO
};
#define ROWS_MAX UINT64_C(9007199254740992) /* 2^53, as JSON's numbers go */

static const struct vp_program program = {
    .name = "hf-dataset",
    .synopsis = "[-qv] [-c config] [-s split] [-n limit] [-o offset] [-j number] [--shard i/n] "
		"dataset\n"
		"--splits [-qv] [-c config] [-s split] dataset\n"
		"--info [-qv] [-c config] dataset",
    .help = "  dataset                 its name on the Hub\n"
	    "  -c, --config NAME       configuration; wanted where there are several\n"
	    "  -s, --split NAME        such as train; wanted where there are several\n"
	    "  -n, --limit N           rows, at most (all)\n"
	    "  -o, --offset N          the first row, counted from 0 (0)\n"
	    "      --shard I/N         the Ith of N parts of all rows, in order (1/1)\n"
	    "      --splits            print what configurations and splits there are\n"
	    "      --info              print what is known of each configuration\n",
    .shorts = "c:s:n:o:",
    .longs = (const struct option[]){{"config", 1, NULL, 'c'}, {"split", 1, NULL, 's'},
	{"limit", 1, NULL, 'n'}, {"offset", 1, NULL, 'o'}, {"shard", 1, NULL, SHARD},
	{"splits", 0, NULL, SPLITS}, {"info", 0, NULL, INFO}, {0}},
    .common = VP_OPT_SAY | VP_OPT_NET | VP_OPT_JOBS,
};

/* Some rows that stand together: asked for in one request, or in several where the viewer gives
 * fewer at a time. */
struct page {
	uint64_t row;        /* the next one to ask for */
	size_t left;         /* how many from there on; 0: all have come */
	size_t rows;         /* how many came */
	struct vp_buf lines; /* they */
	unsigned tries, waits, wrong;
	uint64_t not_before_ms, sent_us;
	bool flying;
	int failed; /* exit status with which the run ends here, or 0 */
	struct vp_buf reason;
};

static struct vp_hfapi api;
static const char *dataset, *config, *split; /* the last two: as asked for, then as chosen */
static uint64_t offset, limit = ROWS_MAX, shard = 1, shards = 1;

/* The run */
static struct page *window; /* [room] pages first to first + room - 1, each at its number % room */
static size_t room;         /* pages in flight or waiting for one before them */
static uint64_t first, pages; /* the first page that has not been written; number of all */
static uint64_t begin_row, end_row,
    total; /* rows begin_row to end_row - 1, of all that there are */
static struct vp_pace pace;
static struct vp_progress progress;
static size_t held,
    answer_bytes;          /* in pages that wait; in the last answer, which others will be like */
static struct vp_buf base; /* the URL of a page, up to its offset */
static uint64_t pause_until_ms, wait_until_ms, last_done_ms;
static bool told_cut, told_wait;

/* Requests */

static void
put_query(struct vp_buf *url, const char *name, const char *value)
{
	vp_buf_printf(url, "%c%s=", *name == 'd' ? '?' : '&', name);
	vp_http_escape(url, vp_str(value));
}

/* What the Hub finds under the dataset's own name, without its owner's. */
static void
put_similar(struct vp_choices *names)
{
	const char *slash = strrchr(dataset, '/');
	struct vp_buf url = {0};
	struct vp_http_answer a;

	vp_buf_printf(&url, "%s/api/datasets?limit=10&search=", api.site);
	vp_http_escape(&url, vp_str(slash && slash[1] ? slash + 1 : dataset));
	vp_http_once(api.http, "GET", vp_buf_cstr(&url), NULL, &a);
	if (a.status == 200 && vp_json_check(vp_buf_get(&a.body), NULL) == 0)
		vp_choices_add_members(names, vp_buf_get(&a.body), "id");
	vp_buf_free(&a.body);
	vp_buf_free(&url);
}

static int
no_dataset(const struct vp_http_answer *a)
{
	struct vp_choices names = {.lead = "similar"};
	const char *similar;

	put_similar(&names);
	similar = names.n ? vp_choices_text(&names) : "";
	if (api.token)
		vp_warn("dataset %s: no such dataset, or the token may not read it%s", dataset,
		    similar);
	else
		vp_warn("dataset %s: no such dataset, or it wants a token: set HF_TOKEN to one "
			"that may read it%s",
		    dataset, similar);
	vp_buf_free(&names.text);
	return a->status == 401 ? VP_EX_NOPERM : VP_EX_CONFIG;
}

/* GET route of the dataset, without its rows. 0 with *a, VP_HFAPI_ABSENT, or an exit status (said);
 * a->body is the caller's. */
static int
get(const char *route, const char *of_config, struct vp_http_answer *a)
{
	struct vp_buf url = {0};
	int e;

	vp_buf_printf(&url, "%s/%s", api.base, route);
	put_query(&url, "dataset", dataset);
	if (of_config)
		put_query(&url, "config", of_config);
	e = vp_hfapi_call(&api, "GET", vp_buf_cstr(&url), NULL, a);
	if (e == VP_HFAPI_ALREADY)
		e = vp_http_refused("GET", url.s, a, NULL);
	vp_buf_free(&url);
	return e;
}

/* Configurations and splits */

static bool
is(struct vp_span object, const char *member, const char *wanted, struct vp_buf *text)
{
	struct vp_span v;

	text->n = 0;
	return vp_json_find(object, member, &v) == 1 && vp_json_decode(v, text) == 0 &&
	       vp_buf_cstr(text) && (!wanted || strcmp(text->s, wanted) == 0);
}

/* The next of the splits that was asked for, with its names; false at the end. */
static bool
next_split(struct vp_json_walk *w, struct vp_span *item, const char *c, const char *s,
    struct vp_buf names[2])
{
	while (vp_json_item(w, item) > 0)
		if (is(*item, "config", c, &names[0]) && is(*item, "split", s, &names[1]))
			return true;
	return false;
}

/* GET the splits. 0 with the array and *a, whose body is the caller's; or an exit status (said). */
static int
get_splits(struct vp_span *array, struct vp_http_answer *a)
{
	int e = get("splits", NULL, a);

	if (e == VP_HFAPI_ABSENT)
		return no_dataset(a);
	if (e == 0 && (vp_json_find(vp_buf_get(&a->body), "splits", array) != 1 ||
			  vp_json_type(*array) != '[')) {
		vp_warn("dataset %s: the answer has no splits", dataset);
		e = VP_EX_PROTOCOL;
	}
	return e;
}

/* Say which splits there are, and that one of them must be asked for, or that what was is not among
 * them. */
static int
say_choices(struct vp_span array, bool several)
{
	struct vp_choices choices = {0};
	struct vp_buf names[2] = {{0}, {0}}, text = {0};
	struct vp_json_walk w;
	struct vp_span item;

	vp_json_begin(&w, array);
	while (next_split(&w, &item, several ? config : NULL, several ? split : NULL, names)) {
		text.n = 0;
		vp_buf_printf(&text, "-c %s -s %s", names[0].s, names[1].s);
		vp_choices_add(&choices, vp_buf_get(&text));
	}
	if (several)
		vp_warn("dataset %s: which split?%s", dataset, vp_choices_text(&choices));
	else
		vp_warn("dataset %s: no such split:%s%s%s%s%s", dataset, config ? " -c " : "",
		    config ? config : "", split ? " -s " : "", split ? split : "",
		    vp_choices_text(&choices));
	vp_buf_free(&choices.text);
	vp_buf_free(&names[0]);
	vp_buf_free(&names[1]);
	vp_buf_free(&text);
	return several ? VP_EX_USAGE : VP_EX_CONFIG;
}

/* The one split that is meant; config and split are its names then. */
static int
choose(void)
{
	struct vp_buf names[2] = {{0}, {0}}, more[2] = {{0}, {0}};
	struct vp_http_answer a;
	struct vp_json_walk w;
	struct vp_span array, item;
	int e = get_splits(&array, &a);

	if (e == 0) {
		vp_json_begin(&w, array);
		if (!next_split(&w, &item, config, split, names))
			e = say_choices(array, false);
		else if (next_split(&w, &item, config, split, more))
			e = say_choices(array, true);
	}
	if (e == 0) {
		config = vp_buf_take(&names[0], NULL);
		split = vp_buf_take(&names[1], NULL);
	}
	for (int i = 0; i < 2; i++) {
		vp_buf_free(&names[i]);
		vp_buf_free(&more[i]);
	}
	vp_buf_free(&a.body);
	return e;
}

static int
print_splits(void)
{
	struct vp_buf names[2] = {{0}, {0}};
	struct vp_http_answer a;
	struct vp_json_walk w;
	struct vp_span array, item;
	bool any = false;
	int e = get_splits(&array, &a);

	if (e == 0) {
		vp_json_begin(&w, array);
		for (; next_split(&w, &item, config, split, names); any = true)
			vp_out_line(item);
		if (!any)
			e = say_choices(array, false);
	}
	vp_buf_free(&names[0]);
	vp_buf_free(&names[1]);
	vp_buf_free(&a.body);
	return e;
}

/* Under -c one object; else an object that has one for each configuration. */
static int
print_info(void)
{
	struct vp_http_answer a;
	struct vp_json_walk w;
	struct vp_span info, key, value;
	int e = get("info", config, &a);

	if (e == VP_HFAPI_ABSENT) { /* the dataset, or the configuration? */
		struct vp_span array;

		vp_buf_free(&a.body);
		e = get_splits(&array, &a);
		e = e == 0 ? say_choices(array, false) : e;
	} else if (e == 0 && (vp_json_find(vp_buf_get(&a.body), "dataset_info", &info) != 1 ||
				 vp_json_type(info) != '{')) {
		vp_warn("dataset %s: the answer has no dataset_info", dataset);
		e = VP_EX_PROTOCOL;
	} else if (e == 0 && config) {
		vp_out_line(info);
	} else if (e == 0) {
		for (vp_json_begin(&w, info); vp_json_member(&w, &key, &value) > 0;)
			vp_out_line(value);
	}
	vp_buf_free(&a.body);
	return e;
}

/* Rows */

/* A row that was asked for, checked and put behind the page's lines: 0, or VP_E_* with the reason. */
static int
take_row(struct page *p, uint64_t wanted, struct vp_span item, struct vp_buf *why)
{
	struct vp_span row = {NULL, 0}, cells, cell, v;
	struct vp_json_walk w;
	uint64_t number = wanted;
	size_t at = p->lines.n;

	if (vp_json_find(item, "row", &row) != 1 || vp_json_type(row) != '{') {
		vp_buf_printf(why, "row %llu is no object", (unsigned long long)wanted);
		return VP_E_TYPE;
	}
	if (vp_json_find(item, "row_idx", &v) != 1 || vp_json_uint(v, &number) ||
	    number != wanted) {
		vp_buf_printf(
		    why, "a row other than %llu was sent in its place", (unsigned long long)wanted);
		return VP_E_COUNT;
	}
	if (!told_cut && vp_json_find(item, "truncated_cells", &cells) == 1 &&
	    vp_json_type(cells) == '[') {
		vp_json_begin(&w, cells);
		if (vp_json_item(&w, &cell) > 0) {
			told_cut = true;
			vp_warn("row %llu: cell %.*s is cut short by the viewer, and others may be",
			    (unsigned long long)wanted, (int)cell.n, cell.s);
		}
	}
	vp_buf_span(&p->lines, row);
	for (; at < p->lines.n; at++) /* only between tokens, as in vp_out_json */
		if (p->lines.s[at] == '\n' || p->lines.s[at] == '\r')
			p->lines.s[at] = ' ';
	vp_buf_putc(&p->lines, '\n');
	return 0;
}

/* An answer with rows of the page. 0, or VP_E_* with the reason; then the page is as it was. */
static int
take_rows(struct page *p, struct vp_span body, struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span rows, item, v;
	uint64_t all = 0;
	size_t before = p->lines.n, n = 0;
	int e = 0;

	if (vp_json_check(body, NULL) || vp_json_find(body, "rows", &rows) != 1 ||
	    vp_json_type(rows) != '[' || vp_json_find(body, "num_rows_total", &v) != 1 ||
	    vp_json_uint(v, &all)) {
		vp_buf_puts(why, "the answer has no rows, or no num_rows_total");
		return VP_E_TYPE;
	}
	if (all != total) {
		vp_buf_printf(why, "the split had %llu rows and now has %llu: it was changed",
		    (unsigned long long)total, (unsigned long long)all);
		return VP_E_COUNT;
	}
	for (vp_json_begin(&w, rows); e == 0 && n < p->left && vp_json_item(&w, &item) > 0; n++)
		e = take_row(p, p->row + n, item, why);
	if (e == 0 && n == 0 && p->left) {
		vp_buf_printf(why, "no row %llu, of %llu", (unsigned long long)p->row,
		    (unsigned long long)total);
		e = VP_E_COUNT;
	}
	if (e) {
		p->lines.n = before;
		return e;
	}
	held += p->lines.n - before;
	p->row += n;
	p->rows += n;
	p->left -= n;
	return 0;
}

static struct page *
page(uint64_t number)
{
	return &window[number % room];
}

static void
begin_page(uint64_t number)
{
	struct page *p = page(number);
	uint64_t row = begin_row + number * PAGE_ROWS;

	if (p->lines.cap > KEPT_MAX)
		vp_buf_free(&p->lines);
	if (number >= pages)
		return;
	*p = (struct page){.row = row, .lines = p->lines, .reason = p->reason};
	p->left = end_row - row < PAGE_ROWS ? end_row - row : PAGE_ROWS;
	p->lines.n = p->reason.n = 0;
}

static void
put_rows_url(struct vp_buf *url, uint64_t row, size_t rows)
{
	url->n = 0;
	vp_buf_span(url, vp_buf_get(&base));
	vp_buf_printf(url, "&offset=%llu&length=%zu", (unsigned long long)row, rows);
	vp_buf_cstr(url);
}

static void
fail(struct page *p, int status, const struct vp_http_answer *a, const char *why)
{
	struct vp_buf url = {0};

	put_rows_url(&url, p->row, p->left);
	vp_buf_printf(&p->reason, "row %llu: GET %.*s: ", (unsigned long long)p->row,
	    (int)strcspn(url.s, "?"), url.s);
	if (a && a->fault) {
		vp_buf_puts(&p->reason, a->fault);
	} else if (a) {
		vp_buf_printf(&p->reason, "%ld: ", a->status);
		vp_http_message(a, &p->reason);
	}
	vp_buf_printf(&p->reason, "%s%s", a && why ? ": " : "", why ? why : "");
	p->failed = status;
	vp_buf_free(&url);
}

static void
say_wait(const struct vp_http_answer *a, uint64_t wait)
{
	int n = (int)strcspn(base.s, "?");
	char status[24];

	if (told_wait)
		return;
	told_wait = true;
	snprintf(status, sizeof status, "%ld", a->status);
	if (wait)
		vp_info("%.*s: %s: trying again in %llu s", n, base.s, a->fault ? a->fault : status,
		    (unsigned long long)(wait + 999) / 1000);
	else
		vp_info("%.*s: not available yet (%ld): waiting for it, up to %llu s", n, base.s,
		    a->status, (unsigned long long)(vp_opts.wait_ms / 1000));
}

static void
try_again(struct page *p, const struct vp_http_answer *a, const struct vp_judgement *j)
{
	uint64_t now = vp_now_ms(), wait = vp_http_backoff(p->tries + p->waits, a->retry_after_ms);
	bool given_up = p->tries > vp_opts.retries;

	if (j->verdict == VP_AGAIN) {
		vp_pace_failed(&pace, p->sent_us, vp_now_us());
		if (!given_up && (a->refused || wait >= WAIT_STEP_MS))
			say_wait(a, wait + 1);
	} else if (j->verdict == VP_SLOWER) {
		given_up = given_up && (!vp_opts.retries || now - last_done_ms > STALLED_MS);
		vp_pace_refused(&pace, p->sent_us, vp_now_us());
		if (a->retry_after_ms >= 0 && now + wait > pause_until_ms)
			pause_until_ms = now + wait;
		if (!given_up && wait >= WAIT_STEP_MS)
			say_wait(a, wait);
	} else { /* these are not counted against --retries */
		p->tries--;
		p->waits++;
		if (!wait_until_ms)
			wait_until_ms = now + vp_opts.wait_ms;
		if (a->retry_after_ms < 0 && wait > WAIT_STEP_MS)
			wait = WAIT_STEP_MS;
		given_up = now + wait > wait_until_ms;
		if (!given_up)
			say_wait(a, 0);
	}
	if (given_up) {
		fail(p, j->verdict == VP_WAIT ? VP_EX_TEMP : j->exit, a, j->what);
		return;
	}
	progress.retries++;
	p->not_before_ms = now + wait;
}

static void
take_answer(struct vp_http_answer *a)
{
	struct page *p = a->user;
	struct vp_judgement j = vp_http_judge(VP_VIEWER, a);
	struct vp_buf why = {0};

	p->flying = false;
	if (a->status && j.verdict != VP_WAIT)
		wait_until_ms = 0;
	if (j.verdict == VP_AGAIN || j.verdict == VP_SLOWER || j.verdict == VP_WAIT) {
		try_again(p, a, &j);
	} else if (a->status / 100 != 2) {
		fail(p, j.exit, a, j.what);
	} else if (take_rows(p, vp_buf_get(&a->body), &why) == 0) {
		p->tries = p->waits = p->wrong = 0;
		answer_bytes = a->body.n;
		last_done_ms = vp_now_ms();
		told_wait = false;
		vp_pace_accepted(&pace, 1, vp_now_us());
	} else if (p->wrong++ < (vp_opts.retries < WRONG_MAX ? vp_opts.retries : WRONG_MAX)) {
		p->not_before_ms = vp_now_ms() + vp_http_backoff(p->wrong, -1);
		progress.retries++;
	} else {
		fail(p, VP_EX_PROTOCOL, NULL, vp_buf_cstr(&why));
	}
	vp_buf_free(&why);
	vp_buf_free(&a->body);
}

/* Send what may be sent, in order; nothing behind a page where the run will end. Returns when the
 * next falls due. */
static uint64_t
send_pages(void)
{
	uint64_t now = vp_now_ms(), due = UINT64_MAX;
	struct vp_buf url = {0};

	for (uint64_t k = first; k < pages && k < first + room; k++) {
		struct page *p = page(k);
		uint64_t at = (vp_pace_due(&pace) + 999) / 1000;

		if (p->failed || vp_http_flying(api.http) >= vp_pace_window(&pace) ||
		    (k != first && held + vp_http_flying(api.http) * answer_bytes > HELD_MAX))
			break;
		if (p->flying || !p->left)
			continue;
		at = at > p->not_before_ms ? at : p->not_before_ms;
		at = at > pause_until_ms ? at : pause_until_ms;
		if (at > now) {
			due = at < due ? at : due;
			continue;
		}
		put_rows_url(&url, p->row, p->left);
		p->tries++;
		p->flying = true;
		p->sent_us = vp_now_us();
		vp_pace_sent(&pace, p->sent_us);
		vp_http_send(api.http, "GET", url.s, NULL, p);
	}
	if (vp_http_flying(api.http) < vp_pace_window(&pace))
		vp_pace_idle(&pace, vp_now_us());
	vp_buf_free(&url);
	return due;
}

/* Write the pages that are whole. Each is written at once, so that whatever ends the program, the
 * output ends with a whole line. */
static void
write_pages(void)
{
	uint64_t blocked = vp_out_blocked_ms();

	for (; first < pages && !page(first)->left; first++) {
		struct page *p = page(first);

		vp_out_span(vp_buf_get(&p->lines));
		vp_out_done(p->row);
		vp_out_flush();
		held -= p->lines.n;
		progress.records += p->rows;
		progress.batches++;
		begin_page(first + room);
	}
	vp_http_excuse(api.http, vp_out_blocked_ms() - blocked);
}

/* The whole loop: until all is written, or something ends it. Returns the exit status. */
static int
stream(void)
{
	struct pollfd stop = {.fd = vp_stop_fd(), .events = POLLIN};

	for (write_pages(); first < pages; write_pages()) {
		uint64_t due, now, ms = 1000;
		struct vp_http_answer a;

		if (vp_stop_told())
			vp_die(VP_EX_TEMP, "interrupted");
		if (vp_now_ms() >= vp_deadline_at())
			vp_die(VP_EX_TEMP, "--deadline: %llu ms are over",
			    (unsigned long long)vp_opts.deadline_ms);
		if (page(first)->failed)
			vp_die(page(first)->failed, "%s", vp_buf_cstr(&page(first)->reason));
		due = send_pages();
		now = vp_now_ms();
		due = due < vp_deadline_at() ? due : vp_deadline_at();
		if (due < now + ms)
			ms = due > now ? due - now : 0;
		progress.in_flight = vp_http_flying(api.http);
		vp_progress(&progress);
		vp_http_work(api.http, &stop, 1, ms);
		while (vp_http_next(api.http, &a))
			take_answer(&a);
	}
	return 0;
}

/* The first answer: it tells how many rows there are, and so which ones are wanted. 0, or an exit
 * status (said). */
static int
ask_first(struct vp_http_answer *a, uint64_t row, size_t rows)
{
	struct vp_buf url = {0};
	struct vp_span v;
	int e;

	put_rows_url(&url, row, rows);
	e = vp_hfapi_call(&api, "GET", url.s, NULL, a);
	if (e < 0) {
		e = vp_http_refused("GET", url.s, a, NULL);
	} else if (e == 0 && (vp_json_find(vp_buf_get(&a->body), "num_rows_total", &v) != 1 ||
				 vp_json_uint(v, &total))) {
		vp_warn("GET %.*s: the answer has no rows, or no num_rows_total",
		    (int)strcspn(url.s, "?"), url.s);
		e = VP_EX_PROTOCOL;
	} else if (e == 0 && vp_json_find(vp_buf_get(&a->body), "partial", &v) == 1 &&
		   vp_json_type(v) == 't') {
		vp_warn("dataset %s: the viewer has only the first %llu rows of this split",
		    dataset, (unsigned long long)total);
	}
	vp_buf_free(&url);
	return e;
}

/* Which rows are wanted: those of the shard that -o and -n leave. */
static void
plan(void)
{
	uint64_t each = total / shards, more = total % shards, i = shard - 1;

	begin_row = i * each + (i < more ? i : more);
	end_row = begin_row + each + (i < more);
	if (begin_row < offset)
		begin_row = offset;
	if (begin_row >= end_row) {
		vp_info("dataset %s: there are %llu rows: none is left to read", dataset,
		    (unsigned long long)total);
		end_row = begin_row;
	}
	if (end_row - begin_row > limit)
		end_row = begin_row + limit;
	pages = (end_row - begin_row + PAGE_ROWS - 1) / PAGE_ROWS;
}

static int
print_rows(void)
{
	bool probe = shards > 1; /* the first answer does not begin where the shard does */
	size_t wanted = limit < PAGE_ROWS ? limit : PAGE_ROWS;
	struct vp_http_answer a = {0};
	struct vp_buf why = {0};
	int e = choose();

	if (e)
		return e;
	vp_buf_printf(&base, "%s/rows", api.base);
	put_query(&base, "dataset", dataset);
	put_query(&base, "config", config);
	put_query(&base, "split", split);
	vp_buf_cstr(&base);
	e = ask_first(&a, probe ? 0 : offset, probe ? 1 : wanted);
	if (e == 0) {
		plan();
		vp_resume_words = "stopped at row";
		vp_resume(begin_row);
		vp_stop_catch();
		last_done_ms = vp_now_ms();
		vp_pace_start(&pace, vp_opts.jobs, AUTO_MAX, vp_now_us());
		room = (vp_opts.jobs ? vp_opts.jobs : AUTO_MAX) * 2;
		window = vp_zalloc(room, sizeof *window);
		for (uint64_t k = 0; k < room; k++)
			begin_page(k);
		if (!probe && pages) /* if it is wrong, it is asked for again */
			(void)take_rows(page(0), vp_buf_get(&a.body), &why);
		vp_buf_free(&why);
		vp_buf_free(&a.body);
		e = stream();
		vp_resume(0);
		for (size_t k = 0; k < room; k++) {
			vp_buf_free(&window[k].lines);
			vp_buf_free(&window[k].reason);
		}
		free(window);
	}
	vp_buf_free(&a.body);
	vp_buf_free(&base);
	return e;
}

/* I/N, with I from 1 to N. */
static void
read_shard(void)
{
	char *slash = strchr(optarg, '/');

	if (slash)
		*slash = '\0';
	if (!slash || vp_read_number(optarg, &shard) || vp_read_number(slash + 1, &shards) ||
	    shard < 1 || shard > shards || shards > 1000000)
		vp_usage("--shard %s%s%s: want I/N, such as 2/8, with I from 1 to N", optarg,
		    slash ? "/" : "", slash ? slash + 1 : "");
}

int
main(int argc, char *argv[])
{
	int (*action)(void) = print_rows;
	int status;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'c':
			config = optarg;
			break;
		case 's':
			split = optarg;
			break;
		case 'n':
			limit = vp_arg_number(c, 1, ROWS_MAX);
			break;
		case 'o':
			offset = vp_arg_number(c, 0, ROWS_MAX);
			break;
		case SHARD:
			read_shard();
			break;
		case SPLITS:
		case INFO:
			if (action != print_rows)
				vp_usage("--splits and --info: want one of them");
			action = c == SPLITS ? print_splits : print_info;
			break;
		}
	vp_operands(argc, 1);
	dataset = argv[optind];
	if (!*dataset || !vp_utf8_valid(vp_str(dataset), NULL))
		vp_usage("'%s': no name that a dataset can have", dataset);
	vp_hfapi_open(&api, VP_VIEWER);
	status = action();
	vp_hfapi_close(&api);
	vp_out_close();
	return status;
}
