/* pc-local: Pinecone's REST API over a file on this machine */
#include <arpa/inet.h>
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "filename.h"
#include "opt.h"
#include "server.h"
#include "store/backup.h"
#include "store/control.h"
#include "store/data.h"
#include "store/import.h"
#include "store/jobs.h"
#include "store/store.h"
#include "store/upkeep.h"

#define BODY_MAX ((size_t)2 * 1024 * 1024) /* bytes of a request's body */
#define WORKERS_MIN 16 /* writers that wait for the disk must not keep readers waiting */

enum { BACKUP = 256, CHECK, COMPACT, IMPORTS }; /* long options */

static const struct vp_program program = {
    .name = "pc-local",
    .synopsis = "[-p port] [-a address] [--imports folder] file [-- command [argument ...]]\n"
		"--backup copy file\n"
		"--check file\n"
		"--compact file",
    .help = "  file                    where everything is kept; made if need be\n"
	    "  command                 is run with the address and the key in its environment\n"
	    "  -a, --address ADDRESS   numeric address to listen on (127.0.0.1)\n"
	    "  -p, --port PORT         port to listen on (any free one)\n"
	    "      --backup COPY       copy the file, while it is served or not, and exit\n"
	    "      --check             say whether the file is sound, and exit\n"
	    "      --imports FOLDER    let requests import NDJSON files from below it\n"
	    "      --compact           give back the room of what has been deleted, and exit\n",
    .shorts = "+a:p:",
    .longs = (const struct option[]){{"address", 1, NULL, 'a'}, {"port", 1, NULL, 'p'},
	{"backup", 1, NULL, BACKUP}, {"check", 0, NULL, CHECK}, {"compact", 0, NULL, COMPACT},
	{"imports", 1, NULL, IMPORTS}, {0}},
    .common = VP_OPT_SAY,
};

static const char *aflag;   /* -a: where to listen */
static uint16_t pflag;      /* -p */
static char *file;          /* the operand, as SQLite takes it for a file */
static char *copy;          /* --backup: where to, likewise */
static const char *imports; /* --imports: the folder that requests may import from */
static int upkeep_flag;     /* BACKUP, CHECK, COMPACT; 0: serve */

static struct vp_server *server;
static struct vp_store *store;
static const char *api_key;
static char own_address[80];    /* "127.0.0.1:5080" */
static char request_prefix[33]; /* of this run's request ids */

static bool
is_data_plane(const char *path)
{
	return strncmp(path, VP_DATA_PLANE, strlen(VP_DATA_PLANE)) == 0;
}

static void
refusal(int status, const char *path, const char *message, struct vp_buf *body)
{
	vp_error_body(!is_data_plane(path), status, message, body);
}

/* /data.plane/NAME/query is /query of the index NAME. */
static void
data_call(struct vp_call *c, const char *path)
{
	const char *name = path + strlen(VP_DATA_PLANE), *rest = strchr(name, '/');
	char index[VP_INDEX_NAME_MAX + 1];

	if (!rest || (size_t)(rest - name) >= sizeof index) {
		vp_call_fail(c, 404, "%.100s: no index of that name", path);
		return;
	}
	memcpy(index, name, (size_t)(rest - name));
	index[rest - name] = '\0';
	vp_data_call(c, index, rest);
}

/* What has been answered since the start, by the first digit of the status. */
static _Atomic unsigned long answered[6];

/* GET /metrics, in the text format of Prometheus. */
static void
metrics(struct vp_call *c)
{
	struct vp_index *const *indexes;
	const struct vp_backup *b = NULL;
	size_t n, namespaces = 0, records = 0, backups = 0;

	vp_store_read(store);
	indexes = vp_store_indexes(store, &n);
	for (size_t i = 0; i < n; i++) {
		namespaces += indexes[i]->n;
		for (size_t j = 0; j < indexes[i]->n; j++)
			records += indexes[i]->spaces[j]->space->live;
	}
	while ((b = vp_backup_next(store, b ? b->key : 0)))
		backups++;
	vp_store_read_end(store);
	vp_buf_printf(&c->out,
	    "# TYPE pc_local_indexes gauge\npc_local_indexes %zu\n"
	    "# TYPE pc_local_namespaces gauge\npc_local_namespaces %zu\n"
	    "# TYPE pc_local_records gauge\npc_local_records %zu\n"
	    "# TYPE pc_local_backups gauge\npc_local_backups %zu\n"
	    "# TYPE pc_local_requests_total counter\n",
	    n, namespaces, records, backups);
	for (int i = 2; i < 6; i++)
		vp_buf_printf(
		    &c->out, "pc_local_requests_total{status=\"%dxx\"} %lu\n", i, answered[i]);
}

