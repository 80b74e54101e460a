/* model-check: a model folder agrees with a reference: `model-check FOLDER REFERENCE [PROMPT]`
 *
 * REFERENCE has a line {"text","input_ids","embedding"} for each text. Token ids must be the same; embeddings as near
 * as the environment's MIN_COSINE and MAX_DIFF say, or by a kernel with integers of 16 bits, INT16_COSINE. Each text is
 * run alone and in one chunk with all others, by every kernel that this machine has. Prints the worst of each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnum.h"
#include "model/model.h"
#include "ndjson.h"

static struct vp_model model;
static unsigned failures;

struct text {
	struct vp_buf text;
	struct vp_ids ids, want;
	float *embedding;
};

static void
read_line(struct vp_span line, const struct vp_prompt *prompt, struct text *t)
{
	struct vp_span v, item;
	struct vp_json_walk w;
	size_t n;

	if (prompt)
		vp_buf_add(&t->text, prompt->text, prompt->n);
	if (vp_json_find(line, "text", &v) != 1 || vp_json_decode(v, &t->text))
		vp_die(65, "no text");
	vp_json_find(line, "input_ids", &v);
	for (vp_json_begin(&w, v); vp_json_item(&w, &item) > 0;) {
		uint64_t id;
		vp_json_uint(item, &id);
		vp_ids_add(&t->want, (uint32_t)id);
	}
	vp_json_find(line, "embedding", &v);
	if (vp_json_numbers(v, &n) || n != model.pooler.dim)
		vp_die(65, "%zu numbers instead of %zu", n, model.pooler.dim);
	t->embedding = vp_alloc(n, sizeof(float));
	vp_floats_read(v, t->embedding, n);
}

static void
compare(const float *got, const float *want, double *cosine, double *diff)
{
	double gg = 0, ww = 0, gw = 0;

	for (size_t i = 0; i < model.pooler.dim; i++) {
		double d = fabs((double)got[i] - (double)want[i]);

		if (!(d <= *diff))
			*diff = d;
		gg += (double)got[i] * (double)got[i];
		ww += (double)want[i] * (double)want[i];
		gw += (double)got[i] * (double)want[i];
	}
	if (!(gw / sqrt(gg * ww) >= *cosine))
		*cosine = gw / sqrt(gg * ww);
}

static double
limit(const char *name, double otherwise)
{
	const char *s = getenv(name);

	return s ? atof(s) : otherwise;
}

static void
check(const struct text *t, size_t n, size_t chunk)
{
	const struct vp_kernel *kernel = model.encoder.kernel;
	double cosine = 1, diff = 0;
	size_t dim = model.pooler.dim, *length = vp_alloc(n, sizeof *length);
	float *out = vp_alloc(n * dim, sizeof *out);
	struct vp_work work = {0};

	for (size_t from = 0; from < n; from += chunk) {
		struct vp_ids all = {0};
		size_t many = n - from < chunk ? n - from : chunk;

		for (size_t i = 0; i < many; i++) {
			length[i] = t[from + i].ids.n;
			for (size_t k = 0; k < length[i]; k++)
				vp_ids_add(&all, t[from + i].ids.id[k]);
		}
		vp_model_embed(&model, &work, all.id, length, many, out);
		for (size_t i = 0; i < many; i++) {
			if (model.config.normalize)
				vp_normalize(out + i * dim, dim);
			compare(out + i * dim, t[from + i].embedding, &cosine, &diff);
		}
		vp_ids_free(&all);
	}
	printf("%s, %zu at a time: 1-cosine %.2e, difference %.2e\n", kernel->name, chunk,
	    1 - cosine, diff);
	if (kernel->narrow)
		failures += !(cosine >= limit("INT16_COSINE", 0.99999));
	else
		failures += !(cosine >= limit("MIN_COSINE", 0.999999)) ||
			    !(diff <= limit("MAX_DIFF", 2e-5));
	vp_work_free(&work);
	free(length);
	free(out);
}

int
main(int argc, char *argv[])
{
	const struct vp_prompt *prompt = NULL; /* of the first opening: not for later */
	struct vp_buf why = {0};
	struct vp_lines in = {0};
	struct vp_words words = {0};
	struct vp_span line;
	struct text *text = NULL;
	const struct vp_kernel *k;
	bool same_ids;
	size_t n = 0;

	vp_name = "model-check";
	if (argc < 3 || !freopen(argv[2], "r", stdin))
		vp_die(64, "usage: model-check folder reference [prompt]");
	if (vp_model_open(&model, argv[1], &why))
		vp_die(65, "%s", why.s);
	if (argc > 3 && !(prompt = vp_config_prompt(&model.config, argv[3])))
		vp_die(65, "no such prompt");
	while (vp_lines_next(&in, &line) > 0) {
		struct text *t;

		text = vp_realloc(text, n + 1, sizeof *text);
		t = &text[n++];
		*t = (struct text){0};
		read_line(line, prompt, t);
		vp_tokenizer_encode(&model.tokenizer, &words, vp_buf_get(&t->text),
		    model.config.max_tokens, false, &t->ids);
		if (t->ids.n != t->want.n ||
		    memcmp(t->ids.id, t->want.id, t->ids.n * sizeof *t->ids.id) != 0) {
			printf("line %zu: other token ids:", n);
			for (size_t i = 0; i < t->ids.n || i < t->want.n; i++)
				printf(" %d/%d", i < t->ids.n ? (int)t->ids.id[i] : -1,
				    i < t->want.n ? (int)t->want.id[i] : -1);
			printf("\n");
			failures++;
		}
	}
	printf("%zu texts\n", n);
	same_ids = n && !failures;
	for (size_t i = 0; same_ids && (k = vp_kernel_nth(i)); i++) {
		vp_model_close(&model);
		vp_kernel_use(k);
		if (vp_model_open(&model, argv[1], &why))
			vp_die(65, "%s", why.s);
		check(text, n, 1);
		check(text, n, n);
	}
	for (size_t i = 0; i < n; i++) {
		vp_buf_free(&text[i].text);
		vp_ids_free(&text[i].ids);
		vp_ids_free(&text[i].want);
		free(text[i].embedding);
	}
	free(text);
	vp_words_free(&words);
	vp_lines_free(&in);
	vp_model_close(&model);
	vp_buf_free(&why);
	return failures || !n;
}
