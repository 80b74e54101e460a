/* tasks: the texts of many requests through a few threads */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "tasks.h"

#define STACK (1 << 20) /* bytes a thread has at least: kernels work in up to 256 KiB of it */

/* Texts next to each other in one task, taken by one thread. */
struct part {
	struct vp_task *task;
	size_t first, n; /* texts */
};

/* What a thread works on; its memory is kept from turn to turn. */
struct chunk {
	struct part *part; /* [parts] */
	size_t parts, parts_cap;
	struct vp_ids ids;
	size_t *length; /* [n] */
	size_t n, n_cap;
	float *out; /* [n_cap][dim] */
	uint64_t taken_us;
	struct vp_work work;
};

static void
take_text(struct chunk *c, struct vp_task *t)
{
	size_t length = t->length[t->next];

	if (!c->parts || c->part[c->parts - 1].task != t) {
		if (c->parts == c->parts_cap) {
			c->parts_cap = c->parts_cap * 2 + 8;
			c->part = vp_realloc(c->part, c->parts_cap, sizeof *c->part);
		}
		c->part[c->parts++] = (struct part){t, t->next, 0};
	}
	c->part[c->parts - 1].n++;
	if (c->n == c->n_cap) {
		c->n_cap = c->n_cap * 2 + 64;
		c->length = vp_realloc(c->length, c->n_cap, sizeof *c->length);
	}
	c->length[c->n++] = length;
	for (size_t i = 0; i < length; i++)
		vp_ids_add(&c->ids, t->ids.id[t->next_id + i]);
	t->next++;
	t->next_id += length;
}

/* Tokens that thread `me` is to take, so that all threads end together: the mean of what is in the queue and of what the
 * others have not done yet. */
static size_t
share(const struct vp_tasks *q, size_t me, uint64_t now)
{
	double left = 0, want = (double)q->tokens;
	size_t least = q->idle ? 1 : VP_CHUNK_MIN;

	for (size_t i = 0; i < q->threads; i++)
		if (i != me && q->until_us[i] > now)
			left += (double)(q->until_us[i] - now);
	if (q->us_per_token > 0)
		want += left / q->us_per_token;
	want /= (double)q->threads;
	if (want > VP_CHUNK_MAX)
		return VP_CHUNK_MAX;
	if (!q->idle && (double)q->tokens < want + VP_CHUNK_MIN * 0.5) /* no chunk of crumbs */
		return q->tokens;
	return want < (double)least ? least : (size_t)want;
}

/* Fill a chunk; the queue is locked. At least one text, whatever its length. */
static void
take(struct vp_tasks *q, struct chunk *c, size_t me)
{
	uint64_t now = vp_now_us();
	size_t want = share(q, me, now);

	c->parts = c->n = c->ids.n = 0;
	while (q->first && (!c->n || c->ids.n + q->first->length[q->first->next] / 2 <= want)) {
		struct vp_task *t = q->first;

		if (t->next == 0)
			t->taken_us = now;
		q->tokens -= t->length[t->next];
		q->texts--;
		take_text(c, t);
		if (t->next == t->n) {
			q->first = t->behind;
			if (!q->first)
				q->last = NULL;
		}
	}
	c->taken_us = now;
	q->until_us[me] = c->n ? now + (uint64_t)((double)c->ids.n * q->us_per_token) : 0;
}

/* Thread `me` is done with its chunk, and waits for another; the queue is locked. */
static void
await(struct vp_tasks *q, const struct chunk *c, size_t me)
{
	if (c->n) {
		double took = (double)(vp_now_us() - c->taken_us) / (double)c->ids.n;

		q->us_per_token = q->us_per_token > 0 ? (q->us_per_token + took) / 2 : took;
	}
	q->until_us[me] = 0;
	q->idle++;
	while (!q->first && !q->ending)
		pthread_cond_wait(&q->came, &q->lock);
	q->idle--;
}

/* Copy the results to their tasks, and say so of those that are whole now. */
static void
hand_over(struct vp_tasks *q, const struct chunk *c)
{
	size_t dim = q->model->pooler.dim;
	const float *from = c->out;

	for (size_t i = 0; i < c->parts; i++) {
		const struct part *p = &c->part[i];
		bool whole;

		memcpy(p->task->out + p->first * dim, from, p->n * dim * sizeof *from);
		from += p->n * dim;
		pthread_mutex_lock(&q->lock);
		p->task->left -= p->n;
		whole = p->task->left == 0;
		pthread_mutex_unlock(&q->lock);
		if (whole)
			p->task->done(p->task);
	}
}

static void *
run(void *arg)
{
	struct vp_tasks *q = arg;
	struct chunk c = {0};
	size_t room = 0, me;

	pthread_mutex_lock(&q->lock);
	me = q->begun++;
	pthread_mutex_unlock(&q->lock);
	for (;;) {
		pthread_mutex_lock(&q->lock);
		await(q, &c, me);
		take(q, &c, me);
		pthread_mutex_unlock(&q->lock);
		if (!c.n)
			break; /* ending, and nothing left */
		if (c.n_cap > room) {
			room = c.n_cap;
			free(c.out);
			c.out = vp_alloc(room, q->model->pooler.dim * sizeof *c.out);
		}
		vp_model_embed(q->model, &c.work, c.ids.id, c.length, c.n, c.out);
		hand_over(q, &c);
	}
	vp_work_free(&c.work);
	vp_ids_free(&c.ids);
	free(c.part);
	free(c.length);
	free(c.out);
	return NULL;
}

int
vp_tasks_start(struct vp_tasks *q, const struct vp_model *model, size_t threads)
{
	pthread_attr_t attr;
	size_t stack;

	*q = (struct vp_tasks){.model = model,
	    .thread = vp_alloc(threads, sizeof *q->thread),
	    .until_us = vp_zalloc(threads, sizeof *q->until_us)};
	pthread_attr_init(&attr);
	pthread_attr_getstacksize(&attr, &stack);
	if (stack < STACK)
		pthread_attr_setstacksize(&attr, STACK);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->came, NULL);
	for (; q->threads < threads; q->threads++) {
		errno = pthread_create(&q->thread[q->threads], &attr, run, q);
		if (errno)
			break;
	}
	pthread_attr_destroy(&attr);
	return q->threads < threads ? VP_E_IO : 0;
}

bool
vp_tasks_add(struct vp_tasks *q, struct vp_task *t, size_t max)
{
	bool room;

	t->next = t->next_id = 0;
	t->left = t->n;
	t->behind = NULL;
	pthread_mutex_lock(&q->lock);
	room = !q->first || (t->n <= max && q->texts <= max - t->n);
	if (room) {
		if (q->last)
			q->last->behind = t;
		else
			q->first = t;
		q->last = t;
		q->tokens += t->ids.n;
		q->texts += t->n;
		pthread_cond_broadcast(&q->came);
	}
	pthread_mutex_unlock(&q->lock);
	return room;
}

size_t
vp_tasks_waiting(struct vp_tasks *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->texts;
	pthread_mutex_unlock(&q->lock);
	return n;
}

void
vp_tasks_stop(struct vp_tasks *q)
{
	pthread_mutex_lock(&q->lock);
	q->ending = true;
	pthread_cond_broadcast(&q->came);
	pthread_mutex_unlock(&q->lock);
	for (size_t i = 0; i < q->threads; i++)
		pthread_join(q->thread[i], NULL);
	free(q->thread);
	free(q->until_us);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->came);
}
