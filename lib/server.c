/* server: HTTP on this machine, a queue of whole requests, and running beside a command
 *
 * A request goes: access handler (network thread) collects the body, suspends the connection and
 * puts the request on the queue; a worker takes it, and its reply stores the response and resumes
 * the connection; the network thread calls the access handler again, which queues the response. It
 * has to go that way round: libmicrohttpd 0.9.75 takes a response in the access handler only. A
 * suspended connection has no idle timeout, so long computations are not cut. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "json.h"
#include "server.h"

#define CONNECTIONS 1000
#define IDLE_S 120 /* a connection on which nothing comes or goes is closed */
#define DRAIN_S 5  /* how long a stopping server waits for clients that do not read */
#define DISCARD 64 /* times body_max that are read and thrown away before giving up */
#define POOL                                                                                       \
	(256 *                                                                                     \
	    1024) /* bytes a connection has for the request line and the headers: ids of a fetch */

struct vp_server {
	struct MHD_Daemon *daemon;
	size_t body_max;
	void (*refusal)(int status, const char *path, const char *message, struct vp_buf *body);
	void (*replying)(const struct vp_request *r, int status, size_t bytes);
	bool loopback; /* listens on a loopback address */
	uint16_t port;

	pthread_mutex_t lock;
	pthread_cond_t arrived;     /* something is on the queue, or the server is stopping */
	pthread_cond_t gone;        /* an answer is given, or out */
	struct vp_request *first;   /* the queue, in order of arrival */
	struct vp_request **append; /* where the next one is linked in */
	size_t unanswered;          /* requests queued or taken, without a reply */
	size_t unsent;              /* requests queued, taken or replied to, not yet through */
	bool stopping;
};

struct vp_request {
	struct vp_server *server;
	struct MHD_Connection *connection;
	struct vp_request *next; /* on the queue */
	const char *method, *path;
	struct vp_buf body;
	size_t discarded;              /* bytes of a body over the limit that were thrown away */
	bool begun;                    /* the access handler has seen it */
	bool nul;                      /* %00 in the request target */
	bool counted;                  /* in unsent */
	int status;                    /* of the answer */
	struct MHD_Response *response; /* the answer, once there is one */
	struct vp_buf headers;         /* of the answer: name NUL value NUL ... */
};

