/* upkeep: what is done to a file of the store as a whole: copy it, check it, make it smaller.
 *
 * Each opens and closes the file by itself, and never makes one. Functions return a vp_store_error,
 * with the reason appended to why: UNOPENED where a file cannot be opened or made, FOREIGN where it
 * is not ours or is damaged, TAKEN where a server has it, FAILED where it cannot be written. */
#ifndef VP_STORE_UPKEEP_H
#define VP_STORE_UPKEEP_H

#include <stdint.h>

#include "db.h"

/* Copy a file, also one that is being served: the copy is what had been committed at one moment.
 * `to` must not exist; it is on the disk when this returns, and is not there if it failed. */
enum vp_store_error vp_upkeep_copy(const char *path, const char *to, struct vp_buf *why);

struct vp_upkeep_counts {
	int64_t indexes, namespaces, records, backups;
};

/* Check a file, also one that is being served: its pages, and that each record belongs to a
 * namespace, has a vector of its index's dimension, and an id that no other one has; and that each
 * backup holds as many records as it did when it was made. FOREIGN, and the first thing that is
 * wrong, where something is. */
enum vp_store_error vp_upkeep_check(
    const char *path, struct vp_upkeep_counts *counts, struct vp_buf *why);

/* Give the room of what has been deleted back to the disk. Needs room for a second copy
 * meanwhile. *saved: bytes. */
enum vp_store_error vp_upkeep_compact(const char *path, int64_t *saved, struct vp_buf *why);

#endif
