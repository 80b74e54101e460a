/* model-matmul: the products of one layer of all-MiniLM-L6-v2 by our kernels, and by the BLAS libraries that this
 * machine has (found when it runs, so that nothing depends on them), on one thread
 *
 * A line for each: GFLOP/s at 12 to 640 rows, the best of 30 runs. OPENBLAS_CORETYPE in the environment can
 * make OpenBLAS slower: unset it first. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "model/kernel.h"

#define WIDEST 1536

typedef int dnnl_sgemm_fn(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t,
    const float *, int64_t, float, float *, int64_t);
typedef void cblas_sgemm_fn(int, int, int, int, int, int, float, const float *, int, const float *,
    int, float, float *, int);

static const size_t shapes[][2] = {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384}}; /* in, out */
static const size_t rows[] = {12, 24, 96, 192, 320, 480, 640};

static float *x, *w, *y;
static struct vp_matrix matrix[4];
static dnnl_sgemm_fn *dnnl_sgemm;
static cblas_sgemm_fn *cblas_sgemm;

static void
run_dnnl(size_t s, size_t n)
{
	int64_t in = (int64_t)shapes[s][0], out = (int64_t)shapes[s][1];

	dnnl_sgemm('N', 'T', (int64_t)n, out, in, 1, x, in, w, in, 0, y, out);
}

static void
run_cblas(size_t s, size_t n)
{
	int in = (int)shapes[s][0], out = (int)shapes[s][1];

	cblas_sgemm(101, 111, 112, (int)n, out, in, 1, x, in, w, in, 0, y,
	    out); /* row major, no transpose, transpose */
}

static const struct vp_kernel *kernel;

static void
run_kernel(size_t s, size_t n)
{
	kernel->linear(&matrix[s], x, shapes[s][0], n, y, shapes[s][1], VP_ACT_NONE);
}

static void
measure(const char *name, void (*run)(size_t shape, size_t n))
{
	printf("%-10s", name);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double flop = 0;
		uint64_t us = 0;

		for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
			uint64_t best = UINT64_MAX;

			for (int turn = 0; turn < 30; turn++) {
				uint64_t start = vp_now_us(), took;

				for (int k = 0; k < 4; k++)
					run(s, rows[i]);
				took = vp_now_us() - start;
				best = took < best ? took : best;
			}
			us += best;
			flop += 4 * 2.0 * (double)(rows[i] * shapes[s][0] * shapes[s][1]);
		}
		printf(" %4zu: %5.1f", rows[i], flop / (double)us / 1000);
		fflush(stdout);
	}
	putchar('\n');
}

static void *
symbol(const char *const names[], const char *symbol_name)
{
	for (; *names; names++) {
		void *lib = dlopen(*names, RTLD_NOW), *f = lib ? dlsym(lib, symbol_name) : NULL;

		if (f)
			return f;
	}
	printf("%s: not on this machine\n", symbol_name);
	return NULL;
}

int
main(void)
{
	static const char *const dnnl[] = {"libdnnl.so.2", "libdnnl.so.3", NULL};
	static const char *const blas[] = {"libopenblas.so.0", NULL};

	setenv("OMP_NUM_THREADS", "1", 1);
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	x = vp_alloc(640 * WIDEST, sizeof *x);
	w = vp_alloc(384 * WIDEST, sizeof *w);
	y = vp_alloc(640 * WIDEST, sizeof *y);
	for (size_t i = 0; i < 640 * WIDEST; i++)
		x[i] = (float)(i % 7) - 3;
	for (size_t i = 0; i < 384 * WIDEST; i++)
		w[i] = (float)(i % 5) - 2;
	for (size_t i = 0; (kernel = vp_kernel_nth(i)); i++) {
		for (size_t s = 0; s < 4; s++) {
			vp_matrix_init(&matrix[s], shapes[s][0], shapes[s][1]);
			for (size_t c = 0; c < shapes[s][1]; c++)
				vp_matrix_set(&matrix[s], c, w + c * shapes[s][0]);
			vp_matrix_ready(&matrix[s], kernel);
		}
		measure(kernel->name, run_kernel);
		for (size_t s = 0; s < 4; s++)
			vp_matrix_free(&matrix[s]);
	}
	/* POSIX lets an object pointer be a function */
	*(void **)&dnnl_sgemm = symbol(dnnl, "dnnl_sgemm");
	if (dnnl_sgemm)
		measure("oneDNN", run_dnnl);
	*(void **)&cblas_sgemm = symbol(blas, "cblas_sgemm");
	if (cblas_sgemm)
		measure("OpenBLAS", run_cblas);
	free(x);
	free(w);
	free(y);
	return 0;
}