static struct MHD_Response *
response_make(const char *type, struct vp_buf *body)
{
	struct MHD_Response *response;
	size_t n;
	char *s = vp_buf_take(body, &n);

	if (n == 0) {
		free(s);
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	} else {
		response = MHD_create_response_from_buffer(n, s, MHD_RESPMEM_MUST_FREE);
	}
	if (!response)
		vp_oom();
	if (n && type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return response;
}

static enum MHD_Result
refuse(struct vp_request *r, int status, const char *message)
{
	struct vp_buf body = {0};
	struct MHD_Response *response;
	enum MHD_Result queued;

	r->server->refusal(status, r->path, message, &body);
	response = response_make("application/json", &body);
	queued = MHD_queue_response(r->connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
argument_is_text(void *ok, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	if (!vp_utf8_valid(vp_str(name), NULL) || (value && !vp_utf8_valid(vp_str(value), NULL)))
		*(bool *)ok = false;
	return MHD_YES;
}

/* The header has been read, nothing of the body. What is refused here is refused before a client
 * that waits for `100 Continue` sends it. */
static enum MHD_Result
begin(struct vp_request *r)
{
	const char *length = MHD_lookup_connection_value(
	    r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long n = length ? strtoull(length, NULL, 10) : 0;
	bool text = !r->nul && vp_utf8_valid(vp_str(r->path), NULL);

	r->begun = true;
	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, argument_is_text, &text);
	if (!text)
		return refuse(r, 400, "path and query must be UTF-8 text without NUL");
	if (r->server->body_max && n > r->server->body_max) {
		char message[128];
		snprintf(message, sizeof message,
		    "request body of %llu bytes is over the limit of %zu bytes", n,
		    r->server->body_max);
		return refuse(r, 413, message);
	}
	r->body.max = r->server->body_max;
	if (n)
		vp_buf_room(&r->body, (size_t)n);
	return MHD_YES;
}

static enum MHD_Result
collect(struct vp_request *r, const char *data, size_t n)
{
	if (r->discarded || vp_buf_add(&r->body, data, n))
		r->discarded += n;
	/* no answer can be given before the end of the body; this client does not stop by itself */
	return r->discarded / DISCARD > r->server->body_max ? MHD_NO : MHD_YES;
}

static enum MHD_Result
whole(struct vp_request *r)
{
	struct vp_server *s = r->server;
	bool stopping;

	if (r->discarded) {
		char message[128];
		snprintf(message, sizeof message, "request body is over the limit of %zu bytes",
		    s->body_max);
		return refuse(r, 413, message);
	}
	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	if (!stopping) {
		MHD_suspend_connection(r->connection);
		r->next = NULL;
		*s->append = r;
		s->append = &r->next;
		s->unanswered++;
		s->unsent++;
		r->counted = true;
		pthread_cond_signal(&s->arrived);
	}
	pthread_mutex_unlock(&s->lock);
	return stopping ? refuse(r, 503, "the server is stopping") : MHD_YES;
}

static enum MHD_Result
on_access(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *n, void **state)
{
	struct vp_request *r = *state;

	(void)version;
	if (r->response)
		return MHD_queue_response(connection, (unsigned)r->status, r->response);
	if (!r->begun) {
		r->server = arg;
		r->connection = connection;
		r->method = method;
		r->path = url;
		return begin(r);
	}
	if (*n) {
		enum MHD_Result result = collect(r, data, *n);
		*n = 0;
		return result;
	}
	return whole(r);
}

/* Called first of all for each request, with its target as it came over the wire; what it returns
 * is the access handler's state. */
static void *
on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct vp_request *r = vp_zalloc(1, sizeof *r);

	(void)connection;
	r->server = arg;
	r->nul = strstr(target, "%00") != NULL;
	return r;
}

static void
on_completed(
    void *arg, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	struct vp_server *s = arg;
	struct vp_request *r = *state;

	(void)connection;
	(void)why;
	if (!r)
		return;
	if (r->counted) {
		pthread_mutex_lock(&s->lock);
		s->unsent--;
		pthread_cond_broadcast(&s->gone);
		pthread_mutex_unlock(&s->lock);
	}
	if (r->response)
		MHD_destroy_response(r->response);
	vp_buf_free(&r->body);
	vp_buf_free(&r->headers);
	free(r);
	*state = NULL;
}

/* A listening socket, made here and not by libmicrohttpd, for the sake of errno. */
static int
listen_on(const char *address, uint16_t port, uint16_t *got, int *out)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr *to = (struct sockaddr *)&v4;
	socklen_t n = sizeof v4;
	int fd, yes = 1;

	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		to = (struct sockaddr *)&v6;
		n = sizeof v6;
	} else if (inet_pton(AF_INET, address, &v4.sin_addr) != 1) {
		return VP_E_NUMBER;
	}
	fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return VP_E_IO;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, to, n) || listen(fd, SOMAXCONN) || getsockname(fd, to, &n)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return VP_E_IO;
	}
	*got = ntohs(to->sa_family == AF_INET ? v4.sin_port : v6.sin6_port);
	*out = fd;
	return 0;
}

bool
vp_server_is_loopback(const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

int
vp_server_start(const struct vp_server_conf *conf, struct vp_server **out)
{
	struct vp_server *s = vp_zalloc(1, sizeof *s);
	const char *address = conf->address ? conf->address : "127.0.0.1";
	pthread_condattr_t monotonic;
	int fd, error = listen_on(address, conf->port, &s->port, &fd);

	if (error) {
		int saved = errno;
		free(s);
		errno = saved;
		return error;
	}
	s->loopback = vp_server_is_loopback(address);
	s->body_max = conf->body_max;
	s->refusal = conf->refusal;
	s->replying = conf->replying;
	s->append = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->arrived, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->gone, &monotonic);
	pthread_condattr_destroy(&monotonic);
	s->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
	    on_access, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_LIMIT,
	    conf->connections ? conf->connections : CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
	    IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL, MHD_OPTION_END);
	if (!s->daemon) {
		error = errno;
		close(fd);
		vp_server_free(s);
		errno = error ? error : EIO;
		return VP_E_IO;
	}
	*out = s;
	return 0;
}

