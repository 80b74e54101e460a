/* pc-query: the nearest records of a Pinecone index, for each record with a vector or an id */
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "reject.h"

enum { TOP_K_MAX = 10000, VALUES = 256 };

static const struct vp_program program = {
    .name = "pc-query",
    .synopsis =
	"[-qv] [-k number] [-f filter] [-s namespace] [-j number] [-r file] [--values] index",
    .help = "  index                   the name of the index\n"
	    "  -k, --top-k N           matches for each query, 1 to 10000 (10)\n"
	    "  -f, --filter FILTER     only records whose metadata match: a JSON object\n"
	    "  -s, --namespace NAME    in the index (the default one)\n"
	    "      --values            with the matches' vectors\n",
    .shorts = "k:f:s:",
    .longs = (const struct option[]){{"top-k", 1, NULL, 'k'}, {"filter", 1, NULL, 'f'},
	{"namespace", 1, NULL, 's'}, {"values", 0, NULL, VALUES}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static struct vp_flow flow;
static struct vp_pinecone pc;
static struct vp_buf url, rest; /* rest: what follows the vector or id in each request */

static int
check(const struct vp_record *r, const char **why)
{
	struct vp_span text;

	if (vp_record_has_vector(r) || r->sparse_values.n)
		return 0;
	if (r->id.n > 2 && vp_record_text(r, &text) == 0)
		return 0; /* a question by id */
	*why = r->id.n > 2 ? "a text without values: hf-embed gives a record its vector"
			   : "neither values nor id: hf-embed gives a record its vector";
	return VP_E_MISSING;
}

static void
request(void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body)
{
	const struct vp_record *r = rec[0];
	bool vector = vp_record_has_vector(r);

	(void)arg;
	(void)n; /* the API takes one query a request */
	vp_body_puts(body, "{");
	if (!vector && !r->sparse_values.n) {
		vp_body_puts(body, "\"id\":");
		vp_body_add(body, r->id);
	}
	if (vector) {
		vp_body_puts(body, "\"vector\":");
		vp_body_add(body, r->values);
	}
	if (r->sparse_values.n) {
		vp_body_puts(body, vector ? ",\"sparseVector\":" : "\"sparseVector\":");
		vp_body_add(body, r->sparse_values);
	}
	vp_body_add(body, vp_buf_get(&rest));
}

static int
answer(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
    struct vp_span out[], struct vp_buf *why)
{
	struct vp_span v;

	(void)arg;
	(void)rec;
	(void)n;
	if (vp_json_check(body, &out[0]) || vp_json_find(body, "matches", &v) != 1 ||
	    vp_json_type(v) != '[') {
		vp_buf_puts(why, "the answer has no matches");
		return VP_E_TYPE;
	}
	return 0;
}

/* One line: the query's own id and metadata, then what the server answered. */
static void
print_result(const struct vp_record *r, struct vp_span answered)
{
	static const char *const members[] = {"namespace", "matches", "usage"};
	const char *comma = "";

	vp_out_putc('{');
	if (r->id.n) {
		vp_out_puts("\"id\":");
		vp_out_span(r->id);
		comma = ",";
	}
	if (r->metadata.n) {
		vp_out_puts(comma);
		vp_out_puts("\"metadata\":");
		vp_out_span(r->metadata);
		comma = ",";
	}
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct vp_span v;

		if (vp_json_find(answered, members[i], &v) != 1)
			continue;
		vp_out_puts(comma);
		vp_out_putc('"');
		vp_out_puts(members[i]);
		vp_out_puts("\":");
		vp_out_json(v);
		comma = ",";
	}
	vp_out_puts("}\n");
}

static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		if (job->result[i].state == VP_ANSWERED)
			print_result(&job->batch.rec[i], job->result[i].span);
}

static const struct vp_protocol protocol = {
    .service = VP_PINECONE,
    .method = "POST",
    .request = request,
    .answer = answer,
    .deliver = deliver,
    .advice = vp_pinecone_advice,
};

int
main(int argc, char *argv[])
{
	const char *namespace_name = "", *index_name;
	struct vp_span filter = {0};
	uint64_t top_k = 10;
	bool values = false;
	char *base = NULL;
	int status;

	vp_start(&program);
	flow.in.check = check;
	flow.in.group = 1; /* an answer is wanted as soon as a question is there */
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'k':
			top_k = vp_arg_number(c, 1, TOP_K_MAX);
			break;
		case 'f':
			filter = vp_pinecone_filter(optarg);
			break;
		case 's':
			namespace_name = optarg;
			break;
		case VALUES:
			values = true;
			break;
		}
	index_name = vp_pinecone_operand(argc, argv, namespace_name);
	vp_buf_printf(&rest, ",\"topK\":%llu,\"includeMetadata\":true,\"includeValues\":%s",
	    (unsigned long long)top_k, values ? "true" : "false");
	if (filter.n) {
		vp_buf_puts(&rest, ",\"filter\":");
		vp_buf_span(&rest, filter);
	}
	vp_buf_puts(&rest, ",\"namespace\":");
	vp_json_quote(&rest, vp_str(namespace_name));
	vp_buf_putc(&rest, '}');
	vp_pinecone_open(&pc);
	vp_reject_open();
	status = vp_pinecone_find(&pc, index_name, &base);
	if (status == 0) {
		vp_buf_printf(&url, "%s/query", base);
		flow.protocol = &protocol;
		flow.http = pc.http;
		flow.url = vp_buf_cstr(&url);
		flow.max_records = 1;
		status = vp_flow_run(&flow);
	}
	free(base);
	vp_buf_free(&url);
	vp_buf_free(&rest);
	vp_pinecone_close(&pc);
	return status;
}