static void
answer(struct vp_request *r)
{
	static _Atomic unsigned long count;
	const char *path = vp_request_path(r), *why = vp_request_forbidden(r);
	const char *key = vp_request_header(r, "Api-Key");
	struct vp_call c = {.request = r, .store = store, .control = !is_data_plane(path)};
	const char *type = "application/json";
	char id[64];

	c.address = vp_request_host(r);
	if (!c.address)
		c.address = own_address;
	if (why)
		vp_call_fail(&c, 403, "%s", why);
	else if (!key || !vp_server_key_eq(key, api_key))
		vp_call_fail(&c, 401, "Invalid API key.");
	else if (strcmp(path, "/metrics") == 0) {
		metrics(&c);
		type = "text/plain; version=0.0.4";
	} else if (c.control)
		vp_control_call(&c, path);
	else
		data_call(&c, path);
	if (!c.status)
		c.status = 200;
	answered[c.status / 100]++;
	snprintf(id, sizeof id, "%.8s-%lu", request_prefix, ++count);
	vp_request_add_header(r, "x-pinecone-request-id", id);
	if (vp_opts.verbose)
		vp_warn("%s %s: %d, %zu bytes, request %s", vp_request_method(r), path, c.status,
		    c.out.n, id);
	vp_request_reply(r, c.status, type, &c.out);
	vp_call_free(&c);
}

static void *
work(void *arg)
{
	struct vp_request *r;

	(void)arg;
	while (vp_server_take(server, &r, 1))
		answer(r);
	return NULL;
}

/* How a file that could not be had ends the program. */
static const int statuses[] = {[VP_STORE_UNOPENED] = VP_EX_NOINPUT,
    [VP_STORE_FOREIGN] = VP_EX_DATA,
    [VP_STORE_TAKEN] = VP_EX_UNAVAILABLE,
    [VP_STORE_FAILED] = VP_EX_IO};

/* --backup, --check, --compact */
static int
upkeep(const char *path)
{
	struct vp_upkeep_counts counts = {0};
	struct vp_buf why = {0};
	int64_t saved = 0;
	enum vp_store_error e = upkeep_flag == BACKUP  ? vp_upkeep_copy(path, copy, &why)
				: upkeep_flag == CHECK ? vp_upkeep_check(path, &counts, &why)
						       : vp_upkeep_compact(path, &saved, &why);

	if (e != VP_STORE_OK)
		vp_die(statuses[e], "%s: %s", path, vp_buf_cstr(&why));
	if (upkeep_flag == CHECK)
		printf("{\"indexes\":%lld,\"namespaces\":%lld,\"records\":%lld,\"backups\":%lld}\n",
		    (long long)counts.indexes, (long long)counts.namespaces,
		    (long long)counts.records, (long long)counts.backups);
	else if (upkeep_flag == COMPACT)
		vp_info("%s: is %lld bytes smaller", path, (long long)saved);
	vp_buf_free(&why);
	if (fflush(stdout) || ferror(stdout))
		vp_die(VP_EX_IO, "standard output:");
	return 0;
}

static bool opening_shown;
static uint64_t opening_since; /* ms */

static void
clear_opening(void)
{
	if (opening_shown)
		fputs("\r\033[K", stderr);
	opening_shown = false;
}

/* On a terminal, from the first second on: a line that is written over. */
static void
show_opening(double share)
{
	static uint64_t last;
	uint64_t now = vp_now_ms();

	if (now - opening_since < 1000 || now - last < 200)
		return;
	last = now;
	opening_shown = true;
	fprintf(stderr, "\r%s: reading the file: %.0f%%\033[K", vp_name, 100 * share);
}

/* What vp_start sets is for a filter, whose buffers come and go. Here the arrays of a namespace stay and grow: as
 * mappings of their own they grow by moving pages, while each copy of them would leave a hole in the heap. And each worker
 * has a heap: what that keeps free is to be enough for a request of BODY_MAX and its vectors, no more. */
static void
limit_heaps(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, (int)(2 * BODY_MAX));
	mallopt(M_TRIM_THRESHOLD, (int)(2 * BODY_MAX));
#endif
}

static void
open_store(const char *path)
{
	bool terminal = isatty(STDERR_FILENO) && !vp_quiet;
	struct vp_buf why = {0};
	enum vp_store_error e;

	opening_since = vp_now_ms();
	vp_say_first = clear_opening;
	e = vp_store_open(path, terminal ? show_opening : NULL, &store, &why);
	clear_opening();
	if (e != VP_STORE_OK)
		vp_die(statuses[e], "%s: %s", path, vp_buf_cstr(&why));
	vp_buf_free(&why);
	if (imports && vp_imports_allow(store, imports))
		vp_die(VP_EX_NOINPUT, "--imports %s:", imports);
}