uint16_t
vp_server_port(const struct vp_server *s)
{
	return s->port;
}

size_t
vp_server_take(struct vp_server *s, struct vp_request *out[], size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->stopping)
		pthread_cond_wait(&s->arrived, &s->lock);
	while (n < max && s->first) {
		out[n] = s->first;
		s->first = out[n++]->next;
	}
	if (!s->first)
		s->append = &s->first;
	pthread_mutex_unlock(&s->lock);
	return n;
}

const char *
vp_request_method(const struct vp_request *r)
{
	return r->method;
}

const char *
vp_request_path(const struct vp_request *r)
{
	return r->path;
}

struct vp_span
vp_request_body(const struct vp_request *r)
{
	return r->body.s ? vp_buf_get(&r->body) : (struct vp_span){"", 0};
}

const char *
vp_request_header(const struct vp_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *
vp_request_host(const struct vp_request *r)
{
	const char *host = vp_request_header(r, "Host");
	size_t n = host ? strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789.-:[]")
			: 0;

	return n && !host[n] ? host : NULL;
}

struct query_arg {
	const char *name;
	void (*f)(void *arg, const char *value);
	void *arg;
};

static enum MHD_Result
each_argument(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_arg *q = arg;

	(void)kind;
	if (strcmp(name, q->name) == 0)
		q->f(q->arg, value ? value : "");
	return MHD_YES;
}

void
vp_request_query_each(const struct vp_request *r, const char *name,
    void (*f)(void *arg, const char *value), void *arg)
{
	struct query_arg q = {name, f, arg};

	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, each_argument, &q);
}

static void
keep_first(void *arg, const char *value)
{
	const char **first = arg;

	if (!*first)
		*first = value;
}

const char *
vp_request_query(const struct vp_request *r, const char *name)
{
	const char *first = NULL;

	vp_request_query_each(r, name, keep_first, &first);
	return first;
}

