/* tasks: the texts of many requests through a few threads.
 *
 * A task is the texts of one request. Each thread takes texts off the queue, from as many tasks as it takes
 * to fill a chunk, and runs them through the model as one; so a large request is shared among the threads, and
 * small ones that came together are merged. A chunk is the queue's fair share for one thread, within limits: with
 * all-MiniLM-L6-v2 a thread does 7,200 tokens a second in chunks of 24 tokens, 10,000 of 192, 10,600 of 640, and
 * 9,700 of 5,120, where what is between the layers no longer fits into the second-level cache. */
#ifndef VP_MODEL_TASKS_H
#define VP_MODEL_TASKS_H

#include <pthread.h>

#include "model.h"

#define VP_CHUNK_MIN 192 /* tokens */
#define VP_CHUNK_MAX 640

struct vp_task {
	struct vp_ids ids; /* of all texts, one behind the other */
	size_t *length;    /* [n] ids of each text */
	size_t n;          /* texts, 1 or more */
	float *out;        /* [n][model's dim]: what vp_model_embed makes of them */
	void (*done)(struct vp_task
		*t); /* called once, by one of the threads, when out is whole; t is its own then */
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
	size_t tokens; /* in the queue */
	bool ending;
};

/* Start so many threads. The model must outlive them. 0, or VP_E_IO with errno where a thread can't be had. */
int vp_tasks_start(struct vp_tasks *q, const struct vp_model *model, size_t threads);

/* Put a task behind those that are there. From any thread. */
void vp_tasks_add(struct vp_tasks *q, struct vp_task *t);

/* Finish what is there, end the threads and wait for them. */
void vp_tasks_stop(struct vp_tasks *q);

#endif
