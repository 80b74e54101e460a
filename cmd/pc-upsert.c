/* pc-upsert: store records in a Pinecone index */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "flow.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "reject.h"

/* Pinecone's limits for an upsert request, the bytes with a little room for what stands around the
 * records. */
enum { RECORDS_MAX = 1000, BYTES_MAX = 2 * 1024 * 1024 - 4096, ID_MAX = 512 };
enum { CREATE = 256, METRIC };

static const struct vp_program program = {
    .name = "pc-upsert",
    .synopsis = "[-qv] [-s namespace] [-n records] [-j number] [-r file] [--skip number] "
		"[--create] [--metric metric] index",
    .help = "  index                   the name of the index\n"
	    "  -s, --namespace NAME    in the index (the default one)\n"
	    "  -n, --records N         loose records in a request, 1 to 1000 (1000, up to 2 MB)\n"
	    "      --create            make the index if it is missing, with the first record's "
	    "dimension\n"
	    "      --metric METRIC     of the index so made: cosine, dotproduct or euclidean "
	    "(cosine)\n",
    .shorts = "s:n:",
    .longs = (const struct option[]){{"namespace", 1, NULL, 's'}, {"records", 1, NULL, 'n'},
	{"create", 0, NULL, CREATE}, {"metric", 1, NULL, METRIC}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS | VP_OPT_SKIP,
};

static struct vp_flow flow;
static struct vp_pinecone pc;
static const char *index_name, *namespace_name = "", *metric = "cosine";
static bool create;
static struct vp_buf url, namespace_json;

static size_t
characters(struct vp_span string)
{
	struct vp_buf text = {0};
	size_t n = 0;

	vp_json_decode(string, &text);
	for (size_t i = 0; i < text.n; i++)
		n += (text.s[i] & 0xc0) != 0x80;
	vp_buf_free(&text);
	return n;
}

static int
check(const struct vp_record *r, const char **why)
{
	*why = NULL;
	if (r->id.n <= 2)
		*why = "no id: a record needs one (vec-batch makes them)";
	else if (r->id.n > ID_MAX + 2 && characters(r->id) > ID_MAX)
		*why = "its id is over 512 characters";
	else if (!vp_record_has_vector(r) && !r->sparse_values.n)
		*why = "no values: hf-embed gives a record its vector";
	return *why ? VP_E_MISSING : 0;
}

static size_t
weigh(const struct vp_record *r)
{
	return r->id.n + r->values.n + r->sparse_values.n + r->metadata.n + 64;
}

/* {"vectors":[{"id":…,"values":…,"sparseValues":…,"metadata":…}],"namespace":…}: the members' own
 * bytes. What else a record has stays here: the API refuses members that it does not know. */
static void
request(void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body)
{
	(void)arg;
	vp_body_puts(body, "{\"vectors\":[");
	for (size_t i = 0; i < n; i++) {
		const struct vp_record *r = rec[i];

		vp_body_puts(body, i ? ",{\"id\":" : "{\"id\":");
		vp_body_add(body, r->id);
		if (vp_record_has_vector(r)) {
			vp_body_puts(body, ",\"values\":");
			vp_body_add(body, r->values);
		}
		if (r->sparse_values.n) {
			vp_body_puts(body, ",\"sparseValues\":");
			vp_body_add(body, r->sparse_values);
		}
		if (r->metadata.n) {
			vp_body_puts(body, ",\"metadata\":");
			vp_body_add(body, r->metadata);
		}
		vp_body_puts(body, "}");
	}
	vp_body_puts(body, "],\"namespace\":");
	vp_body_add(body, vp_buf_get(&namespace_json));
	vp_body_puts(body, "}");
}

/* How many different ids there are: the server counts a record that stands twice in a request once
 * or twice. */
static size_t
distinct(const struct vp_record *const rec[], size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < i && !vp_span_eq(rec[k]->id, rec[i]->id))
			k++;
		count += k == i;
	}
	return count;
}

static int
answer(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
    struct vp_span out[], struct vp_buf *why)
{
	struct vp_span v;
	uint64_t count;

	(void)arg;
	if (vp_json_check(body, NULL) || vp_json_find(body, "upsertedCount", &v) != 1 ||
	    vp_json_uint(v, &count)) {
		vp_buf_puts(why, "the answer has no upsertedCount");
		return VP_E_TYPE;
	}
	if (count > n) {
		vp_buf_printf(
		    why, "upsertedCount is %llu for %zu records", (unsigned long long)count, n);
		return VP_E_COUNT;
	}
	if (count < n && count < distinct(rec, n)) {
		vp_buf_printf(why, "the server acknowledged %llu of %zu records",
		    (unsigned long long)count, n);
		return VP_E_MISSING;
	}
	memset(out, 0, n * sizeof *out);
	return 0;
}