/* The host part of `host`, `host:port`, `[v6]` or `[v6]:port`. */
static bool
host_is_loopback(const char *host)
{
	char name[64];
	bool bracket = *host == '[';
	size_t n = bracket ? strcspn(host, "]") : strcspn(host, ":");

	host += bracket;
	n -= bracket;
	if (n == 0 || n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	return strcasecmp(name, "localhost") == 0 || vp_server_is_loopback(name);
}

const char *
vp_request_forbidden(const struct vp_request *r)
{
	const char *host = vp_request_header(r, "Host");

	if (vp_request_header(r, "Origin"))
		return "requests from web pages are refused (there is an Origin header)";
	if (r->server->loopback && host && !host_is_loopback(host))
		return "the Host header is not this server's: use 127.0.0.1 or localhost";
	return NULL;
}

void
vp_request_add_header(struct vp_request *r, const char *name, const char *value)
{
	vp_buf_add(&r->headers, name, strlen(name) + 1);
	vp_buf_add(&r->headers, value, strlen(value) + 1);
}

void
vp_request_reply(struct vp_request *r, int status, const char *type, struct vp_buf *body)
{
	struct vp_server *s = r->server;
	struct MHD_Response *response;

	if (s->replying)
		s->replying(r, status, body->n);
	response = response_make(type, body);
	for (size_t at = 0; at < r->headers.n;) {
		const char *name = r->headers.s + at, *value = name + strlen(name) + 1;
		MHD_add_response_header(response, name, value);
		at = (size_t)(value - r->headers.s) + strlen(value) + 1;
	}
	r->status = status;
	r->response = response;
	MHD_resume_connection(r->connection); /* from here on r is the network thread's */
	pthread_mutex_lock(&s->lock);
	s->unanswered--;
	pthread_cond_broadcast(&s->gone);
	pthread_mutex_unlock(&s->lock);
}

void
vp_server_stop(struct vp_server *s)
{
	struct timespec until;
	int fd = MHD_quiesce_daemon(s->daemon);

	if (fd >= 0)
		close(fd);
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->arrived);
	while (s->unanswered)
		pthread_cond_wait(&s->gone, &s->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DRAIN_S;
	while (s->unsent && pthread_cond_timedwait(&s->gone, &s->lock, &until) == 0)
		;
	pthread_mutex_unlock(&s->lock);
}

void
vp_server_free(struct vp_server *s)
{
	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	pthread_cond_destroy(&s->gone);
	pthread_cond_destroy(&s->arrived);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static sigset_t waited, before; /* the signals that vp_server_run waits for; the mask as it was */
static bool blocked;

void
vp_server_block_signals(void)
{
	sigemptyset(&waited);
	sigaddset(&waited, SIGINT);
	sigaddset(&waited, SIGTERM);
	sigaddset(&waited, SIGHUP);
	sigaddset(&waited, SIGCHLD);
	signal(SIGCHLD, SIG_DFL); /* an inherited "ignore" would take the command's status away */
	pthread_sigmask(SIG_BLOCK, &waited, &before);
	blocked = true;
}

/* environ with the variables of env in the place of those of the same name. The caller frees the
 * array, not the strings. */
static char **
environment_with(char *const env[])
{
	size_t n = 0, m = 0, used = 0;
	char **all;

	while (environ[n])
		n++;
	while (env[m])
		m++;
	all = vp_alloc(n + m + 1, sizeof *all);
	for (size_t i = 0; i < n; i++) {
		bool replaced = false;
		for (size_t j = 0; j < m && !replaced; j++)
			replaced = strncmp(environ[i], env[j], strcspn(env[j], "=") + 1) == 0;
		if (!replaced)
			all[used++] = environ[i];
	}
	for (size_t j = 0; j < m; j++)
		all[used++] = env[j];
	all[used] = NULL;
	return all;
}

static int
spawn(char *argv[], char *const env[], pid_t *pid)
{
	char **all = environment_with(env);
	posix_spawnattr_t attr;
	sigset_t usual;
	int error;

	sigemptyset(&usual); /* what the servers ignore, the command must not */
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &before);
	posix_spawnattr_setsigdefault(&attr, &usual);
	error = posix_spawnp(pid, argv[0], NULL, &attr, argv, all);
	posix_spawnattr_destroy(&attr);
	free(all);
	return error;
}

static int
run_beside(char *argv[], char *const env[])
{
	pid_t pid;
	siginfo_t info;
	int status, error = spawn(argv, env, &pid);

	if (error) {
		errno = error;
		vp_warn("%s:", argv[0]);
		return error == ENOENT ? 127 : 126;
	}
	for (;;) {
		int signal_number = sigwaitinfo(&waited, &info);
		if (signal_number == SIGCHLD) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
							   : WEXITSTATUS(status);
		} else if (signal_number > 0 && info.si_code != SI_KERNEL) {
			/* what the terminal sends (SI_KERNEL) has reached the command as well */
			kill(pid, signal_number);
		}
	}
}

static void
print_exports(char *const env[])
{
	for (; *env; env++) {
		size_t name = strcspn(*env, "=");
		printf("export %.*s='", (int)name, *env);
		for (const char *p = *env + name + 1; *p; p++)
			if (*p == '\'')
				fputs("'\\''", stdout);
			else
				putchar(*p);
		puts("'");
	}
}

int
vp_server_run(char *argv[], char *const env[])
{
	int signal_number;

	if (!blocked)
		vp_server_block_signals();
	if (argv && argv[0])
		return run_beside(argv, env);
	print_exports(env);
	if (fflush(stdout) || ferror(stdout)) {
		vp_warn("standard output:");
		return VP_EX_IO;
	}
	do {
		signal_number = sigwaitinfo(&waited, NULL);
	} while (signal_number < 0 || signal_number == SIGCHLD);
	return 0;
}

void
vp_server_key(char key[33])
{
	unsigned char bytes[16];

	while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		if (errno != EINTR)
			vp_die(VP_EX_INTERNAL, "getrandom:");
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(key + 2 * i, 3, "%02x", bytes[i]);
}

bool
vp_server_key_eq(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char differ = n != m;

	for (size_t i = 0; i < n && m; i++)
		differ |= (unsigned char)(a[i] ^ b[i < m ? i : 0]);
	return !differ;
}
