/* tensors: any safetensors file: what is believed of it can be read */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "model/tensors.h"

static void
read_all(const struct vp_tensors *t)
{
	const unsigned char *end = (const unsigned char *)t->map + t->size;

	for (size_t i = 0; i < t->n; i++) {
		const struct vp_tensor *tensor = &t->tensor[i];
		size_t n = 1, bytes = tensor->end - tensor->begin;
		float *out;

		must(tensor->dims <= VP_TENSOR_DIMS && tensor->begin <= tensor->end &&
			 (size_t)(end - tensor->data) >= bytes,
		    "a tensor lies in the file");
		if (tensor->dtype == VP_DTYPE_OTHER)
			continue;
		for (size_t k = 0; k < tensor->dims; k++)
			n *= tensor->shape[k];
		must(n * (tensor->dtype == VP_DTYPE_F32 ? 4 : 2) == bytes,
		    "and is as long as it says");
		out = vp_alloc(n, sizeof *out);
		vp_tensor_read(tensor, 0, n, out);
		vp_tensor_drop(tensor);
		free(out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct vp_tensors t;
	struct vp_buf why = {0};
	int e;

	if (fd < 0) {
		fd = memfd_create("tensors", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	must(
	    ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "there is a file");
	e = vp_tensors_open(&t, path, &why);
	must((e == 0) == (why.n == 0), "a refusal has a reason, and nothing else has");
	if (e == 0)
		read_all(&t);
	vp_tensors_close(&t);
	vp_buf_free(&why);
	return 0;
}
