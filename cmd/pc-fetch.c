/* pc-fetch: records of a Pinecone index, by their ids or by their metadata */
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "reject.h"

/* The API takes 1000 ids, but in a URL, and servers commonly take 8 KB of that. An answer holds all
 * records with their vectors: 100 of 3072 numbers are near the 4 MB that the service gives at once. */
enum { RECORDS = 100, RECORDS_MAX = 1000, URL_MAX = 6000 };

static const struct vp_program program = {
    .name = "pc-fetch",
    .synopsis = "[-lqv] [-n records] [-s namespace] [-j number] [-r file] index\n"
		"-f filter [-qv] [-n records] [-s namespace] index",
    .help = "  index                   the name of the index\n"
	    "  -f, --filter FILTER     all records whose metadata match: a JSON object\n"
	    "  -l, --lines             each line is an id, not JSON\n"
	    "  -n, --records N         records in a request, 1 to 1000 (100)\n"
	    "  -s, --namespace NAME    in the index (the default one)\n",
    .shorts = "f:ln:s:",
    .longs = (const struct option[]){{"filter", 1, NULL, 'f'}, {"lines", 0, NULL, 'l'},
	{"records", 1, NULL, 'n'}, {"namespace", 1, NULL, 's'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static struct vp_flow flow;
static struct vp_pinecone pc;
static const char *namespace_name = "";

static int
check(const struct vp_record *r, const char **why)
{
	struct vp_buf id = {0};

	*why = NULL;
	if (r->id.n <= 2)
		*why = "no id: it tells which record to fetch";
	else if (vp_json_decode(r->id, &id))
		*why = "its id is not valid UTF-8";
	vp_buf_free(&id);
	return *why ? VP_E_MISSING : 0;
}

static void
put_id(struct vp_buf *url, struct vp_span json)
{
	struct vp_buf id = {0};

	vp_json_decode(json, &id);
	vp_pinecone_parameter(url, "ids", vp_buf_get(&id));
	vp_buf_free(&id);
}

static size_t
weigh(const struct vp_record *r)
{
	struct vp_buf url = {0};
	size_t n;

	vp_buf_puts(&url, "?");
	put_id(&url, r->id);
	n = url.n - 1;
	vp_buf_free(&url);
	return n;
}

/* ?namespace=...&ids=...&ids=... */
static void
target(void *arg, const struct vp_record *const rec[], size_t n, struct vp_buf *url)
{
	(void)arg;
	if (*namespace_name)
		vp_pinecone_parameter(url, "namespace", vp_str(namespace_name));
	for (size_t i = 0; i < n; i++)
		put_id(url, rec[i]->id);
}

/* One record of an answer. 0, or VP_E_TYPE with the reason. */
static int
read_record(struct vp_span json, struct vp_record *r, struct vp_buf *why)
{
	size_t n;
	int e = vp_record_parse(json, r);

	if (e || !r->id.n)
		vp_buf_puts(why, "the answer has a record without an id");
	else if ((!vp_record_has_vector(r) && !r->sparse_values.n) ||
		 (r->values.n && vp_json_numbers(r->values, &n)))
		vp_buf_printf(why, "the answer has no vector of numbers for record %.*s",
		    (int)r->id.n, r->id.s);
	else
		return 0;
	return VP_E_TYPE;
}

/* The object of records in an answer, which is in no order. */
static int
find_records(struct vp_span answer, struct vp_span *records, struct vp_buf *why)
{
	if (vp_json_find(answer, "vectors", records) == 1 && vp_json_type(*records) == '{')
		return 0;
	vp_buf_puts(why, "the answer has no vectors");
	return VP_E_TYPE;
}

/* The ids of n records as text, to be compared however they are spelled: id i is what stands in text
 * from at[i] to at[i + 1]. */
struct ids {
	struct vp_buf text;
	size_t *at; /* [n + 1] */
};

static void
decode_ids(struct ids *ids, const struct vp_record *const rec[], size_t n)
{
	ids->at = vp_zalloc(n + 1, sizeof *ids->at);
	for (size_t i = 0; i < n; i++) {
		vp_json_decode(rec[i]->id, &ids->text);
		ids->at[i + 1] = ids->text.n;
	}
}

/* Give the record to all places that asked for it. A request has so few that looking at each costs
 * less than the record's own numbers. */
static void
place(const struct ids *ids, size_t n, const struct vp_record *r, struct vp_span out[])
{
	struct vp_buf id = {0};

	vp_json_decode(r->id, &id);
	for (size_t i = 0; i < n; i++)
		if (ids->at[i + 1] - ids->at[i] == id.n &&
		    memcmp(ids->text.s + ids->at[i], id.s, id.n) == 0)
			out[i] = r->all;
	vp_buf_free(&id);
}

static int
answer(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
    struct vp_span out[], struct vp_buf *why)
{
	struct vp_span records, key, value;
	struct vp_json_walk w;
	struct ids ids = {0};
	int e;

	(void)arg;
	if (vp_json_check(body, &body)) {
		vp_buf_puts(why, "the answer is not JSON");
		return VP_E_SYNTAX;
	}
	if ((e = find_records(body, &records, why)) != 0)
		return e;
	decode_ids(&ids, rec, n);
	for (vp_json_begin(&w, records); !e && vp_json_member(&w, &key, &value) > 0;) {
		struct vp_record r;

		if ((e = read_record(value, &r, why)) == 0)
			place(&ids, n, &r, out);
	}
	vp_buf_free(&ids.text);
	free(ids.at);
	return e;
}

static void
print_member(const char *name, struct vp_span value)
{
	if (!value.n)
		return;
	vp_out_puts(name);
	vp_out_json(value);
}

/* In the form that records have in the pipe: the server says sparseValues. */
static void
print_record(const struct vp_record *r)
{
	print_member("{\"id\":", r->id);
	print_member(",\"values\":", r->values);
	print_member(",\"sparse_values\":", r->sparse_values);
	print_member(",\"metadata\":", r->metadata);
	vp_out_putc('}');
}

static void
print_result(const struct vp_record *asked, const struct vp_result *result)
{
	struct vp_record r;

	(void)asked;
	vp_record_parse(result->span, &r);
	print_record(&r);
}

static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	vp_flow_records(job, n, print_result);
}

static const struct vp_protocol protocol = {
    .service = VP_PINECONE,
    .method = "GET",
    .weigh = weigh,
    .target = target,
    .answer = answer,
    .absent = "no such record in this namespace",
    .deliver = deliver,
    .advice = vp_pinecone_advice,
};

static int
by_id(const char *base)
{
	struct vp_buf url = {0};
	int status;

	vp_buf_printf(&url, "%s/vectors/fetch", base);
	flow.protocol = &protocol;
	flow.http = pc.http;
	flow.url = vp_buf_cstr(&url);
	flow.max_records = flow.in.group;
	flow.max_bytes = URL_MAX;
	flow.in.ids = true;
	flow.in.check = check;
	status = vp_flow_run(&flow);
	vp_buf_free(&url);
	return status;
}

static int
print_page(struct vp_span page, struct vp_buf *why)
{
	struct vp_span records, key, value;
	struct vp_json_walk w;
	int e = find_records(page, &records, why);

	if (e)
		return e;
	for (vp_json_begin(&w, records); !e && vp_json_member(&w, &key, &value) > 0;) {
		struct vp_record r;

		if ((e = read_record(value, &r, why)) == 0) {
			print_record(&r);
			vp_out_putc('\n');
		}
	}
	return e;
}

static int
by_metadata(const char *base, struct vp_span filter)
{
	struct vp_pages pages = {.method = "POST", .print = print_page};
	struct vp_buf url = {0}, body = {0};
	int status;

	vp_buf_printf(&url, "%s/vectors/fetch_by_metadata", base);
	vp_buf_printf(&body, "{\"filter\":%.*s,\"limit\":%zu,\"namespace\":", (int)filter.n,
	    filter.s, flow.in.group);
	vp_json_quote(&body, vp_str(namespace_name));
	pages.url = vp_buf_cstr(&url);
	pages.body = vp_buf_get(&body);
	status = vp_pinecone_pages(&pc, &pages);
	vp_buf_free(&url);
	vp_buf_free(&body);
	return status;
}

int
main(int argc, char *argv[])
{
	struct vp_span filter = {0};
	const char *index_name;
	char *base = NULL;
	int status;

	vp_start(&program);
	flow.in.group = RECORDS;
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'f':
			filter = vp_pinecone_filter(optarg);
			break;
		case 'l':
			flow.in.text = true;
			break;
		case 'n':
			flow.in.group = vp_arg_number(c, 1, RECORDS_MAX);
			break;
		case 's':
			namespace_name = optarg;
			break;
		}
	index_name = vp_pinecone_operand(argc, argv, namespace_name);
	if (filter.n && flow.in.text)
		vp_usage("-f asks by metadata, and reads no ids: -l is not for it");
	vp_pinecone_open(&pc);
	vp_reject_open();
	status = vp_pinecone_find(&pc, index_name, &base);
	if (status == 0)
		status = filter.n ? by_metadata(base, filter) : by_id(base);
	free(base);
	vp_pinecone_close(&pc);
	return status;
}
