/* pc-index: the life of Pinecone indexes, and of what they have: namespaces, backups, restores, imports */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "names.h"
#include "opt.h"
#include "out.h"
#include "pinecone.h"
#include "sure.h"
#include "thing.h"

enum {
	CLOUD = 256,
	DELETION_PROTECTION,
	DESCRIPTION,
	FILTERABLE,
	IF_MISSING,
	INTEGRATION,
	NAME,
	NO_WAIT,
	ON_ERROR,
	PREFIX,
	READ_CAPACITY,
	REGION,
	TYPE
};

static const struct vp_program program = {
    .name = "pc-index",
    .synopsis = "create | configure [option ...] index ...\n"
		"describe | stats | delete [option ...] index ...\n"
		"list [option ...]\n"
		"namespaces [list] [option ...] index\n"
		"namespaces create | describe | delete [option ...] index namespace ...\n"
		"backups [list] [option ...] [index]\n"
		"backups create [option ...] index ...\n"
		"backups describe | delete [option ...] backup ...\n"
		"restores [list] [option ...]\n"
		"restores create [option ...] backup index ...\n"
		"restores describe [option ...] restore ...\n"
		"imports [list] [option ...] index\n"
		"imports start [option ...] index URI ...\n"
		"imports describe | cancel [option ...] index import ...",
    .help = "  index ...               names; - reads them, or objects that have them, from stdin\n"
	    "\n"
	    "create:\n"
	    "  -d, --dimension N       values in a vector, 1 to 20000\n"
	    "  -m, --metric METRIC     cosine, dotproduct or euclidean (cosine)\n"
	    "      --type TYPE         dense, sparse, or hybrid, which takes both (dense)\n"
	    "      --cloud CLOUD       aws, gcp or azure (aws)\n"
	    "      --region REGION     of the cloud (us-east-1)\n"
	    "create, namespaces create:\n"
	    "      --if-missing        one that exists, and is the same, is fine\n"
	    "      --filterable FIELD  let filters use this field of the metadata only; may be "
	    "repeated\n"
	    "create, configure:\n"
	    "      --read-capacity CAPACITY  on-demand, or some of node=TYPE,shards=N,replicas=N\n"
	    "create, configure, restores create:\n"
	    "  -t, --tag KEY=VALUE     may be repeated; configure -t KEY= takes a tag off\n"
	    "      --deletion-protection STATE  enabled or disabled (disabled)\n"
	    "create, backups create, restores create, imports start:\n"
	    "      --no-wait           do not wait until it is ready\n"
	    "namespaces list:\n"
	    "      --prefix TEXT       only those that begin with it\n"
	    "backups create:\n"
	    "      --name NAME         of the backup\n"
	    "      --description TEXT  of the backup\n"
	    "imports start:\n"
	    "      --integration ID    the storage integration that may read the URI\n"
	    "      --on-error ACTION   abort or continue\n"
	    "delete, namespaces delete, backups delete:\n"
	    "  -y, --yes               without asking\n"
	    "all:\n",
    .shorts = "d:m:t:y",
    .longs = (const struct option[]){{"dimension", 1, NULL, 'd'}, {"metric", 1, NULL, 'm'},
	{"tag", 1, NULL, 't'}, {"yes", 0, NULL, 'y'}, {"cloud", 1, NULL, CLOUD},
	{"deletion-protection", 1, NULL, DELETION_PROTECTION},
	{"description", 1, NULL, DESCRIPTION}, {"filterable", 1, NULL, FILTERABLE},
	{"if-missing", 0, NULL, IF_MISSING}, {"integration", 1, NULL, INTEGRATION},
	{"name", 1, NULL, NAME}, {"no-wait", 0, NULL, NO_WAIT}, {"on-error", 1, NULL, ON_ERROR},
	{"prefix", 1, NULL, PREFIX}, {"read-capacity", 1, NULL, READ_CAPACITY},
	{"region", 1, NULL, REGION}, {"type", 1, NULL, TYPE}, {0}},
    .common = VP_OPT_SAY | VP_OPT_NET,
};

