/* hf-endpoint: the life of Inference Endpoints: create, wait, describe, pause, resume, delete */
#include <stdlib.h>
#include <string.h>

#include "manage.h"
#include "json.h"
#include "names.h"
#include "opt.h"
#include "out.h"
#include "sure.h"

enum { ENV_MAX = 64 };

enum {
	IF_MISSING = 256,
	TYPE,
	VENDOR,
	REGION,
	ACCELERATOR,
	INSTANCE_TYPE,
	INSTANCE_SIZE,
	MIN_REPLICA,
	MAX_REPLICA,
	SCALE_TO_ZERO,
	REVISION,
	TASK,
	IMAGE,
	ENV
};

static const struct vp_program program = {
    .name = "hf-endpoint",
    .synopsis = "create [-qv] [-u namespace] -m repository [options] [--if-missing] "
		"[--wait time] name ...\n"
		"update [-qv] [-u namespace] [options] [--wait time] name ...\n"
		"wait [-qv] [-u namespace] [--wait time] name ...\n"
		"resume [-qv] [-u namespace] [--wait time] name ...\n"
		"describe | url | pause | scale-to-zero [-qv] [-u namespace] name ...\n"
		"delete [-qvy] [-u namespace] name ...\n"
		"list | hardware [-qv] [-u namespace]",
    .help =
	"  name                    of an endpoint; - reads names, or objects with one, from stdin\n"
	"\n"
	"create, update:\n"
	"  -m, --model REPOSITORY  on the Hub\n"
	"      --revision REVISION of the model (the newest one)\n"
	"      --task TASK         of the model (sentence-embeddings)\n"
	"      --image IMAGE       huggingface, tei, or tei=URL (huggingface)\n"
	"      --env NAME=VALUE    a variable for the container; can be repeated\n"
	"      --type TYPE         authenticated, public or private (authenticated)\n"
	"      --vendor VENDOR     aws, azure or gcp (aws)\n"
	"      --region REGION     of the vendor (us-east-1)\n"
	"      --accelerator WHAT  cpu, gpu or neuron (cpu)\n"
	"      --instance-type T   as hardware lists them (intel-icl)\n"
	"      --instance-size S   as hardware lists them (x2)\n"
	"      --min-replica N     at least so many (1)\n"
	"      --max-replica N     at most so many (1)\n"
	"      --scale-to-zero-timeout MINUTES\n"
	"                          without a request, then no replica (never)\n"
	"create:\n"
	"      --if-missing        an endpoint that exists and has that model and task is fine\n"
	"delete:\n"
	"  -y, --yes               without asking\n"
	"all:\n"
	"  -u, --namespace NAME    user or organisation that has it (whom the token belongs to)\n",
    .shorts = "u:m:y",
    .longs = (const struct option[]){{"namespace", 1, NULL, 'u'}, {"model", 1, NULL, 'm'},
	{"revision", 1, NULL, REVISION}, {"task", 1, NULL, TASK}, {"image", 1, NULL, IMAGE},
	{"env", 1, NULL, ENV}, {"type", 1, NULL, TYPE}, {"vendor", 1, NULL, VENDOR},
	{"region", 1, NULL, REGION}, {"accelerator", 1, NULL, ACCELERATOR},
	{"instance-type", 1, NULL, INSTANCE_TYPE}, {"instance-size", 1, NULL, INSTANCE_SIZE},
	{"min-replica", 1, NULL, MIN_REPLICA}, {"max-replica", 1, NULL, MAX_REPLICA},
	{"scale-to-zero-timeout", 1, NULL, SCALE_TO_ZERO}, {"if-missing", 0, NULL, IF_MISSING},
	{"yes", 0, NULL, 'y'}, {0}},
    .common = VP_OPT_SAY | VP_OPT_NET,
};

