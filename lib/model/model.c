/* model: a folder of the Hugging Face Hub, from text to embedding */
#include <stdlib.h>

#include "hub.h"
#include "model.h"

static int
open_folder(struct vp_model *m, const char *folder, struct vp_buf *why)
{
	const struct vp_tokenizer *t = &m->tokenizer;
	size_t special;
	int e;

	if ((e = vp_config_open(&m->config, folder, why)) ||
	    (e = vp_tokenizer_open(&m->tokenizer, m->config.transformer, why)) ||
	    (e = vp_encoder_open(&m->encoder, &m->config, why)) ||
	    (e = vp_pooler_open(&m->pooler, &m->config, why)))
		return e;
	if (t->ids > m->encoder.words->shape[0])
		return vp_why(why, VP_E_DIM,
		    "%s: token id %u lies outside the embedding table of %zu rows", folder,
		    t->ids - 1, m->encoder.words->shape[0]);
	special = t->n_before + t->n_after;
	if (!special)
		return vp_why(why, VP_E_MISSING,
		    "%s: a tokenizer without special tokens: not supported", folder);
	if (m->config.max_tokens < special)
		return vp_why(why, VP_E_LIMIT,
		    "%s: a text may have %zu tokens, but its special tokens are %zu", folder,
		    m->config.max_tokens, special);
	return 0;
}

int
vp_model_open(struct vp_model *m, const char *model, struct vp_buf *why)
{
	char *folder;
	int e;

	*m = (struct vp_model){0};
	folder = vp_hub_folder(model, why);
	e = folder ? open_folder(m, folder, why) : VP_E_IO;
	free(folder);
	return e;
}

void
vp_model_close(struct vp_model *m)
{
	vp_pooler_close(&m->pooler);
	vp_encoder_close(&m->encoder);
	vp_tokenizer_free(&m->tokenizer);
	vp_config_free(&m->config);
}

void
vp_model_embed(const struct vp_model *m, struct vp_work *w, const uint32_t *ids,
    const size_t *length, size_t n, float *out)
{
	float *room = vp_alloc(m->pooler.room, sizeof *room);

	vp_encoder_run(&m->encoder, w, ids, length, n);
	for (size_t i = 0, row = 0; i < n; row += length[i++])
		vp_pool(&m->pooler, w->x + row * w->stride, w->stride, length[i], room,
		    out + i * m->pooler.dim);
	free(room);
}
