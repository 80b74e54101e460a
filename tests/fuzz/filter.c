/* filter: any metadata filter, and any metadata: a filter that is taken means the same in $and and in $or
 *
 * What stands before the first LF, if there is one, is more metadata to look at. */
#include <string.h>

#include "fuzz.h"
#include "store/filter.h"

enum { ROWS = 70 }; /* more than a word of bits */

static void
add_rows(struct vp_attrs *a, struct vp_span more)
{
	const struct vp_span metadata[] = {VP_LIT("{\"g\":\"x\",\"n\":1}"),
	    VP_LIT("{\"g\":[\"x\",\"y\"],\"n\":-2.5e3}"), VP_LIT("{\"b\":true}"),
	    VP_LIT("{\"g\":[],\"b\":false}"), VP_LIT("{}")};
	struct vp_buf why = {0};

	for (uint32_t row = 0; row < ROWS; row++)
		vp_attrs_add(a, row, metadata[row % 5]);
	if (more.n) {
		int e = vp_attrs_check(more, &why);
		must((e == 0) == (why.n == 0), "refused metadata have a reason");
		vp_attrs_add(a, ROWS, more);
	}
	vp_buf_free(&why);
}

/* The rows of the filter that stands between before and behind. False where it is not taken. */
static bool
rows_of(const struct vp_attrs *a, const char *before, struct vp_span filter, const char *after,
    uint64_t rows[2])
{
	struct vp_buf text = {0}, why = {0};
	struct vp_filter *f = NULL;
	int e;

	vp_buf_puts(&text, before);
	vp_buf_span(&text, filter);
	vp_buf_puts(&text, after);
	e = vp_filter_parse(vp_buf_get(&text), &f, &why);
	must((e == 0) == (why.n == 0), "a refusal has a reason, and nothing else has");
	rows[0] = rows[1] = 0;
	if (f) {
		vp_filter_rows(f, a, rows, ROWS + 1);
		rows[1] &= (UINT64_C(1) << (ROWS + 1 - 64)) - 1;
	}
	vp_filter_free(f);
	vp_buf_free(&text);
	vp_buf_free(&why);
	return f != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = size ? memchr(data, '\n', size) : NULL;
	struct vp_span more = {(const char *)data, lf ? (size_t)(lf - data) : 0};
	struct vp_span filter = behind(data, size, lf ? more.n + 1 : 0);
	struct vp_attrs a = {0};
	uint64_t alone[2], wrapped[2];

	add_rows(&a, more);
	if (rows_of(&a, "", filter, "", alone)) {
		if (rows_of(&a, "{\"$and\":[", filter, "]}", wrapped))
			must(memcmp(alone, wrapped, sizeof alone) == 0, "the same in $and");
		if (rows_of(&a, "{\"$or\":[{\"g\":{\"$in\":[]}},", filter, "]}", wrapped))
			must(memcmp(alone, wrapped, sizeof alone) == 0, "the same in $or");
	}
	vp_attrs_free(&a);
	return 0;
}
