/* encoder: token ids to a row of numbers for each token */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"

/* What the parts are called in the file. */
struct names {
	const char *prefix; /* before all names, where the file holds a model with a head */
	const char *layer;  /* %zu is its number */
	const char *query, *key, *value, *attended, *attention_norm, *up, *down, *output_norm;
};

static const struct names family_names[] = {
    [VP_FAMILY_BERT] = {"bert.", "encoder.layer.%zu.", "attention.self.query", "attention.self.key",
	"attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
	"intermediate.dense", "output.dense", "output.LayerNorm"},
    [VP_FAMILY_DISTILBERT] = {"distilbert.", "transformer.layer.%zu.", "attention.q_lin",
	"attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1",
	"ffn.lin2", "output_layer_norm"},
};

/* What loading shares. */
struct loader {
	const struct vp_tensors *file;
	char prefix[64]; /* of the names that come next */
	struct vp_buf *why;
};

const struct vp_tensor *
vp_tensor_want(
    const struct vp_tensors *t, const char *name, size_t rows, size_t columns, struct vp_buf *why)
{
	const struct vp_tensor *x = vp_tensors_find(t, name);

	if (!x)
		vp_why(why, VP_E_MISSING, "%s: no tensor %s", t->path, name);
	else if (x->dtype == VP_DTYPE_OTHER)
		vp_why(why, VP_E_TYPE, "%s: tensor %s: want F32, F16 or BF16", t->path, name);
	else if (x->dims != (columns ? 2 : 1) || (rows && x->shape[0] != rows) ||
		 (columns && x->shape[1] != columns))
		vp_why(why, VP_E_DIM, "%s: tensor %s: not of the shape that config.json says",
		    t->path, name);
	else
		return x;
	return NULL;
}

static const struct vp_tensor *
want(const struct loader *l, const char *name, const char *end, size_t rows, size_t columns)
{
	char full[256];

	snprintf(full, sizeof full, "%s%s%s", l->prefix, name, end);
	return vp_tensor_want(l->file, full, rows, columns, l->why);
}

/* Layer norms of old files are called gamma and beta. */
static int
load_norm(const struct loader *l, const char *name, size_t n, struct vp_norm *norm)
{
	char old[256];
	const struct vp_tensor *gain, *shift;
	bool is_old;

	snprintf(old, sizeof old, "%s%s.gamma", l->prefix, name);
	is_old = vp_tensors_find(l->file, old) != NULL;
	if (!(gain = want(l, name, is_old ? ".gamma" : ".weight", n, 0)) ||
	    !(shift = want(l, name, is_old ? ".beta" : ".bias", n, 0)))
		return VP_E_TYPE;
	norm->gain = vp_alloc(n, sizeof(float));
	norm->shift = vp_alloc(n, sizeof(float));
	vp_tensor_read(gain, 0, n, norm->gain);
	vp_tensor_read(shift, 0, n, norm->shift);
	return 0;
}

void
vp_matrix_load(struct vp_matrix *m, size_t column, const struct vp_tensor *t)
{
	float *row = vp_alloc(m->in, sizeof *row);

	for (size_t i = 0; i < t->shape[0]; i++) {
		vp_tensor_read(t, i * m->in, m->in, row);
		vp_matrix_set(m, column + i, row);
	}
	free(row);
	vp_tensor_drop(t);
}

/* Load n linear layers of the same size side by side into one matrix. All are looked up before memory is taken: a
 * file that has them is as large as the memory. */
static int
load_linear(const struct loader *l, const char *const name[], size_t n, size_t in, size_t out,
    struct vp_matrix *m)
{
	const struct vp_tensor *weight[3], *bias[3];

	for (size_t i = 0; i < n; i++)
		if (!(weight[i] = want(l, name[i], ".weight", out, in)) ||
		    !(bias[i] = want(l, name[i], ".bias", out, 0)))
			return VP_E_TYPE;
	vp_matrix_init(m, in, n * out);
	for (size_t i = 0; i < n; i++) {
		vp_matrix_load(m, i * out, weight[i]);
		vp_tensor_read(bias[i], 0, out, m->bias + i * out);
	}
	return 0;
}

