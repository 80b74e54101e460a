/* vocab: the strings of a vocabulary and their ids.
 *
 * A hash table that is asked by running hash, so that all prefixes of a word are tried with one
 * pass over it. */
#ifndef VP_MODEL_VOCAB_H
#define VP_MODEL_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../buf.h"

#define VP_VOCAB_MAX 4000000 /* tokens, and highest id; the largest in use have 0.3 million */

struct vp_vocab_entry {
	uint64_t hash;
	size_t at; /* where the string stands in bytes */
	uint32_t len, id;
	bool name; /* stands for its id, but is not found */
};

struct vp_vocab {
	struct vp_vocab_entry *entry; /* [n] */
	uint32_t *slot;               /* [slots] 1 + index of an entry, 0 is free */
	uint32_t *by_id;              /* [ids] 1 + index of an entry, 0: no such id */
	struct vp_buf bytes;
	size_t n, cap, slots;  /* slots is a power of two */
	uint32_t ids, ids_cap; /* 1 + the highest id; room in by_id */
	uint32_t longest;      /* bytes of the longest string */
};

/* Add a string. 0; VP_E_TWICE where it is there already; VP_E_LIMIT where there are too many, or id
 * is too high. */
int vp_vocab_add(struct vp_vocab *v, struct vp_span s, uint64_t id);

/* Add a string that vp_vocab_token is to tell, but that is not of the vocabulary. As vp_vocab_add;
 * any number of times. */
int vp_vocab_name(struct vp_vocab *v, struct vp_span s, uint64_t id);

/* The hash of a string: start with VP_HASH_START, and step over its bytes. */
#define VP_HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t
vp_hash_step(uint64_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}
uint64_t vp_hash(uint64_t hash, struct vp_span s);

/* Whether the string a followed by b, with that hash, is in the vocabulary; then *id is its id. */
bool vp_vocab_find(
    const struct vp_vocab *v, uint64_t hash, struct vp_span a, struct vp_span b, uint32_t *id);

/* The same for one string. */
bool vp_vocab_id(const struct vp_vocab *v, struct vp_span s, uint32_t *id);

/* The string of an id; empty where there is none. Owned by v. */
struct vp_span vp_vocab_token(const struct vp_vocab *v, uint32_t id);

void vp_vocab_free(struct vp_vocab *v);

/* A list of ids that grows. Owns its memory; ready when zeroed; n = 0 empties it and keeps the
 * memory. */
struct vp_ids {
	uint32_t *id; /* [n] */
	size_t n, cap;
};
void vp_ids_add(struct vp_ids *list, uint32_t id);
void vp_ids_free(struct vp_ids *list);

#endif
