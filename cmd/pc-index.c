/* pc-index: the life of Pinecone indexes: create, list, describe, stats, delete */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ndjson.h"
#include "json.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"

enum { DIMENSION_MAX = 20000, IF_MISSING = 256, CLOUD, REGION };

static const struct vp_program program = {
    .name = "pc-index",
    .synopsis = "create [-qv] -d dimension [-m metric] [--cloud cloud] [--region region] "
		"[--if-missing] index ...\n"
		"list [-qv]\n"
		"describe [-qv] index ...\n"
		"stats [-qv] index ...\n"
		"delete [-qvy] index ...",
    .help =
	"  index                   a name; - reads names, or objects with one, from stdin\n"
	"  -d, --dimension N       values in a vector, 1 to 20000\n"
	"  -m, --metric METRIC     cosine, dotproduct or euclidean (cosine)\n"
	"      --cloud CLOUD       aws, gcp or azure (aws)\n"
	"      --region REGION     of the cloud (us-east-1)\n"
	"      --if-missing        an index that exists and has that dimension and metric is fine\n"
	"  -y, --yes               delete without asking\n",
    .shorts = "d:m:y",
    .longs = (const struct option[]){{"dimension", 1, NULL, 'd'}, {"metric", 1, NULL, 'm'},
	{"yes", 0, NULL, 'y'}, {"cloud", 1, NULL, CLOUD}, {"region", 1, NULL, REGION},
	{"if-missing", 0, NULL, IF_MISSING}, {0}},
    .common = VP_OPT_SAY | VP_OPT_NET,
};

static struct vp_pinecone pc;
static uint64_t dimension;
static const char *metric = "cosine", *cloud = "aws", *region = "us-east-1";
static bool if_missing, yes;

static bool
metric_ok(const char *name)
{
	return strcmp(name, "cosine") == 0 || strcmp(name, "dotproduct") == 0 ||
	       strcmp(name, "euclidean") == 0;
}

static void
print_line(struct vp_span json)
{
	vp_out_json(json);
	vp_out_putc('\n');
}

/* {"name":name followed by what is put behind it. */
static void
begin_line(struct vp_buf *line, const char *name)
{
	vp_buf_puts(line, "{\"name\":");
	vp_json_quote(line, vp_str(name));
}

/* Whether the index is what was asked for: it may have been there already. */
static int
compare(const char *name, struct vp_span description)
{
	struct vp_buf text = {0};
	struct vp_span v;
	uint64_t has = 0;
	int status = 0;

	if (vp_json_find(description, "dimension", &v) == 1)
		(void)vp_json_uint(v, &has);
	if (vp_json_find(description, "metric", &v) == 1)
		vp_json_decode(v, &text);
	vp_buf_cstr(&text);
	if (has != dimension || strcmp(text.s, metric) != 0) {
		vp_warn("index %s: exists with dimension %llu and metric %s, not %llu and %s: take "
			"another name",
		    name, (unsigned long long)has, text.s, (unsigned long long)dimension, metric);
		status = VP_EX_CONFIG;
	}
	vp_buf_free(&text);
	return status;
}

static int
create(const char *name)
{
	struct vp_buf described = {0};
	bool existed;
	int e;

	if (!dimension) {
		vp_warn(
		    "index %s: how many values has a vector? give -d, or a dimension in its line",
		    name);
		return VP_EX_USAGE;
	}
	e = vp_pinecone_create(&pc, name, dimension, metric, cloud, region, &existed);
	if (e == 0 && existed && !if_missing) {
		vp_warn("index %s: exists already: --if-missing takes it as it is", name);
		e = VP_EX_CONFIG;
	}
	if (e == 0)
		e = vp_pinecone_wait(&pc, name, &described);
	if (e == 0)
		e = compare(name, vp_buf_get(&described));
	if (e == 0)
		print_line(vp_buf_get(&described));
	vp_buf_free(&described);
	return e;
}

static int
describe(const char *name)
{
	struct vp_buf described = {0};
	int e = vp_pinecone_describe(&pc, name, &described);

	if (e == -1)
		e = vp_pinecone_no_index(&pc, name);
	if (e == 0)
		print_line(vp_buf_get(&described));
	vp_buf_free(&described);
	return e;
}

/* The server's answer with the index's name put first, so that lines of several indexes can be
 * told apart. */
