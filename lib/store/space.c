/* space: the records of one namespace, in memory */
#include <math.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "inner.h"
#include "space.h"

#define TIDY_MIN 1024       /* so many rows may be gone without a thought */
#define HUGE_FROM (4 << 20) /* bytes from which on huge pages pay: fewer TLB misses in a scan */
#define TAME_MIN 1e-12 /* norms within these two: products and squares stay well inside float32 */
#define TAME_MAX 1e12

/* Anonymous memory that grows without being copied (its pages are moved), zeroed. */
static void *
grow(void *p, size_t old, size_t size)
{
	if (!size)
		return p;
	p = p ? mremap(p, old, size, MREMAP_MAYMOVE)
	      : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		vp_oom();
	if (size >= HUGE_FROM)
		madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void
release(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

static const char *const metric_names[] = {"cosine", "dotproduct", "euclidean"};

const char *
vp_metric_name(enum vp_metric metric)
{
	return metric_names[metric];
}

int
vp_metric_read(struct vp_span name, enum vp_metric *metric)
{
	for (int i = VP_COSINE; i <= VP_EUCLIDEAN; i++)
		if (vp_span_is(name, metric_names[i])) {
			*metric = (enum vp_metric)i;
			return 0;
		}
	return VP_E_TYPE;
}

struct vp_space *
vp_space_new(size_t dimension, enum vp_metric metric)
{
	struct vp_space *s = vp_zalloc(1, sizeof *s);

	s->dimension = dimension;
	s->stride = (dimension + 15) / 16 * 16;
	s->metric = metric;
	pthread_mutex_init(&s->order_lock, NULL);
	return s;
}

void
vp_space_free(struct vp_space *s)
{
	if (!s)
		return;
	for (size_t r = 0; r < s->n; r++)
		free(s->rows[r].text);
	release(s->values, s->cap * s->stride * sizeof *s->values);
	release(s->bytes, s->cap * s->stride);
	free(s->shapes.norms);
	free(s->shapes.scales);
	free(s->shapes.errors);
	free(s->lengths);
	free(s->rows);
	free(s->in_use);
	free(s->order);
	vp_map_free(&s->ids);
	vp_attrs_free(&s->attrs);
	pthread_mutex_destroy(&s->order_lock);
	free(s);
}

/* What is behind the last row is read, in whole blocks, but not used. */
static float *
grow_floats(float *p, size_t old, size_t n)
{
	p = vp_realloc(p, n, sizeof *p);
	memset(p + old, 0, (n - old) * sizeof *p);
	return p;
}

void
vp_space_reserve(struct vp_space *s, size_t more)
{
	size_t cap = s->cap ? s->cap + s->cap / 2 : 64;

	if (more <= s->cap - s->n)
		return;
	if (cap < s->n + more)
		cap = s->n + more;
	cap = (cap + 63) / 64 * 64;
	if (cap >= UINT32_MAX)
		vp_oom();
	s->values = grow(
	    s->values, s->cap * s->stride * sizeof *s->values, cap * s->stride * sizeof *s->values);
	s->bytes = grow(s->bytes, s->cap * s->stride, cap * s->stride);
	s->shapes.norms = grow_floats(s->shapes.norms, s->cap, cap);
	s->shapes.scales = grow_floats(s->shapes.scales, s->cap, cap);
	s->shapes.errors = grow_floats(s->shapes.errors, s->cap, cap);
	s->lengths = vp_realloc(s->lengths, cap, sizeof *s->lengths);
	s->rows = vp_realloc(s->rows, cap, sizeof *s->rows);
	s->in_use = vp_realloc(s->in_use, cap / 64, sizeof *s->in_use);
	memset(s->in_use + s->cap / 64, 0, (cap - s->cap) / 64 * sizeof *s->in_use);
	s->cap = cap;
}

static const uint32_t *
row_indices(const struct vp_row *r)
{
	return (const uint32_t *)(const void *)r->text;
}

static const float *
row_weights(const struct vp_row *r)
{
	return (const float *)(const void *)(r->text + r->sparse * sizeof(uint32_t));
}

static struct vp_span
row_id(const struct vp_row *r)
{
	return (struct vp_span){
	    r->text + r->sparse * (sizeof(uint32_t) + sizeof(float)), r->id_len};
}

static int
compare_spans(struct vp_span a, struct vp_span b)
{
	int c = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* The row of an id, and the slot of the map that says so. */
static int64_t
find_slot(const struct vp_space *s, struct vp_span id, uint64_t hash, size_t *slot)
{
	int64_t row;

	for (*slot = VP_MAP_START; (row = vp_map_next(&s->ids, hash, slot)) >= 0;)
		if (vp_span_eq(row_id(&s->rows[row]), id))
			return row;
	return -1;
}

int64_t
vp_space_find(const struct vp_space *s, struct vp_span id)
{
	size_t slot;

	return find_slot(s, id, vp_map_hash(id), &slot);
}

struct vp_item
vp_space_item(const struct vp_space *s, size_t row)
{
	const struct vp_row *r = &s->rows[row];
	struct vp_span id = row_id(r);

	return (struct vp_item){
	    .id = id,
	    .values = s->dimension ? s->values + row * s->stride : NULL,
	    .indices = row_indices(r),
	    .weights = row_weights(r),
	    .sparse = r->sparse,
	    .metadata = {id.s + id.n, r->metadata_len},
	};
}

bool
vp_norm_is_tame(double norm)
{
	return norm >= TAME_MIN && norm <= TAME_MAX;
}

/* The vector of a row in bytes, and what they leave out. */
static void
to_bytes(struct vp_space *s, size_t row)
{
	const float *values = s->values + row * s->stride;
	uint8_t *bytes = s->bytes + row * s->stride;
	double norm = sqrt(vp_inner_dot(values, values, s->stride)), left, by = 1;
	float scale;

	s->lengths[row] = norm;
	s->wild |= !vp_norm_is_tame(norm);
	if (s->wild) /* the first pass is not for this space */
		return;
	left = vp_inner_to_bytes(values, s->stride, &scale, bytes);
	if (s->metric == VP_COSINE)
		by = 1 / norm;
	s->shapes.norms[row] = (float)(norm * by);
	s->shapes.scales[row] = (float)((double)scale * by);
	s->shapes.errors[row] = (float)(sqrt(left) * by * (1 + 1e-6));
}

static void
set_bit(uint64_t *bits, size_t i, bool on)
{
	if (on)
		bits[i / 64] |= UINT64_C(1) << (i % 64);
	else
		bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Mark a row as gone; its id has been taken from the map, or given to another row. */
static void
drop_row(struct vp_space *s, size_t row)
{
	free(s->rows[row].text);
	s->rows[row].text = NULL;
	set_bit(s->in_use, row, false);
	s->live--;
	s->ordered = false;
}

static char *
pack(const struct vp_item *item)
{
	size_t n = item->sparse * sizeof(uint32_t);
	char *text = vp_alloc(2 * n + item->id.n + item->metadata.n, 1), *to = text;

	if (n) {
		memcpy(to, item->indices, n);
		memcpy(to + n, item->weights, n);
		to += 2 * n;
	}
	memcpy(to, item->id.s, item->id.n);
	if (item->metadata.n)
		memcpy(to + item->id.n, item->metadata.s, item->metadata.n);
	return text;
}

void
vp_space_put(struct vp_space *s, const struct vp_item *item, int64_t record)
{
	uint64_t hash = vp_map_hash(item->id);
	size_t slot, row;
	int64_t old = find_slot(s, item->id, hash, &slot);

	vp_space_reserve(s, 1);
	row = s->n++;
	s->rows[row] = (struct vp_row){pack(item), hash, record, (uint32_t)item->sparse,
	    (uint32_t)item->id.n, (uint32_t)item->metadata.n};
	if (s->dimension) {
		float *values = s->values + row * s->stride;
		memcpy(values, item->values, s->dimension * sizeof *values);
		memset(values + s->dimension, 0, (s->stride - s->dimension) * sizeof *values);
		to_bytes(s, row);
	}
	if (item->metadata.n)
		vp_attrs_add(&s->attrs, (uint32_t)row, item->metadata);
	if (old >= 0) {
		vp_map_set(&s->ids, slot, (uint32_t)row);
		drop_row(s, (size_t)old);
	} else {
		vp_map_add(&s->ids, hash, (uint32_t)row);
	}
	set_bit(s->in_use, row, true);
	s->live++;
	s->ordered = false;
}

void
vp_space_remove(struct vp_space *s, size_t row)
{
	size_t slot;

	find_slot(s, row_id(&s->rows[row]), s->rows[row].hash, &slot);
	vp_map_remove(&s->ids, slot);
	drop_row(s, row);
}

void
vp_space_tidy(struct vp_space *s)
{
	size_t gone = s->n - s->live, kept = 0;
	uint32_t *to;

	if (gone == 0 || (s->live && (gone < TIDY_MIN || gone < s->live)))
		return;
	to = vp_alloc(s->n, sizeof *to);
	for (size_t r = 0; r < s->n; r++) {
		to[r] = UINT32_MAX;
		if (!s->rows[r].text)
			continue;
		to[r] = (uint32_t)kept;
		if (r != kept) {
			s->rows[kept] = s->rows[r];
			s->shapes.norms[kept] = s->shapes.norms[r];
			s->shapes.scales[kept] = s->shapes.scales[r];
			s->shapes.errors[kept] = s->shapes.errors[r];
			s->lengths[kept] = s->lengths[r];
			memcpy(s->values + kept * s->stride, s->values + r * s->stride,
			    s->stride * sizeof *s->values);
			memcpy(s->bytes + kept * s->stride, s->bytes + r * s->stride, s->stride);
		}
		kept++;
	}
	vp_attrs_renumber(&s->attrs, to);
	free(to);
	vp_map_clear(&s->ids);
	memset(s->in_use, 0, s->cap / 64 * sizeof *s->in_use);
	for (size_t r = 0; r < kept; r++) {
		vp_map_add(&s->ids, s->rows[r].hash, (uint32_t)r);
		set_bit(s->in_use, r, true);
	}
	s->n = kept;
	s->ordered = false;
	if (kept == 0)
		s->wild = false;
}

static int
by_id(const void *a, const void *b, void *space)
{
	const struct vp_space *s = space;

	return compare_spans(
	    row_id(&s->rows[*(const uint32_t *)a]), row_id(&s->rows[*(const uint32_t *)b]));
}

const uint32_t *
vp_space_order(struct vp_space *s)
{
	pthread_mutex_lock(&s->order_lock);
	if (!s->ordered) {
		size_t n = 0;
		s->order = vp_realloc(s->order, s->live, sizeof *s->order);
		for (size_t r = 0; r < s->n; r++)
			if (s->rows[r].text)
				s->order[n++] = (uint32_t)r;
		qsort_r(s->order, n, sizeof *s->order, by_id, s);
		s->ordered = true;
	}
	pthread_mutex_unlock(&s->order_lock);
	return s->order;
}

size_t
vp_space_order_from(struct vp_space *s, struct vp_span id, bool after)
{
	const uint32_t *order = vp_space_order(s);
	size_t low = 0, high = s->live;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = compare_spans(row_id(&s->rows[order[middle]]), id);
		if (c < 0 || (after && c == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
