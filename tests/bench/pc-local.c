/* pc-local bench: upserts and queries over one or more keep-alive connections
 *
 * 	pc-local FILE -- build/tests/bench/pc-local [records [dimension [clients]]]
 *
 * Times only what a client waits for: from the first byte of a request to the last byte of its
 * answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "err.h"
#include "fnum.h"

#define BATCH 100
#define QUERIES 1000
#define TOP_K 10

static size_t records = 50000, dimension = 768, clients = 1;
static const char *host, *key;
static unsigned port;

struct client {
	pthread_t thread;
	size_t number;
	int fd;
	unsigned long long random;
	struct vp_buf body, request, answer;
	double seconds;  /* spent waiting for upserts */
	double *latency; /* [QUERIES], seconds */
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	inet_pton(AF_INET, host, &to.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		vp_die(VP_EX_UNAVAILABLE, "%s:%u:", host, port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return fd;
}

/* Send a request and read its answer whole. Returns the seconds that took. */
static double
ask(struct client *c, const char *method, const char *path, struct vp_span body)
{
	char *head_end = NULL;
	size_t want = 0;
	double start;

	c->request.n = c->answer.n = 0;
	vp_buf_printf(&c->request,
	    "%s %s HTTP/1.1\r\nHost: %s:%u\r\nApi-Key: %s\r\nContent-Length: %zu\r\n\r\n", method,
	    path, host, port, key, body.n);
	vp_buf_span(&c->request, body);
	start = now();
	for (size_t sent = 0; sent < c->request.n;) {
		ssize_t n = write(c->fd, c->request.s + sent, c->request.n - sent);
		if (n <= 0)
			vp_die(VP_EX_IO, "write:");
		sent += (size_t)n;
	}
	while (!head_end || c->answer.n < want) {
		ssize_t n = read(c->fd, vp_buf_room(&c->answer, 65536), 65536);
		if (n <= 0)
			vp_die(VP_EX_IO, "read: connection closed");
		c->answer.n += (size_t)n;
		if (!head_end && (head_end = strstr(vp_buf_cstr(&c->answer), "\r\n\r\n"))) {
			const char *length = strstr(c->answer.s, "Content-Length: ");
			want = (size_t)(head_end - c->answer.s) + 4 +
			       (length ? strtoul(length + 16, NULL, 10) : 0);
		}
	}
	if (strncmp(c->answer.s, "HTTP/1.1 2", 10) != 0)
		vp_die(VP_EX_PROTOCOL, "%s %s: %.300s", method, path, vp_buf_cstr(&c->answer));
	return now() - start;
}

static void
add_vector(struct client *c)
{
	for (size_t i = 0; i < dimension; i++) {
		char text[VP_FLOAT_CHARS];
		double sum = 0; /* four uniform ones: near enough to normal */
		for (int j = 0; j < 4; j++) {
			c->random = c->random * 6364136223846793005ULL + 1442695040888963407ULL;
			sum += (double)(c->random >> 33) / 2147483648.0 - 0.5;
		}
		vp_buf_putc(&c->body, i ? ',' : '[');
		vp_buf_add(&c->body, text, vp_float_print(text, (float)(sum / 16)));
	}
	vp_buf_putc(&c->body, ']');
}

static void *
fill(void *arg)
{
	struct client *c = arg;

	for (size_t first = c->number * BATCH; first < records; first += clients * BATCH) {
		c->body.n = 0;
		vp_buf_puts(&c->body, "{\"vectors\":[");
		for (size_t i = first; i < first + BATCH && i < records; i++) {
			vp_buf_printf(
			    &c->body, "%s{\"id\":\"%zu\",\"values\":", i > first ? "," : "", i);
			add_vector(c);
			vp_buf_printf(
			    &c->body, ",\"metadata\":{\"n\":%zu,\"part\":\"p%zu\"}}", i, i % 100);
		}
		vp_buf_puts(&c->body, "]}");
		c->seconds +=
		    ask(c, "POST", "/data.plane/bench/vectors/upsert", vp_buf_get(&c->body));
	}
	return NULL;
}

static const char *filter = "";

static void *
search(void *arg)
{
	struct client *c = arg;

	for (size_t i = 0; i < QUERIES; i++) {
		c->body.n = 0;
		vp_buf_printf(&c->body, "{\"topK\":%d%s,\"vector\":", TOP_K, filter);
		add_vector(c);
		vp_buf_putc(&c->body, '}');
		c->latency[i] = ask(c, "POST", "/data.plane/bench/query", vp_buf_get(&c->body));
	}
	return NULL;
}

static double
run(struct client *all, void *(*work)(void *))
{
	double start = now();

	for (size_t i = 0; i < clients; i++)
		pthread_create(&all[i].thread, NULL, work, &all[i]);
	for (size_t i = 0; i < clients; i++)
		pthread_join(all[i].thread, NULL);
	return now() - start;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report_queries(struct client *all, const char *what)
{
	double *latency = vp_alloc(clients * QUERIES, sizeof *latency), seconds = run(all, search);
	size_t n = clients * QUERIES;

	for (size_t i = 0; i < clients; i++)
		memcpy(latency + i * QUERIES, all[i].latency, QUERIES * sizeof *latency);
	qsort(latency, n, sizeof *latency, by_size);
	printf("%s: median %.3f ms, 99%% %.3f ms, %.0f/s in all\n", what, latency[n / 2] * 1e3,
	    latency[n * 99 / 100] * 1e3, (double)n / seconds);
	free(latency);
}

/* Queries with a filter that leaves one record in so many. */
static void
report_filtered(struct client *all, const char *what, size_t of)
{
	char text[128], name[64];

	snprintf(text, sizeof text, ",\"filter\":{\"n\":{\"$lt\":%zu}}", records / of);
	snprintf(name, sizeof name, "query, filter %s", what);
	filter = text;
	report_queries(all, name);
}

static void
report_memory(void)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "VmRSS", 5) == 0)
			printf("server memory: %s", line + 6);
	if (f)
		fclose(f);
}

