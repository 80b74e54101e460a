/* search: the best rows of a space, exactly
 *
 * "Good" is a number that is better when it is larger: the cosine, the inner product, or what the
 * square of the distance is subtracted from.
 *
 * The first pass over a large space is shared with helper threads, one for each further processor,
 * if they are not busy with another search: then this one goes alone, and the processors are all in
 * use anyway. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inner.h"
#include "space.h"

#define BLOCK 64                     /* rows a kernel call takes; a word of a bit set */
#define FEW 256                      /* rows for which the first pass is not worth its while */
#define CHUNK 1024                   /* rows that a thread takes at a time */
#define PARTS 8                      /* threads at most, this one among them */
#define SHARE_FROM ((size_t)4 << 20) /* bytes from which on waking a helper (some 30 us) pays */

/* Relative to the norms; more than all roundings of the first pass and of a score together. */
#define SLACK 2e-6f

struct candidate {
	uint32_t row;
	float most; /* it is no better than this */
};

/* A heap of the k best lower bounds so far, worst on top. */
struct bar {
	float *least;
	size_t n, k;
};

struct scan {
	const struct vp_space *space;
	const struct vp_question *question;
	float *values;   /* [stride], the question's own, zeros behind it */
	int8_t *bytes;   /* [stride] */
	struct weights { /* how a row's shape becomes its bounds: see weigh_block */
		float dot, square, error, norm, norm_square, all;
	} weights;
	int32_t offset;      /* 128 times the sum of its bytes: rows have 128 added to theirs */
	atomic_size_t taken; /* rows that some thread has seen to, or is seeing to */
};

/* What one thread has found. */
struct part {
	struct scan *scan;
	struct bar bar;
	struct candidate *found;
	size_t n, cap;
};

static struct pool {
	pthread_mutex_t in_use; /* by one search at a time */
	pthread_mutex_t lock;
	pthread_cond_t wanted, finished;
	struct part *parts;  /* [helpers], of the search that wants help; NULL: none does */
	unsigned long count; /* of searches, so that a helper joins each but once */
	size_t joined, active, helpers;
} pool = {
    .in_use = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wanted = PTHREAD_COND_INITIALIZER,
    .finished = PTHREAD_COND_INITIALIZER,
};
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void
bar_raise(struct bar *b, float least)
{
	size_t i;

	if (b->n < b->k) { /* up from the end */
		for (i = b->n++; i && b->least[(i - 1) / 2] > least; i = (i - 1) / 2)
			b->least[i] = b->least[(i - 1) / 2];
		b->least[i] = least;
		return;
	}
	if (least <= b->least[0])
		return;
	for (i = 0;;) { /* down from the top */
		size_t kid = 2 * i + 1;
		if (kid >= b->k)
			break;
		if (kid + 1 < b->k && b->least[kid + 1] < b->least[kid])
			kid++;
		if (b->least[kid] >= least)
			break;
		b->least[i] = b->least[kid];
		i = kid;
	}
	b->least[i] = least;
}

static float
bar_height(const struct bar *b)
{
	return b->n < b->k ? -INFINITY : b->least[0];
}

static void
keep(struct part *p, size_t row, float most)
{
	if (p->n == p->cap) {
		size_t n = 0; /* those that the bar has passed by now go first */
		for (size_t i = 0; i < p->n; i++)
			if (p->found[i].most >= bar_height(&p->bar))
				p->found[n++] = p->found[i];
		p->n = n;
		if (n >= p->cap / 2) {
			p->cap = p->cap ? 2 * p->cap : 1024;
			p->found = vp_realloc(p->found, p->cap, sizeof *p->found);
		}
	}
	p->found[p->n++] = (struct candidate){(uint32_t)row, most};
}

