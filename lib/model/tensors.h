/* tensors: a safetensors file, mapped into memory and checked before anything is believed.
 *
 * The file is eight bytes of header length (little-endian), a JSON object {"name":{"dtype","shape",
 * "data_offsets":[begin,end]}, ..., "__metadata__":{...}}, and the bytes of the tensors end to end. Opening checks
 * that the header is whole and that the tensors lie inside the file, are as long as their shapes say, do not
 * overlap and leave no gap. Numbers come out as float32 whatever they are stored as, copied, for nothing in the
 * file needs to be aligned.
 *
 * The weights of a large model come in several such files, and an index {"weight_map":{"name":"file", ...}}.
 *
 * Not here: quantised types, byte order other than little.
 *
 * Source: the format section of safetensors' README; transformers for the index. */
#ifndef VP_MODEL_TENSORS_H
#define VP_MODEL_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "../hash.h"
#include "folder.h"

#define VP_TENSOR_DIMS 8

enum vp_dtype {
	VP_DTYPE_F32,
	VP_DTYPE_F16,
	VP_DTYPE_BF16,
	VP_DTYPE_OTHER /* a known type of the format that holds no weights of ours (integers, F64, ...) */
};

struct vp_tensor {
	struct vp_span name; /* as in the header: between quotes, escapes in it */
	enum vp_dtype dtype;
	size_t dims, shape[VP_TENSOR_DIMS];
	size_t begin, end;         /* bytes, from the start of the data */
	const unsigned char *data; /* end - begin bytes in the mapping */
};

struct vp_tensors {
	char *path;
	struct vp_tensor *tensor; /* [n], by begin */
	size_t n, cap;
	void *map;
	size_t size;             /* bytes mapped */
	struct vp_tensors *next; /* the next part, owned, or NULL */
};

/* Open and check a file. 0; VP_E_IO; VP_E_SYNTAX, VP_E_UTF8, VP_E_TYPE, VP_E_LIMIT (not as it must be). In
 * any case vp_tensors_close may be called after it. */
int vp_tensors_open(struct vp_tensors *t, const char *path, struct vp_buf *why);
void vp_tensors_close(struct vp_tensors *t);

/* Open a folder's model.safetensors or, where there is none, all parts that model.safetensors.index.json names. As
 * vp_tensors_open. */
int vp_tensors_open_folder(struct vp_tensors *t, const char *folder, struct vp_buf *why);

/* A hash that stands for the weights: of the headers, and of 257 pages or so out of each file, evenly. Reading all of a
 * large one would take as long as loading it; training changes more than a page here and there. */
struct vp_hash vp_tensors_hash(const struct vp_tensors *t);

/* The tensor called name, in whatever part it is, or NULL. Owned by t. */
const struct vp_tensor *vp_tensors_find(const struct vp_tensors *t, const char *name);

/* Copy n numbers of a tensor, from the first-th on, to out as float32. The caller sees to it that they are
 * there, and that the type is one that holds weights. */
void vp_tensor_read(const struct vp_tensor *t, size_t first, size_t n, float *out);

/* The kernel may forget the pages of this tensor that were read; they come back from the file when needed. */
void vp_tensor_drop(const struct vp_tensor *t);

#endif
