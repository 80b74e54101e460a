/* pc-delete: take records out of a Pinecone index: those with these ids, those whose metadata match, or all */
#include <stdlib.h>

#include "flow.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "reject.h"
#include "sure.h"

/* The API's limit for ids, and the one for bodies with a little room for what stands around them. */
enum { IDS_MAX = 1000, BYTES_MAX = 2 * 1024 * 1024 - 4096 };
enum { ALL = 256 };

static const struct vp_program program = {
    .name = "pc-delete",
    .synopsis = "[-lqv] [-n records] [-s namespace] [-j number] [-r file] index\n"
		"-f filter [-qv] [-s namespace] index\n"
		"--all [-qvy] [-s namespace] index",
    .help = "  index                   the name of the index\n"
	    "      --all               all records of the namespace\n"
	    "  -f, --filter FILTER     all records whose metadata match: a JSON object\n"
	    "  -l, --lines             each line is an id, not JSON\n"
	    "  -n, --records N         ids in a request, 1 to 1000 (1000)\n"
	    "  -s, --namespace NAME    in the index (the default one)\n"
	    "  -y, --yes               with --all: do not ask\n",
    .shorts = "f:ln:s:y",
    .longs = (const struct option[]){{"all", 0, NULL, ALL}, {"filter", 1, NULL, 'f'},
	{"lines", 0, NULL, 'l'}, {"records", 1, NULL, 'n'}, {"namespace", 1, NULL, 's'},
	{"yes", 0, NULL, 'y'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static struct vp_flow flow;
static struct vp_pinecone pc;
static const char *index_name, *namespace_name = "";
static struct vp_buf namespace_json;

/* The service knows no namespace of that name, or the index is gone: it says which. */
static const char gone[] = "see 'pc-list --namespaces' and 'pc-index list' for what there is";

static int
check(const struct vp_record *r, const char **why)
{
	*why = "no id: it tells which record to delete";
	return r->id.n > 2 ? 0 : VP_E_MISSING;
}

static size_t
weigh(const struct vp_record *r)
{
	return r->id.n + 1;
}

static void
request(void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		vp_body_puts(body, i ? "," : "{\"ids\":[");
		vp_body_add(body, rec[i]->id);
	}
	vp_body_puts(body, "],\"namespace\":");
	vp_body_add(body, vp_buf_get(&namespace_json));
	vp_body_puts(body, "}");
}

static void
deliver(void *arg, const struct vp_job *job, size_t n)
{
	(void)arg;
	vp_flow_receipts(job, n, "deletedCount", vp_buf_get(&namespace_json));
}

static const char *
advice(void *arg, long status)
{
	(void)arg;
	return status == 404 ? gone : NULL;
}

static const struct vp_protocol protocol = {
    .service = VP_PINECONE,
    .method = "POST",
    .weigh = weigh,
    .request = request,
    .answer = vp_pinecone_acknowledged,
    .deliver = deliver,
    .advice = advice,
};

static int
by_id(const char *url)
{
	flow.protocol = &protocol;
	flow.http = pc.http;
	flow.url = url;
	flow.max_records = flow.in.group;
	flow.max_bytes = flow.in.group_bytes = BYTES_MAX;
	flow.in.ids = true;
	flow.in.check = check;
	return vp_flow_run(&flow);
}

/* One request for those that match filter, or for all where there is none. */
static int
at_once(const char *url, struct vp_span filter)
{
	struct vp_span which = filter.n ? filter : VP_LIT("true");
	struct vp_http_answer a;
	struct vp_buf body = {0};
	int status;

	vp_buf_printf(&body, "{\"%s\":%.*s,\"namespace\":%s}", filter.n ? "filter" : "deleteAll",
	    (int)which.n, which.s, namespace_json.s);
	status = vp_pinecone_ask(&pc, "POST", url, &body, gone, &a);
	if (status == 0) {
		vp_buf_free(&a.body);
		vp_out_puts(
		    filter.n ? "{\"deleted\":true,\"filter\":" : "{\"deleted\":true,\"all\":");
		vp_out_json(which);
		vp_out_puts(",\"namespace\":");
		vp_out_span(vp_buf_get(&namespace_json));
		vp_out_puts("}\n");
	}
	vp_out_close();
	vp_buf_free(&body);
	return status;
}

static bool
is_empty(struct vp_span filter)
{
	struct vp_json_walk w;
	struct vp_span key, value;

	vp_json_begin(&w, filter);
	return vp_json_member(&w, &key, &value) == 0;
}

static bool
sure(void)
{
	struct vp_buf what = {0};
	bool yes;

	vp_buf_printf(
	    &what, "all records of namespace %s of index %s", namespace_json.s, index_name);
	yes = vp_sure(vp_buf_cstr(&what));
	vp_buf_free(&what);
	return yes;
}

int
main(int argc, char *argv[])
{
	struct vp_span filter = {0};
	bool all = false, yes = false;
	struct vp_buf url = {0};
	char *base = NULL;
	int status;

	vp_start(&program);
	flow.in.group = IDS_MAX;
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case ALL:
			all = true;
			break;
		case 'f':
			filter = vp_pinecone_filter(optarg);
			if (is_empty(filter))
				vp_usage("-f %s: names nothing: --all deletes all records", optarg);
			break;
		case 'l':
			flow.in.text = true;
			break;
		case 'n':
			flow.in.group = vp_arg_number(c, 1, IDS_MAX);
			break;
		case 's':
			namespace_name = optarg;
			break;
		case 'y':
			yes = true;
			break;
		}
	index_name = vp_pinecone_operand(argc, argv, namespace_name);
	if (all + (filter.n > 0) + flow.in.text > 1)
		vp_usage("--all, -f and -l: want one of them at most");
	vp_json_quote(&namespace_json, vp_str(namespace_name));
	vp_buf_cstr(&namespace_json);
	vp_pinecone_open(&pc);
	vp_reject_open();
	status = vp_pinecone_find(&pc, index_name, &base);
	if (status == 0 && all && !yes && !sure())
		status = VP_EX_USAGE;
	if (status == 0) {
		vp_buf_printf(&url, "%s/vectors/delete", base);
		vp_buf_cstr(&url);
		status = all || filter.n ? at_once(url.s, filter) : by_id(url.s);
	}
	free(base);
	vp_buf_free(&url);
	vp_buf_free(&namespace_json);
	vp_pinecone_close(&pc);
	return status;
}
