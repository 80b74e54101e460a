/* thing: what Pinecone's API keeps, and is described, listed and begun in one way: indexes, their
 * namespaces and imports, backups, and restores of these.
 *
 * Namespaces and imports belong to an index, and are asked for at its own address; the others are at the
 * control plane. What the server says is written to standard output (out.h) as it says it, a line each.
 *
 * Source: the paths and models of Pinecone's specifications db_control and db_data 2026-04. */
#ifndef VP_THING_H
#define VP_THING_H

#include <stdbool.h>

#include "pinecone.h"

struct vp_thing_kind {
	const char *word; /* in messages: "restore" */
	const char
	    *noun; /* in front of pc-index's commands, with a blank behind it; "" for indexes */
	const char *path; /* of all of them */
	bool in_index;    /* below the index's address */
	const char *list; /* member of the answer that has them */
	const char *key;  /* member of one that names it */
};
enum { VP_INDEX, VP_NAMESPACE, VP_BACKUP, VP_RESTORE, VP_IMPORT, VP_THING_KINDS };
extern const struct vp_thing_kind vp_thing_kinds[VP_THING_KINDS];

/* Where things are; the strings are the caller's. */
struct vp_things {
	struct vp_pinecone *pc;
	const struct vp_thing_kind *kind;
	const char
	    *index; /* that they belong to: for kinds in an index, or backups of one; or NULL */
	const char *base; /* its address, without a slash at its end; for kinds in an index */
};

/* Set url to the address of the thing, or with NULL to that of all; returned as a C string. */
char *vp_thing_url(const struct vp_things *t, struct vp_buf *url, const char *name);

/* Append its description, one JSON object: 0, -1 where there is none, or an exit status (said). */
int vp_thing_get(const struct vp_things *t, const char *name, struct vp_buf *out);

/* Write its description: 0 or an exit status (said). */
int vp_thing_print(const struct vp_things *t, const char *name);

/* Say that there is none of that name, and how to see which there are. Returns the exit status, 78. */
int vp_thing_missing(const struct vp_things *t, const char *name);

/* Write the description of each, page by page; prefix, if not NULL, is what their names begin with. 0 or an
 * exit status (said). Closes standard output. */
int vp_thing_list(const struct vp_things *t, const char *prefix);

/* Have the server begin a backup, a restore or an import, by POST to url with body, and write its
 * description: at once or, with wait, when it is ready (vp_pinecone_await); then 1 where the description has an
 * `error` all the same (said): the records that an import has left out. It is asked for once: after an
 * answer that was lost, a second try would begin a second one. 0; -1 where the answer is 404 (nothing is
 * said); or an exit status (said). */
int vp_thing_begin(
    const struct vp_things *t, const char *url, const struct vp_buf *body, bool wait);

/* Append `,"name":"value"` to a JSON object that is not closed yet, without the comma behind the brace;
 * nothing where value is NULL. */
void vp_thing_member(struct vp_buf *object, const char *name, const char *value);

#endif
