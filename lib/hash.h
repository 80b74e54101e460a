/* hash: 128 bits that stand for a text, and a set of them.
 *
 * The hash is BLAKE2b with a digest of 16 bytes and no key (RFC 7693), so coreutils can check it:
 *
 *	printf %s 'a text' | b2sum -l 128
 *
 * It is a cryptographic one because ids are made of it, and texts may come from anywhere: nobody
 * can make two texts that take each other's place with less than 2^64 tries.
 *
 * The set keeps 16 bytes for each member and grows by doubling, so it holds 21 to 43 bytes for
 * each, half as much again while it grows. It never gives memory back before vp_seen_free. */
#ifndef VP_HASH_H
#define VP_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define VP_HASH_BASE32 26 /* characters of 128 bits in base32 without padding */

struct vp_hash {
	uint64_t w[2]; /* the digest's bytes, read little-endian */
};

/* The hash of s.n bytes. For texts: of their UTF-8, without quotes and escapes, so that one text
 * has one hash however it was spelled. */
struct vp_hash vp_hash_bytes(struct vp_span s);

/* Write the digest as VP_HASH_BASE32 characters of RFC 4648 base32 in lower case, without padding;
 * no NUL is put behind them. */
void vp_hash_base32(struct vp_hash h, char out[VP_HASH_BASE32]);

/* A set of hashes; ready when zeroed. */
struct vp_seen {
	struct vp_hash *slot; /* [cap] open addressing; all zero is an empty slot */
	size_t n, cap;        /* members in slots; slots, a power of two */
	bool zero;            /* the hash that is all zero is a member */
};

/* Add h. True if it was not there yet. Out of memory ends the program (exit 70). */
bool vp_seen_add(struct vp_seen *seen, struct vp_hash h);
void vp_seen_free(struct vp_seen *seen);

#endif
