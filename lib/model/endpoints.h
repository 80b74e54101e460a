/* endpoints: Inference Endpoints on this machine: their life, and the proxy in front of each.
 *
 * States pass as in the service: pending until the keeper, a thread, takes the endpoint up;
 * initializing while it loads the model; then running or failed. Models are loaded one after the
 * other. A change loads the model anew while the old one goes on answering. What is paused, scaled
 * to zero, changed or deleted answers the requests that it has before its model is let go. Another
 * thread, the watcher, sees what has been idle, or has waited, for long enough.
 *
 * The one thread that reads requests holds the lock for the whole of each. The other two hold it
 * only to look and to change a state, never while they load or wait. A load carries a serial number;
 * where its endpoint wants another by the time that it is done, or is gone, its result is thrown
 * away: so an endpoint may be changed or deleted at any time.
 *
 * All is in memory only. Not here: the management API (manage.h).
 *
 * Source: the guide's pages on autoscaling and on pausing, and what clients have met. */
#ifndef VP_MODEL_ENDPOINTS_H
#define VP_MODEL_ENDPOINTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "serve.h"
#include "spec.h"

/* Where the addresses of endpoints begin: /endpoints/NAMESPACE/NAME. */
#define VP_ENDPOINTS "/endpoints/"

enum vp_state {
	VP_PENDING,
	VP_INITIALIZING,
	VP_RUNNING,
	VP_UPDATING,
	VP_UPDATE_FAILED,
	VP_FAILED,
	VP_PAUSED,
	VP_SCALED /* to zero */
};

struct vp_replica;
struct vp_held;

struct vp_endpoint {
	struct vp_endpoint *next;
	char *namespace;
	struct vp_spec spec;
	enum vp_state state;
	char *error;                             /* why it failed, or NULL */
	bool placed;                             /* it has had a URL, and keeps it */
	int64_t created_ms, updated_ms, used_ms; /* since 1970; used_ms 0: never */
	/* inside */
	struct vp_replica *replica; /* a model that is loaded, or NULL */
	struct vp_held *held;       /* requests that wait for one */
	uint64_t load;              /* serial of the load that it wants; 0: none */
	bool due;                   /* nobody has taken that load up */
	uint64_t active_ms; /* of the last request, or the start, on the clock of vp_now_ms */
};

struct vp_endpoints_conf {
	const char *dir;     /* of the models: see vp_hub_below (hub.h) */
	const char *token;   /* that clients must have */
	const char *address; /* "127.0.0.1:5080", for requests without a Host header */
	size_t threads, max_batch, max_queue; /* of each endpoint: see serve.h */
};

struct vp_endpoints {
	struct vp_endpoints_conf conf;
	pthread_mutex_t lock;
	struct vp_endpoint *first; /* in the order they were made */
	/* inside */
	pthread_t keeper, watcher;
	pthread_cond_t changed; /* there is something for one of these */
	struct vp_replica *retired;
	uint64_t serial; /* of the last load */
	bool loading;    /* the keeper does, so it may be long until it looks again */
	bool ending;
};

/* Milliseconds since 1970, as the times of an endpoint are told. */
int64_t vp_wall_ms(void);

/* Start without endpoints; the strings in conf must outlive it. 0, or VP_E_IO with errno where a
 * thread can't be had. */
int vp_endpoints_start(struct vp_endpoints *es, const struct vp_endpoints_conf *conf);

/* All of these with the lock held. */

/* The one of that name, or NULL. */
struct vp_endpoint *vp_endpoints_find(
    const struct vp_endpoints *es, const char *namespace, const char *name);

/* A new one, which is started; spec is taken over. */
struct vp_endpoint *vp_endpoints_add(
    struct vp_endpoints *es, const char *namespace, const struct vp_spec *spec);

/* Load the model, for the first time or, where there is a replica, anew. */
void vp_endpoint_start(struct vp_endpoints *es, struct vp_endpoint *e);

/* Let go of the model; state is VP_PAUSED or VP_SCALED. */
void vp_endpoint_stop(struct vp_endpoints *es, struct vp_endpoint *e, enum vp_state state);
void vp_endpoint_delete(struct vp_endpoints *es, struct vp_endpoint *e);

/* Whether requests are answered: 1 or 0 replicas. */
bool vp_endpoint_ready(const struct vp_endpoint *e);

/* Answer a request that came to an endpoint, as its proxy does. path is the request's behind the
 * endpoint's address, or "/"; it lives as long as r. */
void vp_endpoint_answer(
    struct vp_endpoints *es, struct vp_endpoint *e, struct vp_request *r, const char *path);

/* Without the lock: the thread that reads requests ends, and those that wait for a model are
 * answered that there is none. */
void vp_endpoints_drain(struct vp_endpoints *es);

/* No request may come any more, and all are answered: end the threads and free all. Where a model is
 * being loaded, which may take long, its thread is left behind with what it uses: es must stay until
 * the process ends. */
void vp_endpoints_stop(struct vp_endpoints *es);

#endif
