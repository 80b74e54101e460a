/* vectors: any answer of an endpoint: what comes out of it are arrays of numbers, of one length
 *
 * Byte 0 is how many are wanted, byte 1 the dimension that is known. */
#include "fuzz.h"
#include "hf.h"
#include "json.h"

enum { WANT_MAX = 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_span body, out[WANT_MAX];
	struct vp_buf why = {0};
	size_t want, dim, known, n;
	int e;

	if (size < 2)
		return 0;
	want = 1 + data[0] % WANT_MAX;
	dim = known = data[1];
	body = behind(data, size, 2);
	e = vp_hf_vectors(body, want, &dim, out, &why);
	must((e == 0) == (why.n == 0), "a refusal has a reason, and nothing else has");
	if (e == 0) {
		must(vp_json_check(body, NULL) == 0, "the answer is JSON");
		must(dim > 0 && (!known || dim == known), "the dimension is one");
		for (size_t i = 0; i < want; i++)
			must(within(out[i], body) && vp_json_numbers(out[i], &n) == 0 && n == dim,
			    "a vector has so many numbers");
	}
	vp_buf_free(&why);
	return 0;
}
