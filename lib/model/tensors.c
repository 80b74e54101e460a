/* tensors: a safetensors file, mapped into memory and checked */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensors.h"

#define HEADER_MAX 100000000 /* as in the reference implementation */
#define INDEX_MAX ((size_t)64 << 20)
#define PARTS_MAX 1000

/* The types of the format, and the bits of one number. */
static const struct {
	char name[8];
	unsigned bits;
	enum vp_dtype dtype;
} dtypes[] = {
    {"F32", 32, VP_DTYPE_F32},
    {"F16", 16, VP_DTYPE_F16},
    {"BF16", 16, VP_DTYPE_BF16},
    {"BOOL", 8, VP_DTYPE_OTHER},
    {"U8", 8, VP_DTYPE_OTHER},
    {"I8", 8, VP_DTYPE_OTHER},
    {"F8_E5M2", 8, VP_DTYPE_OTHER},
    {"F8_E4M3", 8, VP_DTYPE_OTHER},
    {"I16", 16, VP_DTYPE_OTHER},
    {"U16", 16, VP_DTYPE_OTHER},
    {"I32", 32, VP_DTYPE_OTHER},
    {"U32", 32, VP_DTYPE_OTHER},
    {"F64", 64, VP_DTYPE_OTHER},
    {"I64", 64, VP_DTYPE_OTHER},
    {"U64", 64, VP_DTYPE_OTHER},
};

static int
refuse(const struct vp_tensors *t, const struct vp_tensor *of, const char *what, struct vp_buf *why)
{
	int n = of->name.n < 200 ? (int)of->name.n : 200;

	return vp_why(why, VP_E_TYPE, "%s: tensor %.*s: %s", t->path, n, of->name.s, what);
}

/* Read up to max unsigned integers out of a JSON array. 0, or VP_E_TYPE. */
static int
read_sizes(struct vp_span array, size_t *out, size_t max, size_t *n)
{
	struct vp_json_walk w;
	struct vp_span item;
	uint64_t v;
	int e;

	*n = 0;
	for (vp_json_begin(&w, array); (e = vp_json_item(&w, &item)) > 0; out[(*n)++] = (size_t)v)
		if (*n == max || vp_json_uint(item, &v))
			return VP_E_TYPE;
	return e;
}

/* Check one entry of the header, of data bytes in all, and keep it. */
static int
add_tensor(struct vp_tensors *t, struct vp_span name, struct vp_span entry, size_t data,
    struct vp_buf *why)
{
	struct vp_tensor x = {.name = name};
	struct vp_span value;
	size_t offset[2], n, bits, i;

	if (vp_json_find(entry, "dtype", &value) != 1 || vp_json_type(value) != '"')
		return refuse(t, &x, "no dtype", why);
	for (i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
		if (vp_json_key_is((struct vp_span){value.s + 1, value.n - 2}, dtypes[i].name))
			break;
	if (i == sizeof dtypes / sizeof *dtypes)
		return refuse(t, &x, "of a dtype that is not known", why);
	x.dtype = dtypes[i].dtype;
	bits = dtypes[i].bits;
	if (vp_json_find(entry, "shape", &value) != 1 ||
	    read_sizes(value, x.shape, VP_TENSOR_DIMS, &x.dims))
		return refuse(t, &x, "no shape of up to 8 sizes", why);
	if (vp_json_find(entry, "data_offsets", &value) != 1 || read_sizes(value, offset, 2, &n) ||
	    n != 2)
		return refuse(t, &x, "no data_offsets of two numbers", why);
	x.begin = offset[0];
	x.end = offset[1];
	if (x.begin > x.end || x.end > data)
		return refuse(t, &x, "lies outside the file: is the file whole?", why);
	n = bits / 8;
	for (i = 0; i < x.dims; i++)
		if (__builtin_mul_overflow(n, x.shape[i], &n))
			return refuse(t, &x, "shape is too large", why);
	if (n != x.end - x.begin)
		return refuse(t, &x, "shape does not go with its bytes", why);
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->tensor = vp_realloc(t->tensor, t->cap, sizeof *t->tensor);
	}
	t->tensor[t->n++] = x;
	return 0;
}

