/* pinecone: what a client must know of Pinecone: key, addresses, headers.
 *
 * Source: the API's OpenAPI files for version 2026-04, and what its official clients agree on. */
#ifndef VP_PINECONE_H
#define VP_PINECONE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "http.h"

/* The API version that is sent with each request: the last one whose create call takes dimension,
 * metric and spec. */
#define VP_PINECONE_VERSION "2026-04"

struct vp_pinecone {
	struct vp_http *http;
	char *controller; /* base of the control plane, without a slash at its end */
};

/* Get ready: PINECONE_API_KEY, PINECONE_CONTROLLER_HOST, PINECONE_ADDITIONAL_HEADERS. What is
 * missing or wrong ends the program (78). vp_pinecone_close frees. */
void vp_pinecone_open(struct vp_pinecone *pc);
void vp_pinecone_close(struct vp_pinecone *pc);

/* Whether name can stand in a URL's path as it is meant: not empty, "." or "..", no control bytes,
 * UTF-8. What else a name must be, the server says. */
bool vp_pinecone_name_ok(struct vp_span name);

/* A base address out of what users write: https:// where there is no scheme, no slash at the end.
 * The caller frees. An address to which the key may not be sent ends the program (78). */
char *vp_pinecone_base(const char *what, const char *address);

/* {controller}/indexes/{index}{rest}, appended to url. */
void vp_pinecone_control_url(
    const struct vp_pinecone *pc, struct vp_buf *url, const char *index, const char *rest);

/* One call whose answer is a JSON object (to DELETE it may be empty). 0 with *a, whose body the
 * caller frees; -1 where the status is 404 (nothing is said); else an exit status (said). */
int vp_pinecone_call(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a);

/* The index's description, one JSON object, appended to *out: 0; -1 where there is no such index
 * (nothing is said); else an exit status (said). */
int vp_pinecone_describe(struct vp_pinecone *pc, const char *index, struct vp_buf *out);

/* The base address of the index's data plane: PINECONE_INDEX_HOST, else asked of the control
 * plane. 0 with *base, which the caller frees; else as vp_pinecone_describe. */
int vp_pinecone_index(struct vp_pinecone *pc, const char *index, char **base);

/* Create a serverless index, unless it is there: then *existed is set, and its dimension and
 * metric may be others. Does not wait until it is ready. 0, or an exit status (said). */
int vp_pinecone_create(struct vp_pinecone *pc, const char *index, uint64_t dimension,
    const char *metric, const char *cloud, const char *region, bool *existed);

/* Wait until index is ready: describes it every so often (at first quickly) for up to --wait, or
 * until --deadline. 0 and, if described is not NULL, the description appended to it; or an exit
 * status (said). */
int vp_pinecone_wait(struct vp_pinecone *pc, const char *index, struct vp_buf *described);

/* Say that there is no such index, which ones there are, and how to create it. Returns the exit
 * status, 78. */
int vp_pinecone_no_index(struct vp_pinecone *pc, const char *index);

#endif