static int
load_layer(const struct loader *l, const struct names *s, const struct vp_config *c,
    struct vp_layer *layer)
{
	const char *const qkv[] = {s->query, s->key, s->value};
	int e;

	if ((e = load_linear(l, qkv, 3, c->hidden, c->hidden, &layer->qkv)) ||
	    (e = load_linear(l, &s->attended, 1, c->hidden, c->hidden, &layer->attended)) ||
	    (e = load_norm(l, s->attention_norm, c->hidden, &layer->attention_norm)) ||
	    (e = load_linear(l, &s->up, 1, c->hidden, c->inner, &layer->up)) ||
	    (e = load_linear(l, &s->down, 1, c->inner, c->hidden, &layer->down)))
		return e;
	return load_norm(l, s->output_norm, c->hidden, &layer->output_norm);
}

static int
load_embeddings(const struct loader *l, const struct vp_config *c, struct vp_encoder *e)
{
	const struct vp_tensor *position, *type = NULL;
	size_t n = c->max_tokens * c->hidden;

	if (!(e->words = want(l, "embeddings.word_embeddings", ".weight", 0, c->hidden)) ||
	    !(position =
		    want(l, "embeddings.position_embeddings", ".weight", c->positions, c->hidden)))
		return VP_E_TYPE;
	if (c->family == VP_FAMILY_BERT &&
	    !(type = want(l, "embeddings.token_type_embeddings", ".weight", 0, c->hidden)))
		return VP_E_TYPE;
	if (type && !type->shape[0])
		return vp_why(
		    l->why, VP_E_DIM, "%s: token_type_embeddings is empty", l->file->path);
	e->place = vp_alloc(n, sizeof *e->place);
	vp_tensor_read(position, 0, n, e->place);
	if (type) {
		float *row = vp_alloc(c->hidden, sizeof *row);

		vp_tensor_read(type, 0, c->hidden, row);
		for (size_t i = 0; i < n; i++)
			e->place[i] += row[i % c->hidden];
		free(row);
	}
	return load_norm(l, "embeddings.LayerNorm", c->hidden, &e->norm);
}

int
vp_encoder_open(struct vp_encoder *e, const struct vp_config *c, struct vp_buf *why)
{
	const struct names *s = &family_names[c->family];
	struct loader l = {.file = &e->file, .why = why};
	char *path = vp_path_join(c->transformer, "model.safetensors"), base[16] = "", name[64];
	int error;

	*e = (struct vp_encoder){.config = c, .kernel = vp_kernel()};
	error = vp_tensors_open(&e->file, path, why);
	free(path);
	if (error)
		return error;
	snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", s->prefix);
	if (vp_tensors_find(&e->file, name))
		strcpy(base, s->prefix);
	strcpy(l.prefix, base);
	error = load_embeddings(&l, c, e);
	if (error)
		return error;
	e->layer = vp_zalloc(c->layers, sizeof *e->layer);
	for (size_t i = 0; i < c->layers && !error; i++) {
		size_t n = (size_t)snprintf(l.prefix, sizeof l.prefix, "%s", base);

		snprintf(l.prefix + n, sizeof l.prefix - n, s->layer, i);
		error = load_layer(&l, s, c, &e->layer[i]);
	}
	return error;
}

static void
free_norm(struct vp_norm *n)
{
	free(n->gain);
	free(n->shift);
}

void
vp_encoder_close(struct vp_encoder *e)
{
	for (size_t i = 0; e->layer && i < e->config->layers; i++) {
		struct vp_layer *l = &e->layer[i];

		vp_matrix_free(&l->qkv);
		vp_matrix_free(&l->attended);
		vp_matrix_free(&l->up);
		vp_matrix_free(&l->down);
		free_norm(&l->attention_norm);
		free_norm(&l->output_norm);
	}
	free(e->layer);
	free(e->place);
	free_norm(&e->norm);
	vp_tensors_close(&e->file);
	*e = (struct vp_encoder){0};
}