static struct vp_pinecone pc;
static struct vp_things things = {.pc = &pc}; /* of the command */
static const char *backup;                    /* that is restored */
static struct vp_names names = {.ok = vp_pinecone_name_ok};

static struct vp_shape shape; /* -d, -m, --type; no metric: the type's own */
static struct vp_shape_place place = {.cloud = "aws", .region = "us-east-1"};
static struct vp_buf tags, filterable, read_capacity; /* JSON objects, or empty */
static const char *protection, *backup_name, *description, *integration, *on_error, *prefix;
static bool if_missing, no_wait, yes;

/* --- what all kinds can do --- */

static int
describe(const char *name)
{
	return vp_thing_print(&things, name);
}

/* Whether it may be deleted. */
static bool
sure(const char *name)
{
	struct vp_buf what = {0};
	bool is_yes;

	vp_buf_printf(&what, "%s %s", things.kind->word, name);
	if (things.index)
		vp_buf_printf(&what, " of index %s", things.index);
	is_yes = yes || vp_sure(vp_buf_cstr(&what));
	vp_buf_free(&what);
	return is_yes;
}

/* Whether it exists is asked first: a 404 to DELETE then means that an earlier try did it, whose
 * answer was lost. The server refuses with 403 what is protected, as it does to a key that may do
 * nothing: told here, it does not keep the others. */
static int
delete_thing(const char *name)
{
	struct vp_buf url = {0}, line = {0};
	struct vp_http_answer a = {0};
	struct vp_span v;
	int e;

	if (!sure(name))
		return VP_EX_USAGE;
	e = vp_thing_get(&things, name, &line);
	if (e == -1) {
		e = vp_thing_missing(&things, name);
	} else if (e == 0 && vp_json_find(vp_buf_get(&line), "deletion_protection", &v) == 1 &&
		   vp_span_is(v, "\"enabled\"")) {
		vp_warn("index %s: it is protected: 'pc-index configure --deletion-protection "
			"disabled %s' lets it be deleted",
		    name, name);
		e = VP_EX_CONFIG;
	}
	if (e == 0) {
		e = vp_pinecone_call(&pc, "DELETE", vp_thing_url(&things, &url, name), NULL, &a);
		e = e == -1 ? 0 : e;
	}
	if (e == 0) {
		vp_buf_free(&a.body);
		line.n = 0;
		vp_buf_putc(&line, '{');
		vp_thing_member(&line, things.kind->key, name);
		vp_buf_puts(&line, ",\"deleted\":true}");
		vp_out_line(vp_buf_get(&line));
	}
	vp_buf_free(&line);
	vp_buf_free(&url);
	return e;
}

/* --- indexes --- */

/* Whether the index is what was asked for: it may have been there already. */
static int
compare(const char *name, struct vp_span described, const struct vp_shape *want)
{
	struct vp_shape is = {0};
	const char *why = vp_shape_read(described, &is);

	if (why) {
		vp_warn("index %s: in its description %s", name, why);
		return VP_EX_PROTOCOL;
	}
	if (vp_shape_fits(&is, want))
		return 0;
	if (is.type != want->type && (is.type != VP_SHAPE_DENSE || want->type != VP_SHAPE_HYBRID))
		vp_warn("index %s: exists as a %s index, not a %s one: take another name", name,
		    vp_shape_name(is.type), vp_shape_name(want->type));
	else
		vp_warn("index %s: exists with dimension %llu and metric %s, not %llu and %s: take "
			"another name",
		    name, (unsigned long long)is.dimension, is.metric,
		    (unsigned long long)want->dimension, want->metric);
	return VP_EX_CONFIG;
}

