/* tasks: the texts of many requests through a few threads.
 *
 * A task is the texts of one request. Each thread takes texts off the queue, from as many tasks as it takes
 * to fill a chunk, and runs them through the model as one; so a large request is shared among the threads, and
 * small ones that came together are merged. Nothing waits for others to come: while
 * the threads are busy what comes is gathered by itself, and when they are not, it is begun at once, and shared by all
 * that are free.
 *
 * A chunk is what lets all threads end together, as far as can be foreseen, within limits. In small ones each weight
 * that is fetched is used too little; in large ones, what is between the layers no longer fits into the second-level
 * cache: with all-MiniLM-L6-v2 in float32 a thread does 10,300 tokens a second in chunks of 12 tokens, 11,500 of 96 to
 * 640, and 9,900 of 5,120.
 */
#ifndef VP_MODEL_TASKS_H
#define VP_MODEL_TASKS_H

#include <pthread.h>

#include "model.h"

#define VP_CHUNK_MIN 96  /* tokens, unless other threads would have nothing to do */
#define VP_CHUNK_MAX 640 /* or half a text more */

struct vp_task {
	struct vp_ids ids; /* of all texts, one behind the other */
	size_t *length;    /* [n] ids of each text */
	size_t n;          /* texts, 1 or more */
	float *out;        /* [n][model's dim]: what vp_model_embed makes of them */
	void (*done)(struct vp_task
		*t); /* called once, by one of the threads, when out is whole; t is its own then */
	uint64_t taken_us; /* when a thread took the first text of it, on the clock of vp_now_us */
	/* inside */
	size_t next, next_id; /* first text, and its first id, that no thread has taken */
	size_t left;          /* texts that are not finished */
	struct vp_task *behind;
};

struct vp_tasks {
	const struct vp_model *model;
	pthread_t *thread;
	size_t threads;
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct vp_task *first, *last;
	size_t tokens, texts; /* in the queue */
	size_t idle;          /* threads that wait */
	size_t begun;         /* threads that have a number */
	uint64_t
	    *until_us; /* [threads] when each is likely to be done with its chunk; 0: it has none */
	double us_per_token; /* how fast one is, by the latest chunks; 0 before the first */
	bool ending;
};

/* Start so many threads. The model must outlive them. 0, or VP_E_IO with errno where a thread can't be had. */
int vp_tasks_start(struct vp_tasks *q, const struct vp_model *model, size_t threads);

/* Put a task behind those that are there. From any thread. False, and t is the caller's still: with it more than max
 * texts would be in the queue; an empty queue takes any number. */
bool vp_tasks_add(struct vp_tasks *q, struct vp_task *t, size_t max);

/* Texts in the queue. From any thread. */
size_t vp_tasks_waiting(struct vp_tasks *q);

/* Finish what is there, end the threads and wait for them. */
void vp_tasks_stop(struct vp_tasks *q);

#endif
