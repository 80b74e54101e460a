/* store: indexes, their namespaces and records: one file, and all of it in memory.
 *
 * Reading is done in memory only, between vp_store_read and vp_store_read_end, by any number of
 * threads. A change is first made durable in the file and then made in memory: when a function here
 * returns VP_STORE_OK, the change is on the disk, and every read that starts from then on sees it.
 * Upserts that wait for each other are committed together.
 *
 * Functions that change something return a vp_store_error, and for VP_STORE_FAILED and
 * VP_STORE_LIMIT the reason in why; then nothing has been changed. Indexes are named by their key
 * there, because a name may have come to mean another index since the request was checked. */
#ifndef VP_STORE_STORE_H
#define VP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"
#include "filter.h"
#include "space.h"

#define VP_DEFAULT_SPACE "__default__" /* the namespace that has no name */
#define VP_METADATA_MAX 40960          /* bytes of a record's metadata */

struct vp_namespace {
	int64_t key;
	char *name;
	char *schema; /* a JSON object, or NULL */
	struct vp_space *space;
	int64_t backup,
	    before; /* the last backup with it: records with lower keys stay for it; 0 */
};

struct vp_index {
	int64_t key;
	struct vp_index_conf conf;
	const struct vp_restore *restore; /* while it is being made from a backup: not to be used */
	struct vp_namespace **spaces;     /* [n], by name in byte order */
	size_t n;
};

struct vp_store;

/* progress, if given, is called now and then with the share of the file that has been read. */
enum vp_store_error vp_store_open(
    const char *path, void (*progress)(double share), struct vp_store **out, struct vp_buf *why);
void vp_store_close(struct vp_store *s);

/* Everything that is returned in between is good until the end of it. */
void vp_store_read(struct vp_store *s);
void vp_store_read_end(struct vp_store *s);
struct vp_index *const *vp_store_indexes(const struct vp_store *s, size_t *n); /* by name */
struct vp_index *vp_store_index(const struct vp_store *s, const char *name);   /* or NULL */
struct vp_namespace *vp_index_space(const struct vp_index *index, const char *name);

/* conf's strings are copied. EXISTS. */
enum vp_store_error vp_store_create(
    struct vp_store *s, const struct vp_index_conf *conf, struct vp_buf *why);

/* Take protection, tags and spec from conf. NO_INDEX. */
enum vp_store_error vp_store_configure(
    struct vp_store *s, int64_t index, const struct vp_index_conf *conf, struct vp_buf *why);

/* NO_INDEX, PROTECTED. */
enum vp_store_error vp_store_drop(struct vp_store *s, int64_t index, struct vp_buf *why);

/* NO_INDEX, EXISTS; NO_NAMESPACE. schema may be NULL. */
enum vp_store_error vp_store_create_space(
    struct vp_store *s, int64_t index, const char *name, const char *schema, struct vp_buf *why);
enum vp_store_error vp_store_drop_space(
    struct vp_store *s, int64_t index, const char *name, struct vp_buf *why);

/* Store [n] records, whose dimension has been checked; the last one of an id wins. The namespace is
 * made if need be. NO_INDEX. */
enum vp_store_error vp_store_upsert(struct vp_store *s, int64_t index, const char *space,
    const struct vp_item *items, size_t n, struct vp_buf *why);

/* Which records: those with one of [n] ids; those that a filter matches; else all of them. */
struct vp_choice {
	const struct vp_span *ids;
	size_t n;
	const struct vp_filter *filter;
};

/* Remove records; unknown ids do not matter. NO_INDEX, NO_NAMESPACE. */
enum vp_store_error vp_store_delete(struct vp_store *s, int64_t index, const char *space,
    const struct vp_choice *which, struct vp_buf *why);

/* Change records: what is given of values, sparse vector and metadata (merged, key by key) replaces
 * what is there. id in change is not looked at. *matched is how many there are; dry: only count.
 * NO_INDEX, NO_NAMESPACE, LIMIT. */
enum vp_store_error vp_store_update(struct vp_store *s, int64_t index, const char *space,
    const struct vp_choice *which, const struct vp_item *change, bool dry, size_t *matched,
    struct vp_buf *why);

/* The rows of a space that a choice means, as a bit set of (space->n + 63) / 64 words that the
 * caller frees. */
uint64_t *vp_choice_rows(const struct vp_space *s, const struct vp_choice *which);

#endif
