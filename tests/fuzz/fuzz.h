/* fuzz: what the fuzz targets share.
 *
 * A target is one file with one function, which is given any bytes and may not crash, hang, leak, or come to
 * two different results in two ways. `make fuzz` links it with libFuzzer and the sanitisers, `make check` with
 * replay.c, which runs it on what stands in tests/data/fuzz. The first bytes of an input choose what else
 * there is to choose, so that one file holds a whole case. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

/* libFuzzer's name for it; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End here, as a crash does, where what has to hold does not. */
static inline void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

/* Whether inner is empty or lies in outer. */
static inline bool
within(struct vp_span inner, struct vp_span outer)
{
	return inner.n == 0 || (inner.s >= outer.s && inner.n <= outer.n &&
				   inner.s - outer.s <= (ptrdiff_t)(outer.n - inner.n));
}

/* The bytes of an input behind the first n, which were looked at already. */
static inline struct vp_span
behind(const uint8_t *data, size_t size, size_t n)
{
	return (struct vp_span){(const char *)data + n, size - n};
}

#endif
