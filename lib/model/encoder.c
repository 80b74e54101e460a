/* encoder: token ids to a row of numbers for each token */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "ops.h"

#define ANGLES_MAX ((size_t)1 << 26) /* in a table of rotary embedding */

/* What the parts are called in the file; NULL where there is no such part. */
struct names {
	const char *prefix; /* before all names, where the file holds a model with a head */
	const char *words, *positions, *types, *norm;
	const char *layer;               /* %zu is its number */
	const char *query, *key, *value; /* key is NULL: query has all three, one below the other */
	const char *attended, *attention_norm;
	const char *up, *gate, *down, *output_norm;
	const char *last; /* the norm behind the layers */
	bool up_has_gate; /* up is both, one below the other */
	bool no_bias;     /* neither linear layers nor ... */
	bool no_shift;    /* ... norms have one */
};

#define BERT_EMBEDDINGS                                                                            \
	.words = "embeddings.word_embeddings", .positions = "embeddings.position_embeddings",      \
	.norm = "embeddings.LayerNorm"
#define BERT_FORWARD                                                                               \
	.layer = "encoder.layer.%zu.", .up = "intermediate.dense", .down = "output.dense",         \
	.output_norm = "output.LayerNorm"
#define BERT_ATTENTION                                                                             \
	.query = "attention.self.query", .key = "attention.self.key",                              \
	.value = "attention.self.value", .attended = "attention.output.dense",                     \
	.attention_norm = "attention.output.LayerNorm"
#define BERT_TYPES "embeddings.token_type_embeddings"

static const struct names family_names[] = {
    [VP_FAMILY_BERT] =
	{.prefix = "bert.", BERT_EMBEDDINGS, .types = BERT_TYPES, BERT_ATTENTION, BERT_FORWARD},
    [VP_FAMILY_ROBERTA] =
	{.prefix = "roberta.", BERT_EMBEDDINGS, .types = BERT_TYPES, BERT_ATTENTION, BERT_FORWARD},
    [VP_FAMILY_MPNET] = {.prefix = "mpnet.",
	BERT_EMBEDDINGS,
	.query = "attention.attn.q",
	.key = "attention.attn.k",
	.value = "attention.attn.v",
	.attended = "attention.attn.o",
	.attention_norm = "attention.LayerNorm",
	BERT_FORWARD},
    [VP_FAMILY_DISTILBERT] = {.prefix = "distilbert.",
	BERT_EMBEDDINGS,
	.layer = "transformer.layer.%zu.",
	.query = "attention.q_lin",
	.key = "attention.k_lin",
	.value = "attention.v_lin",
	.attended = "attention.out_lin",
	.attention_norm = "sa_layer_norm",
	.up = "ffn.lin1",
	.down = "ffn.lin2",
	.output_norm = "output_layer_norm"},
    [VP_FAMILY_NOMIC] = {.prefix = "bert.",
	.words = "embeddings.word_embeddings",
	.types = BERT_TYPES,
	.norm = "emb_ln",
	.layer = "encoder.layers.%zu.",
	.query = "attn.Wqkv",
	.attended = "attn.out_proj",
	.attention_norm = "norm1",
	.up = "mlp.fc11",
	.gate = "mlp.fc12",
	.down = "mlp.fc2",
	.output_norm = "norm2",
	.no_bias = true},
    [VP_FAMILY_MODERN] = {.prefix = "model.",
	.words = "embeddings.tok_embeddings",
	.norm = "embeddings.norm",
	.layer = "layers.%zu.",
	.query = "attn.Wqkv",
	.attended = "attn.Wo",
	.attention_norm = "attn_norm",
	.up = "mlp.Wi",
	.up_has_gate = true,
	.down = "mlp.Wo",
	.output_norm = "mlp_norm",
	.last = "final_norm",
	.no_bias = true,
	.no_shift = true},
};

/* What loading shares. */
struct loader {
	const struct vp_tensors *file;
	const struct names *names;
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
	const struct vp_tensor *gain, *shift = NULL;
	bool is_old;

