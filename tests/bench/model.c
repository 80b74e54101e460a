/* model: sentences a second through the model in $VECPIPE_MODEL, without HTTP
 *
 * The texts have 4 to 40 words, about 20 tokens on average, as sentences do. A line for tokenizing, for embedding by
 * one thread in chunks of several sizes, for tasks by one and by two threads, and for printing as JSON. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "fnum.h"
#include "model/tasks.h"

#define TEXTS 2000

static struct vp_model model;
static size_t length[TEXTS];
static struct vp_ids ids;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static size_t done;

static void
say(const char *what, uint64_t us)
{
	printf("%-32s %8.0f texts/s %9.0f tokens/s\n", what, TEXTS * 1e6 / (double)us,
	    (double)ids.n * 1e6 / (double)us);
	fflush(stdout);
}

static void
make_texts(struct vp_span text[])
{
	static const char *const word[] = {"the", "river", "train", "a", "window", "quickly", "of",
	    "mountain", "people", "between", "yellow", "and", "reading", "station", "under",
	    "small", "evening", "in", "government", "horse"};
	static struct vp_buf all;
	size_t at[TEXTS + 1];
	unsigned r = 1;

	for (size_t i = 0; i < TEXTS; i++) {
		at[i] = all.n;
		for (unsigned n = 4 + (r >> 16) % 28; n; n--) {
			r = r * 1103515245 + 12345;
			vp_buf_printf(&all, "%s ", word[(r >> 16) % 20]);
		}
	}
	at[TEXTS] = all.n;
	for (size_t i = 0; i < TEXTS; i++)
		text[i] = (struct vp_span){all.s + at[i], at[i + 1] - at[i]};
}

static void
chunks(size_t tokens)
{
	struct vp_work work = {0};
	float *out = vp_alloc(TEXTS * model.pooler.dim, sizeof *out);
	char what[64];
	uint64_t start = 0;

	for (int turn = 0; turn < 2; turn++) { /* the first one warms up */
		start = vp_now_us();
		for (size_t i = 0, at = 0, n, sum; i < TEXTS; i += n, at += sum) {
			for (n = sum = 0; i + n < TEXTS && (!n || sum + length[i + n] <= tokens);
			     n++)
				sum += length[i + n];
			vp_model_embed(&model, &work, ids.id + at, length + i, n, out);
		}
	}
	snprintf(what, sizeof what, "1 thread, chunks of %zu tokens", tokens);
	say(what, vp_now_us() - start);
	vp_work_free(&work);
	free(out);
}

static void
count(struct vp_task *t)
{
	(void)t;
	pthread_mutex_lock(&lock);
	done++;
	pthread_cond_signal(&ready);
	pthread_mutex_unlock(&lock);
}

/* Requests of `batch` texts each, four of them under way at a time. */
static void
requests(size_t threads, size_t batch)
{
	size_t n = TEXTS / batch, started = 0;
	struct vp_task *task = vp_zalloc(n, sizeof *task);
	float *out = vp_alloc(TEXTS * model.pooler.dim, sizeof *out);
	struct vp_tasks q;
	char what[64];
	uint64_t start;

	for (size_t i = 0, at = 0; i < n; i++) {
		task[i] = (struct vp_task){.length = length + i * batch,
		    .n = batch,
		    .done = count,
		    .out = out + i * batch * model.pooler.dim};
		for (size_t k = 0; k < batch; k++)
			for (size_t m = length[i * batch + k]; m; m--)
				vp_ids_add(&task[i].ids, ids.id[at++]);
	}
	if (vp_tasks_start(&q, &model, threads))
		vp_die(70, "thread:");
	done = 0;
	start = vp_now_us();
	pthread_mutex_lock(&lock);
	while (done < n) {
		while (started < n && started - done < 4) {
			pthread_mutex_unlock(&lock);
			vp_tasks_add(&q, &task[started++], TEXTS);
			pthread_mutex_lock(&lock);
		}
		if (started - done == 4 || started == n)
			pthread_cond_wait(&ready, &lock);
	}
	pthread_mutex_unlock(&lock);
	snprintf(what, sizeof what, "%zu thread(s), %zu texts a request", threads, batch);
	say(what, vp_now_us() - start);
	vp_tasks_stop(&q);
	for (size_t i = 0; i < n; i++)
		vp_ids_free(&task[i].ids);
	free(task);
	free(out);
}

int
main(void)
{
	static const size_t sizes[] = {24, 96, 192, 320, 480, 640, 1280, 5120};
	const char *folder = getenv("VECPIPE_MODEL");
	struct vp_span text[TEXTS];
	struct vp_words words = {0};
	struct vp_buf why = {0}, json = {0};
	float *x;
	uint64_t start = vp_now_us();

	vp_name = "model";
	if (!folder) {
		printf("VECPIPE_MODEL names no model folder: nothing to measure\n");
		return 0;
	}
	if (vp_model_open(&model, folder, &why))
		vp_die(65, "%s", vp_buf_cstr(&why));
	printf("opened in %llu ms, kernel %s\n", (unsigned long long)(vp_now_us() - start) / 1000,
	    model.encoder.kernel->name);
	make_texts(text);
	start = vp_now_us();
	for (size_t i = 0, n = 0; i < TEXTS; i++, n = ids.n) {
		vp_tokenizer_encode(
		    &model.tokenizer, &words, text[i], model.config.max_tokens, false, &ids);
		length[i] = ids.n - n;
	}
	say("tokenizing", vp_now_us() - start);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		chunks(sizes[i]);
	for (size_t threads = 1; threads <= 2; threads++)
		for (size_t batch = 1; batch <= 256; batch *= 16)
			requests(threads, batch);
	requests(2, 64);
	x = vp_alloc(model.pooler.dim, sizeof *x);
	for (size_t i = 0; i < model.pooler.dim; i++)
		x[i] = (float)(i + 1) / 1234567;
	start = vp_now_us();
	for (size_t i = 0; i < TEXTS; i++, json.n = 0)
		vp_floats_print(&json, x, model.pooler.dim);
	say("printing", vp_now_us() - start);
	free(x);
	vp_buf_free(&json);
	vp_words_free(&words);
	vp_ids_free(&ids);
	vp_model_close(&model);
	return 0;
}
