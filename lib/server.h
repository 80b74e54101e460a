/* server: what hf-local and pc-local share: HTTP on this machine, a queue of whole requests, and
 * running beside a command.
 *
 * One thread (libmicrohttpd, epoll) does all the network work and never computes. A request that
 * has arrived whole is put on a queue; the program's own worker threads take requests from it, one
 * at a time or many at once, and answer them. So a slow client holds up nobody, and a worker can
 * merge what several clients asked into one batch.
 *
 * Not here: routing, API keys, what an error looks like: they differ between the two. */
#ifndef VP_SERVER_H
#define VP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct vp_server;
struct vp_request;

struct vp_server_conf {
	const char *address;  /* numeric address to listen on; NULL is 127.0.0.1 */
	uint16_t port;        /* 0: any free one */
	size_t body_max;      /* bytes of a request's body; more is answered 413 */
	unsigned connections; /* at once; 0 is 1000 */
	/* Writes the body of a refusal that the server makes itself (413, 400), in the program's
	 * own error format. */
	void (*refusal)(int status, const char *path, const char *message, struct vp_buf *body);
	/* NULL, or called for each reply before it is given, from the thread that gives it. */
	void (*replying)(const struct vp_request *r, int status, size_t bytes);
};

/* Start listening. On success *out is the server, which the caller stops with vp_server_stop.
 * VP_E_IO with errno where the address cannot be had (EADDRINUSE), VP_E_NUMBER where the address is
 * none. */
int vp_server_start(const struct vp_server_conf *conf, struct vp_server **out);
uint16_t vp_server_port(const struct vp_server *s);

/* Whether a numeric address, IPv4 or IPv6, is one that only this machine can reach. */
bool vp_server_is_loopback(const char *address);

/* Wait for requests and take up to max of those that are there, in order of arrival. Returns how
 * many; 0 when the server is being stopped and the queue is empty: the worker ends. Each request
 * taken must be answered by vp_request_reply, from any thread. */
size_t vp_server_take(struct vp_server *s, struct vp_request *out[], size_t max);

/* What was asked. All strings live until the reply. */
const char *vp_request_method(const struct vp_request *r);  /* "GET" */
const char *vp_request_path(const struct vp_request *r);    /* percent-decoded, without the query */
struct vp_span vp_request_body(const struct vp_request *r); /* s is never NULL */
const char *vp_request_header(const struct vp_request *r, const char *name); /* any case; NULL */
const char *vp_request_query(const struct vp_request *r, const char *name);  /* first one; NULL */

/* The Host header: "127.0.0.1:5080", the address by which the client knows this server. NULL where
 * there is none, or it is not of the characters that an address has: it may be put into an answer. */
const char *vp_request_host(const struct vp_request *r);

/* All values of a query parameter that may stand several times (ids=a&ids=b): calls f for each in
 * order. */
void vp_request_query_each(const struct vp_request *r, const char *name,
    void (*f)(void *arg, const char *value), void *arg);

/* Why this request must not be answered (403): it comes from a web page (an Origin header), or,
 * where the server listens on a loopback address, its Host header names another host than this one,
 * as a page does that rebinds a name of its own to 127.0.0.1. NULL when all is well; a static
 * string. */
const char *vp_request_forbidden(const struct vp_request *r);

/* Add a header to the answer; both strings are copied. */
void vp_request_add_header(struct vp_request *r, const char *name, const char *value);

/* Answer, and be done with r. body's memory is taken over (and body left empty); type is a static
 * string such as "application/json". */
void vp_request_reply(struct vp_request *r, int status, const char *type, struct vp_buf *body);

/* Stop: no new connections, what is queued is still answered; returns when the workers have been
 * let go and the answers are out. Call it from the main thread, then join the workers, then
 * vp_server_free. */
void vp_server_stop(struct vp_server *s);
void vp_server_free(struct vp_server *s);

/* Stay until the work is over. With a command (argv[0] not NULL): run it with the variables in env
 * (NAME=value, ended by NULL) added to its environment, pass SIGINT, SIGTERM and SIGHUP on to it,
 * wait for it, and return its exit status (128 + N if signal N ended it, 126 or 127 if it could not
 * be run, said on standard error). Without one: print env as shell assignments on standard output
 * (`export NAME='value'`, quoted), flush, and wait for SIGINT, SIGTERM or SIGHUP; returns 0.
 * Signals must be blocked in all other threads: call vp_server_block_signals before the first
 * thread starts. */
void vp_server_block_signals(void);
int vp_server_run(char *argv[], char *const env[]);

/* A fresh random key of 32 hexadecimal digits and a NUL, from getrandom(2). */
void vp_server_key(char key[33]);

/* Whether a and b are the same, in a time that does not depend on where they differ. */
bool vp_server_key_eq(const char *a, const char *b);

#endif