/* What an endpoint is to be: where each option's value stands in the body. */
static struct field {
	int option;
	const char *object, *name;
	const char *standard; /* what create takes where nothing is said; NULL: null */
	bool number;
	const char *value;
} fields[] = {
    {TYPE, "", "type", "authenticated", false, NULL},
    {VENDOR, "provider", "vendor", "aws", false, NULL},
    {REGION, "provider", "region", "us-east-1", false, NULL},
    {ACCELERATOR, "compute", "accelerator", "cpu", false, NULL},
    {INSTANCE_TYPE, "compute", "instanceType", "intel-icl", false, NULL},
    {INSTANCE_SIZE, "compute", "instanceSize", "x2", false, NULL},
    {MIN_REPLICA, "scaling", "minReplica", "1", true, NULL},
    {MAX_REPLICA, "scaling", "maxReplica", "1", true, NULL},
    {SCALE_TO_ZERO, "scaling", "scaleToZeroTimeout", NULL, true, NULL},
    {'m', "model", "repository", NULL, false, NULL},
    {REVISION, "model", "revision", NULL, false, NULL},
    {TASK, "model", "task", "sentence-embeddings", false, NULL},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const char tei_image[] = "ghcr.io/huggingface/text-embeddings-inference:cpu-1.9";

static struct vp_manage manage;
static const char *owner;
static const char *image; /* "huggingface", or the address of a TEI container */
static const char *env[ENV_MAX];
static size_t envs;
static bool creating, if_missing, wait_given, yes;
static struct vp_buf shape; /* the body of create and update, from its type on */

static struct field *
field(int option)
{
	for (struct field *f = fields; f < fields + FIELDS; f++)
		if (f->option == option)
			return f;
	return NULL;
}

/* The body */

static void
put_key(struct vp_buf *b, const char *name)
{
	if (b->n && b->s[b->n - 1] != '{')
		vp_buf_putc(b, ',');
	vp_json_quote(b, vp_str(name));
	vp_buf_putc(b, ':');
}

static void
put_fields(struct vp_buf *b, const char *object)
{
	for (const struct field *f = fields; f < fields + FIELDS; f++) {
		const char *value = f->value ? f->value : creating ? f->standard : NULL;

		if (strcmp(f->object, object) != 0 || (!value && !creating))
			continue;
		put_key(b, f->name);
		if (value && !f->number)
			vp_json_quote(b, vp_str(value));
		else
			vp_buf_puts(b, value ? value : "null");
	}
}

/* An object begins; what it returns is for close_object, which takes an empty one off again. */
static size_t
open_object(struct vp_buf *b, const char *name)
{
	size_t start = b->n;

	put_key(b, name);
	vp_buf_putc(b, '{');
	return start;
}

static void
close_object(struct vp_buf *b, size_t start)
{
	if (b->s[b->n - 1] == '{')
		b->n = start;
	else
		vp_buf_putc(b, '}');
}

static void
put_image(struct vp_buf *b)
{
	bool managed = image && strcmp(image, "huggingface") == 0;

	if (!image)
		return;
	put_key(b, "framework");
	vp_buf_puts(b, managed ? "\"pytorch\"" : "\"custom\"");
	put_key(b, "image");
	if (managed) {
		vp_buf_puts(b, "{\"huggingface\":{}}");
		return;
	}
	vp_buf_puts(b, "{\"tei\":{\"url\":");
	vp_json_quote(b, vp_str(image));
	vp_buf_puts(b, ",\"port\":80,\"healthRoute\":\"/health\"}}");
}

static void
put_env(struct vp_buf *b)
{
	size_t at = open_object(b, "env");

	for (size_t i = 0; i < envs; i++) {
		const char *equals = strchr(env[i], '=');
		struct vp_span name = {env[i], (size_t)(equals - env[i])};

		if (i)
			vp_buf_putc(b, ',');
		vp_json_quote(b, name);
		vp_buf_putc(b, ':');
		vp_json_quote(b, vp_str(equals + 1));
	}
	close_object(b, at);
}

/* All of a body but its first members, which are the endpoint's own. */
static void
make_shape(struct vp_buf *b)
{
	size_t outer, inner;

	put_fields(b, "");
	outer = open_object(b, "provider");
	put_fields(b, "provider");
	close_object(b, outer);
	outer = open_object(b, "compute");
	put_fields(b, "compute");
	inner = open_object(b, "scaling");
	put_fields(b, "scaling");
	close_object(b, inner);
	close_object(b, outer);
	outer = open_object(b, "model");
	put_fields(b, "model");
	put_image(b);
	put_env(b);
	close_object(b, outer);
}

/* Commands: what is done with one endpoint */

/* Print the description, once the endpoint runs if that was asked for. Frees description. */
static int
done(int e, const char *name, bool wait, struct vp_buf *description)
{
	if (e == 0 && wait)
		e = vp_manage_wait(&manage, name, description);
	if (e == 0)
		vp_out_line(vp_buf_get(description));
	vp_buf_free(description);
	return e;
}

/* Whether the endpoint, which was there before, makes the vectors that were asked for. */
static int
compare(const char *name, struct vp_span description)
{
	static const int options[] = {'m', TASK};
	struct vp_buf has = {0};
	int e = 0;

	for (size_t i = 0; i < 2 && e == 0; i++) {
		const struct field *f = field(options[i]);
		const char *want = f->value ? f->value : f->standard;

		has.n = 0;
		vp_manage_text(description, f->object, f->name, &has);
		if (strcmp(vp_buf_cstr(&has), want) != 0) {
			vp_warn("endpoint %s: exists with %s %s, not %s: take another name", name,
			    f->name, has.s, want);
			e = VP_EX_CONFIG;
		}
	}
	vp_buf_free(&has);
	return e;
}

/* A 409 means that an earlier try made it, whose answer was lost: it was not there before. */
static int
make(const char *name, struct vp_buf *description)
{
	struct vp_buf body = {0}, url = {0};
	struct vp_http_answer a;
	int e;

	vp_buf_puts(&body, "{\"accountId\":null,\"name\":");
	vp_json_quote(&body, vp_str(name));
	vp_buf_printf(&body, ",%.*s}", (int)shape.n, shape.s);
	vp_manage_url(&manage, &url, "endpoint", NULL, "");
	e = vp_hfapi_call(&manage.api, "POST", url.s, &body, &a);
	if (e == VP_HFAPI_ALREADY) {
		e = vp_manage_find(&manage, name, description);
	} else if (e == VP_HFAPI_ABSENT) {
		e = vp_http_refused("POST", url.s, &a, NULL);
	} else if (e == VP_EX_DATA) { /* a name, a region: the server has said what */
		e = VP_EX_CONFIG;
	} else if (e == 0) {
		description->n = 0;
		vp_buf_span(description, vp_buf_get(&a.body));
	}
	vp_buf_free(&a.body);
	vp_buf_free(&body);
	vp_buf_free(&url);
	return e;
}

static int
create(const char *name)
{
	struct vp_buf description = {0};
	int e = vp_manage_call(&manage, "GET", name, "", NULL, &description);

	if (e == VP_HFAPI_ABSENT) {
		e = make(name, &description);
	} else if (e == 0 && if_missing) {
		e = compare(name, vp_buf_get(&description));
	} else if (e == 0) {
		vp_warn("endpoint %s: exists already: --if-missing takes it as it is", name);
		e = VP_EX_CONFIG;
	}
	return done(e, name, wait_given, &description);
}

/* One call, and what the endpoint is then. One that runs already need not be resumed. */
static int
change(const char *method, const char *name, const char *rest, const struct vp_buf *body, bool wait)
{
	struct vp_buf description = {0};
	int e = vp_manage_call(&manage, method, name, rest, body, &description);

	if (e == VP_HFAPI_ABSENT)
		e = vp_manage_missing(&manage, name);
	else if (e == VP_HFAPI_ALREADY)
		e = vp_manage_find(&manage, name, &description);
	return done(e, name, wait, &description);
}

static int
update(const char *name)
{
	struct vp_buf body = {0};
	int e;

	vp_buf_printf(&body, "{%.*s}", (int)shape.n, shape.s);
	e = change("PUT", name, "", &body, wait_given);
	vp_buf_free(&body);
	return e;
}

static const struct vp_buf nothing = {.s = (char[]){""}};

static int
pause_endpoint(const char *name)
{
	return change("POST", name, "/pause", &nothing, false);
}

static int
resume(const char *name)
{
	return change("POST", name, "/resume", &nothing, wait_given);
}

static int
scale_to_zero(const char *name)
{
	return change("POST", name, "/scale-to-zero", &nothing, false);
}

static int
describe(const char *name)
{
	return change("GET", name, "", NULL, false);
}

static int
wait_for(const char *name)
{
	return change("GET", name, "", NULL, true);
}

static int
print_url(const char *name)
{
	struct vp_buf description = {0}, url = {0}, state = {0};
	const char *why;
	int e = vp_manage_find(&manage, name, &description);

	if (e == 0 && !vp_manage_text(vp_buf_get(&description), "status", "url", &url)) {
		vp_manage_text(vp_buf_get(&description), "status", "state", &state);
		e = vp_manage_stuck(&manage, name, vp_buf_cstr(&state), vp_buf_get(&description));
		if (e == 0)
			vp_warn("endpoint %s: has no url yet (%s): '%s' waits for it", name,
			    state.s, vp_manage_command(&manage, "wait", name, &url));
		e = e ? e : VP_EX_TEMP;
	} else if (e == 0 && vp_http_safe(vp_buf_cstr(&url), &why) == VP_E_SYNTAX) {
		vp_warn("endpoint %s: its url %s: %s", name, url.s, why);
		e = VP_EX_PROTOCOL;
	} else if (e == 0) {
		vp_out_span(vp_buf_get(&url));
		vp_out_putc('\n');
	}
	vp_buf_free(&description);
	vp_buf_free(&url);
	vp_buf_free(&state);
	return e;
}

/* Whether it exists is asked first: a 404 to DELETE then means that an earlier try did it, whose
 * answer was lost. */
static int
delete_endpoint(const char *name)
{
	struct vp_buf what = {0}, line = {0};
	int e;

	vp_buf_printf(&what, "endpoint %s", name);
	if (!yes && !vp_sure(vp_buf_cstr(&what)))
		e = VP_EX_USAGE;
	else if ((e = vp_manage_find(&manage, name, &line)) == 0)
		e = vp_manage_call(&manage, "DELETE", name, "", NULL, &line);
	if (e == 0 || e == VP_HFAPI_ABSENT) {
		line.n = 0;
		vp_buf_puts(&line, "{\"name\":");
		vp_json_quote(&line, vp_str(name));
		vp_buf_puts(&line, ",\"deleted\":true}");
		vp_out_line(vp_buf_get(&line));
		e = 0;
	}
	vp_buf_free(&what);
	vp_buf_free(&line);
	return e;
}

/* Commands that are about no endpoint in particular */

/* GET what the namespace has, and an array in it. 0 with *a, which the caller frees, or an exit
 * status (said). */
static int
get_array(const char *what, const char *member, struct vp_span *array, struct vp_http_answer *a)
{
	struct vp_buf url = {0};
	int e;

	vp_manage_url(&manage, &url, what, NULL, "");
	e = vp_hfapi_call(&manage.api, "GET", url.s, NULL, a);
	if (e < 0) {
		e = vp_http_refused("GET", url.s, a, NULL);
	} else if (e == 0 && (vp_json_find(vp_buf_get(&a->body), member, array) != 1 ||
				 vp_json_type(*array) != '[')) {
		vp_warn("GET %s: the answer has no %s", url.s, member);
		e = VP_EX_PROTOCOL;
	}
	if (e)
		vp_buf_free(&a->body);
	vp_buf_free(&url);
	return e;
}

static int
list(void)
{
	struct vp_http_answer a;
	struct vp_json_walk w;
	struct vp_span items, item;
	int e = get_array("endpoint", "items", &items, &a);

	if (e)
		return e;
	for (vp_json_begin(&w, items); vp_json_item(&w, &item) > 0;)
		vp_out_line(item);
	vp_buf_free(&a.body);
	return 0;
}

/* A line for each compute of a region: who has it and where, then what the server says of it. */
static void
print_region(struct vp_span vendor, struct vp_span region)
{
	struct vp_span name = VP_LIT("null"), computes, item, key, value;
	struct vp_json_walk w, inside;

	vp_json_find(region, "name", &name);
	if (vp_json_find(region, "computes", &computes) != 1)
		return;
	for (vp_json_begin(&w, computes); vp_json_item(&w, &item) > 0;) {
		vp_out_puts("{\"vendor\":");
		vp_out_span(vendor);
		vp_out_puts(",\"region\":");
		vp_out_span(name);
		vp_json_begin(&inside, item);
		if (vp_json_type(item) == '{' && vp_json_member(&inside, &key, &value) > 0) {
			vp_out_putc(',');
			vp_out_json((struct vp_span){item.s + 1, item.n - 1});
		} else {
			vp_out_putc('}');
		}
		vp_out_putc('\n');
	}
}

static int
hardware(void)
{
	struct vp_http_answer a;
	struct vp_json_walk w, inside;
	struct vp_span vendors, vendor, regions, region;
	int e = get_array("provider", "vendors", &vendors, &a);

	if (e)
		return e;
	for (vp_json_begin(&w, vendors); vp_json_item(&w, &vendor) > 0;) {
		struct vp_span name = VP_LIT("null");

		vp_json_find(vendor, "name", &name);
		if (vp_json_find(vendor, "regions", &regions) != 1)
			continue;
		for (vp_json_begin(&inside, regions); vp_json_item(&inside, &region) > 0;)
			print_region(name, region);
	}
	vp_buf_free(&a.body);
	return 0;
}

/* The command line */

/* Whether name can stand in a URL as it is; what else it must be, the server says. */
static bool
name_ok(struct vp_span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!name.s[i] ||
		    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			name.s[i]))
			return false;
	return name.n && *name.s != '.';
}

