/* manage: what a client must know of the API that manages Inference Endpoints: whose they are, where they are, what
 * their descriptions say, and when one runs.
 *
 * A description is the JSON object that the API answers with. Functions that return an exit status have said why; names
 * are such as can stand in a URL.
 *
 * Source: huggingface_hub's hf_api.py and _inference_endpoints.py. */
#ifndef VP_MANAGE_H
#define VP_MANAGE_H

#include "hfapi.h"

struct vp_manage {
	struct vp_hfapi api;
	char *owner; /* of endpoints: the user or organisation that has them */
	bool given;  /* the owner was: commands must name it */
};

/* Get ready (hfapi.h). owner may be NULL: then it is the token's user, which is asked for, once. 0 or an exit status;
 * vp_manage_close frees in both cases. */
int vp_manage_open(struct vp_manage *m, const char *owner);
void vp_manage_close(struct vp_manage *m);

/* The address of `endpoint` or `provider` of the owner, of one of them where name is not NULL, and what is below; appended
 * to url, which is a C string then. */
void vp_manage_url(const struct vp_manage *m, struct vp_buf *url, const char *what,
    const char *name, const char *below);

/* A call about endpoint name, at its address with below behind it; the description that is answered takes the place of
 * what is in out. 0; VP_HFAPI_ABSENT, VP_HFAPI_ALREADY (a 400: it is so already; nothing is said); or an exit status. */
int vp_manage_call(struct vp_manage *m, const char *method, const char *name, const char *below,
    const struct vp_buf *body, struct vp_buf *out);

/* Its description, in the place of what is in out: 0, or an exit status. */
int vp_manage_find(struct vp_manage *m, const char *name, struct vp_buf *out);

/* Say that there is no such endpoint, and which there are. Returns the exit status, 78. */
int vp_manage_missing(struct vp_manage *m, const char *name);

/* A string of a description, a member or (inner not NULL) a member's member, appended to out, which is a C string then.
 * False where there is none, or it is empty. */
bool vp_manage_text(
    struct vp_span description, const char *member, const char *inner, struct vp_buf *out);

/* The command that does verb with the endpoint, as it must be typed: `hf-endpoint wait -u acme one`. Takes the place of what
 * is in out; returned as a C string. */
const char *vp_manage_command(
    const struct vp_manage *m, const char *verb, const char *name, struct vp_buf *out);

/* The exit status (said), if its state is one that no waiting changes: paused, failed, updateFailed; else 0. */
int vp_manage_stuck(
    const struct vp_manage *m, const char *name, const char *state, struct vp_span description);

/* Wait until it runs: its state is running, it has a url, and its health route answers 200. One that is scaled to zero is
 * woken by that question. It is looked at every so often, at first quickly, for up to --wait, or until --deadline.
 * description is one that was had already, and the last one afterwards. 0 or an exit status. A signal ends the program
 * meanwhile (vp_stop_at_once), saying that the endpoint goes on; what is in the output is written before. */
int vp_manage_wait(struct vp_manage *m, const char *name, struct vp_buf *description);

#endif