void
vp_work_free(struct vp_work *w)
{
	free(w->x);
	free(w->y);
	free(w->z);
	free(w->wide);
	free(w->scratch);
	*w = (struct vp_work){0};
}

/* Zeroed, so that what stands behind the rows' ends is never a signalling or denormal number by chance. */
static float *
fresh(float *old, size_t n, size_t m)
{
	size_t bytes;
	float *p;

	free(old);
	if (__builtin_mul_overflow(n, m * sizeof *p, &bytes) || bytes > SIZE_MAX - 64 ||
	    !(p = aligned_alloc(64, (bytes + 63) / 64 * 64)))
		vp_oom();
	memset(p, 0, bytes);
	return p;
}

static void
make_room(const struct vp_config *c, struct vp_work *w, size_t rows, size_t longest)
{
	size_t scratch = vp_attention_scratch(longest, c->hidden / c->heads);

	if (rows > w->rows) {
		size_t three = vp_panels(3 * c->hidden), inner = vp_panels(c->inner);

		w->stride = vp_panels(c->hidden);
		w->wide_stride = three > inner ? three : inner;
		w->rows = rows;
		w->x = fresh(w->x, rows, w->stride);
		w->y = fresh(w->y, rows, w->stride);
		w->z = fresh(w->z, rows, w->stride);
		w->wide = fresh(w->wide, rows, w->wide_stride);
	}
	if (scratch > w->scratch_n) {
		w->scratch = fresh(w->scratch, scratch, 1);
		w->scratch_n = scratch;
	}
}

static void
run_layer(const struct vp_encoder *e, const struct vp_layer *l, struct vp_work *w, size_t rows,
    const size_t *length, size_t n)
{
	const struct vp_config *c = e->config;
	const struct vp_kernel *k = e->kernel;

	k->linear(&l->qkv, w->x, w->stride, rows, w->wide, w->wide_stride, VP_ACT_NONE);
	for (size_t i = 0, at = 0; i < n; at += length[i++])
		k->attention(w->wide + at * w->wide_stride, w->wide_stride, length[i], c->heads,
		    c->hidden / c->heads, w->y + at * w->stride, w->stride, w->scratch);
	k->linear(&l->attended, w->y, w->stride, rows, w->z, w->stride, VP_ACT_NONE);
	k->add_norm(w->x, w->z, w->stride, rows, c->hidden, c->eps, l->attention_norm.gain,
	    l->attention_norm.shift);
	k->linear(&l->up, w->x, w->stride, rows, w->wide, w->wide_stride, VP_ACT_GELU);
	k->linear(&l->down, w->wide, w->wide_stride, rows, w->y, w->stride, VP_ACT_NONE);
	k->add_norm(w->x, w->y, w->stride, rows, c->hidden, c->eps, l->output_norm.gain,
	    l->output_norm.shift);
}

void
vp_encoder_run(const struct vp_encoder *e, struct vp_work *w, const uint32_t *ids,
    const size_t *length, size_t n)
{
	const struct vp_config *c = e->config;
	size_t rows = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		rows += length[i];
		longest = length[i] > longest ? length[i] : longest;
	}
	make_room(c, w, rows, longest);
	for (size_t i = 0, row = 0; i < n; i++)
		for (size_t at = 0; at < length[i]; at++, row++) {
			float *x = w->x + row * w->stride;
			const float *place = e->place + at * c->hidden;

			vp_tensor_read(e->words, ids[row] * c->hidden, c->hidden, x);
			for (size_t d = 0; d < c->hidden; d++)
				x[d] += place[d];
		}
	e->kernel->add_norm(
	    w->x, NULL, w->stride, rows, c->hidden, c->eps, e->norm.gain, e->norm.shift);
	for (size_t i = 0; i < c->layers; i++)
		run_layer(e, &e->layer[i], w, rows, length, n);
}
