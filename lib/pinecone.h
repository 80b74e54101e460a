/* pinecone: what a client must know of Pinecone: key, addresses, headers.
 *
 * Source: the API's OpenAPI files for version 2026-04, and what its official clients agree on. */
#ifndef VP_PINECONE_H
#define VP_PINECONE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "http.h"
#include "shape.h"

/* The API version that is sent with each request where PINECONE_API_VERSION names no other: the last one
 * whose create call takes dimension, metric and spec. */
#define VP_PINECONE_VERSION "2026-04"

struct vp_pinecone {
	struct vp_http *http;
	char *controller; /* base of the control plane, without a slash at its end */
	bool with_schema; /* the version is 2026-07 or later: shapes of its kind (shape.h) */
};

/* Get ready: PINECONE_API_KEY, PINECONE_API_VERSION, PINECONE_CONTROLLER_HOST, PINECONE_ADDITIONAL_HEADERS.
 * What is missing or wrong ends the program (78). vp_pinecone_close frees. */
void vp_pinecone_open(struct vp_pinecone *pc);
void vp_pinecone_close(struct vp_pinecone *pc);

/* Whether name can stand in a URL's path as it is meant: not empty, "." or "..", no control bytes,
 * UTF-8. What else a name must be, the server says. */
bool vp_pinecone_name_ok(struct vp_span name);

/* The operand of a program that works on one index: its name. Another number of operands, a name that no
 * index can have, or a namespace (NULL: none was given) that is not UTF-8, ends the program (64). */
const char *vp_pinecone_operand(int argc, char *argv[], const char *namespace_name);

/* The argument of -f, a JSON object, without blanks around it; another one ends the program (64). What else
 * it must be, the server says. */
struct vp_span vp_pinecone_filter(const char *argument);

/* {controller}/indexes/{index}{rest}, appended to url. */
void vp_pinecone_control_url(
    const struct vp_pinecone *pc, struct vp_buf *url, const char *index, const char *rest);

/* One call whose answer is a JSON object (to DELETE it may be empty). 0 with *a, whose body the
 * caller frees; -1 where the status is 404 (nothing is said); else an exit status (said). */
int vp_pinecone_call(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, struct vp_http_answer *a);

/* The same where a 404 is said as well, with what to do about it: gone. 0, or an exit status (said). */
int vp_pinecone_ask(struct vp_pinecone *pc, const char *method, const char *url,
    const struct vp_buf *body, const char *gone, struct vp_http_answer *a);

/* The base address of the index's data plane: PINECONE_INDEX_HOST, else asked of the control
 * plane. 0 with *base, which the caller frees; -1 where there is no such index (nothing is said); else an
 * exit status (said). */
int vp_pinecone_host(struct vp_pinecone *pc, const char *index, char **base);

/* The same for a program that sends or asks for vectors: a document index is refused (78, said), where
 * the control plane was asked. */
int vp_pinecone_index(struct vp_pinecone *pc, const char *index, char **base);

/* Create a serverless index, unless it is there: then *existed is set, and its shape may be another.
 * Does not wait until it is ready. 0, or an exit status (said). vp_pinecone_create: a dense one, with
 * nothing special about it. */
int vp_pinecone_make(struct vp_pinecone *pc, const char *index, const struct vp_shape *shape,
    const struct vp_shape_place *place, bool *existed);
int vp_pinecone_create(struct vp_pinecone *pc, const char *index, uint64_t dimension,
    const char *metric, const char *cloud, const char *region, bool *existed);

/* Something that the server gets ready in its own time. */
struct vp_pinecone_work {
	const char *url;  /* what describes it */
	const char *what; /* its name in messages: "index demo" */
	const char *see;  /* the command that describes it */
};

/* Wait until it is ready or completed: describes it every so often (at first quickly) for up to --wait,
 * or until --deadline. 0 and, if described is not NULL, the description appended to it; -1 where there is
 * no such thing (nothing is said); or an exit status (said): 69 where it has failed, 75 where time is over.
 *
 * Source: IndexModel.status, an object; BackupModel.status, RestoreJobModel.status and
 * ImportModel.status, strings. */
int vp_pinecone_await(
    struct vp_pinecone *pc, const struct vp_pinecone_work *work, struct vp_buf *described);

/* The same for an index: 0 or an exit status, also where there is none (said). */
int vp_pinecone_wait(struct vp_pinecone *pc, const char *index, struct vp_buf *described);

/* Say that there is no such index, which ones there are, and how to create it. Returns the exit
 * status, 78. */
int vp_pinecone_no_index(struct vp_pinecone *pc, const char *index);

/* vp_pinecone_index, and vp_pinecone_no_index where there is none: 0 with *base, or an exit status (said). */
int vp_pinecone_find(struct vp_pinecone *pc, const char *index, char **base);

/* What to do about a status of the data plane, for struct vp_protocol (flow.h): the index is gone (404). */
const char *vp_pinecone_advice(void *arg, long status);

/* The look at an answer, for the same, where the API answers {}: 0, or VP_E_TYPE where that is no JSON
 * object. */
struct vp_record;
int vp_pinecone_acknowledged(void *arg, const struct vp_record *const rec[], size_t n,
    struct vp_span body, struct vp_span out[], struct vp_buf *why);

/* Append a parameter to url's query: the first one begins it. value is percent-encoded. */
void vp_pinecone_parameter(struct vp_buf *url, const char *name, struct vp_span value);

/* A call whose answer comes in pages. */
struct vp_pages {
	const char *method;
	const char *url;     /* the token of a page is put behind it, */
	const char *gone;    /* what to do about a 404; NULL: that of vp_pinecone_advice */
	struct vp_span body; /* or, for POST, behind this: an object without its last brace */
	/* Write what is on a page, one JSON object, to standard output (out.h): 0, or VP_E_* with the
	 * reason in why, where the protocol does not allow it. */
	int (*print)(struct vp_span page, struct vp_buf *why);
};

/* All pages, each written as soon as it is there. Where output is a file and the program ends early, by a
 * signal too (stop.h), whole pages stand in it. 0, or an exit status (said). Closes standard output.
 *
 * Source: pagination.next of the data plane's answers, absent on the last page. */
int vp_pinecone_pages(struct vp_pinecone *pc, const struct vp_pages *p);

#endif