static void
print_stats(const char *name, struct vp_span answer)
{
	struct vp_buf line = {0};
	struct vp_json_walk w;
	struct vp_span object, key, value;
	bool any;

	vp_json_check(answer, &object);
	vp_json_begin(&w, object);
	any = vp_json_member(&w, &key, &value) > 0;
	begin_line(&line, name);
	vp_buf_puts(&line, any ? "," : "");
	vp_buf_add(&line, object.s + 1, object.n - 1);
	print_line(vp_buf_get(&line));
	vp_buf_free(&line);
}

static int
stats(const char *name)
{
	struct vp_buf url = {0};
	const struct vp_buf none = {.s = (char[]){"{}"}, .n = 2};
	struct vp_http_answer a;
	char *base = NULL;
	int e = vp_pinecone_index(&pc, name, &base);

	if (e == 0) {
		vp_buf_printf(&url, "%s/describe_index_stats", base);
		e = vp_pinecone_call(&pc, "POST", vp_buf_cstr(&url), &none, &a);
	}
	if (e == -1)
		e = vp_pinecone_no_index(&pc, name);
	else if (e == 0) {
		print_stats(name, vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	free(base);
	vp_buf_free(&url);
	return e;
}

/* Whether index name may be deleted. What is asked and answered is on the terminal; the answer is
 * a whole line, so that its end answers no other question. */
static bool
sure(const char *name)
{
	char *answer = NULL;
	size_t room = 0;
	bool is_yes;

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		vp_warn("index %s: not deleted: -y is wanted where nobody can be asked", name);
		return false;
	}
	fprintf(stderr, "%s: delete index %s and all its records? [y/N] ", vp_name, name);
	is_yes = getline(&answer, &room, stdin) > 0 && (*answer == 'y' || *answer == 'Y');
	if (!is_yes)
		vp_warn("index %s: not deleted", name);
	free(answer);
	return is_yes;
}

/* Whether it exists is asked first: a 404 to DELETE then means that an earlier try did it, whose
 * answer was lost. */
static int
delete_index(const char *name)
{
	struct vp_buf url = {0}, line = {0};
	struct vp_http_answer a = {0};
	int e;

	if (!sure(name))
		return VP_EX_USAGE;
	e = vp_pinecone_describe(&pc, name, &line);
	if (e == -1)
		e = vp_pinecone_no_index(&pc, name);
	if (e == 0) {
		vp_pinecone_control_url(&pc, &url, name, "");
		e = vp_pinecone_call(&pc, "DELETE", url.s, NULL, &a);
		e = e == -1 ? 0 : e;
	}
	if (e == 0) {
		vp_buf_free(&a.body);
		line.n = 0;
		begin_line(&line, name);
		vp_buf_puts(&line, ",\"deleted\":true}");
		print_line(vp_buf_get(&line));
	}
	vp_buf_free(&line);
	vp_buf_free(&url);
	return e;
}

static int
list(void)
{
	struct vp_buf url = {0};
	struct vp_http_answer a;
	struct vp_json_walk w;
	struct vp_span indexes, item;
	int e;

	vp_buf_printf(&url, "%s/indexes", pc.controller);
	e = vp_pinecone_call(&pc, "GET", vp_buf_cstr(&url), NULL, &a);
	if (e == -1) {
		vp_warn("GET %s: 404: this is no Pinecone: check PINECONE_CONTROLLER_HOST", url.s);
		e = VP_EX_CONFIG;
	} else if (e == 0) {
		if (vp_json_find(vp_buf_get(&a.body), "indexes", &indexes) != 1 ||
		    vp_json_type(indexes) != '[') {
			vp_warn("GET %s: the answer has no indexes", url.s);
			e = VP_EX_PROTOCOL;
		} else {
			for (vp_json_begin(&w, indexes); vp_json_item(&w, &item) > 0;)
				print_line(item);
		}
		vp_buf_free(&a.body);
	}
	vp_buf_free(&url);
	return e;
}

/* The dimension and metric of an object that describes an index, where it has them. NULL, or what
 * is wrong. */
static const char *
read_shape(struct vp_span object, struct vp_buf *text)
{
	struct vp_span v;

	if (vp_json_find(object, "dimension", &v) == 1 && vp_json_type(v) != 'n' &&
	    (vp_json_uint(v, &dimension) || dimension < 1 || dimension > DIMENSION_MAX))
		return "its dimension is no number from 1 to 20000";
	if (vp_json_find(object, "metric", &v) == 1 && vp_json_type(v) != 'n') {
		if (vp_json_decode(v, text) || !metric_ok(vp_buf_cstr(text)))
			return "its metric is not cosine, dotproduct or euclidean";
		metric = text->s;
	}
	return NULL;
}

/* The name in a line: the line itself, a JSON string, or an object's member. NULL, or what is
 * wrong. */
static const char *
read_name(struct vp_span line, struct vp_buf *name)
{
	struct vp_span v = line;

	if (*line.s != '{' && *line.s != '"')
		vp_buf_span(name, line);
	else if (vp_json_check(line, NULL))
		return "not JSON";
	else if (*line.s == '{' && vp_json_find(line, "name", &v) != 1)
		return "an object without a name";
	else if (vp_json_decode(v, name))
		return "its name is no string";
	return vp_pinecone_name_ok(vp_buf_get(name)) ? NULL : "no name that an index can have";
}

static int
from_line(int (*action)(const char *), unsigned long long number, struct vp_span line)
{
	struct vp_buf name = {0}, text = {0};
	uint64_t dimension_was = dimension;
	const char *metric_was = metric, *why = read_name(line, &name);
	int e;

	if (!why && action == create && *line.s == '{')
		why = read_shape(line, &text);
	if (why) {
		vp_warn("line %llu: %s: want a name, or an object with one", number, why);
		e = VP_EX_DATA;
	} else {
		e = action(vp_buf_cstr(&name));
	}
	dimension = dimension_was;
	metric = metric_was;
	vp_buf_free(&name);
	vp_buf_free(&text);
	return e;
}

static struct vp_span
trim(struct vp_span s)
{
	while (s.n && (*s.s == ' ' || *s.s == '\t'))
		s = (struct vp_span){s.s + 1, s.n - 1};
	while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Do action for each line of standard input, as for_each does. */
static int
for_each_line(int (*action)(const char *))
{
	struct vp_lines in = {0};
	struct vp_span line;
	int status = 0, e;

	while (status != VP_EX_NOPERM && (e = vp_lines_next(&in, &line)) != 0) {
		if (e == VP_E_IO) {
			vp_warn("standard input, behind line %llu:", in.line);
			status = VP_EX_IO;
			break;
		}
		if (e == VP_E_LIMIT)
			vp_warn("line %llu: too long for a name", in.line);
		else if (!(line = trim(line)).n)
			continue;
		e = e == VP_E_LIMIT ? VP_EX_DATA : from_line(action, in.line, line);
		status = status && e != VP_EX_NOPERM ? status : e;
	}
	vp_lines_free(&in);
	return status;
}

/* Do action for each name. One that fails does not keep the others from it, except where the key
 * is refused. The first failure's status. */
static int
for_each(int (*action)(const char *), char *const names[])
{
	int status = 0, e;

	for (; *names && status != VP_EX_NOPERM; names++) {
		e = strcmp(*names, "-") == 0 ? for_each_line(action) : action(*names);
		status = status && e != VP_EX_NOPERM ? status : e;
	}
	return status;
}

int
main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*action)(const char *);
	} commands[] = {
	    {"create", create}, {"describe", describe}, {"stats", stats}, {"delete", delete_index}};
	int (*action)(const char *) = NULL;
	const char *command;
	int status;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'd':
			dimension = vp_arg_number(c, 1, DIMENSION_MAX);
			break;
		case 'm':
			if (!metric_ok(optarg))
				vp_usage("-m %s: want cosine, dotproduct or euclidean", optarg);
			metric = optarg;
			break;
		case 'y':
			yes = true;
			break;
		case CLOUD:
			cloud = optarg;
			break;
		case REGION:
			region = optarg;
			break;
		case IF_MISSING:
			if_missing = true;
			break;
		}
	if (optind == argc)
		vp_usage("want one of create, list, describe, stats, delete");
	command = argv[optind++];
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(command, commands[i].name) == 0)
			action = commands[i].action;
	if (!action && strcmp(command, "list") != 0)
		vp_usage("%s: want one of create, list, describe, stats, delete", command);
	for (int i = optind; i < argc; i++)
		if (!vp_pinecone_name_ok(vp_str(argv[i])))
			vp_usage("'%s': no name that an index can have", argv[i]);
	if (action ? optind == argc : optind < argc)
		vp_usage("%s: %s", command,
		    action ? "want the name of an index, or - to read names" : "takes no operands");
	vp_pinecone_open(&pc);
	status = action ? for_each(action, argv + optind) : list();
	vp_pinecone_close(&pc);
	vp_out_close();
	return status;
}
