/* http: requests to a service, many in flight on one thread, and the one policy for what to do with their
 * answers.
 *
 * The transport is libcurl's multi interface: connections are kept alive and used again, HTTP/2 is used
 * where the server has it, certificates and host names are verified, always. Redirects are not followed: a
 * token goes to the address that the user gave and nowhere else. Secrets are sent over plain http only to
 * loopback addresses. An answer is whole or it is a fault: a cut body never comes out as a body.
 *
 * The policy says for each answer what it means (vp_http_judge): done, again, wait, split, look closer, or
 * final. Its three tables stand side by side in http.c, each row with its source. What is then done with a
 * batch of records is flow.h; a single call is vp_http_call. */
#ifndef VP_HTTP_H
#define VP_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum vp_service {
	VP_HF,       /* an embedding endpoint */
	VP_PINECONE, /* both planes of an index */
	VP_HUB,      /* the API that manages endpoints, and the Hub's own */
	VP_VIEWER    /* the Hub's dataset viewer */
};

struct vp_http;

/* What comes back for one request. */
struct vp_http_answer {
	void *user; /* as given to vp_http_send */
	const char
	    *fault;     /* why there is no whole answer (libcurl's words), NULL if there is one */
	bool timed_out; /* the fault is the time limit */
	bool untrusted; /* the fault is the server's certificate: no second try mends that */
	bool
	    refused; /* the fault came before anything was sent: no such host, connection refused */
	long status; /* HTTP status, 0 with a fault */
	struct vp_buf body;     /* the whole body; the receiver's to free */
	int64_t retry_after_ms; /* what Retry-After or the ratelimit header asks for; -1: nothing */
	char request_id[80];    /* the server's name for the request, or "" */
	char message[300];      /* what X-Error-Message says, or "" */
	char location[200];     /* where a redirect points, or "" */
	uint64_t ms;            /* from sending to the last byte */
};

/* A client for one service. header is the secret one, "Name: value", or NULL; it is copied, and sent only
 * where url's host is (checked by vp_http_safe). more: further "Name: value" lines, ended by NULL, or NULL.
 * The caller frees with vp_http_free. */
struct vp_http *vp_http_new(const char *secret_header, const char *const more[]);
void vp_http_free(struct vp_http *h);

/* Whether a secret may be sent to url: https, or a loopback host. *why tells why not. VP_E_SYNTAX where url
 * is no http(s) URL or holds a user name (messages show it), VP_E_TYPE where it is plain http to elsewhere. */
int vp_http_safe(const char *url, const char **why);

/* A request's body as a list of spans: what it is made of is sent from where it lies, without a copy. A zeroed one is
 * empty; vp_body_free empties it. */
struct vp_body {
	struct vp_span *span; /* [n] */
	size_t n, cap;
	size_t bytes; /* of all spans */
};
void vp_body_add(struct vp_body *b, struct vp_span s);
void vp_body_puts(struct vp_body *b, const char *text); /* which must stay as well */
void vp_body_free(struct vp_body *b);

/* Start a request. method is a static string; body (may be NULL: none) and what it points to must stay until the
 * answer. */
void vp_http_send(
    struct vp_http *h, const char *method, const char *url, const struct vp_body *body, void *user);

/* How many are in flight. */
size_t vp_http_flying(const struct vp_http *h);

/* Work on what is in flight, and wait, at most ms milliseconds, until something happens there or on one of
 * the n descriptors in fds (their revents are set). */
void vp_http_work(struct vp_http *h, struct pollfd fds[], size_t n, uint64_t ms);

/* The next answer that has come in: true and *a is set. */
bool vp_http_next(struct vp_http *h, struct vp_http_answer *a);

/* Allow all that is in flight ms more: the time was ours (vp_out_blocked_ms), not the server's. */
void vp_http_excuse(struct vp_http *h, uint64_t ms);

/* Give up what is in flight; no answers come of it. */
void vp_http_abort(struct vp_http *h);

enum vp_verdict {
	VP_DONE,   /* 2xx, or a refusal that is an answer to its caller: look at it */
	VP_AGAIN,  /* will pass: try again after a while */
	VP_SLOWER, /* too many requests: the same, and send fewer at a time */
	VP_WAIT,   /* the server is starting: the same for up to --wait */
	VP_SPLIT,  /* the request was too large: send it in parts */
	VP_SUSPECT, /* something in it is refused: find out what (one record: that one is rejected) */
	VP_FINAL    /* no request will do better */
};

struct vp_judgement {
	enum vp_verdict verdict;
	int exit; /* status to end with, where it ends */
	size_t
	    max_batch; /* with VP_SPLIT: the number of records that the server allows, if it said so */
	const char *what;  /* what to do, for the user, or NULL */
	const char *cause; /* a word for --stats and progress: "429", "timeout" ... */
};

/* What an answer means, by status and text. */
struct vp_judgement vp_http_judge(enum vp_service service, const struct vp_http_answer *a);

/* Append the server's own message, out of its X-Error-Message or any of the services' error bodies (JSON of several
 * forms, plain text, HTML without its tags' content), on one line and cut at 300 bytes, then the request id. */
void vp_http_message(const struct vp_http_answer *a, struct vp_buf *out);

enum { VP_SAY_WAIT_MS = 5000 }; /* a wait that a server asks for is said if it is so long */

/* Milliseconds to wait before try number `tries` (from 1): full jitter over an exponential backoff from 500 ms
 * to 30 s, never less than what the server asked for. */
uint64_t vp_http_backoff(unsigned tries, int64_t retry_after_ms);

/* One request without any policy: whatever comes back is in *a, whose body is the caller's. */
void vp_http_once(struct vp_http *h, const char *method, const char *url, const struct vp_buf *body,
    struct vp_http_answer *a);

/* Let ms milliseconds pass. */
void vp_http_sleep(struct vp_http *h, uint64_t ms);

/* One request with the whole policy, for calls that are not about records: tries again as long as options
 * and judgement allow, waits where the server is starting. Returns 0 with *a (VP_DONE, or status 404 or 409,
 * which are often an answer), else an exit status, having said why. a->body is the caller's. */
int vp_http_call(struct vp_http *h, enum vp_service service, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a);

/* Say why a request was refused, in the server's words, or why there is no whole answer; then advice (NULL: none).
 * Returns the exit status where it is the user's to mend, 78. */
int vp_http_refused(
    const char *method, const char *url, const struct vp_http_answer *a, const char *advice);

/* Append s percent-encoded for use in a URL's path or query. */
void vp_http_escape(struct vp_buf *url, struct vp_span s);

/* The environment variable name, NULL where it is unset or blank. A value that holds control bytes could add
 * headers of its own: it ends the program (78). */
const char *vp_http_env(const char *name);

#endif
