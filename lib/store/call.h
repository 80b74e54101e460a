/* call: one call of the API that is being answered: reading what was asked, with errors that name
 * the member, and answering in the form that clients of this plane expect.
 *
 * Functions that return bool have set the error answer when they return false; the handler then
 * just returns. */
#ifndef VP_STORE_CALL_H
#define VP_STORE_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "json.h"
#include "server.h"
#include "store.h"

struct vp_call {
	struct vp_request *request; /* NULL where a file is read as if it were one */
	struct vp_store *store;
	const char *address;     /* "127.0.0.1:5080": where the client reaches this server */
	bool control;            /* control plane: errors look different there */
	int status;              /* of the answer; 0 until it is known */
	struct vp_buf out;       /* its body */
	struct vp_buf message;   /* of an error */
	struct vp_chunk *chunks; /* memory that lives as long as the call */
};

/* Memory that lives as long as the call. */
void *vp_call_alloc(struct vp_call *c, size_t n, size_t size);
void vp_call_free(struct vp_call *c);

/* Answer an error; status is that of HTTP. Always returns false. */
bool vp_call_fail(struct vp_call *c, int status, const char *format, ...) VP_PRINTF(3, 4);

/* Answer what the store returned; what names the thing (index, namespace). True for VP_STORE_OK. */
bool vp_call_stored(struct vp_call *c, enum vp_store_error e, const char *what);

/* The body of an error of this plane. */
void vp_error_body(bool control, int status, const char *message, struct vp_buf *out);

/* A member that an object may have. */
struct vp_member {
	const char *name, *other; /* other: its second spelling, or NULL */
	char type;                /* as vp_json_type; 't' is a boolean, '*' anything */
	bool required;
	struct vp_span *value; /* set to what was found; left alone where it is absent or null */
};

/* Take an object apart. where names it in messages ("vectors[3].", "" for the body). Other members
 * are passed over. */
bool vp_call_members(struct vp_call *c, struct vp_span object, const char *where,
    const struct vp_member *members, size_t n);

/* The same for what a walk is about to go over. The value of one member may be read by a function
 * while the walk goes over it, for what is too large to be gone over twice: it sets *value to all of
 * it, or returns false when it has set the error answer. */
struct vp_reader {
	size_t member;
	bool (*read)(struct vp_call *c, struct vp_json_walk *w, void *arg, struct vp_span *value);
	void *arg;
};
bool vp_call_walk(struct vp_call *c, struct vp_json_walk *w, const char *where,
    const struct vp_member *members, size_t n, const struct vp_reader *reader);

/* The same for the request's body; an empty body counts as {} if allowed. */
bool vp_call_body(struct vp_call *c, const struct vp_member *members, size_t n, bool may_be_empty);

/* A JSON string as text without NUL; it lives as long as the call, and a NUL stands behind it. */
bool vp_call_text(struct vp_call *c, struct vp_span json, const char *where, struct vp_span *text);

/* An integer from min to max; default_value where json is absent (n is 0). */
bool vp_call_integer(struct vp_call *c, struct vp_span json, const char *where, size_t min,
    size_t max, size_t default_value, size_t *out);

/* The same for a query parameter. */
bool vp_call_parameter(
    struct vp_call *c, const char *name, size_t min, size_t max, size_t default_value, size_t *out);

bool vp_call_is_true(struct vp_span json);

/* A filter; *out lives until the caller frees it. */
bool vp_call_filter(struct vp_call *c, struct vp_span json, struct vp_filter **out);

/* Tokens of pages: the last name of the page, in hexadecimal. */
void vp_token_write(struct vp_buf *out, struct vp_span last);
bool vp_token_read(struct vp_call *c, const char *token, struct vp_span *last);

#endif
