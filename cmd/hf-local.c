/* hf-local: embedding endpoints on this machine, from model folders of the Hugging Face Hub */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/manage.h"
#include "opt.h"
#include "server.h"

enum { /* options without a letter */
	NAME_OPTION = 1,
	MAX_BATCH_OPTION,
	MAX_BODY_OPTION,
	MAX_QUEUE_OPTION,
	MODELS_OPTION,
	PRECISION_OPTION
};

#define OPTIONS                                                                                    \
	"[-a address] [-j threads] [-p port] [--max-batch texts] [--max-body size] "               \
	"[--max-queue texts] [--precision precision] "

static const struct vp_program program = {
    .name = "hf-local",
    .synopsis = OPTIONS "[--name name] model [-- command [argument ...]]\n"
			"--models dir " OPTIONS "[-- command [argument ...]]",
    .help = "  model                   folder of the model\n"
	    "  command                 is run with the address and the token in its environment\n"
	    "  -a, --address ADDRESS   numeric address to listen on (127.0.0.1)\n"
	    "  -j, --threads N         threads that compute (one for each processor)\n"
	    "  -p, --port PORT         port to listen on (any free one)\n"
	    "      --max-batch N       texts in a request (1024)\n"
	    "      --max-body SIZE     bytes of a request's body (16MB)\n"
	    "      --max-queue N       texts that may wait; more is answered 429 (8192)\n"
	    "      --models DIR        serve the management API, with the models in DIR\n"
	    "      --name NAME         what the model is called in answers (the folder's name)\n"
	    "      --precision P       int16 or f32: what is computed with (int16)\n",
    .shorts = "a:j:p:",
    .longs = (const struct option[]){{"address", 1, NULL, 'a'}, {"threads", 1, NULL, 'j'},
	{"name", 1, NULL, NAME_OPTION}, {"port", 1, NULL, 'p'},
	{"max-batch", 1, NULL, MAX_BATCH_OPTION}, {"max-body", 1, NULL, MAX_BODY_OPTION},
	{"max-queue", 1, NULL, MAX_QUEUE_OPTION}, {"models", 1, NULL, MODELS_OPTION},
	{"precision", 1, NULL, PRECISION_OPTION}, {0}},
    .common = VP_OPT_SAY,
};

static const char *aflag;          /* -a: where to listen */
static size_t jflag;               /* -j; 0: a thread for each processor */
static const char *name;           /* --name: what the model is called in answers */
static const char *models;         /* --models: the folder that endpoints have their models from */
static uint16_t pflag;             /* -p */
static size_t max_batch = 1024;    /* --max-batch */
static size_t max_body = 16000000; /* --max-body */
static size_t max_queue = 8192;    /* --max-queue */
static bool float32;               /* --precision f32 */

static struct vp_serve serve;         /* the model, without --models */
static struct vp_endpoints endpoints; /* with --models */
static struct vp_server *server;
static const char *token; /* that clients must have */
static char address[64];  /* "127.0.0.1:5080" */

/* What the server refuses by itself: a body that is too large, or not HTTP. */
static void
refusal(int status, const char *path, const char *message, struct vp_buf *body)
{
	if (models)
		vp_manage_refusal(status, path, message, body);
	else
		vp_serve_refusal(&serve, status, path, message, body);
}

static void
say_reply(const struct vp_request *r, int status, size_t bytes)
{
	vp_warn("%s %s: %d, %zu bytes", vp_request_method(r), vp_request_path(r), status, bytes);
}

static void
answer(struct vp_request *r)
{
	const char *path = vp_request_path(r);

	if (models)
		vp_manage_answer(&endpoints, r);
	else if (vp_serve_admits(&serve, r, path, token))
		vp_serve_answer(&serve, r, path);
}

static void *
read_requests(void *arg)
{
	struct vp_request *r[64];

	(void)arg;
	for (size_t n; (n = vp_server_take(server, r, 64));)
		for (size_t i = 0; i < n; i++)
			answer(r[i]);
	if (models)
		vp_endpoints_drain(&endpoints);
	return NULL;
}

/* Processors that this process may run on: what taskset or a container leaves it. */
static size_t
processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

/* The last part of a folder's path, as a new string. */
static char *
last_part(const char *folder)
{
	const char *end = folder + strlen(folder), *start;
	char *part;

	while (end > folder + 1 && end[-1] == '/')
		end--;
	for (start = end; start > folder && start[-1] != '/'; start--)
		;
	part = vp_strdup(start);
	part[end - start] = '\0';
	return part;
}

static void
open_model(const char *folder)
{
	char *part = last_part(folder);
	struct vp_serve_conf conf = {.name = name ? name : part,
	    .threads = jflag,
	    .max_batch = max_batch,
	    .max_queue = max_queue};
	struct vp_buf why = {0};
	int e = vp_serve_open(&serve, folder, &conf, &why);

	if (e)
		vp_die(e == VP_E_IO      ? VP_EX_NOINPUT
		       : e == VP_E_COUNT ? VP_EX_INTERNAL
					 : VP_EX_DATA,
		    "%s", vp_buf_cstr(&why));
	vp_buf_free(&why);
	free(part);
}

static void
start_endpoints(void)
{
	struct vp_endpoints_conf conf = {.dir = models,
	    .token = token,
	    .address = address,
	    .threads = jflag,
	    .max_batch = max_batch,
	    .max_queue = max_queue};

	if (vp_endpoints_start(&endpoints, &conf))
		vp_die(VP_EX_INTERNAL, "starting a thread:");
}

