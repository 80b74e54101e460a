/* hf-embed: give records their vectors, from a Hugging Face Inference Endpoint */
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "hf.h"
#include "opt.h"
#include "out.h"
#include "reject.h"

enum {
	TRUNCATE = 256,
	REQUEST_BYTES = 1900000
}; /* text-embeddings-inference takes 2,000,000 bytes a request */

static const struct vp_program program = {
    .name = "hf-embed",
    .synopsis = "[-lqv] [-n records] [-s number] [-j number] [-r file] [--truncate] [url]",
    .help = "  url                     of the endpoint (HF_ENDPOINT_URL)\n"
	    "  -l, --lines             input is lines of text, not JSON\n"
	    "  -n, --records N         loose records in a request, 1 to 1000 (64)\n"
	    "  -s, --start N           with -l, the first id (0)\n"
	    "      --truncate          have the server cut texts that are too long for the model\n",
    .shorts = "ln:s:",
    .longs = (const struct option[]){{"lines", 0, NULL, 'l'}, {"records", 1, NULL, 'n'},
	{"start", 1, NULL, 's'}, {"truncate", 0, NULL, TRUNCATE}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static struct vp_flow flow;
static bool openai; /* the request has the OpenAI form */
static bool truncate_flag;
static size_t dim; /* values in a vector, once one has been seen */

static int
check(const struct vp_record *r, const char **why)
{
	struct vp_span text;

	if (vp_record_has_vector(r))
		return 0;
	switch (vp_record_text(r, &text)) {
	case 1:
		if (text.n > 2)
			return 0;
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

static int
answer(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
    struct vp_span out[], struct vp_buf *why)
{
	(void)arg;
	(void)rec;
	return vp_hf_vectors(body, n, &dim, out, why);
}

/* The record with its vector put in behind the id, or first where it has none, or in the place of a null or an
 * empty array that stands for it. All else is as it came. */
static void
print_record(const struct vp_record *r, const struct vp_result *result)
{
	const char *end = r->all.s + r->all.n, *at;

	if (result->state != VP_ANSWERED) {
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
	bool array = job->batch.array;
	size_t printed = 0;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		if (job->result[i].state == VP_REJECTED)
			continue;
		if (array)
			vp_out_putc(printed ? ',' : '[');
		print_record(&job->batch.rec[i], &job->result[i]);
		if (!array)
			vp_out_putc('\n');
		printed++;
	}
	if (array && printed)
		vp_out_puts("]\n");
	else if (array && job->batch.n == 0)
		vp_out_puts("[]\n");
}

static const struct vp_protocol protocol = {
    .service = VP_HF,
    .method = "POST",
    .skip = has_values,
    .weigh = weigh,
    .request = request,
    .answer = answer,
    .deliver = deliver,
};

/* The client, with the token if there is one and it may be sent to url, which where names. */
static struct vp_http *
client(const char *where, const char *url)
{
	struct vp_buf header = {0};
	struct vp_http *http;
	char *token = vp_hf_token();
	const char *why;
	int e = vp_http_safe(url, &why);

	if (e == VP_E_SYNTAX || (e && token))
		vp_die(VP_EX_CONFIG, "%s: %s", where, why);
	if (token)
		vp_buf_printf(&header, "Authorization: Bearer %s", token);
	http = vp_http_new(token ? vp_buf_cstr(&header) : NULL, NULL);
	vp_buf_free(&header);
	free(token);
	return http;
}

int
main(int argc, char *argv[])
{
	size_t n;
	int status;

	vp_start(&program);
	flow.in.check = check;
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
		}
	if (argc - optind > 1)
		vp_operands(argc, 1);
	flow.url = optind < argc ? argv[optind] : vp_http_env("HF_ENDPOINT_URL");
	if (!flow.url)
		vp_die(VP_EX_CONFIG, "HF_ENDPOINT_URL: not set: set it to the endpoint's URL, or "
				     "run under hf-local");
	n = strcspn(flow.url, "?");
	if (n >= 11 && strncmp(flow.url + n - 11, "/embeddings", 11) == 0)
		openai = true;
	flow.protocol = &protocol;
	flow.max_bytes = REQUEST_BYTES;
	flow.http = client(optind < argc ? "url" : "HF_ENDPOINT_URL", flow.url);
	vp_reject_open();
	status = vp_flow_run(&flow);
	vp_http_free(flow.http);
	return status;
}