	snprintf(old, sizeof old, "%s%s.gamma", l->prefix, name);
	is_old = vp_tensors_find(l->file, old) != NULL;
	if (!(gain = want(l, name, is_old ? ".gamma" : ".weight", n, 0)) ||
	    (!l->names->no_shift && !(shift = want(l, name, is_old ? ".beta" : ".bias", n, 0))))
		return VP_E_TYPE;
	norm->gain = vp_alloc(n, sizeof(float));
	norm->shift = vp_zalloc(n, sizeof(float));
	vp_tensor_read(gain, 0, n, norm->gain);
	if (shift)
		vp_tensor_read(shift, 0, n, norm->shift);
	return 0;
}

/* Put n rows of a tensor, from the first-th on, in as the columns of m from `column` on. */
static void
load_rows(struct vp_matrix *m, size_t column, const struct vp_tensor *t, size_t first, size_t n)
{
	float *row = vp_alloc(m->in, sizeof *row);

	for (size_t i = 0; i < n; i++) {
		vp_tensor_read(t, (first + i) * m->in, m->in, row);
		vp_matrix_set(m, column + i, row);
	}
	free(row);
	vp_tensor_drop(t);
}

void
vp_matrix_load(struct vp_matrix *m, size_t column, const struct vp_tensor *t)
{
	load_rows(m, column, t, 0, t->shape[0]);
}

/* Load n linear layers of the same size side by side into one matrix. All are looked up before
 * memory is taken: a file that has them is as large as the memory. */
static int
load_linear(const struct loader *l, const char *const name[], size_t n, size_t in, size_t out,
    struct vp_matrix *m)
{
	const struct vp_tensor *weight[3], *bias[3];

	for (size_t i = 0; i < n; i++)
		if (!(weight[i] = want(l, name[i], ".weight", out, in)) ||
		    (!l->names->no_bias && !(bias[i] = want(l, name[i], ".bias", out, 0))))
			return VP_E_TYPE;
	vp_matrix_init(m, in, n * out);
	for (size_t i = 0; i < n; i++) {
		vp_matrix_load(m, i * out, weight[i]);
		if (!l->names->no_bias)
			vp_tensor_read(bias[i], 0, out, m->bias + i * out);
	}
	vp_matrix_ready(m, vp_kernel());
	return 0;
}

/* Feed-forward's way up; where gated, with the gate beside it. */
static int
load_up(const struct loader *l, const struct vp_config *c, struct vp_layer *layer)
{
	const struct names *s = l->names;
	const struct vp_tensor *both;
	int e;

	if (!s->up_has_gate) {
		e = load_linear(l, &s->up, 1, c->hidden, c->inner, &layer->up);
		return e || !s->gate
			   ? e
			   : load_linear(l, &s->gate, 1, c->hidden, c->inner, &layer->gate);
	}
	both = want(l, s->up, ".weight", 2 * c->inner, c->hidden);
	if (!both)
		return VP_E_TYPE;
	vp_matrix_init(&layer->up, c->hidden, c->inner);
	vp_matrix_init(&layer->gate, c->hidden, c->inner);
	load_rows(&layer->up, 0, both, 0, c->inner);
	load_rows(&layer->gate, 0, both, c->inner, c->inner);
	vp_matrix_ready(&layer->up, vp_kernel());
	vp_matrix_ready(&layer->gate, vp_kernel());
	return 0;
}