/* The question in bytes, and what follows from that for the bounds. */
static void
to_bytes(struct scan *c, double norm)
{
	enum vp_metric metric = c->space->metric;
	double left = 0, stands = 0,
	       by = metric == VP_COSINE      ? 1 / norm
		    : metric == VP_EUCLIDEAN ? 2
					     : 1;
	float most = 0, scale;
	int32_t sum = 0;

	for (size_t i = 0; i < c->space->stride; i++)
		most = fabsf(c->values[i]) > most ? fabsf(c->values[i]) : most;
	scale = most / 127;
	for (size_t i = 0; i < c->space->stride; i++) {
		float x = c->values[i] / scale;
		int step = (int)(x < 0 ? x - 0.5f : x + 0.5f);
		double is = (double)step * (double)scale, d = (double)c->values[i] - is;
		c->bytes[i] = (int8_t)step;
		sum += step;
		left += d * d;
		stands += is * is;
	}
	c->offset = 128 * sum;
	c->weights = (struct weights){
	    .dot = (float)((double)scale * by),
	    .square = metric == VP_EUCLIDEAN,
	    .error = (float)(sqrt(stands) * by * (1 + 1e-6)),
	    .norm = (float)((sqrt(left) * (1 + 1e-6) + SLACK * norm) * by),
	    .norm_square = metric == VP_EUCLIDEAN ? SLACK : 0,
	    .all = metric == VP_EUCLIDEAN ? (float)(SLACK * norm * norm) : 0,
	};
}

/* Bounds for the rows of one block that are set in rows, from the inner products of the bytes. The
 * first loop is free of branches, so that compilers make vectors of it. */
static void
weigh_block(struct part *p, size_t first, uint64_t rows, const int32_t dots[BLOCK])
{
	const struct scan *c = p->scan;
	const struct weights k = c->weights;
	const float *scales = c->space->shapes.scales + first,
		    *norms = c->space->shapes.norms + first,
		    *errors = c->space->shapes.errors + first;
	float good[BLOCK], error[BLOCK], bar = bar_height(&p->bar);
	int32_t offset = c->offset;
	uint64_t over = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		float norm = norms[i];
		good[i] = k.dot * scales[i] * (float)(dots[i] - offset) - k.square * norm * norm;
		error[i] =
		    k.error * errors[i] + k.norm * norm + k.norm_square * norm * norm + k.all;
	}
	for (size_t i = 0; i < BLOCK; i++)
		over |= (uint64_t)(good[i] + error[i] >= bar) << i;
	for (rows &= over; rows; rows &= rows - 1) {
		size_t i = (size_t)__builtin_ctzll(rows);
		if (good[i] + error[i] >= bar_height(&p->bar)) {
			bar_raise(&p->bar, good[i] - error[i]);
			keep(p, first + i, good[i] + error[i]);
		}
	}
}

static uint64_t
rows_of_block(const struct scan *c, size_t block)
{
	return c->space->in_use[block] &
	       (c->question->rows ? c->question->rows[block] : ~UINT64_C(0));
}

/* Candidates among some rows, by their bytes. */
static void
scan_rows(struct part *p, size_t first, size_t end)
{
	const struct scan *c = p->scan;
	const struct vp_space *s = c->space;
	int32_t dots[BLOCK] = {0};

	for (; first < end; first += BLOCK) {
		size_t n = end - first < BLOCK ? end - first : BLOCK;
		uint64_t rows = rows_of_block(c, first / BLOCK);
		const uint8_t *bytes = s->bytes + first * s->stride;

		if (__builtin_popcountll(rows) > BLOCK / 4)
			vp_inner_bytes(c->bytes, bytes, n, s->stride, dots);
		else
			for (uint64_t left = rows; left; left &= left - 1) {
				int i = __builtin_ctzll(left);
				vp_inner_bytes(c->bytes, bytes + (size_t)i * s->stride, 1,
				    s->stride, &dots[i]);
			}
		weigh_block(p, first, rows, dots);
	}
}

