/* pooling: the rows of a text's tokens to one vector */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "pooling.h"

static int
read_activation(
    const char *path, struct vp_span config, enum vp_activation *act, struct vp_buf *why)
{
	struct vp_buf name = {0};
	struct vp_span v =
	    VP_LIT("\"torch.nn.modules.activation.Tanh\""); /* the default of Dense */
	const char *last;
	int e = 0;

	vp_json_find(config, "activation_function", &v);
	if (vp_json_decode(v, &name))
		name.n = 0;
	last = strrchr(vp_buf_cstr(&name), '.');
	if (last && strcmp(last, ".Tanh") == 0)
		*act = VP_ACT_TANH;
	else if (last && strcmp(last, ".GELU") == 0)
		*act = VP_ACT_GELU;
	else if (last && strcmp(last, ".Identity") == 0)
		*act = VP_ACT_NONE;
	else
		e = vp_why(why, VP_E_TYPE, "%s: activation_function %.80s: not supported", path,
		    vp_buf_cstr(&name));
	vp_buf_free(&name);
	return e;
}

/* Load the weights of a Dense layer that takes in numbers. */
static int
load_weights(struct vp_dense *d, const char *folder, size_t in, bool bias, struct vp_buf *why)
{
	char *path = vp_path_join(folder, "model.safetensors");
	const struct vp_tensor *weight, *shift = NULL;
	struct vp_tensors file;
	int e = vp_tensors_open(&file, path, why);

	if (!e && (!(weight = vp_tensor_want(&file, "linear.weight", 0, in, why)) ||
		      (bias && !(shift = vp_tensor_want(
				     &file, "linear.bias", weight->shape[0], 0, why)))))
		e = VP_E_TYPE;
	if (!e && !weight->shape[0])
		e = vp_why(why, VP_E_DIM, "%s: linear.weight is empty", path);
	if (!e) {
		vp_matrix_init(&d->matrix, in, weight->shape[0]);
		vp_matrix_load(&d->matrix, 0, weight);
		if (shift)
			vp_tensor_read(shift, 0, weight->shape[0], d->matrix.bias);
	}
	vp_tensors_close(&file);
	free(path);
	return e;
}

static int
open_dense(struct vp_dense *d, const char *folder, size_t in, struct vp_buf *why)
{
	char *path = vp_path_join(folder, "config.json");
	struct vp_buf bytes = {0};
	struct vp_span config, v;
	bool bias = true;
	int e = vp_file_json(path, 1 << 20, &bytes, '{', &config, why);

	if (e == 0)
		e = vp_why(why, VP_E_IO, "%s: no such file", path);
	if (e > 0) {
		if (vp_json_find(config, "bias", &v) == 1)
			bias = vp_json_type(v) != 'f';
		e = read_activation(path, config, &d->act, why);
	}
	vp_buf_free(&bytes);
	free(path);
	return e < 0 ? e : load_weights(d, folder, in, bias, why);
}

int
vp_pooler_open(struct vp_pooler *p, const struct vp_config *c, struct vp_buf *why)
{
	int e = 0;

	*p = (struct vp_pooler){
	    .pooling = c->pooling, .kernel = vp_kernel(), .width = c->hidden, .dim = c->hidden};
	p->dense = vp_zalloc(c->n_dense + 1, sizeof *p->dense);
	p->room = vp_panels(c->hidden);
	for (size_t i = 0; i < c->n_dense && !e; i++) {
		e = open_dense(&p->dense[i], c->dense[i], p->dim, why);
		if (!e) {
			p->dim = p->dense[i].matrix.out;
			p->room += vp_panels(p->dim);
			p->n_dense++;
		}
	}
	return e;
}

void
vp_pooler_close(struct vp_pooler *p)
{
	for (size_t i = 0; i < p->n_dense; i++)
		vp_matrix_free(&p->dense[i].matrix);
	free(p->dense);
	*p = (struct vp_pooler){0};
}

/* Sum of all rows, times scale. */
static void
sum_rows(const float *rows, size_t stride, size_t n, float scale, float *out, size_t width)
{
	memcpy(out, rows, width * sizeof *out);
	for (size_t r = 1; r < n; r++)
		for (size_t i = 0; i < width; i++)
			out[i] += rows[r * stride + i];
	for (size_t i = 0; i < width; i++)
		out[i] *= scale;
}

void
vp_pool(
    const struct vp_pooler *p, const float *rows, size_t stride, size_t n, float *room, float *out)
{
	switch (p->pooling) {
	case VP_POOL_MEAN:
		sum_rows(rows, stride, n, 1 / (float)n, room, p->width);
		break;
	case VP_POOL_MEAN_SQRT:
		sum_rows(rows, stride, n, 1 / sqrtf((float)n), room, p->width);
		break;
	case VP_POOL_CLS:
		memcpy(room, rows, p->width * sizeof *room);
		break;
	case VP_POOL_LAST:
		memcpy(room, rows + (n - 1) * stride, p->width * sizeof *room);
		break;
	case VP_POOL_MAX:
		memcpy(room, rows, p->width * sizeof *room);
		for (size_t r = 1; r < n; r++)
			for (size_t i = 0; i < p->width; i++)
				room[i] = fmaxf(room[i], rows[r * stride + i]);
		break;
	}
	for (size_t i = 0; i < p->n_dense; i++) {
		const struct vp_matrix *m = &p->dense[i].matrix;
		float *to = room + vp_panels(m->in);

		p->kernel->linear(
		    m, room, vp_panels(m->in), 1, to, vp_panels(m->out), p->dense[i].act);
		room = to;
	}
	memcpy(out, room, p->dim * sizeof *out);
}

void
vp_normalize(float *x, size_t n)
{
	double sum = 0;
	float length;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	length = (float)sqrt(sum);
	length = length > 1e-12f ? length : 1e-12f;
	for (size_t i = 0; i < n; i++)
		x[i] /= length;
}