static int
load_layer(const struct loader *l, const struct vp_config *c, size_t nth, struct vp_layer *layer)
{
	const struct names *s = l->names;
	const char *const qkv[] = {s->query, s->key, s->value};
	int e = s->key ? load_linear(l, qkv, 3, c->hidden, c->hidden, &layer->qkv)
		       : load_linear(l, qkv, 1, c->hidden, 3 * c->hidden, &layer->qkv);

	if (e || (e = load_linear(l, &s->attended, 1, c->hidden, c->hidden, &layer->attended)) ||
	    (e = load_up(l, c, layer)) ||
	    (e = load_linear(l, &s->down, 1, c->inner, c->hidden, &layer->down)))
		return e;
	/* ModernBERT's first layer finds the norm of the embeddings done */
	if (!(c->family == VP_FAMILY_MODERN && nth == 0) &&
	    (e = load_norm(l, s->attention_norm, c->hidden, &layer->attention_norm)))
		return e;
	return load_norm(l, s->output_norm, c->hidden, &layer->output_norm);
}

/* The rows that are added to those of the words: positions, if there are any, and the row of token
 * type 0. */
static int
load_places(const struct loader *l, const struct vp_config *c, struct vp_encoder *e)
{
	const struct names *s = l->names;
	const struct vp_tensor *position = NULL, *type = NULL;
	size_t n;

	if (s->positions && !(position = want(l, s->positions, ".weight", c->positions, c->hidden)))
		return VP_E_TYPE;
	if (s->types && !(type = want(l, s->types, ".weight", 0, c->hidden)))
		return VP_E_TYPE;
	if (type && !type->shape[0])
		return vp_why(
		    l->why, VP_E_DIM, "%s: token_type_embeddings is empty", l->file->path);
	if (!position && !type)
		return 0;
	e->places = !position ? 1 : c->max_tokens + (c->skips_pad ? c->pad + 1 : 0);
	n = e->places * c->hidden;
	e->place = vp_zalloc(n, sizeof *e->place);
	if (position)
		vp_tensor_read(position, 0, n, e->place);
	if (type) {
		float *row = vp_alloc(c->hidden, sizeof *row);

		vp_tensor_read(type, 0, c->hidden, row);
		for (size_t i = 0; i < e->places; i++)
			vp_add(e->place + i * c->hidden, row, c->hidden);
		free(row);
	}
	return 0;
}

/* MPNet's bias of attention, spread out: from the table [buckets][heads] to one number for each
 * head and distance. */
static int
load_distances(const struct loader *l, const struct vp_config *c, struct vp_encoder *e)
{
	const struct vp_tensor *table =
	    want(l, "encoder.relative_attention_bias", ".weight", c->buckets, c->heads);
	const size_t n = 2 * c->max_tokens - 1;

	if (!table)
		return VP_E_TYPE;
	e->distance = vp_alloc(n, c->heads * sizeof *e->distance);
	for (size_t i = 0; i < n; i++) {
		size_t row = vp_distance_bucket((long)i - (long)(c->max_tokens - 1), c->buckets);

		for (size_t h = 0; h < c->heads; h++)
			vp_tensor_read(table, row * c->heads + h, 1, &e->distance[h * n + i]);
	}
	return 0;
}

static int
load_embeddings(const struct loader *l, const struct vp_config *c, struct vp_encoder *e)
{
	const size_t dim = c->hidden / c->heads;
	int error;

	if (!(e->words = want(l, l->names->words, ".weight", 0, c->hidden)))
		return VP_E_TYPE;
	if ((error = load_places(l, c, e)) || (c->buckets && (error = load_distances(l, c, e))))
		return error;
	if (c->theta > 0 && c->max_tokens > ANGLES_MAX / dim)
		return vp_why(l->why, VP_E_LIMIT, "%s: texts of %zu tokens: too long",
		    c->transformer, c->max_tokens);
	if (c->theta > 0)
		e->rotary = vp_rotary_table(c->max_tokens, dim, c->theta);
	if (c->global > 1)
		e->local_rotary = vp_rotary_table(c->max_tokens, dim, c->local_theta);
	return load_norm(l, l->names->norm, c->hidden, &e->norm);
}

