/* search: the best rows of a space, exactly
 *
 * "Good" is a number that is better when it is larger: the cosine, the inner product, or what the
 * square of the distance is subtracted from.
 *
 * Searches of a large space share the reading of it, which is what a scan waits for. Its rows are a
 * wheel of chunks that is turned as long as anybody searches; a search may get on at any chunk, and
 * gets off when the wheel has come round. A thread takes the next chunk, and does it for all that
 * are on, VP_INNER_QUESTIONS at most. The wheel is turned by helper threads, one for each further
 * processor, and by one of those who search; each search then finishes in its own thread. So one
 * search alone has all processors, and eight at once cost what two would one after the other. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inner.h"
#include "space.h"

#define BLOCK VP_INNER_ROWS          /* rows a kernel call takes; a word of a bit set */
#define GROUP VP_INNER_QUESTIONS     /* searches that share a scan */
#define FEW 256                      /* rows for which the first pass is not worth its while */
#define CHUNK 1024                   /* rows that a thread takes at a time */
#define PARTS 8                      /* threads at most, the search's own among them */
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

/* What one thread has found for one search. */
struct part {
	struct bar bar;
	struct candidate *found;
	size_t n, cap;
};

struct search {
	const struct vp_space *space;
	const struct vp_question *question;
	float *values; /* [stride], the question's own, zeros behind it; NULL: there are none */
	double norm;   /* of the values */
	int8_t *bytes; /* [stride] */
	struct vp_inner_weights weights;
	struct part parts[PARTS];
	/* on the wheel, under its lock */
	size_t left, running; /* chunks that nobody has taken; that are being scanned */
	pthread_cond_t turn;  /* it has got off, or is wanted to turn the wheel */
	struct search *next;  /* behind it, waiting to get on */
};

/* The searches that a chunk is scanned for. */
struct group {
	struct search *of[GROUP]; /* [n] */
	size_t n;
};

static struct wheel {
	pthread_mutex_t lock;
	pthread_cond_t wanted; /* helpers are */
	const struct vp_space *space;
	struct group on;        /* all of this space */
	struct search *waiting; /* to get on, in order */
	size_t chunk;           /* comes next */
	size_t usual;           /* how many are on, of late */
	bool turned;            /* by somebody who is no helper */
	size_t helpers;
} wheel = {.lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER};
static pthread_once_t wheel_once = PTHREAD_ONCE_INIT;

