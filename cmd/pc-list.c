/* pc-list: the ids of the records of a Pinecone index, or its namespaces */
#include <stdlib.h>

#include "json.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"

enum { LIMIT_MAX = 10000, NAMESPACES = 256 };

static const struct vp_program program = {
    .name = "pc-list",
    .synopsis = "[-qv] [-n number] [-p prefix] [-s namespace] index\n"
		"--namespaces [-qv] [-n number] [-p prefix] index",
    .help = "  index                   the name of the index\n"
	    "  -n, --limit N           items in a page, 1 to 10000 (as many as the server gives)\n"
	    "  -p, --prefix TEXT       only what begins with TEXT\n"
	    "  -s, --namespace NAME    in the index (the default one)\n"
	    "      --namespaces        the namespaces of the index, with how much is in them\n",
    .shorts = "n:p:s:",
    .longs = (const struct option[]){{"limit", 1, NULL, 'n'}, {"prefix", 1, NULL, 'p'},
	{"namespace", 1, NULL, 's'}, {"namespaces", 0, NULL, NAMESPACES}, {0}},
    .common = VP_OPT_SAY | VP_OPT_NET,
};

static bool namespaces;

/* Each item of a page as a line: {"id":...}, or a namespace's description. */
static int
print_page(struct vp_span page, struct vp_buf *why)
{
	const char *list = namespaces ? "namespaces" : "vectors",
		   *member = namespaces ? "name" : "id";
	struct vp_span items, item, v;
	struct vp_json_walk w;

	if (vp_json_find(page, list, &items) != 1 || vp_json_type(items) != '[') {
		vp_buf_printf(why, "the answer has no %s", list);
		return VP_E_TYPE;
	}
	for (vp_json_begin(&w, items); vp_json_item(&w, &item) > 0;) {
		if (vp_json_find(item, member, &v) != 1 || vp_json_type(v) != '"') {
			vp_buf_printf(why, "one of the %s has no %s", list, member);
			return VP_E_TYPE;
		}
		vp_out_line(item);
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	const char *index_name, *space = NULL, *prefix = NULL, *limit = NULL;
	struct vp_pages pages = {.method = "GET", .print = print_page};
	struct vp_pinecone pc;
	struct vp_buf url = {0};
	char *base = NULL;
	int status;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'n':
			vp_arg_number(c, 1, LIMIT_MAX);
			limit = optarg;
			break;
		case 'p':
			prefix = optarg;
			break;
		case 's':
			space = optarg;
			break;
		case NAMESPACES:
			namespaces = true;
			break;
		}
	index_name = vp_pinecone_operand(argc, argv, space);
	if (space && namespaces)
		vp_usage("--namespaces lists all of them: -s is not for it");
	if (prefix && !vp_utf8_valid(vp_str(prefix), NULL))
		vp_usage("-p: not valid UTF-8");
	vp_pinecone_open(&pc);
	status = vp_pinecone_find(&pc, index_name, &base);
	if (status == 0) {
		vp_buf_printf(&url, "%s%s", base, namespaces ? "/namespaces" : "/vectors/list");
		if (space)
			vp_pinecone_parameter(&url, "namespace", vp_str(space));
		if (prefix)
			vp_pinecone_parameter(&url, "prefix", vp_str(prefix));
		if (limit)
			vp_pinecone_parameter(&url, "limit", vp_str(limit));
		pages.url = vp_buf_cstr(&url);
		status = vp_pinecone_pages(&pc, &pages);
	}
	free(base);
	vp_buf_free(&url);
	vp_pinecone_close(&pc);
	return status;
}
