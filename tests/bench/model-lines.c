/* model-lines: embed the lines of a file with the model in $VECPIPE_MODEL: `model-lines FILE [BATCH [VECTORS]]`
 *
 * BATCH lines (64) are a task, one after the other, shared by a thread for each processor: what a client sees that
 * sends one request at a time, but without HTTP. Prints the seconds, tokenizing included, loading not. VECTORS is a
 * file for the vectors, of length 1, a line each. rivals-model.sh calls it. With PRECISION=f32 in
 * the environment, float32 is computed with. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "model/tasks.h"
#include "ndjson.h"

static struct vp_model model;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static bool done;

static void
finished(struct vp_task *t)
{
	(void)t;
	pthread_mutex_lock(&lock);
	done = true;
	pthread_cond_signal(&ready);
	pthread_mutex_unlock(&lock);
}

static void
embed(struct vp_tasks *q, struct vp_task *t)
{
	done = false;
	vp_tasks_add(q, t, t->n);
	pthread_mutex_lock(&lock);
	while (!done)
		pthread_cond_wait(&ready, &lock);
	pthread_mutex_unlock(&lock);
}

static void
print(FILE *to, const struct vp_task *t)
{
	const size_t dim = model.pooler.dim;

	for (size_t i = 0; i < t->n; i++) {
		vp_normalize(t->out + i * dim, dim);
		for (size_t k = 0; k < dim; k++)
			fprintf(
			    to, "%.9g%c", (double)t->out[i * dim + k], k + 1 < dim ? ' ' : '\n');
	}
}

/* Embed all lines of standard input, batch by batch. */
static void
run(struct vp_tasks *q, size_t batch, FILE *vectors)
{
	const size_t max = model.config.max_tokens;
	struct vp_task t = {.length = vp_alloc(batch, sizeof(size_t)),
	    .out = vp_alloc(batch, model.pooler.dim * sizeof(float)),
	    .done = finished};
	struct vp_words words = {0};
	struct vp_lines in = {0};
	struct vp_span line;
	bool more;

	do {
		t.n = t.ids.n = 0;
		while ((more = t.n < batch && vp_lines_next(&in, &line) > 0)) {
			size_t before = t.ids.n;

			vp_tokenizer_encode(&model.tokenizer, &words, line, max, false, &t.ids);
			t.length[t.n++] = t.ids.n - before;
		}
		if (t.n)
			embed(q, &t);
		if (t.n && vectors)
			print(vectors, &t);
	} while (t.n == batch);
	vp_words_free(&words);
	vp_lines_free(&in);
	vp_ids_free(&t.ids);
	free(t.length);
	free(t.out);
}

int
main(int argc, char *argv[])
{
	const char *folder = getenv("VECPIPE_MODEL");
	struct vp_buf why = {0};
	struct vp_tasks q;
	FILE *vectors = NULL;
	uint64_t start;

	vp_name = "model-lines";
	if (argc < 2 || !folder) {
		printf("no file of lines, or VECPIPE_MODEL names no model folder: nothing to "
		       "measure\n");
		return 0;
	}
	if (!freopen(argv[1], "r", stdin) || (argc > 3 && !(vectors = fopen(argv[3], "w"))))
		vp_die(66, "%s:", argv[argc > 3 ? 3 : 1]);
	if (getenv("PRECISION") && strcmp(getenv("PRECISION"), "f32") == 0)
		vp_kernel_use(vp_kernel_float());
	if (vp_model_open(&model, folder, &why))
		vp_die(65, "%s", vp_buf_cstr(&why));
	if (vp_tasks_start(&q, &model, (size_t)sysconf(_SC_NPROCESSORS_ONLN)))
		vp_die(70, "thread:");
	start = vp_now_us();
	run(&q, argc > 2 ? (size_t)atoi(argv[2]) : 64, vectors);
	printf("%.4f\n", (double)(vp_now_us() - start) / 1e6);
	vp_tasks_stop(&q);
	vp_model_close(&model);
	return vectors ? fclose(vectors) : 0;
}