/* A receipt for each acknowledged request whose records are all before n. */
static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	vp_flow_receipts(job, n, "upsertedCount", vp_buf_get(&namespace_json));
}

static const struct vp_protocol protocol = {
    .service = VP_PINECONE,
    .method = "POST",
    .ordered = true,
    .weigh = weigh,
    .request = request,
    .answer = answer,
    .deliver = deliver,
    .advice = vp_pinecone_advice,
};

static void
wait_for_input(void)
{
	struct pollfd fd = {.fd = flow.in.in.fd, .events = POLLIN};

	while (poll(&fd, 1, 100) == 0)
		if (vp_now_ms() >= vp_deadline_at())
			vp_die(VP_EX_TEMP, "--deadline: %llu ms are over, and no record has come",
			    (unsigned long long)vp_opts.deadline_ms);
}

/* --create: the dimension of the first good record; what is read on the way to it comes first in the run. 0
 * where it has no dense vector, or where there is none (then *any is false). */
static uint64_t
first_dimension(bool *any)
{
	struct vp_batch b;
	size_t dimension = 0;

	for (*any = false;;) {
		switch (vp_records_gather(&flow.in, true, &b)) {
		case VP_GATHER_BATCH:
			for (size_t i = 0; i < b.n && !*any; i++)
				if (!b.rec[i].bad) {
					*any = true;
					if (vp_json_numbers(b.rec[i].values, &dimension))
						dimension = 0;
				}
			vp_flow_add(&flow, &b);
			if (*any)
				return dimension;
			break;
		case VP_GATHER_READ:
			wait_for_input();
			if (vp_lines_fill(&flow.in.in))
				vp_die(VP_EX_IO, "standard input:");
			break;
		case VP_GATHER_ERROR:
			vp_die(VP_EX_IO, "standard input:");
		case VP_GATHER_END:
			return 0;
		}
	}
}

static int
make_index(void)
{
	bool any, existed;
	uint64_t dimension = first_dimension(&any);
	int e;

	if (!any &&
	    flow.jobs) /* nothing but bad records: the run says so, and has nothing to send */
		return vp_flow_run(&flow);
	if (!dimension) {
		vp_warn("index %s: not created: %s", index_name,
		    any ? "the first record has no vector of numbers that could tell its dimension"
			: "there is no record that could tell its dimension");
		return VP_EX_DATA;
	}
	vp_info("index %s: creating it with dimension %llu and metric %s", index_name,
	    (unsigned long long)dimension, metric);
	e = vp_pinecone_create(&pc, index_name, dimension, metric, "aws", "us-east-1", &existed);
	return e ? e : vp_pinecone_wait(&pc, index_name, NULL);
}

static int
find_index(char **base)
{
	int e = vp_pinecone_index(&pc, index_name, base);

	if (e == -1 && create && (e = make_index()) == 0)
		e = vp_pinecone_index(&pc, index_name, base);
	return e == -1 ? vp_pinecone_no_index(&pc, index_name) : e;
}

int
main(int argc, char *argv[])
{
	char *base = NULL;
	int status;

	vp_start(&program);
	flow.in.check = check;
	flow.in.group = RECORDS_MAX;
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 's':
			namespace_name = optarg;
			break;
		case 'n':
			flow.in.group = vp_arg_number(c, 1, RECORDS_MAX);
			break;
		case CREATE:
			create = true;
			break;
		case METRIC:
			if (strcmp(optarg, "cosine") && strcmp(optarg, "dotproduct") &&
			    strcmp(optarg, "euclidean"))
				vp_usage(
				    "--metric %s: want cosine, dotproduct or euclidean", optarg);
			metric = optarg;
			break;
		}
	flow.in.skip = vp_opts.skip;
	index_name = vp_pinecone_operand(argc, argv, namespace_name);
	vp_json_quote(&namespace_json, vp_str(namespace_name));
	vp_pinecone_open(&pc);
	vp_reject_open();
	flow.protocol = &protocol;
	flow.http = pc.http;
	flow.max_records = RECORDS_MAX;
	flow.max_bytes = flow.in.group_bytes = BYTES_MAX;
	status = find_index(&base);
	if (status == 0) {
		vp_buf_printf(&url, "%s/vectors/upsert", base);
		flow.url = vp_buf_cstr(&url);
		status = vp_flow_run(&flow);
	}
	free(base);
	vp_buf_free(&url);
	vp_buf_free(&namespace_json);
	vp_pinecone_close(&pc);
	return status;
}