/* The shape that the options and a line of the input ask for. 0, or an exit status (said). */
static int
wanted(const char *name, struct vp_shape *want)
{
	const char *why;

	*want = shape;
	if (names.object.n && (why = vp_shape_read(names.object, want))) {
		vp_warn("index %s: not created: in its line %s", name, why);
		return VP_EX_DATA;
	}
	if (want->type == VP_SHAPE_DOCUMENT) {
		vp_warn("index %s: not created: its line describes a document index, which takes "
			"no vectors",
		    name);
		return VP_EX_DATA;
	}
	if (!*want->metric)
		strcpy(want->metric, want->type == VP_SHAPE_DENSE ? "cosine" : "dotproduct");
	if (want->type != VP_SHAPE_DENSE && strcmp(want->metric, "dotproduct") != 0) {
		vp_warn("index %s: a %s index has the metric dotproduct: leave -m out", name,
		    vp_shape_name(want->type));
		return VP_EX_USAGE;
	}
	if (want->type == VP_SHAPE_SPARSE && want->dimension) {
		vp_warn("index %s: a sparse index has no dimension: leave -d out", name);
		return VP_EX_USAGE;
	}
	if (want->type != VP_SHAPE_SPARSE && !want->dimension) {
		vp_warn(
		    "index %s: how many values has a vector? give -d, or a dimension in its line",
		    name);
		return VP_EX_USAGE;
	}
	return 0;
}

static int
create(const char *name)
{
	struct vp_buf described = {0};
	struct vp_shape want;
	bool existed = false;
	int e = wanted(name, &want);

	if (e)
		return e;
	e = vp_pinecone_make(&pc, name, &want, &place, &existed);
	if (e == 0 && existed && !if_missing) {
		vp_warn("index %s: exists already: --if-missing takes it as it is", name);
		e = VP_EX_CONFIG;
	}
	if (e == 0 && no_wait) {
		e = vp_thing_get(&things, name, &described);
		e = e == -1 ? vp_thing_missing(&things, name) : e;
	} else if (e == 0) {
		e = vp_pinecone_wait(&pc, name, &described);
	}
	if (e == 0)
		e = compare(name, vp_buf_get(&described), &want);
	if (e == 0)
		vp_out_line(vp_buf_get(&described));
	vp_buf_free(&described);
	return e;
}

