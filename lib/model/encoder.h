/* encoder: token ids to a row of numbers for each token: embeddings, then layers of attention and
 * feed-forward, each with a residual and followed by a layer norm (BERT) or preceded by one
 * (ModernBERT).
 *
 * Where a token stands is told by a table that is added to the embeddings, by a bias of attention
 * for each distance (MPNet), or by turning queries and keys (rotary embedding). Feed-forward is
 * plain, or gated: act(a) * b.
 *
 * Texts are packed end to end without padding: the matrix products see all rows of a chunk at once,
 * attention sees one text at a time. The weights of the layers are packed for the kernel when the
 * model is loaded; the embedding table stays in the file, which is mapped, and is read row by row.
 *
 * An encoder is only read once it is open, so any number of threads may run it, each with a vp_work
 * of its own.
 *
 * Source: BertModel, RobertaModel, MPNetModel, DistilBertModel, NomicBertModel and ModernBertModel
 * of transformers; Devlin et al. 2018, Vaswani et al. 2017, Song et al. 2020, Nussbaum et al. 2024,
 * Warner et al. 2024. */
#ifndef VP_MODEL_ENCODER_H
#define VP_MODEL_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "kernel.h"
#include "tensors.h"

struct vp_norm {
	float *gain, *shift; /* [hidden]; NULL where there is none */
};

struct vp_layer {
	struct vp_matrix qkv;      /* hidden to 3 * hidden: query, key, value side by side */
	struct vp_matrix attended; /* hidden to hidden, behind attention */
	struct vp_norm attention_norm;
	struct vp_matrix up, down; /* hidden to inner, and back */
	struct vp_matrix gate;     /* hidden to inner: multiplied with up's; or empty */
	struct vp_norm output_norm;
};

struct vp_encoder {
	const struct vp_config *config;
	const struct vp_kernel *kernel;
	struct vp_tensors file;
	const struct vp_tensor *words; /* [tokens][hidden] */
	float *place; /* [places][hidden]: position and token type 0, as there are; or NULL */
	size_t places;
	float *distance;        /* [heads][2 * max_tokens - 1]: attention's bias, or NULL */
	float *rotary;          /* [max_tokens][hidden / heads], or NULL */
	float *local_rotary;    /* the same for layers with a window, or NULL */
	struct vp_norm norm;    /* of the embeddings */
	struct vp_layer *layer; /* [config->layers] */
	struct vp_norm last;    /* behind the layers */
};

/* Memory for one thread; ready when zeroed. */
struct vp_work {
	float *x;     /* [rows][stride] what vp_encoder_run leaves: a row for each token */
	float *y, *z; /* [rows][stride] */
	float *wide;  /* [rows][wide_stride] query, key and value; the inside of feed-forward */
	size_t stride, wide_stride, rows; /* rows there is room for */
	float *scratch;
	size_t scratch_n;
};
void vp_work_free(struct vp_work *w);

/* Load and check the weights of c->transformer; c must outlive e. 0; VP_E_IO; another VP_E_*. In
 * any case vp_encoder_close may be called after it. */
int vp_encoder_open(struct vp_encoder *e, const struct vp_config *c, struct vp_buf *why);
void vp_encoder_close(struct vp_encoder *e);

/* Run n texts: ids has the token ids of all of them one behind the other, length[i] of text i, from
 * 1 to max_tokens, each id below words->shape[0]. Leaves the rows in w->x. */
void vp_encoder_run(const struct vp_encoder *e, struct vp_work *w, const uint32_t *ids,
    const size_t *length, size_t n);

/* Find a tensor that must be there with these sizes (columns 0: one dimension only), of a type that
 * holds weights. NULL and why where it is not so. */
const struct vp_tensor *vp_tensor_want(
    const struct vp_tensors *t, const char *name, size_t rows, size_t columns, struct vp_buf *why);

/* Put a tensor [rows][m->in] in as the columns of m from `column` on. */
void vp_matrix_load(struct vp_matrix *m, size_t column, const struct vp_tensor *t);

#endif