int
main(int argc, char *argv[])
{
	const char *url = getenv("PINECONE_CONTROLLER_HOST");
	struct client *all;
	static char address[64];
	double upserts = 0;

	vp_name = "bench";
	key = getenv("PINECONE_API_KEY");
	if (!url || !key || sscanf(url, "http://%63[0-9.]:%u", address, &port) != 2)
		vp_die(VP_EX_CONFIG, "run me as: pc-local FILE -- %s", argv[0]);
	host = address;
	records = argc > 1 ? strtoul(argv[1], NULL, 10) : records;
	dimension = argc > 2 ? strtoul(argv[2], NULL, 10) : dimension;
	clients = argc > 3 ? strtoul(argv[3], NULL, 10) : clients;
	all = vp_zalloc(clients, sizeof *all);
	for (size_t i = 0; i < clients; i++) {
		all[i].number = i;
		all[i].fd = dial();
		all[i].random = i + 1;
		all[i].latency = vp_alloc(QUERIES, sizeof(double));
	}
	vp_buf_printf(&all->body,
	    "{\"name\":\"bench\",\"dimension\":%zu,\"spec\":{\"serverless\":{\"cloud\":\"aws\","
	    "\"region\":\"us-east-1\"}}}",
	    dimension);
	ask(all, "POST", "/indexes", vp_buf_get(&all->body));
	run(all, fill);
	for (size_t i = 0; i < clients; i++)
		upserts = all[i].seconds > upserts ? all[i].seconds : upserts;
	printf("%zu records of %zu, %zu clients: %.0f durable upserts/s in batches of %d\n",
	    records, dimension, clients, (double)records / upserts, BATCH);
	report_queries(all, "query");
	report_filtered(all, "1 in 10", 10);
	report_filtered(all, "1 in 100", 100);
	report_filtered(all, "1 in 1000", 1000);
	filter = ",\"filter\":{\"n\":{\"$gte\":1000}}";
	report_queries(all, "query, filter nearly all");
	report_memory();
	return 0;
}