static int
by_begin(const void *a, const void *b)
{
	const struct vp_tensor *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static int
check_header(struct vp_tensors *t, struct vp_buf *why)
{
	const unsigned char *bytes = t->map;
	struct vp_json_walk w;
	struct vp_span header, name, entry;
	uint64_t length = 0;
	size_t data, at = 0;
	int e;

	for (int i = 0; i < 8; i++)
		length |= (uint64_t)bytes[i] << (8 * i);
	if (length > HEADER_MAX || length > t->size - 8)
		return vp_why(
		    why, VP_E_SYNTAX, "%s: not a safetensors file, or cut short", t->path);
	header = (struct vp_span){(const char *)bytes + 8, (size_t)length};
	data = t->size - 8 - (size_t)length;
	for (vp_json_begin(&w, header); (e = vp_json_member(&w, &name, &entry)) > 0;)
		if (!vp_json_key_is(name, "__metadata__") &&
		    (e = add_tensor(t, name, entry, data, why)))
			return e;
	if (e < 0)
		return vp_why(why, e, "%s: header: %s", t->path, vp_error_text(e));
	if (t->n)
		qsort(t->tensor, t->n, sizeof *t->tensor, by_begin);
	for (size_t i = 0; i < t->n; at = t->tensor[i++].end) {
		if (t->tensor[i].begin != at)
			return refuse(
			    t, &t->tensor[i], "overlaps another, or leaves a gap before it", why);
		t->tensor[i].data = bytes + 8 + length + at;
	}
	if (at != data)
		return vp_why(why, VP_E_SYNTAX, "%s: bytes behind the last tensor", t->path);
	return 0;
}

int
vp_tensors_open(struct vp_tensors *t, const char *path, struct vp_buf *why)
{
	struct stat st;
	int fd;

	*t = (struct vp_tensors){.path = vp_strdup(path)};
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vp_why(why, VP_E_IO, "%s:", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 8) {
		close(fd);
		return vp_why(why, VP_E_SYNTAX, "%s: not a safetensors file, or cut short", path);
	}
	t->size = (size_t)st.st_size;
	t->map = mmap(NULL, t->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (t->map == MAP_FAILED) {
		t->map = NULL;
		return vp_why(why, VP_E_IO, "%s:", path);
	}
	return check_header(t, why);
}

void
vp_tensors_close(struct vp_tensors *t)
{
	if (t->map)
		munmap(t->map, t->size);
	if (t->next)
		vp_tensors_close(t->next);
	free(t->next);
	free(t->tensor);
	free(t->path);
	*t = (struct vp_tensors){0};
}

/* Open one of the files that an index names, if it is not open yet. The first one is t itself. */
static int
open_part(struct vp_tensors *t, const char *folder, const char *index, struct vp_span value,
    struct vp_buf *why)
{
	struct vp_tensors *last = t;
	struct vp_buf name = {0};
	size_t parts = 1;
	char *path;
	int e = 0;

	if (vp_json_decode(value, &name) || !name.n || memchr(name.s, 0, name.n))
		e = vp_why(why, VP_E_TYPE, "%s: a tensor without a file", index);
	else if (strchr(vp_buf_cstr(&name), '/'))
		e = vp_why(why, VP_E_TYPE, "%s: a file that leaves the folder", index);
	path = vp_path_join(folder, e ? "" : name.s);
	for (; !e && last->path && strcmp(last->path, path) != 0; last = last->next, parts++)
		if (!last->next)
			last->next = vp_zalloc(1, sizeof *last->next);
	if (!e && parts > PARTS_MAX)
		e = vp_why(why, VP_E_LIMIT, "%s: more than %d files", index, PARTS_MAX);
	if (!e && !last->path)
		e = vp_tensors_open(last, path, why);
	free(path);
	vp_buf_free(&name);
	return e;
}

int
vp_tensors_open_folder(struct vp_tensors *t, const char *folder, struct vp_buf *why)
{
	char *path = vp_path_join(folder, "model.safetensors"),
	     *index = vp_path_join(folder, "model.safetensors.index.json");
	struct vp_span doc, map, name, value;
	struct vp_buf bytes = {0};
	struct vp_json_walk w;
	int e;

	*t = (struct vp_tensors){0};
	if (access(path, F_OK) == 0 || access(index, F_OK) != 0) {
		e = vp_tensors_open(t, path, why);
	} else {
		e = vp_file_json(index, INDEX_MAX, &bytes, '{', &doc, why);
		if (e > 0 &&
		    (vp_json_find(doc, "weight_map", &map) != 1 || vp_json_type(map) != '{'))
			e = vp_why(why, VP_E_MISSING, "%s: no weight_map", index);
		if (e > 0)
			for (vp_json_begin(&w, map); (e = vp_json_member(&w, &name, &value)) > 0;)
				if ((e = open_part(t, folder, index, value, why)))
					break;
		if (e == 0 && !t->path)
			e = vp_why(why, VP_E_MISSING, "%s: weight_map is empty", index);
	}
	vp_buf_free(&bytes);
	free(path);
	free(index);
	return e;
}

const struct vp_tensor *
vp_tensors_find(const struct vp_tensors *t, const char *name)
{
	for (; t; t = t->next)
		for (size_t i = 0; i < t->n; i++)
			if (vp_json_key_is(t->tensor[i].name, name))
				return &t->tensor[i];
	return NULL;
}

/* IEEE 754 binary16: subnormals too, for weights that are small are stored as such. */
static float
from_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff, bits;
	float x;

	if (rest < 0x400) { /* zero or subnormal: rest * 2^-24 is exact */
		x = (float)rest * 0x1p-24f;
		return sign ? -x : x;
	}
	bits = sign |
	       (rest >= 0x7c00 ? 0x7f800000 | (rest & 0x3ff) << 13 : (rest << 13) + (112U << 23));
	memcpy(&x, &bits, sizeof x);
	return x;
}

void
vp_tensor_read(const struct vp_tensor *t, size_t first, size_t n, float *out)
{
	const unsigned char *p = t->data;

	if (t->dtype == VP_DTYPE_F32) {
		memcpy(out, p + first * 4, n * 4);
		return;
	}
	p += first * 2;
	for (size_t i = 0; i < n; i++) {
		uint16_t h = (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
		uint32_t bits = (uint32_t)h << 16;

		if (t->dtype == VP_DTYPE_F16)
			out[i] = from_f16(h);
		else
			memcpy(&out[i], &bits,
			    sizeof bits); /* bfloat16 is the upper half of a float32 */
	}
}

struct vp_hash
vp_tensors_hash(const struct vp_tensors *t)
{
	enum { SAMPLE = 4096, SAMPLES = 256 };
	struct vp_buf bytes = {0};
	struct vp_hash hash;

	for (; t; t = t->next) {
		const char *map = t->map, *data = map + t->size;
		size_t n, step;

		if (t->n)
			data = (const char *)t->tensor[0].data - t->tensor[0].begin;
		vp_buf_add(&bytes, map, (size_t)(data - map));
		n = t->size - (size_t)(data - map);
		step = n / SAMPLES > SAMPLE ? n / SAMPLES : SAMPLE;
		for (size_t at = 0; at < n; at += step)
			vp_buf_add(&bytes, data + at, n - at < SAMPLE ? n - at : SAMPLE);
	}
	hash = vp_hash_bytes(vp_buf_get(&bytes));
	vp_buf_free(&bytes);
	return hash;
}

void
vp_tensor_drop(const struct vp_tensor *t)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)t->data;
	uintptr_t to = (from + (t->end - t->begin)) / page * page;

	from = (from + page - 1) / page * page;
	if (from < to)
		madvise((void *)from, to - from,
		    MADV_DONTNEED); /* whole pages of ours; a hint, so unchecked */
}