/* The share of one thread: chunks, as long as there are any. */
static void
scan_share(struct part *p)
{
	struct scan *c = p->scan;
	size_t first;

	p->bar.k = c->question->top_k;
	p->bar.least = vp_alloc(p->bar.k, sizeof *p->bar.least);
	while ((first = atomic_fetch_add(&c->taken, CHUNK)) < c->space->n)
		scan_rows(p, first, c->space->n - first < CHUNK ? c->space->n : first + CHUNK);
}

static void *
help(void *arg)
{
	unsigned long seen = 0;

	(void)arg;
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		struct part *p;

		while (!pool.parts || pool.count == seen)
			pthread_cond_wait(&pool.wanted, &pool.lock);
		seen = pool.count;
		p = &pool.parts[pool.joined++];
		pool.active++;
		pthread_mutex_unlock(&pool.lock);
		scan_share(p);
		pthread_mutex_lock(&pool.lock);
		pool.active--;
		pthread_cond_signal(&pool.finished);
	}
	return NULL;
}

static void
start_helpers(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	while (pool.helpers + 1 < PARTS && (long)pool.helpers + 1 < processors &&
	       pthread_create(&thread, NULL, help, NULL) == 0) {
		pthread_detach(thread);
		pool.helpers++;
	}
}

/* Add what a helper has found to what this thread has. */
static void
merge(struct part *into, struct part *from)
{
	for (size_t i = 0; i < from->bar.n; i++)
		bar_raise(&into->bar, from->bar.least[i]);
	for (size_t i = 0; i < from->n; i++)
		keep(into, from->found[i].row, from->found[i].most);
	free(from->bar.least);
	free(from->found);
}

/* The first pass over so many rows, with the helpers if they are free. */
static void
first_pass(struct part *p, size_t rows)
{
	struct part helped[PARTS] = {{0}};
	size_t joined;

	pthread_once(&pool_once, start_helpers);
	if (rows * p->scan->space->stride < SHARE_FROM || pool.helpers == 0 ||
	    pthread_mutex_trylock(&pool.in_use) != 0) {
		scan_share(p);
		return;
	}
	for (size_t i = 0; i < PARTS; i++)
		helped[i].scan = p->scan;
	pthread_mutex_lock(&pool.lock);
	pool.parts = helped;
	pool.joined = 0;
	pool.count++;
	pthread_cond_broadcast(&pool.wanted);
	pthread_mutex_unlock(&pool.lock);
	scan_share(p);
	pthread_mutex_lock(&pool.lock);
	pool.parts = NULL; /* who has not woken up by now comes too late */
	while (pool.active)
		pthread_cond_wait(&pool.finished, &pool.lock);
	joined = pool.joined;
	pthread_mutex_unlock(&pool.lock);
	pthread_mutex_unlock(&pool.in_use);
	for (size_t i = 0; i < joined; i++)
		merge(p, &helped[i]);
}

static void
all_rows(struct part *p)
{
	const struct scan *c = p->scan;

	for (size_t first = 0; first < c->space->n; first += BLOCK)
		for (uint64_t rows = rows_of_block(c, first / BLOCK); rows; rows &= rows - 1)
			keep(p, first + (size_t)__builtin_ctzll(rows), INFINITY);
}

/* The inner product over the indices that both have; both ascend. */
static double
sparse_dot(const struct vp_question *q, const struct vp_item *item)
{
	double sum = 0;

	for (size_t i = 0, j = 0; i < q->sparse && j < item->sparse;) {
		if (q->indices[i] == item->indices[j])
			sum += (double)q->weights[i++] * (double)item->weights[j++];
		else if (q->indices[i] < item->indices[j])
			i++;
		else
			j++;
	}
	return sum;
}

/* The score as it is answered: rounded to float32, and finite. */
static float
score(const struct scan *c, size_t row, double norm)
{
	const struct vp_space *s = c->space;
	struct vp_item item = vp_space_item(s, row);
	double x = 0;

	if (c->values && s->metric == VP_EUCLIDEAN)
		x = vp_inner_squares(c->values, item.values, s->stride);
	else if (c->values)
		x = vp_inner_dot(c->values, item.values, s->stride);
	if (c->values && s->metric == VP_COSINE) {
		double other = s->lengths[row];
		x = other > 0 && norm > 0 ? x / (norm * other) : 0;
		x = x > 1 ? 1 : x < -1 ? -1 : x;
	}
	if (c->question->sparse && item.sparse)
		x += sparse_dot(c->question, &item);
	return x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : (float)x;
}