static void
bar_raise(struct bar *b, float least)
{
	size_t i;

	if (!b->least)
		b->least = vp_alloc(b->k, sizeof *b->least);
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
to_bytes(struct search *c)
{
	enum vp_metric metric = c->space->metric;
	double left = 0, stands = 0,
	       by = metric == VP_COSINE      ? 1 / c->norm
		    : metric == VP_EUCLIDEAN ? 2
					     : 1;
	float most = 0, scale;
	int32_t sum = 0;

	c->bytes = vp_alloc(c->space->stride, 1);
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
	c->weights = (struct vp_inner_weights){
	    .dot = (float)((double)scale * by),
	    .square = metric == VP_EUCLIDEAN,
	    .error = (float)(sqrt(stands) * by * (1 + 1e-6)),
	    .norm = (float)((sqrt(left) * (1 + 1e-6) + SLACK * c->norm) * by),
	    .norm_square = metric == VP_EUCLIDEAN ? SLACK : 0,
	    .all = metric == VP_EUCLIDEAN ? (float)(SLACK * c->norm * c->norm) : 0,
	    .offset = 128 * sum,
	};
}

static uint64_t
rows_of_block(const struct search *c, size_t block)
{
	return c->space->in_use[block] &
	       (c->question->rows ? c->question->rows[block] : ~UINT64_C(0));
}

/* Bounds for the rows of one block that are set in rows, from the inner products of the bytes. */
static void
weigh_block(
    const struct search *c, struct part *p, size_t first, uint64_t rows, const int32_t dots[BLOCK])
{
	const struct vp_shapes *shapes = &c->space->shapes;
	float good[BLOCK], error[BLOCK];

	rows &= vp_inner_weigh(&c->weights, shapes->scales + first, shapes->norms + first,
	    shapes->errors + first, dots, bar_height(&p->bar), good, error);
	for (; rows; rows &= rows - 1) {
		size_t i = (size_t)__builtin_ctzll(rows);
		if (good[i] + error[i] >= bar_height(&p->bar)) {
			bar_raise(&p->bar, good[i] - error[i]);
			keep(p, first + i, good[i] + error[i]);
		}
	}
}

/* Candidates among some rows, by their bytes; `thread` tells the parts of threads apart. */
static void
scan_rows(const struct group *g, size_t thread, size_t first, size_t end)
{
	const struct vp_space *s = g->of[0]->space;
	const int8_t *bytes[GROUP] = {NULL};
	int32_t dots[GROUP * BLOCK] = {0};

	for (size_t j = 0; j < g->n; j++)
		bytes[j] = g->of[j]->bytes;
	for (; first < end; first += BLOCK) {
		const uint8_t *at = s->bytes + first * s->stride;
		uint64_t rows[GROUP], any = 0;

		for (size_t j = 0; j < g->n; j++)
			any |= rows[j] = rows_of_block(g->of[j], first / BLOCK);
		if (__builtin_popcountll(any) > BLOCK / 4)
			vp_inner_bytes(bytes, g->n, at, BLOCK, s->stride, dots);
		else
			for (uint64_t left = any; left; left &= left - 1) {
				size_t i = (size_t)__builtin_ctzll(left);
				vp_inner_bytes(
				    bytes, g->n, at + i * s->stride, 1, s->stride, dots + i);
			}
		for (size_t j = 0; j < g->n; j++)
			if (rows[j])
				weigh_block(g->of[j], &g->of[j]->parts[thread], first, rows[j],
				    dots + j * BLOCK);
	}
}

static size_t
chunks(const struct vp_space *s)
{
	return (s->n + CHUNK - 1) / CHUNK;
}

/* With the lock held: let those get on for whom there is room. */
static void
get_on(void)
{
	struct search *c;

	while ((c = wheel.waiting) && wheel.on.n < GROUP) {
		if (wheel.on.n == 0) {
			wheel.space = c->space;
			wheel.chunk = 0;
		}
		if (c->space != wheel.space)
			return; /* its turn comes when the wheel stands still */
		wheel.waiting = c->next;
		wheel.on.of[wheel.on.n++] = c;
		c->left = chunks(c->space);
	}
}

/* With the lock held: those for whom the next chunk is to be scanned. */
static struct group
next_group(void)
{
	struct group g = {.n = 0};

	get_on();
	for (size_t j = 0; j < wheel.on.n; j++)
		if (wheel.on.of[j]->left) {
			wheel.on.of[j]->left--;
			wheel.on.of[j]->running++;
			g.of[g.n++] = wheel.on.of[j];
		}
	return g;
}

/* With the lock held: a chunk has been scanned for these. */
static void
get_off(const struct group *g)
{
	size_t kept = 0;

	for (size_t j = 0; j < g->n; j++)
		g->of[j]->running--;
	for (size_t j = 0; j < wheel.on.n; j++) {
		struct search *c = wheel.on.of[j];
		if (c->left || c->running)
			wheel.on.of[kept++] = c;
		else
			pthread_cond_signal(&c->turn);
	}
	wheel.on.n = kept;
	if (wheel.waiting && kept < GROUP)
		pthread_cond_signal(&wheel.waiting->turn);
}

/* With the lock held: whether a group is smaller than usual. Then others have just got off and are
 * about to come again, if the processors that scan for the few give them a chance: with 8 clients
 * that makes 7 searches for a scan out of 3, and a third less work of all. */
static bool
is_small(const struct group *g)
{
	if (g->n >= wheel.usual) {
		wheel.usual = g->n;
		return false;
	}
	if (wheel.chunk == 0)
		wheel.usual--;
	return g->n < wheel.usual;
}

/* With the lock held: turn the wheel until this search (NULL: all) has no chunk left. */
static void
turn(size_t thread, const struct search *until)
{
	struct group g;

	while ((!until || until->left) && (g = next_group()).n) {
		size_t first = wheel.chunk * CHUNK, n = wheel.space->n;
		bool small = is_small(&g);
		wheel.chunk = (wheel.chunk + 1) % chunks(wheel.space);
		pthread_mutex_unlock(&wheel.lock);
		scan_rows(&g, thread, first, n - first < CHUNK ? n : first + CHUNK);
		pthread_mutex_lock(&wheel.lock);
		get_off(&g);
		if (small) {
			pthread_mutex_unlock(&wheel.lock);
			sched_yield();
			pthread_mutex_lock(&wheel.lock);
		}
	}
}

static void *
help(void *number)
{
	pthread_mutex_lock(&wheel.lock);
	for (;;) {
		turn((size_t)(uintptr_t)number, NULL);
		pthread_cond_wait(&wheel.wanted, &wheel.lock);
	}
	return NULL;
}

static void
start_helpers(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	while (wheel.helpers + 1 < PARTS && (long)wheel.helpers + 1 < processors) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, help, (void *)(uintptr_t)(wheel.helpers + 1)))
			break;
		pthread_detach(thread);
		wheel.helpers++;
	}
}

/* Scan all rows for this search, together with the others. */
static void
scan_together(struct search *c)
{
	struct search **last = &wheel.waiting;

	pthread_once(&wheel_once, start_helpers);
	pthread_cond_init(&c->turn, NULL);
	c->left = 1; /* until it is on */
	pthread_mutex_lock(&wheel.lock);
	while (*last)
		last = &(*last)->next;
	*last = c;
	while (c->left || c->running) {
		if (c->left && !wheel.turned) {
			wheel.turned = true;
			pthread_cond_broadcast(&wheel.wanted);
			turn(0, c);
			wheel.turned = false;
		}
		if (c->left || c->running) /* others have it in hand, or bar the way */
			pthread_cond_wait(&c->turn, &wheel.lock);
	}
	get_on();
	if (wheel.on.n && !wheel.turned) /* somebody else has to go on */
		pthread_cond_signal(&wheel.on.of[wheel.on.n - 1]->turn);
	pthread_mutex_unlock(&wheel.lock);
	pthread_cond_destroy(&c->turn);
}

