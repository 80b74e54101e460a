/* map: from a name to a small number, by hashing.
 *
 * It keeps hashes and numbers, not the names: the caller keeps those and compares them. The hash is
 * keyed with a random secret of the process, so that nobody can choose names that collide. A zeroed
 * struct vp_map is empty and ready. */
#ifndef VP_STORE_MAP_H
#define VP_STORE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

uint64_t vp_map_hash(struct vp_span s);

struct vp_map {
	struct vp_slot {
		uint64_t hash;
		uint32_t value; /* plus 1; 0 is a free slot */
	} * slots;              /* [cap], a power of 2 */
	size_t n, cap;
};

#define VP_MAP_START ((size_t)-1)

/* Walk over the numbers stored under a hash: start with *at = VP_MAP_START; each call returns one
 * number, or -1 when there are no more. *at stays good for vp_map_remove and vp_map_set until the
 * map is changed. */
int64_t vp_map_next(const struct vp_map *m, uint64_t hash, size_t *at);

/* value is less than UINT32_MAX. Adding does not look for what is there. */
void vp_map_add(struct vp_map *m, uint64_t hash, uint32_t value);
void vp_map_set(struct vp_map *m, size_t at, uint32_t value);
void vp_map_remove(struct vp_map *m, size_t at);
void vp_map_clear(struct vp_map *m); /* keeps the memory */
void vp_map_free(struct vp_map *m);

#endif
