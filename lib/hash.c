/* hash: BLAKE2b-128 and a set of hashes */
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum { BLOCK = 128, DIGEST = 16, ROUNDS = 12, FIRST_SLOTS = 1024 };

/* RFC 7693 section 2.6: the same as SHA-512's. */
static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179};

/* RFC 7693 section 2.7; rounds 10 and 11 use the first two rows again. */
static const unsigned char sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static uint64_t
rotate_right(uint64_t x, int n)
{
	return x >> n | x << (64 - n);
}

/* The function G of RFC 7693 section 3.1, on a column or a diagonal of v. */
static void
mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, uint64_t x, uint64_t y)
{
	*a += *b + x;
	*d = rotate_right(*d ^ *a, 32);
	*c += *d;
	*b = rotate_right(*b ^ *c, 24);
	*a += *b + y;
	*d = rotate_right(*d ^ *a, 16);
	*c += *d;
	*b = rotate_right(*b ^ *c, 63);
}

static uint64_t
load64(const unsigned char *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--) /* one load, once compiled */
		x = x << 8 | p[i];
	return x;
}

/* The function F of RFC 7693 section 3.2; total is the number of bytes up to this block's end
 * (texts of 2^64 bytes do not occur). */
static void
compress(uint64_t h[8], const unsigned char block[BLOCK], uint64_t total, bool last)
{
	uint64_t v[16], m[16];

	for (int i = 0; i < 16; i++) {
		m[i] = load64(block + i * 8);
		v[i] = i < 8 ? h[i] : iv[i - 8];
	}
	v[12] ^= total;
	if (last)
		v[14] = ~v[14];
	for (int r = 0; r < ROUNDS; r++) {
		const unsigned char *s = sigma[r % 10];
		mix(&v[0], &v[4], &v[8], &v[12], m[s[0]], m[s[1]]);
		mix(&v[1], &v[5], &v[9], &v[13], m[s[2]], m[s[3]]);
		mix(&v[2], &v[6], &v[10], &v[14], m[s[4]], m[s[5]]);
		mix(&v[3], &v[7], &v[11], &v[15], m[s[6]], m[s[7]]);
		mix(&v[0], &v[5], &v[10], &v[15], m[s[8]], m[s[9]]);
		mix(&v[1], &v[6], &v[11], &v[12], m[s[10]], m[s[11]]);
		mix(&v[2], &v[7], &v[8], &v[13], m[s[12]], m[s[13]]);
		mix(&v[3], &v[4], &v[9], &v[14], m[s[14]], m[s[15]]);
	}
	for (int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

struct vp_hash
vp_hash_bytes(struct vp_span s)
{
	uint64_t h[8];
	unsigned char block[BLOCK] = {0};
	const unsigned char *p = (const unsigned char *)s.s;
	size_t left = s.n;

	memcpy(h, iv, sizeof h);
	h[0] ^= 0x01010000 ^ DIGEST; /* fan-out 1, depth 1, no key */
	for (; left > BLOCK; left -= BLOCK, p += BLOCK)
		compress(h, p, s.n - left + BLOCK, false);
	if (left)
		memcpy(block, p, left);
	compress(h, block, s.n, true);
	return (struct vp_hash){{h[0], h[1]}};
}

void
vp_hash_base32(struct vp_hash h, char out[VP_HASH_BASE32])
{
	uint64_t bits = 0; /* what has been taken of the digest, and not been written */
	int have = 0, at = 0;

	for (int i = 0; i < VP_HASH_BASE32; i++) {
		if (have < 5) { /* behind the last byte come zeros */
			bits = bits << 8 | (at < DIGEST ? h.w[at / 8] >> at % 8 * 8 & 0xff : 0);
			at++;
			have += 8;
		}
		have -= 5;
		out[i] = "abcdefghijklmnopqrstuvwxyz234567"[bits >> have & 31];
	}
}

/* Put h where it belongs. False if it is there already. */
static bool
put(struct vp_hash *slot, size_t cap, struct vp_hash h)
{
	size_t i = (size_t)h.w[0] & (cap - 1);

	for (; slot[i].w[0] || slot[i].w[1]; i = (i + 1) & (cap - 1))
		if (slot[i].w[0] == h.w[0] && slot[i].w[1] == h.w[1])
			return false;
	slot[i] = h;
	return true;
}

static void
grow(struct vp_seen *seen)
{
	size_t cap = seen->cap ? seen->cap * 2 : FIRST_SLOTS;
	struct vp_hash *slot = vp_zalloc(cap, sizeof *slot);

	for (size_t i = 0; i < seen->cap; i++)
		if (seen->slot[i].w[0] || seen->slot[i].w[1])
			put(slot, cap, seen->slot[i]);
	free(seen->slot);
	seen->slot = slot;
	seen->cap = cap;
}

bool
vp_seen_add(struct vp_seen *seen, struct vp_hash h)
{
	if (!h.w[0] && !h.w[1]) {
		bool was = seen->zero;
		seen->zero = true;
		return !was;
	}
	if (seen->n >= seen->cap / 4 * 3) /* fuller, and runs of taken slots grow long */
		grow(seen);
	if (!put(seen->slot, seen->cap, h))
		return false;
	seen->n++;
	return true;
}

void
vp_seen_free(struct vp_seen *seen)
{
	free(seen->slot);
	*seen = (struct vp_seen){0};
}
