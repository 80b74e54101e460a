/* pc-update: change records of a Pinecone index: one by one, or the metadata of those that match */
#include <stdlib.h>

#include "flow.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "reject.h"

enum { DRY_RUN = 256 };

static const struct vp_program program = {
    .name = "pc-update",
    .synopsis = "[-qv] [-s namespace] [-j number] [-r file] index\n"
		"-f filter [-qv] [-m metadata] [-s namespace] [--dry-run] index",
    .help = "  index                   the name of the index\n"
	    "      --dry-run           with -f: count the records, change nothing\n"
	    "  -f, --filter FILTER     all records whose metadata match: a JSON object\n"
	    "  -m, --metadata OBJECT   with -f: what is to be set in their metadata\n"
	    "  -s, --namespace NAME    in the index (the default one)\n",
    .shorts = "f:m:s:",
    .longs = (const struct option[]){{"dry-run", 0, NULL, DRY_RUN}, {"filter", 1, NULL, 'f'},
	{"metadata", 1, NULL, 'm'}, {"namespace", 1, NULL, 's'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static struct vp_flow flow;
static struct vp_pinecone pc;
static const char *namespace_name = "";
static struct vp_buf namespace_json;
static struct vp_span filter, metadata; /* -f and -m; n is 0 where they were not given */
static bool dry_run;

static int
check(const struct vp_record *r, const char **why)
{
	*why = NULL;
	if (r->id.n <= 2)
		*why = "no id: it tells which record to change";
	else if (!vp_record_has_vector(r) && !r->sparse_values.n && !r->metadata.n)
		*why = "nothing to change: want values, sparse_values or metadata";
	return *why ? VP_E_MISSING : 0;
}

static void
put_member(struct vp_body *body, const char *name, struct vp_span value)
{
	if (!value.n)
		return;
	vp_body_puts(body, name);
	vp_body_add(body, value);
}

static void
request(void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body)
{
	const struct vp_record *r = rec[0];

	(void)arg;
	(void)n; /* the API takes one record a request */
	put_member(body, "{\"id\":", r->id);
	if (vp_record_has_vector(r))
		put_member(body, ",\"values\":", r->values);
	put_member(body, ",\"sparseValues\":", r->sparse_values);
	put_member(body, ",\"setMetadata\":", r->metadata);
	put_member(body, ",\"namespace\":", vp_buf_get(&namespace_json));
	vp_body_puts(body, "}");
}

static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	vp_flow_receipts(job, n, "updatedCount", vp_buf_get(&namespace_json));
}

static const struct vp_protocol protocol = {
    .service = VP_PINECONE,
    .method = "POST",
    .ordered = true,
    .request = request,
    .answer = vp_pinecone_acknowledged,
    .deliver = deliver,
    .advice = vp_pinecone_advice,
};

static int
by_id(const char *url)
{
	flow.protocol = &protocol;
	flow.http = pc.http;
	flow.url = url;
	flow.max_records = flow.in.group = 1;
	flow.in.check = check;
	return vp_flow_run(&flow);
}

/* How many records matched, as far as the server says, and what was asked of it. */
static void
print_receipt(struct vp_span answered)
{
	struct vp_span matched;

	vp_out_putc('{');
	if (vp_json_find(answered, "matchedRecords", &matched) == 1) {
		vp_out_puts("\"matchedRecords\":");
		vp_out_json(matched);
		vp_out_putc(',');
	}
	vp_out_puts(dry_run ? "\"dryRun\":true,\"filter\":" : "\"dryRun\":false,\"filter\":");
	vp_out_json(filter);
	vp_out_puts(",\"namespace\":");
	vp_out_span(vp_buf_get(&namespace_json));
	vp_out_puts("}\n");
}

static int
by_metadata(const char *url)
{
	struct vp_http_answer a;
	struct vp_buf body = {0};
	int status;

	vp_buf_puts(&body, "{\"filter\":");
	vp_buf_span(&body, filter);
	if (metadata.n) {
		vp_buf_puts(&body, ",\"setMetadata\":");
		vp_buf_span(&body, metadata);
	}
	vp_buf_printf(
	    &body, "%s,\"namespace\":%s}", dry_run ? ",\"dryRun\":true" : "", namespace_json.s);
	status = vp_pinecone_ask(&pc, "POST", url, &body, vp_pinecone_advice(NULL, 404), &a);
	if (status == 0) {
		print_receipt(vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	vp_out_close();
	vp_buf_free(&body);
	return status;
}

static void
read_metadata(const char *argument)
{
	if (vp_json_check(vp_str(argument), &metadata) || vp_json_type(metadata) != '{')
		vp_usage("-m %s: not a JSON object: want such as {\"checked\":true}", argument);
}

static void
check_options(void)
{
	if (!filter.n && (metadata.n || dry_run))
		vp_usage("%s is for -f: without it, each record of the input says what to change",
		    metadata.n ? "-m" : "--dry-run");
	if (filter.n && !metadata.n && !dry_run)
		vp_usage("-f: what is to be set in the records that match? give -m, or --dry-run");
}

int
main(int argc, char *argv[])
{
	const char *index_name;
	struct vp_buf url = {0};
	char *base = NULL;
	int status;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case DRY_RUN:
			dry_run = true;
			break;
		case 'f':
			filter = vp_pinecone_filter(optarg);
			break;
		case 'm':
			read_metadata(optarg);
			break;
		case 's':
			namespace_name = optarg;
			break;
		}
	index_name = vp_pinecone_operand(argc, argv, namespace_name);
	check_options();
	vp_json_quote(&namespace_json, vp_str(namespace_name));
	vp_buf_cstr(&namespace_json);
	vp_pinecone_open(&pc);
	vp_reject_open();
	status = vp_pinecone_find(&pc, index_name, &base);
	if (status == 0) {
		vp_buf_printf(&url, "%s/vectors/update", base);
		vp_buf_cstr(&url);
		status = filter.n ? by_metadata(url.s) : by_id(url.s);
	}
	free(base);
	vp_buf_free(&url);
	vp_buf_free(&namespace_json);
	vp_pinecone_close(&pc);
	return status;
}
