/* space: the records of one namespace, in memory, and the search through them.
 *
 * A record has a row. Rows are only ever added: replacing a record adds a row and marks the old one
 * as gone; when more rows are gone than in use, vp_space_tidy moves the rest together. So
 * everything that is kept by row can be a plain array in ascending order.
 *
 * Search is exact. A first pass over the vectors in bytes (a quarter of the memory, and a tenth of
 * the time) knows each score up to a bound that is proved, not guessed:
 *
 * 	|q.r - q'.r'| <= |q'||r - r'| + |q - q'||r|
 *
 * where x' is what the bytes of x stand for. Only rows whose upper bound reaches the k-th best
 * lower bound can be among the best k; their scores are computed in double precision from the
 * float32 values.
 *
 * Not here: locks (readers may run beside each other, a writer must be alone), files, JSON but for
 * metadata. */
#ifndef VP_STORE_SPACE_H
#define VP_STORE_SPACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attrs.h"
#include "buf.h"
#include "map.h"

enum vp_metric { VP_COSINE, VP_DOTPRODUCT, VP_EUCLIDEAN };

/* "cosine", "dotproduct", "euclidean", and back: 0, or VP_E_TYPE. */
const char *vp_metric_name(enum vp_metric metric);
int vp_metric_read(struct vp_span name, enum vp_metric *metric);

/* A record on its way in or out; everything belongs to someone else. */
struct vp_item {
	struct vp_span id;       /* 1 to 512 bytes of UTF-8 without NUL */
	const float *values;     /* [dimension]; NULL where the index is sparse */
	const uint32_t *indices; /* [sparse], ascending, each once */
	const float *weights;    /* [sparse] */
	size_t sparse;
	struct vp_span metadata; /* a JSON object, checked; n is 0 where there is none */
};

struct vp_row {
	char *text; /* owned block: indices, weights, id, metadata; NULL once the record is gone */
	uint64_t hash;   /* of the id */
	int64_t record;  /* its key in the file */
	uint32_t sparse; /* number of indices, and of weights */
	uint32_t id_len, metadata_len;
};

/* What the first pass needs beside the bytes, by row. For the metric cosine all are divided by the
 * norm of the vector, as if that were 1. */
struct vp_shapes {
	float *norms;
	float *scales; /* a byte b stands for (b - 128) * scale */
	float *errors; /* norm of what the bytes leave out, rounded up */
};

struct vp_space {
	size_t dimension; /* 0: a sparse index */
	size_t stride;    /* values a row takes up: dimension, rounded up to 16 */
	enum vp_metric metric;
	size_t n, cap;  /* rows, those that are gone among them; room */
	size_t live;    /* records */
	bool wild;      /* some norm is so large or small that float32 arithmetic would fail */
	float *values;  /* [cap][stride] */
	uint8_t *bytes; /* [cap][stride] */
	struct vp_shapes shapes; /* [cap] each */
	double *lengths;         /* [cap] norms of the float32 values */
	struct vp_row *rows;     /* [cap] */
	uint64_t *in_use;        /* [cap / 64] a bit for each row */
	struct vp_map ids;
	struct vp_attrs attrs;
	/* rows by id, made when first asked for after a change */
	pthread_mutex_t order_lock;
	uint32_t *order;
	bool ordered;
};

struct vp_space *vp_space_new(size_t dimension, enum vp_metric metric);
void vp_space_free(struct vp_space *s);

/* The row of a record, or -1. */
int64_t vp_space_find(const struct vp_space *s, struct vp_span id);

/* Make room for so many more records: nothing moves while they are put in. */
void vp_space_reserve(struct vp_space *s, size_t more);

/* What stands in a row that is in use; the spans are good until the space is changed. */
struct vp_item vp_space_item(const struct vp_space *s, size_t row);

/* Store a record in the place of what has the same id. record is its key in the file. item may be
 * one of vp_space_item's, whole or in part, if there is room for it (vp_space_reserve). */
void vp_space_put(struct vp_space *s, const struct vp_item *item, int64_t record);
void vp_space_remove(struct vp_space *s, size_t row);

/* Move rows together if many are gone; row numbers change then. To be called after each set of
 * changes. */
void vp_space_tidy(struct vp_space *s);

/* The rows in use, by id in byte order: [live]. Good until the space is changed. Readers may call
 * it at once. */
const uint32_t *vp_space_order(struct vp_space *s);

/* The first place in that order whose id is at or behind (after: strictly behind) the given one. */
size_t vp_space_order_from(struct vp_space *s, struct vp_span id, bool after);

/* Whether a vector's norm is such that products and squares of it stay well inside float32. */
bool vp_norm_is_tame(double norm);

struct vp_question {
	const float *values;     /* [dimension], or NULL */
	const uint32_t *indices; /* [sparse], ascending, each once */
	const float *weights;    /* [sparse] */
	size_t sparse;
	size_t top_k; /* 1 or more */
	const uint64_t
	    *rows; /* a bit for each row that may be found (vp_filter_rows), or NULL: all */
};

struct vp_hit {
	uint32_t row;
	float score; /* cosine, inner product, or square of the distance */
};

/* The best top_k records, best first, equal scores by id. hits: [top_k]. Returns how many there
 * are. */
size_t vp_space_search(const struct vp_space *s, const struct vp_question *q, struct vp_hit *hits);

#endif