static int
configure(const char *name)
{
	struct vp_buf url = {0}, body = {0};
	struct vp_http_answer a;
	int e;

	vp_buf_putc(&body, '{');
	vp_thing_member(&body, "deletion_protection", protection);
	if (tags.n)
		vp_buf_printf(&body, "%s\"tags\":%s", body.n > 1 ? "," : "", vp_buf_cstr(&tags));
	if (read_capacity.n)
		vp_buf_printf(&body,
		    pc.with_schema ? "%s\"read_capacity\":%s"
				   : "%s\"spec\":{\"serverless\":{\"read_capacity\":%s}}",
		    body.n > 1 ? "," : "", vp_buf_cstr(&read_capacity));
	vp_buf_putc(&body, '}');
	e = vp_pinecone_call(&pc, "PATCH", vp_thing_url(&things, &url, name), &body, &a);
	if (e == 0) {
		vp_out_line(vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	} else if (e == -1) {
		e = vp_thing_missing(&things, name);
	}
	vp_buf_free(&url);
	vp_buf_free(&body);
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

	vp_json_check(answer, &object);
	vp_json_begin(&w, object);
	vp_buf_putc(&line, '{');
	vp_thing_member(&line, "name", name);
	vp_buf_puts(&line, vp_json_member(&w, &key, &value) > 0 ? "," : "");
	vp_buf_add(&line, object.s + 1, object.n - 1);
	vp_out_line(vp_buf_get(&line));
	vp_buf_free(&line);
}

static int
stats(const char *name)
{
	struct vp_buf url = {0};
	const struct vp_buf none = {.s = (char[]){"{}"}, .n = 2};
	struct vp_http_answer a;
	char *host = NULL;
	int e = vp_pinecone_host(&pc, name, &host);

	if (e == 0) {
		vp_buf_printf(&url, "%s/describe_index_stats", host);
		e = vp_pinecone_call(&pc, "POST", vp_buf_cstr(&url), &none, &a);
	}
	if (e == -1)
		e = vp_thing_missing(&things, name);
	else if (e == 0) {
		print_stats(name, vp_buf_get(&a.body));
		vp_buf_free(&a.body);
	}
	free(host);
	vp_buf_free(&url);
	return e;
}

/* --- namespaces --- */

/* Whether it exists is asked first, as for an index: a 409 is then about one that was made by a try
 * whose answer was lost. */
static int
create_namespace(const char *name)
{
	struct vp_buf url = {0}, body = {0};
	struct vp_http_answer a = {0};
	int e = vp_thing_get(&things, name, &body);

	if (e == 0 && if_missing) {
		vp_out_line(vp_buf_get(&body));
	} else if (e == 0) {
		vp_warn("namespace %s: exists already: --if-missing takes it as it is", name);
		e = VP_EX_CONFIG;
	} else if (e == -1) {
		vp_buf_putc(&body, '{');
		vp_thing_member(&body, "name", name);
		if (filterable.n)
			vp_buf_printf(
			    &body, ",\"schema\":{\"fields\":%s}", vp_buf_cstr(&filterable));
		vp_buf_putc(&body, '}');
		e = vp_http_call(
		    pc.http, VP_PINECONE, "POST", vp_thing_url(&things, &url, NULL), &body, &a);
		if (e == 0 && a.status == 404)
			e = vp_pinecone_no_index(&pc, things.index);
		else if (e == 0)
			e = vp_thing_print(&things, name);
		vp_buf_free(&a.body);
	}
	vp_buf_free(&url);
	vp_buf_free(&body);
	return e;
}

/* --- backups, restores, imports: they are begun, and end in their own time --- */

static int
create_backup(const char *name)
{
	struct vp_buf url = {0}, body = {0};
	int e;

	vp_pinecone_control_url(&pc, &url, name, "/backups");
	vp_buf_putc(&body, '{');
	vp_thing_member(&body, "name", backup_name);
	vp_thing_member(&body, "description", description);
	vp_buf_putc(&body, '}');
	e = vp_thing_begin(&things, url.s, &body, !no_wait);
	vp_buf_free(&url);
	vp_buf_free(&body);
	return e == -1 ? vp_pinecone_no_index(&pc, name) : e;
}

static int
create_restore(const char *name)
{
	const struct vp_things backups = {.pc = &pc, .kind = &vp_thing_kinds[VP_BACKUP]};
	struct vp_buf url = {0}, body = {0};
	int e;

	vp_thing_url(&backups, &url, backup);
	vp_buf_puts(&url, "/create-index");
	vp_buf_putc(&body, '{');
	vp_thing_member(&body, "name", name);
	vp_thing_member(&body, "deletion_protection", protection);
	if (tags.n)
		vp_buf_printf(&body, ",\"tags\":%s", vp_buf_cstr(&tags));
	vp_buf_putc(&body, '}');
	e = vp_thing_begin(&things, vp_buf_cstr(&url), &body, !no_wait);
	vp_buf_free(&url);
	vp_buf_free(&body);
	return e == -1 ? vp_thing_missing(&backups, backup) : e;
}

static int
start_import(const char *uri)
{
	struct vp_buf url = {0}, body = {0};
	int e;

	vp_buf_putc(&body, '{');
	vp_thing_member(&body, "uri", uri);
	vp_thing_member(&body, "integrationId", integration);
	if (on_error)
		vp_buf_printf(&body, ",\"errorMode\":{\"onError\":\"%s\"}", on_error);
	vp_buf_putc(&body, '}');
	e = vp_thing_begin(&things, vp_thing_url(&things, &url, NULL), &body, !no_wait);
	vp_buf_free(&url);
	vp_buf_free(&body);
	return e == -1 ? vp_pinecone_no_index(&pc, things.index) : e;
}

/* The server accepts this for an import that has finished as well, and does nothing: what came of it
 * is in its description. */
static int
cancel(const char *id)
{
	struct vp_buf url = {0}, described = {0};
	struct vp_http_answer a;
	struct vp_span state;
	int e = vp_pinecone_call(&pc, "DELETE", vp_thing_url(&things, &url, id), NULL, &a);

	if (e == 0) {
		vp_buf_free(&a.body);
		e = vp_thing_get(&things, id, &described);
	}
	if (e == -1)
		e = vp_thing_missing(&things, id);
	if (e == 0) {
		vp_out_line(vp_buf_get(&described));
		if (vp_json_find(vp_buf_get(&described), "status", &state) == 1 &&
		    (vp_span_is(state, "\"Completed\"") || vp_span_is(state, "\"Failed\""))) {
			vp_warn("import %s: not cancelled: its state is %.*s already", id,
			    (int)state.n, state.s);
			e = VP_EX_CONFIG;
		}
	}
	vp_buf_free(&url);
	vp_buf_free(&described);
	return e;
}

/* --- the command line --- */

static const struct command {
	int kind; /* of what: VP_INDEX .. */
	const char *verb;
	const char *owner; /* what its first operand is, or NULL; with a ? it may be missing */
	const char *word;  /* what the others are, NULL: there are none */
	int (*each)(const char *name); /* NULL: list */
	const char *takes;             /* its options */
} commands[] = {
    {VP_INDEX, "create", NULL, "index", create,
	" dimension metric type cloud region if-missing filterable tag deletion-protection "
	"read-capacity no-wait "},
    {VP_INDEX, "list", NULL, NULL, NULL, ""},
    {VP_INDEX, "describe", NULL, "index", describe, ""},
    {VP_INDEX, "stats", NULL, "index", stats, ""},
    {VP_INDEX, "configure", NULL, "index", configure, " tag deletion-protection read-capacity "},
    {VP_INDEX, "delete", NULL, "index", delete_thing, " yes "},
    {VP_NAMESPACE, "list", "index", NULL, NULL, " prefix "},
    {VP_NAMESPACE, "create", "index", "namespace", create_namespace, " if-missing filterable "},
    {VP_NAMESPACE, "describe", "index", "namespace", describe, ""},
    {VP_NAMESPACE, "delete", "index", "namespace", delete_thing, " yes "},
    {VP_BACKUP, "list", "index?", NULL, NULL, ""},
    {VP_BACKUP, "create", NULL, "index", create_backup, " name description no-wait "},
    {VP_BACKUP, "describe", NULL, "backup", describe, ""},
    {VP_BACKUP, "delete", NULL, "backup", delete_thing, " yes "},
    {VP_RESTORE, "list", NULL, NULL, NULL, ""},
    {VP_RESTORE, "create", "backup", "index", create_restore, " tag deletion-protection no-wait "},
    {VP_RESTORE, "describe", NULL, "restore", describe, ""},
    {VP_IMPORT, "list", "index", NULL, NULL, ""},
    {VP_IMPORT, "start", "index", "URI", start_import, " integration on-error no-wait "},
    {VP_IMPORT, "describe", "index", "import", describe, ""},
    {VP_IMPORT, "cancel", "index", "import", cancel, ""},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Put a member into a JSON object that is given piece by piece on the command line. */
static void
add(struct vp_buf *object, const char *option, struct vp_span key, struct vp_span value)
{
	struct vp_buf name = {0};
	struct vp_span v;

	vp_buf_span(&name, key);
	if (!key.n || (object->n && vp_json_find(vp_buf_get(object), vp_buf_cstr(&name), &v) == 1))
		vp_usage("--%s %s: %s", option, optarg, key.n ? "is given twice" : "has no name");
	vp_buf_free(&name);
	if (object->n)
		object->s[object->n - 1] = ',';
	else
		vp_buf_putc(object, '{');
	vp_json_quote(object, key);
	vp_buf_putc(object, ':');
	vp_buf_span(object, value);
	vp_buf_putc(object, '}');
}

static void
add_tag(void)
{
	const char *is = strchr(optarg, '=');
	struct vp_buf value = {0};

	if (!is)
		vp_usage("-t %s: want KEY=VALUE", optarg);
	vp_json_quote(&value, vp_str(is + 1));
	add(&tags, "tag", (struct vp_span){optarg, (size_t)(is - optarg)}, vp_buf_get(&value));
	vp_buf_free(&value);
}

static const char *
one_of(const char *option, const char *a, const char *b)
{
	if (strcmp(optarg, a) != 0 && strcmp(optarg, b) != 0)
		vp_usage("--%s %s: want %s or %s", option, optarg, a, b);
	return optarg;
}

static void
option(int c)
{
	switch (c) {
	case 'd':
		shape.dimension = vp_arg_number(c, 1, VP_DIMENSIONS_MAX);
		break;
	case 'm':
		if (!vp_shape_metric_ok(optarg))
			vp_usage("-m %s: want cosine, dotproduct or euclidean", optarg);
		snprintf(shape.metric, sizeof shape.metric, "%s", optarg);
		break;
	case TYPE:
		if (!vp_shape_type_read(optarg, &shape.type))
			vp_usage("--type %s: want dense, sparse or hybrid", optarg);
		break;
	case CLOUD:
		place.cloud = optarg;
		break;
	case REGION:
		place.region = optarg;
		break;
	case IF_MISSING:
		if_missing = true;
		break;
	case FILTERABLE:
		add(&filterable, "filterable", vp_str(optarg), VP_LIT("{\"filterable\":true}"));
		break;
	case 't':
		add_tag();
		break;
	case DELETION_PROTECTION:
		protection = one_of("deletion-protection", "enabled", "disabled");
		break;
	case READ_CAPACITY:
		read_capacity.n = 0;
		if (!vp_shape_capacity_read(optarg, &read_capacity))
			vp_usage("--read-capacity %s: want on-demand, or "
				 "node=TYPE,shards=N,replicas=N",
			    optarg);
		break;
	case NO_WAIT:
		no_wait = true;
		break;
	case PREFIX:
		prefix = optarg;
		break;
	case NAME:
		backup_name = optarg;
		break;
	case DESCRIPTION:
		description = optarg;
		break;
	case INTEGRATION:
		integration = optarg;
		break;
	case ON_ERROR:
		on_error = one_of("on-error", "abort", "continue");
		break;
	case 'y':
		yes = true;
		break;
	}
}

/* The options, and in given a bit for each of them that is not of all commands: its place in the
 * table. */
static void
read_options(int argc, char *argv[], uint32_t *given)
{
	for (int c; (c = vp_opt(argc, argv)) != -1;) {
		for (int i = 0; program.longs[i].name; i++)
			if (program.longs[i].val == c) {
				*given |= UINT32_C(1) << i;
				if (program.longs[i].has_arg &&
				    !vp_utf8_valid(vp_str(optarg), NULL))
					vp_usage("--%s: not valid UTF-8", program.longs[i].name);
			}
		option(c);
	}
}

/* In front of the verb, with a blank behind it; nothing for indexes. */
static const char *
noun(const struct command *c)
{
	return vp_thing_kinds[c->kind].noun;
}

static const char want_command[] =
    "want one of create, list, describe, stats, configure, delete, namespaces, backups, "
    "restores, imports";

/* The command that the first operands name; takes them off. Behind a noun alone, list is meant. */
static const struct command *
read_command(char *argv[])
{
	const struct command *listing = NULL;
	const char *word = argv[optind];
	size_t n;

	if (!word)
		vp_usage("%s", want_command);
	n = strlen(word);
	optind++;
	for (const struct command *c = commands; c < commands + COMMANDS; c++) {
		if (c->kind == VP_INDEX && strcmp(word, c->verb) == 0)
			return c;
		if (strncmp(noun(c), word, n) != 0 || strcmp(noun(c) + n, " ") != 0)
			continue;
		if (argv[optind] && strcmp(argv[optind], c->verb) == 0) {
			optind++;
			return c;
		}
		listing = c->each ? listing : c;
	}
	if (!listing)
		vp_usage("%s: %s", word, want_command);
	return listing;
}

static void
check_options(const struct command *c, uint32_t given)
{
	char word[64];

	for (int i = 0; program.longs[i].name; i++) {
		snprintf(word, sizeof word, " %s ", program.longs[i].name);
		if (given >> i & 1 && !strstr(c->takes, word))
			vp_usage(
			    "--%s: no option of %s%s", program.longs[i].name, noun(c), c->verb);
	}
	if (c->each == configure && !given)
		vp_usage("configure: change what? give -t, --deletion-protection or "
			 "--read-capacity");
}

/* The first operand of some commands, taken off, and a look at all. */
static const char *
check_operands(const struct command *c, char *argv[])
{
	const char *owner = NULL;

	for (int i = optind; argv[i]; i++)
		if (!vp_pinecone_name_ok(vp_str(argv[i])))
			vp_usage("'%s': no name that there can be%s", argv[i],
			    c->kind == VP_NAMESPACE ? ": the default namespace is __default__"
						    : "");
	if (c->owner && argv[optind])
		owner = argv[optind++];
	else if (c->owner && !strchr(c->owner, '?'))
		vp_usage("%s%s: the %s is missing", noun(c), c->verb, c->owner);
	if (c->word && !argv[optind])
		vp_usage("%s%s: the %s is missing: - reads such", noun(c), c->verb, c->word);
	if (!c->word && argv[optind])
		vp_usage("%s%s: takes no operand '%s'", noun(c), c->verb, argv[optind]);
	return owner;
}

/* Carry the command out: for each of the operands, or once. */
static int
run(const struct command *c, char *operands[])
{
	char *base = NULL;
	int status = 0;

	if (pc.with_schema && filterable.n && c->each == create) {
		vp_warn("--filterable: since API version 2026-07 no part of an index: give it to "
			"'pc-index namespaces create'");
		return VP_EX_USAGE;
	}
	if (things.kind->in_index)
		status = vp_pinecone_host(&pc, things.index, &base);
	if (status == -1)
		status = vp_pinecone_no_index(&pc, things.index);
	things.base = base;
	names.each = c->each;
	names.key = things.kind->key;
	if (c->word && strcmp(c->word, things.kind->word) != 0)
		names.key = strcmp(c->word, "URI") == 0 ? "uri" : vp_thing_kinds[VP_INDEX].key;
	if (status == 0)
		status = c->each ? vp_names_each(&names, operands) : vp_thing_list(&things, prefix);
	free(base);
	return status;
}

int
main(int argc, char *argv[])
{
	const struct command *command;
	uint32_t given = 0;
	int status;

	vp_start(&program);
	read_options(argc, argv, &given);
	command = read_command(argv);
	check_options(command, given);
	things.kind = &vp_thing_kinds[command->kind];
	if (command->kind == VP_RESTORE)
		backup = check_operands(command, argv);
	else
		things.index = check_operands(command, argv);
	place.tags = vp_buf_get(&tags);
	place.filterable = vp_buf_get(&filterable);
	place.read_capacity = vp_buf_get(&read_capacity);
	place.is_protected = protection && strcmp(protection, "enabled") == 0;
	vp_pinecone_open(&pc);
	status = run(command, argv + optind);
	vp_pinecone_close(&pc);
	vp_buf_free(&tags);
	vp_buf_free(&filterable);
	vp_buf_free(&read_capacity);
	vp_out_close();
	return status;
}
