/* manage: the management API of Inference Endpoints, over the endpoints of this machine.
 *
 *	/v2/endpoint/NAMESPACE[/NAME[/ACTION]]  make, list, change, pause, resume, delete
 *	/v2/provider/NAMESPACE                  the hardware: this machine
 *	/api/whoami-v2                          who the token belongs to
 *	/endpoints/NAMESPACE/NAME[/...]         the endpoints themselves
 *
 * A namespace is what stands in the path: anyone with the token has all of them.
 *
 * Source: huggingface_hub's client: what it sends, and what it expects. */
#ifndef VP_MODEL_MANAGE_H
#define VP_MODEL_MANAGE_H

#include "endpoints.h"

/* Answer a request, now or later. Takes the lock of es. */
void vp_manage_answer(struct vp_endpoints *es, struct vp_request *r);

/* The body of a refusal that the HTTP server makes itself (struct vp_server_conf). */
void vp_manage_refusal(int status, const char *path, const char *message, struct vp_buf *body);

#endif