static void
start_server(void)
{
	struct vp_server_conf conf = {
	    .address = aflag, .port = pflag, .body_max = BODY_MAX, .refusal = refusal};
	const char *address;
	int e = vp_server_start(&conf, &server);

	if (e && errno == EADDRINUSE)
		vp_die(VP_EX_UNAVAILABLE, "port %u: is in use: stop what has it, or leave out -p",
		    pflag);
	if (e)
		vp_die(VP_EX_UNAVAILABLE, "%s port %u:", aflag ? aflag : "127.0.0.1", pflag);
	address = aflag ? aflag : "127.0.0.1";
	if (strcmp(address, "0.0.0.0") == 0) /* all addresses of the machine: one of them is this */
		address = "127.0.0.1";
	else if (strcmp(address, "::") == 0)
		address = "::1";
	snprintf(own_address, sizeof own_address, strchr(address, ':') ? "[%s]:%u" : "%s:%u",
	    address, vp_server_port(server));
}

static bool
is_numeric(const char *address)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

/* The key that clients must have: the one in the environment, else one made for this run. True if made. */
static bool
choose_key(void)
{
	static char fresh[33];
	const char *given = getenv("PINECONE_API_KEY");

	if (given && *given) {
		api_key = given;
		return false;
	}
	if (aflag && !vp_server_is_loopback(aflag))
		vp_die(VP_EX_CONFIG,
		    "-a %s: other machines can reach that: set PINECONE_API_KEY to a key of yours "
		    "first",
		    aflag);
	vp_server_key(fresh);
	api_key = fresh;
	return true;
}

static int
serve(char *command[], bool fresh)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = processors > WORKERS_MIN ? (size_t)processors : WORKERS_MIN;
	pthread_t *workers = vp_alloc(n, sizeof *workers);
	struct vp_buf host = {0}, key = {0};
	char *env[] = {NULL, NULL, NULL};
	int status;

	vp_buf_printf(&host, "PINECONE_CONTROLLER_HOST=http://%s", own_address);
	vp_buf_printf(&key, "PINECONE_API_KEY=%s", api_key);
	env[0] = vp_buf_cstr(&host);
	if (fresh)
		env[1] = vp_buf_cstr(&key);
	for (size_t i = 0; i < n; i++)
		if ((errno = pthread_create(&workers[i], NULL, work, NULL)))
			vp_die(VP_EX_INTERNAL, "starting a thread:");
	if ((errno = vp_jobs_start(store)))
		vp_die(VP_EX_INTERNAL, "starting a thread:");
	status = vp_server_run(command, env);
	vp_server_stop(server);
	for (size_t i = 0; i < n; i++)
		pthread_join(workers[i], NULL);
	vp_server_free(server);
	vp_jobs_stop(store);
	vp_store_close(store);
	vp_buf_free(&host);
	vp_buf_free(&key);
	free(workers);
	return status;
}

int
main(int argc, char *argv[])
{
	bool fresh;

	vp_start(&program);
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'a':
			aflag = optarg;
			if (!is_numeric(aflag))
				vp_usage("-a %s: want a numeric address, such as 127.0.0.1 or ::1",
				    aflag);
			break;
		case 'p':
			pflag = (uint16_t)vp_arg_number(c, 0, 65535);
			break;
		case BACKUP:
			if (!*optarg)
				vp_usage("--backup '': want the name of a file");
			free(copy);
			copy = vp_filename_sqlite(optarg);
			upkeep_flag = c;
			break;
		case CHECK:
		case COMPACT:
			upkeep_flag = c;
			break;
		case IMPORTS:
			imports = optarg;
			break;
		}
	if (optind == argc || upkeep_flag)
		vp_operands(argc, 1);
	if (!*argv[optind])
		vp_usage("'': want the name of a file");
	file = vp_filename_sqlite(argv[optind++]);
	if (upkeep_flag)
		return upkeep(file);
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	else if (optind < argc)
		vp_usage("%s: want -- between the file and the command", argv[optind]);
	signal(
	    SIGXFSZ, SIG_IGN); /* a write beyond the file size limit is an error like a full disk */
	vp_server_block_signals();
	vp_server_key(request_prefix);
	fresh = choose_key();
	limit_heaps();
	open_store(file);
	start_server();
	return serve(argv + optind, fresh);
}