static void
set_number(struct field *f)
{
	(void)vp_arg_number(f->option, f->option == SCALE_TO_ZERO, 1000000);
	f->value = optarg;
}

static void
set_image(void)
{
	if (strcmp(optarg, "huggingface") == 0)
		image = optarg;
	else if (strcmp(optarg, "tei") == 0)
		image = "";
	else if (strncmp(optarg, "tei=", 4) == 0 && optarg[4])
		image = optarg + 4;
	else
		vp_usage("--image %s: want huggingface, tei or tei=URL", optarg);
}

static void
set_env(void)
{
	if (*optarg == '=' || !strchr(optarg, '='))
		vp_usage("--env %s: want NAME=VALUE", optarg);
	if (envs == ENV_MAX)
		vp_usage("--env %s: want %d of them at most", optarg, ENV_MAX);
	env[envs++] = optarg;
}

static void
set_option(int c)
{
	struct field *f = field(c);

	if (!vp_utf8_valid(vp_str(optarg ? optarg : ""), NULL))
		vp_usage("not valid UTF-8: an option's argument");
	if (c == TYPE && strcmp(optarg, "authenticated") != 0 && strcmp(optarg, "public") != 0 &&
	    strcmp(optarg, "private") != 0)
		vp_usage("--type %s: want authenticated, public or private", optarg);
	if (f && f->number)
		set_number(f);
	else if (f)
		f->value = optarg;
	else if (c == IMAGE)
		set_image();
	else if (c == ENV)
		set_env();
	else if (c == IF_MISSING)
		if_missing = true;
	else if (c == 'y')
		yes = true;
	else if (!name_ok(vp_str(owner = optarg)))
		vp_usage("-u %s: no name that a user or an organisation can have", optarg);
}