static void
check_models(void)
{
	struct stat st;

	if (stat(models, &st) != 0)
		vp_die(VP_EX_NOINPUT, "%s:", models);
	if (!S_ISDIR(st.st_mode))
		vp_die(VP_EX_NOINPUT, "%s: not a folder: want one with models in it", models);
}

static void
start_server(void)
{
	struct vp_server_conf conf = {.address = aflag,
	    .port = pflag,
	    .body_max = max_body,
	    .refusal = refusal,
	    .replying = vp_opts.verbose ? say_reply : NULL};
	int e = vp_server_start(&conf, &server);

	if (e == VP_E_NUMBER)
		vp_usage("-a %s: want a numeric address, such as 127.0.0.1 or ::1", aflag);
	if (e && errno == EADDRINUSE)
		vp_die(VP_EX_UNAVAILABLE, "port %u: is in use: stop what has it, or leave out -p",
		    pflag);
	if (e)
		vp_die(VP_EX_UNAVAILABLE, "%s port %u:", aflag ? aflag : "127.0.0.1", pflag);
	snprintf(address, sizeof address, aflag && strchr(aflag, ':') ? "[%s]:%u" : "%s:%u",
	    aflag ? aflag : "127.0.0.1", vp_server_port(server));
}

/* The token that clients must have: the one in the environment, else one made for this run. True if made. */
static bool
choose_token(void)
{
	static char fresh[33];
	const char *given = getenv("HF_TOKEN");

	if (given && *given) {
		token = given;
		return false;
	}
	if (aflag && !vp_server_is_loopback(aflag))
		vp_die(VP_EX_CONFIG,
		    "-a %s: other machines can reach that: set HF_TOKEN to a token of yours first",
		    aflag);
	vp_server_key(fresh);
	token = fresh;
	return true;
}

/* Answer requests until the command ends, or a signal comes; the status to exit with. */
static int
run(char *command[], bool fresh)
{
	char url[96], hub[96], key[64], *env[4];
	size_t n = 0;
	pthread_t reader;
	int status;

	snprintf(url, sizeof url,
	    models ? "HF_ENDPOINTS_API=http://%s" : "HF_ENDPOINT_URL=http://%s", address);
	env[n++] = url;
	snprintf(hub, sizeof hub, "HF_ENDPOINT=http://%s", address);
	if (models)
		env[n++] = hub;
	snprintf(key, sizeof key, "HF_TOKEN=%s", fresh ? token : "");
	if (fresh)
		env[n++] = key;
	env[n] = NULL;
	errno = pthread_create(&reader, NULL, read_requests, NULL);
	if (errno)
		vp_die(VP_EX_INTERNAL, "starting a thread:");
	status = vp_server_run(command, env);
	vp_server_stop(server);
	pthread_join(reader, NULL);
	return status;
}

static void
read_options(int argc, char *argv[])
{
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'a':
			aflag = optarg;
			break;
		case 'j':
			jflag = (size_t)vp_arg_number(c, 1, 256);
			break;
		case NAME_OPTION:
			name = optarg;
			break;
		case 'p':
			pflag = (uint16_t)vp_arg_number(c, 0, 65535);
			break;
		case MAX_BATCH_OPTION:
			max_batch = (size_t)vp_arg_number(c, 1, 1000000);
			break;
		case MAX_BODY_OPTION:
			max_body = (size_t)vp_arg_bytes(c, 1, (uint64_t)1 << 32);
			break;
		case MAX_QUEUE_OPTION:
			max_queue = (size_t)vp_arg_number(c, 1, 1000000);
			break;
		case MODELS_OPTION:
			models = optarg;
			break;
		case PRECISION_OPTION:
			float32 = strcmp(optarg, "f32") == 0;
			if (!float32 && strcmp(optarg, "int16") != 0)
				vp_usage("--precision %s: want int16 or f32", optarg);
			break;
		}
	if (models && name)
		vp_usage("--name: an endpoint's model is called as its repository: leave it out");
}

int
main(int argc, char *argv[])
{
	const char *folder = NULL;
	bool fresh, parted;
	int status;

	vp_start(&program);
	read_options(argc, argv);
	parted =
	    strcmp(argv[optind - 1], "--") == 0; /* where getopt leaves it, before all operands */
	if (!models) {
		if (optind == argc)
			vp_operands(argc, 1);
		folder = argv[optind++];
	}
	if (optind < argc && !parted) /* POSIXLY_CORRECT: it stands where it was written */
		parted = strcmp(argv[optind], "--") == 0 && optind++;
	if (optind < argc && !parted)
		vp_usage(models ? "%s: want -- before the command, and no model with --models"
				: "%s: want -- between the model and the command",
		    argv[optind]);
	if (!jflag)
		jflag = processors();
	vp_server_block_signals();
	fresh = choose_token();
	if (float32 && vp_kernel()->narrow)
		vp_kernel_use(vp_kernel_float());
	if (models)
		check_models();
	else
		open_model(folder);
	start_server();
	if (models)
		start_endpoints();
	status = run(argv + optind, fresh);
	if (models)
		vp_endpoints_stop(&endpoints);
	else
		vp_serve_close(&serve);
	vp_server_free(server);
	return status;
}
