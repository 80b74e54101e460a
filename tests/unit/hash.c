/* hash: BLAKE2b-128 against values of b2sum -l 128, base32, and the set against a plain list */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"

static void
hex(struct vp_hash h, char out[33])
{
	for (int i = 0; i < 16; i++)
		sprintf(out + i * 2, "%02x", (unsigned)(h.w[i / 8] >> i % 8 * 8 & 0xff));
}

/* Lengths on both sides of a block's end. The bytes are 0, 1, 2 and so on. */
static void
test_blake2b(void)
{
	static const struct {
		size_t n;
		const char *hash;
	} known[] = {
	    {0, "cae66941d9efbd404e4d88758ea67670"},
	    {1, "7025e075d5e2f6cde3cc051a31f07660"},
	    {3, "a75c0b0d97360c1ba783496eb6a0395a"},
	    {127, "28b1296c7d4807883de6ee4ec04dcc0a"},
	    {128, "a74787004ef589e31149183900d0294a"},
	    {129, "aaf1b0371f6d4ee49ee4fb5ddd9c49ef"},
	    {255, "192657d8c2d07da4ee7beb8c6f9951f4"},
	    {256, "c2472c0ac37a8dbdb25f05ada0d82643"},
	    {257, "5b9ad79f1309b3599ac3871688f3812c"},
	    {1000, "978a3f8b45508a42fe7f0f99caf2c423"},
	};
	unsigned char bytes[1024];
	char text[33];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		hex(vp_hash_bytes((struct vp_span){(char *)bytes, known[i].n}), text);
		CHECK_AT(strcmp(text, known[i].hash) == 0, known[i].hash);
	}
	hex(vp_hash_bytes((struct vp_span){NULL, 0}), text);
	CHECK(strcmp(text, known[0].hash) == 0);
}

static void
test_base32(void)
{
	char out[VP_HASH_BASE32 + 1] = {0};

	vp_hash_base32((struct vp_hash){{0, 0}}, out);
	CHECK(strcmp(out, "aaaaaaaaaaaaaaaaaaaaaaaaaa") == 0);
	vp_hash_base32((struct vp_hash){{UINT64_MAX, UINT64_MAX}}, out);
	CHECK(strcmp(out, "77777777777777777777777774") == 0);
	vp_hash_base32((struct vp_hash){{0x6867666564636261, 0x706f6e6d6c6b6a69}}, out);
	CHECK(strcmp(out, "mfrggzdfmztwq2lknnwg23tpoa") == 0); /* base32 of abcdefghijklmnop */
}

static void
test_set(void)
{
	enum { N = 100000 };
	struct vp_seen seen = {0};
	struct vp_hash same = {{1, 2}};

	CHECK(vp_seen_add(&seen, (struct vp_hash){{0, 0}}));
	CHECK(!vp_seen_add(&seen, (struct vp_hash){{0, 0}}));
	CHECK(vp_seen_add(&seen, same) && !vp_seen_add(&seen, same));
	/* the same slot, other hashes */
	CHECK(vp_seen_add(&seen, (struct vp_hash){{1, 3}}) &&
	      vp_seen_add(&seen, (struct vp_hash){{0, 1}}));
	CHECK(vp_seen_add(&seen, (struct vp_hash){{1 + (UINT64_C(1) << 40), 2}}));
	for (int turn = 0; turn < 2; turn++)
		for (uint64_t i = 0; i < N; i++) {
			bool new = vp_seen_add(
			    &seen, vp_hash_bytes((struct vp_span){(char *)&i, sizeof i}));
			if (!CHECK(new == (turn == 0)))
				return;
		}
	CHECK(!vp_seen_add(&seen, same) && !vp_seen_add(&seen, (struct vp_hash){{0, 0}}));
	CHECK(seen.n == N + 4 && seen.cap * 3 >= seen.n * 4 && seen.cap <= seen.n * 3);
	vp_seen_free(&seen);
	CHECK(seen.slot == NULL && vp_seen_add(&seen, same));
	vp_seen_free(&seen);
}

int
main(void)
{
	test_blake2b();
	test_base32();
	test_set();
	return check_done();
}