/* Whether all that was said of the endpoint goes together; then its shape is made. */
static void
check_shape(const char *command)
{
	struct field *accelerator = field(ACCELERATOR), *least = field(MIN_REPLICA);
	bool zero = field(SCALE_TO_ZERO)->value != NULL;

	if (creating && !field('m')->value)
		vp_usage("%s: which model? give -m REPOSITORY", command);
	if (zero && !least->value)
		least->value = "0";
	if (zero && strcmp(least->value, "0") != 0)
		vp_usage("--scale-to-zero-timeout: wants --min-replica 0");
	if (creating && !image)
		image = "huggingface";
	if (image && !*image) { /* which container it is depends on the processor */
		if (accelerator->value ? strcmp(accelerator->value, "cpu") != 0 : !creating)
			vp_usage("--image tei: want tei=URL, the container that fits the "
				 "accelerator");
		image = tei_image;
	}
	vp_buf_putc(&shape, '{');
	make_shape(&shape);
	if (shape.n == 1)
		vp_usage("%s: what is to be changed? give an option", command);
	memmove(shape.s, shape.s + 1, --shape.n);
}

static const struct command {
	const char *name;
	int (*each)(const char *name); /* for each endpoint; NULL: there are no operands */
	int (*once)(void);
	bool shapes; /* takes the options that say what the endpoint is to be */
} commands[] = {
    {"create", create, NULL, true},
    {"update", update, NULL, true},
    {"wait", wait_for, NULL, false},
    {"describe", describe, NULL, false},
    {"url", print_url, NULL, false},
    {"pause", pause_endpoint, NULL, false},
    {"resume", resume, NULL, false},
    {"scale-to-zero", scale_to_zero, NULL, false},
    {"delete", delete_endpoint, NULL, false},
    {"list", NULL, list, false},
    {"hardware", NULL, hardware, false},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *
find_command(const char *name)
{
	static struct vp_buf all;

	for (size_t i = 0; name && i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	for (size_t i = 0; i < COMMANDS; i++)
		vp_buf_printf(&all, "%s%s", i ? ", " : "", commands[i].name);
	vp_usage("%s%swant one of %s", name ? name : "", name ? ": " : "", vp_buf_cstr(&all));
}

int
main(int argc, char *argv[])
{
	struct vp_names names = {.key = "name", .ok = name_ok};
	const struct command *command;
	const uint64_t wait_ms = vp_opts.wait_ms;
	bool shaping = false;
	int status = 0;

	vp_start(&program);
	vp_opts.wait_ms = UINT64_MAX; /* to see whether --wait is given */
	for (int c; (c = vp_opt(argc, argv)) != -1;) {
		set_option(c);
		shaping = shaping || field(c) || c == IMAGE || c == ENV;
	}
	wait_given = vp_opts.wait_ms != UINT64_MAX;
	if (!wait_given)
		vp_opts.wait_ms = wait_ms;
	command = find_command(argv[optind]);
	optind++;
	creating = command->each == create;
	if (shaping && !command->shapes)
		vp_usage("%s: takes no option that says what an endpoint is to be", command->name);
	if (if_missing && !creating)
		vp_usage("%s: takes no --if-missing: it is for create", command->name);
	if (yes && command->each != delete_endpoint)
		vp_usage("%s: takes no -y: it is for delete", command->name);
	for (int i = optind; i < argc; i++)
		if (!name_ok(vp_str(argv[i])))
			vp_usage("'%s': no name that an endpoint can have", argv[i]);
	if (command->each ? optind == argc : optind < argc)
		vp_usage("%s: %s", command->name,
		    command->each ? "want the name of an endpoint, or - to read names"
				  : "takes no operands");
	if (command->shapes)
		check_shape(command->name);
	names.each = command->each;
	status = vp_manage_open(&manage, owner);
	if (status == 0)
		status = command->each ? vp_names_each(&names, argv + optind) : command->once();
	vp_manage_close(&manage);
	vp_out_close();
	return status;
}