int
vp_encoder_open(struct vp_encoder *e, const struct vp_config *c, struct vp_buf *why)
{
	const struct names *s = &family_names[c->family];
	struct loader l = {.file = &e->file, .names = s, .why = why};
	char base[16] = "", name[64];
	int error;

	*e = (struct vp_encoder){.config = c, .kernel = vp_kernel()};
	error = vp_tensors_open_folder(&e->file, c->transformer, why);
	if (error)
		return error;
	snprintf(name, sizeof name, "%s%s.weight", s->prefix, s->words);
	if (vp_tensors_find(&e->file, name))
		strcpy(base, s->prefix);
	strcpy(l.prefix, base);
	error = load_embeddings(&l, c, e);
	if (!error && s->last)
		error = load_norm(&l, s->last, c->hidden, &e->last);
	if (error)
		return error;
	e->layer = vp_zalloc(c->layers, sizeof *e->layer);
	for (size_t i = 0; i < c->layers && !error; i++) {
		size_t n = (size_t)snprintf(l.prefix, sizeof l.prefix, "%s", base);

		snprintf(l.prefix + n, sizeof l.prefix - n, s->layer, i);
		error = load_layer(&l, c, i, &e->layer[i]);
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
		vp_matrix_free(&l->gate);
		vp_matrix_free(&l->down);
		free_norm(&l->attention_norm);
		free_norm(&l->output_norm);
	}
	free(e->layer);
	free(e->place);
	free(e->distance);
	free(e->rotary);
	free(e->local_rotary);
	free_norm(&e->norm);
	free_norm(&e->last);
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

/* Zeroed, so that what stands behind the rows' ends is never a signalling or denormal number by
 * chance. */
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
		if (c->family == VP_FAMILY_NOMIC || c->family == VP_FAMILY_MODERN)
			inner *= 2; /* the gate beside it */
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

/* What one layer does, to the rows of n texts. */
struct run {
	const struct vp_encoder *e;
	const struct vp_layer *l;
	struct vp_work *w;
	size_t rows;
	const size_t *length; /* [n] */
	size_t n;
};

/* y = attention of the rows of w->wide, text by text; local: within the window. */
static void
attend(const struct run *r, bool local)
{
	const struct vp_config *c = r->e->config;
	const struct vp_kernel *k = r->e->kernel;
	const float *rotary = local ? r->e->local_rotary : r->e->rotary;
	const size_t dim = c->hidden / c->heads, span = 2 * c->max_tokens - 1;
	struct vp_work *w = r->w;
	struct vp_reach reach = {.window = local ? c->window : SIZE_MAX, .stride = span};

	if (r->e->distance)
		reach.bias = r->e->distance + (c->max_tokens - 1);
	for (size_t i = 0, at = 0; i < r->n; at += r->length[i++]) {
		float *qkv = w->wide + at * w->wide_stride;

		if (rotary)
			vp_rotary(qkv, w->wide_stride, r->length[i], 2 * c->heads, dim, rotary);
		k->attention_within(qkv, w->wide_stride, r->length[i], c->heads, dim, &reach,
		    w->y + at * w->stride, w->stride, w->scratch);
	}
}

/* to = feed-forward of the rows of x. */
static void
forward(const struct run *r, const float *x, float *to)
{
	const struct vp_config *c = r->e->config;
	const struct vp_kernel *k = r->e->kernel;
	const bool silu = c->family == VP_FAMILY_NOMIC;
	struct vp_work *w = r->w;
	float *wide = w->wide, *gate = wide + vp_panels(c->inner);

	k->linear(&r->l->up, x, w->stride, r->rows, wide, w->wide_stride,
	    silu ? VP_ACT_NONE : VP_ACT_GELU);
	if (r->l->gate.out) {
		k->linear(&r->l->gate, x, w->stride, r->rows, gate, w->wide_stride, VP_ACT_NONE);
		for (size_t i = 0; i < r->rows; i++)
			(silu ? vp_silu_multiply : vp_multiply)(
			    wide + i * w->wide_stride, gate + i * w->wide_stride, c->inner);
	}
	k->linear(&r->l->down, wide, w->wide_stride, r->rows, to, w->stride, VP_ACT_NONE);
}

/* x = norm(x + attention(x)), then x = norm(x + forward(x)). */
static void
run_layer(const struct run *r, bool local)
{
	const struct vp_config *c = r->e->config;
	const struct vp_kernel *k = r->e->kernel;
	const struct vp_layer *l = r->l;
	struct vp_work *w = r->w;

	k->linear(&l->qkv, w->x, w->stride, r->rows, w->wide, w->wide_stride, VP_ACT_NONE);
	attend(r, local);
	k->linear(&l->attended, w->y, w->stride, r->rows, w->z, w->stride, VP_ACT_NONE);
	k->add_norm(w->x, w->z, w->stride, r->rows, c->hidden, c->eps, l->attention_norm.gain,
	    l->attention_norm.shift);
	forward(r, w->x, w->y);
	k->add_norm(w->x, w->y, w->stride, r->rows, c->hidden, c->eps, l->output_norm.gain,
	    l->output_norm.shift);
}

/* y = norm(x), or x itself where there is no norm. */
static void
norm_before(const struct run *r, const struct vp_norm *norm)
{
	const struct vp_config *c = r->e->config;
	struct vp_work *w = r->w;

	memcpy(w->y, w->x, r->rows * w->stride * sizeof *w->x);
	if (norm->gain)
		r->e->kernel->add_norm(
		    w->y, NULL, w->stride, r->rows, c->hidden, c->eps, norm->gain, norm->shift);
}

/* x += attention(norm(x)), then x += forward(norm(x)). */
static void
run_layer_before(const struct run *r, bool local)
{
	const struct vp_kernel *k = r->e->kernel;
	const struct vp_layer *l = r->l;
	struct vp_work *w = r->w;

	norm_before(r, &l->attention_norm);
	k->linear(&l->qkv, w->y, w->stride, r->rows, w->wide, w->wide_stride, VP_ACT_NONE);
	attend(r, local);
	k->linear(&l->attended, w->y, w->stride, r->rows, w->z, w->stride, VP_ACT_NONE);
	vp_add(w->x, w->z, r->rows * w->stride);
	norm_before(r, &l->output_norm);
	forward(r, w->y, w->z);
	vp_add(w->x, w->z, r->rows * w->stride);
}

/* x = the embeddings of the tokens of one text. */
static void
embed(const struct vp_encoder *e, const uint32_t *ids, size_t n, float *x, size_t stride)
{
	const struct vp_config *c = e->config;
	size_t next = c->skips_pad ? c->pad + 1 : 0;

	for (size_t i = 0; i < n; i++, x += stride) {
		size_t place = c->skips_pad && ids[i] == c->pad ? c->pad : next++;

		vp_tensor_read(e->words, ids[i] * c->hidden, c->hidden, x);
		if (e->place)
			vp_add(
			    x, e->place + (place < e->places ? place : 0) * c->hidden, c->hidden);
	}
}

void
vp_encoder_run(const struct vp_encoder *e, struct vp_work *w, const uint32_t *ids,
    const size_t *length, size_t n)
{
	const struct vp_config *c = e->config;
	const bool before = c->family == VP_FAMILY_MODERN;
	struct run r = {.e = e, .w = w, .length = length, .n = n};
	size_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		r.rows += length[i];
		longest = length[i] > longest ? length[i] : longest;
	}
	make_room(c, w, r.rows, longest);
	for (size_t i = 0, row = 0; i < n; row += length[i++])
		embed(e, ids + row, length[i], w->x + row * w->stride, w->stride);
	e->kernel->add_norm(
	    w->x, NULL, w->stride, r.rows, c->hidden, c->eps, e->norm.gain, e->norm.shift);
	for (size_t i = 0; i < c->layers; i++) {
		r.l = &e->layer[i];
		(before ? run_layer_before : run_layer)(&r, i % c->global != 0);
	}
	if (e->last.gain)
		e->kernel->add_norm(
		    w->x, NULL, w->stride, r.rows, c->hidden, c->eps, e->last.gain, e->last.shift);
}