/* Whether a is to be named before b. */
static bool
before(const struct vp_space *s, struct vp_hit a, struct vp_hit b)
{
	struct vp_span x, y;
	int c;

	if (a.score != b.score)
		return (s->metric == VP_EUCLIDEAN) == (a.score < b.score);
	x = vp_space_item(s, a.row).id;
	y = vp_space_item(s, b.row).id;
	c = memcmp(x.s, y.s, x.n < y.n ? x.n : y.n);
	return c ? c < 0 : x.n < y.n;
}

/* Put h into a heap of the best k hits, last one on top. */
static size_t
push(const struct vp_space *s, struct vp_hit *hits, size_t n, size_t k, struct vp_hit h)
{
	size_t i;

	if (n < k) {
		for (i = n; i && before(s, hits[(i - 1) / 2], h); i = (i - 1) / 2)
			hits[i] = hits[(i - 1) / 2];
		hits[i] = h;
		return n + 1;
	}
	if (!before(s, h, hits[0]))
		return n;
	for (i = 0;;) {
		size_t kid = 2 * i + 1;
		if (kid >= n)
			break;
		if (kid + 1 < n && before(s, hits[kid], hits[kid + 1]))
			kid++;
		if (!before(s, h, hits[kid]))
			break;
		hits[i] = hits[kid];
		i = kid;
	}
	hits[i] = h;
	return n;
}

static int
by_rank(const void *a, const void *b, void *space)
{
	const struct vp_hit *x = a, *y = b;

	return x->row == y->row ? 0 : before(space, *x, *y) ? -1 : 1;
}

/* The second pass: the scores of the candidates. */
static size_t
second_pass(const struct part *p, double norm, struct vp_hit *hits)
{
	const struct scan *c = p->scan;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->found[i].most >= bar_height(&p->bar)) {
			struct vp_hit h = {p->found[i].row, score(c, p->found[i].row, norm)};
			n = push(c->space, hits, n, c->question->top_k, h);
		}
	qsort_r(hits, n, sizeof *hits, by_rank, (void *)(uintptr_t)c->space);
	return n;
}

static size_t
count_rows(const struct scan *c)
{
	size_t n = 0;

	if (!c->question->rows)
		return c->space->live;
	for (size_t first = 0; first < c->space->n; first += BLOCK)
		n += (size_t)__builtin_popcountll(rows_of_block(c, first / BLOCK));
	return n;
}

size_t
vp_space_search(const struct vp_space *s, const struct vp_question *q, struct vp_hit *hits)
{
	struct scan c = {.space = s, .question = q};
	struct part p = {.scan = &c, .bar = {.k = q->top_k}};
	size_t rows = count_rows(&c), n;
	double norm = 0;

	if (q->values && s->dimension) {
		c.values = vp_zalloc(s->stride, sizeof *c.values);
		memcpy(c.values, q->values, s->dimension * sizeof *c.values);
		norm = sqrt(vp_inner_dot(c.values, c.values, s->stride));
	}
	/* the first pass knows nothing of sparse vectors, and needs float32 arithmetic that does
	 * not overflow */
	if (!c.values || q->sparse || s->wild || !vp_norm_is_tame(norm) || rows <= FEW ||
	    rows <= 2 * q->top_k) {
		all_rows(&p);
	} else {
		c.bytes = vp_alloc(s->stride, 1);
		to_bytes(&c, norm);
		first_pass(&p, rows);
	}
	n = second_pass(&p, norm, hits);
	free(p.found);
	free(p.bar.least);
	free(c.bytes);
	free(c.values);
	return n;
}