/* Bring what the threads have found into the first part. */
static void
merge(struct search *c)
{
	struct part *all = &c->parts[0];

	for (size_t i = 1; i < PARTS; i++) {
		struct part *p = &c->parts[i];
		for (size_t j = 0; j < p->bar.n; j++)
			bar_raise(&all->bar, p->bar.least[j]);
		for (size_t j = 0; j < p->n; j++)
			keep(all, p->found[j].row, p->found[j].most);
	}
}

static void
first_pass(struct search *c, size_t rows)
{
	struct group alone = {{c}, 1};

	to_bytes(c);
	if (rows * c->space->stride < SHARE_FROM)
		scan_rows(&alone, 0, 0, c->space->n);
	else
		scan_together(c);
	merge(c);
}

static void
all_rows(struct search *c)
{
	for (size_t first = 0; first < c->space->n; first += BLOCK)
		for (uint64_t rows = rows_of_block(c, first / BLOCK); rows; rows &= rows - 1)
			keep(&c->parts[0], first + (size_t)__builtin_ctzll(rows), INFINITY);
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
score(const struct search *c, size_t row)
{
	const struct vp_space *s = c->space;
	const float *values = c->values ? s->values + row * s->stride : NULL;
	double x = 0;

	if (c->values && s->metric == VP_EUCLIDEAN)
		x = vp_inner_squares(c->values, values, s->stride);
	else if (c->values)
		x = vp_inner_dot(c->values, values, s->stride);
	if (c->values && s->metric == VP_COSINE) {
		double other = s->lengths[row];
		x = other > 0 && c->norm > 0 ? x / (c->norm * other) : 0;
		x = x > 1 ? 1 : x < -1 ? -1 : x;
	}
	if (c->question->sparse && s->rows[row].sparse) {
		struct vp_item item = vp_space_item(s, row);
		x += sparse_dot(c->question, &item);
	}
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

/* Let the candidate in a place sink to where it belongs in a heap of the most promising ones. */
static void
sink(struct candidate *heap, size_t n, size_t i)
{
	struct candidate x = heap[i];

	for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
		if (kid + 1 < n && heap[kid + 1].most > heap[kid].most)
			kid++;
		if (heap[kid].most <= x.most)
			break;
		heap[i] = heap[kid];
	}
	heap[i] = x;
}

/* The second pass: the scores of the candidates, the most promising ones first, until what is left
 * cannot be as good as the k-th best. */
static size_t
second_pass(struct search *c, struct vp_hit *hits)
{
	const struct vp_space *s = c->space;
	struct candidate *heap = c->parts[0].found;
	size_t n = 0, left = 0, k = c->question->top_k;
	float bar = bar_height(&c->parts[0].bar);

	for (size_t i = 0; i < c->parts[0].n; i++)
		if (heap[i].most >= bar)
			heap[left++] = heap[i];
	for (size_t i = left / 2; i--;)
		sink(heap, left, i);
	while (left) {
		struct vp_hit h = {heap[0].row, 0};
		double worst = n < k ? -INFINITY
			       : s->metric == VP_EUCLIDEAN
				   ? c->norm * c->norm - (double)hits[0].score
				   : (double)hits[0].score;
		if ((double)heap[0].most < worst)
			break;
		h.score = score(c, h.row);
		n = push(s, hits, n, k, h);
		heap[0] = heap[--left];
		sink(heap, left, 0);
	}
	qsort_r(hits, n, sizeof *hits, by_rank, (void *)(uintptr_t)s);
	return n;
}

static size_t
count_rows(const struct search *c)
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
	struct search c = {.space = s, .question = q};
	size_t rows = count_rows(&c), n;

	for (size_t i = 0; i < PARTS; i++)
		c.parts[i].bar.k = q->top_k;
	if (q->values && s->dimension) {
		c.values = vp_zalloc(s->stride, sizeof *c.values);
		memcpy(c.values, q->values, s->dimension * sizeof *c.values);
		c.norm = sqrt(vp_inner_dot(c.values, c.values, s->stride));
	}
	/* the first pass knows nothing of sparse vectors, and needs float32 arithmetic that does
	 * not overflow */
	if (!c.values || q->sparse || s->wild || !vp_norm_is_tame(c.norm) || rows <= FEW ||
	    rows <= 2 * q->top_k)
		all_rows(&c);
	else
		first_pass(&c, rows);
	n = second_pass(&c, hits);
	for (size_t i = 0; i < PARTS; i++) {
		free(c.parts[i].found);
		free(c.parts[i].bar.least);
	}
	free(c.bytes);
	free(c.values);
	return n;
}
