/* serve: one model behind HTTP, answering as an endpoint's container does: the routes of the
 * inference toolkit, of text-embeddings-inference and of OpenAI's interface.
 *
 * There may be any number of these in a process, each with a model, threads and counts of its own.
 * One thread reads the requests of one; what it puts on the queue is answered by the threads that
 * compute.
 *
 * Not here: where a path begins (the caller takes the endpoint's part off), endpoints that do not
 * run (endpoints.h). */
#ifndef VP_MODEL_SERVE_H
#define VP_MODEL_SERVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../server.h"
#include "ask.h"
#include "tasks.h"

#define VP_ROUTES 10

struct vp_serve_conf {
	const char *name; /* what the model is called in answers */
	size_t threads;   /* that compute; 1 or more */
	size_t max_batch; /* texts in a request */
	size_t max_queue; /* texts that may wait; a request with more is answered 429 */
	bool tei;         /* POST / is as text-embeddings-inference has it, not the toolkit */
};

struct vp_serve {
	struct vp_model model;
	struct vp_serve_conf conf; /* but for the name */
	char *name;
	struct vp_tasks tasks;
	struct vp_ask_work work; /* of the thread that reads */
	char weights
	    [VP_HASH_BASE32]; /* vp_tensors_hash, once /info was asked for; of that thread, too */
	bool started;         /* there are threads */
	pthread_mutex_t lock; /* for what follows: what has been done since the start */
	uint64_t answers[VP_ROUTES + 1]
			[600];            /* by route, the last being none of ours, and status */
	uint64_t requests, texts, tokens; /* with vectors in their answers; and what was in them */
	uint64_t total_us, tokenization_us, queue_us, inference_us; /* their sums */
};

/* Open a model and start its threads; s is zeroed. 0; VP_E_COUNT where the threads can't be had;
 * otherwise as vp_model_open; then why is one line. In any case vp_serve_close may be called after
 * it; that answers what is on the queue first. */
int vp_serve_open(
    struct vp_serve *s, const char *model, const struct vp_serve_conf *conf, struct vp_buf *why);
void vp_serve_close(struct vp_serve *s);

/* Whether r may be answered: it comes from no web page (vp_request_forbidden), and carries the
 * token, unless that is NULL: then none is needed. False: it has been answered 403, or 401 in the
 * words of the proxy in front of every endpoint. path is the request's, below the endpoint's; s
 * counts the answer, and may be NULL. */
bool vp_serve_admits(struct vp_serve *s, struct vp_request *r, const char *path, const char *token);

/* Answer r, now or when its vectors are computed. Only from one thread at a time. */
void vp_serve_answer(struct vp_serve *s, struct vp_request *r, const char *path);

/* The body of a refusal that the HTTP server makes itself (struct vp_server_conf). s may be NULL.
 * From any thread. */
void vp_serve_refusal(
    struct vp_serve *s, int status, const char *path, const char *message, struct vp_buf *body);

#endif
