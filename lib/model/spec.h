/* spec: what an Inference Endpoint is asked to be: the body of POST and PUT in the management API,
 * checked.
 *
 * The document is kept as it came, so that a client reads back what it has sent, but for two things:
 * members that are not known are dropped, and the values of secrets and the registry's password are
 * not kept at all. What has no meaning on one machine (vendor, region, hardware, replicas beyond
 * one) must have the right form and is otherwise passed over; what would make the endpoint another
 * thing than it is here (another task, another image) is refused.
 *
 * Not here: whether the model is there and can be loaded.
 *
 * Source: huggingface_hub's create_inference_endpoint and update_inference_endpoint. */
#ifndef VP_MODEL_SPEC_H
#define VP_MODEL_SPEC_H

#include <jv.h>
#include <stdbool.h>
#include <stddef.h>

#include "ask.h"

struct vp_spec {
	jv doc;                /* all of it, with the defaults filled in */
	char *name;            /* of the endpoint: a-z, 0-9 and -, at most 32 */
	char *repository;      /* of the model */
	char *revision;        /* NULL: main */
	char *health;          /* "/health", or what the image says */
	bool open;             /* type is public: no token is needed */
	bool tei;              /* the image is text-embeddings-inference, not the toolkit */
	size_t max_batch;      /* MAX_CLIENT_BATCH_SIZE in model.env of such an image; 0: not set */
	unsigned replicas;     /* minReplica, but 1 at least */
	unsigned idle_minutes; /* without a request, then it is scaled to zero; 0: never */
};

/* Read a body. old is NULL for a new endpoint; else the body has only what is to be changed, and s
 * becomes old with these changes: objects are merged, member by member, but model.image is replaced
 * whole. True; false and why, then s holds nothing. The caller frees s (vp_spec_free). */
bool vp_spec_read(
    struct vp_spec *s, struct vp_span body, const struct vp_spec *old, struct vp_refusal *why);
void vp_spec_free(struct vp_spec *s);

#endif
