/* space: search finds what comparing with every record finds, in the same order, on every kind of
 * processor; filters find what looking at each record finds */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "store/filter.h"
#include "store/inner.h"
#include "store/space.h"

static uint64_t seed = 88172645463325252;
static uint64_t digest; /* of all results, to compare processors with each other */

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static float
draw_float(void)
{
	return (float)((double)(draw() >> 11) / 9007199254740992.0 - 0.5);
}

/* The slow plain way: every record, in long double. */
static double
plain_score(enum vp_metric metric, const float *a, const float *b, size_t n)
{
	long double dot = 0, aa = 0, bb = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		long double d = (long double)a[i] - b[i];
		dot += (long double)a[i] * b[i];
		aa += (long double)a[i] * a[i];
		bb += (long double)b[i] * b[i];
		squares += d * d;
	}
	if (metric == VP_EUCLIDEAN)
		return (double)squares;
	if (metric == VP_COSINE)
		return (double)(dot / sqrtl(aa) / sqrtl(bb));
	return (double)dot;
}

static bool
close_to(double got, double want)
{
	double most = fmax(1e-6, fabs(want)) * 1e-5;

	if (fabs(want) > FLT_MAX)
		return fabs(got) == (double)FLT_MAX && signbit(got) == signbit(want);
	return fabs(got - want) <= most;
}

/* Search and check: each score is right, the order is right, and nothing that was left out is
 * better. */
static void
check_search(const struct vp_space *s, const float *q, size_t top_k, const uint64_t *rows)
{
	struct vp_hit *hits = vp_alloc(top_k, sizeof *hits);
	struct vp_question question = {.values = q, .top_k = top_k, .rows = rows};
	size_t n = vp_space_search(s, &question, hits), allowed = 0, better = 0;
	double sign = s->metric == VP_EUCLIDEAN ? -1 : 1;

	for (size_t i = 0; i < n; i++) {
		struct vp_item item = vp_space_item(s, hits[i].row);
		uint32_t bits;
		CHECK(
		    close_to(hits[i].score, plain_score(s->metric, q, item.values, s->dimension)));
		digest = digest * 31 + hits[i].row;
		memcpy(&bits, &hits[i].score, sizeof bits);
		digest = digest * 31 + bits;
		if (i) {
			struct vp_item last = vp_space_item(s, hits[i - 1].row);
			CHECK(sign * hits[i - 1].score >= sign * hits[i].score);
			if (hits[i - 1].score == hits[i].score)
				CHECK(strncmp(last.id.s, item.id.s,
					  last.id.n < item.id.n ? last.id.n : item.id.n) <= 0);
		}
	}
	for (size_t r = 0; r < s->n; r++) {
		double score;
		if (!s->rows[r].text || (rows && !(rows[r / 64] >> (r % 64) & 1)))
			continue;
		allowed++;
		if (n == 0)
			continue;
		score = plain_score(s->metric, q, s->values + r * s->stride, s->dimension);
		if (sign * score > sign * hits[n - 1].score && !close_to(hits[n - 1].score, score))
			better++;
	}
	CHECK(n == (allowed < top_k ? allowed : top_k));
	CHECK(better < n || n == 0);
	free(hits);
}

enum shape { SPREAD, CLOSE, TWINS, OUTLIERS, WILD };

static void
draw_vector(enum shape shape, float *x, size_t n)
{
	static float centre[4096];
	size_t odd = draw() % n;

	for (size_t i = 0; i < n; i++) {
		x[i] = draw_float();
		if (shape == CLOSE) {
			if (centre[i] == 0)
				centre[i] = draw_float() + 1;
			x[i] = centre[i] + x[i] * 1e-3f;
		}
		if (shape == TWINS)
			x[i] = (float)(int)(x[i] * 3) +
			       (i == 0 ? 0.25f : 0); /* few different vectors */
		if (shape == WILD)
			x[i] *= draw() % 2 ? 1e30f : 1e-30f;
	}
	if (shape == OUTLIERS)
		x[odd] *= 1000; /* little is left for the other values in bytes */
}

static void
test_search(size_t dimension, size_t n, enum vp_metric metric, enum shape shape)
{
	struct vp_space *s = vp_space_new(dimension, metric);
	float *x = vp_alloc(dimension, sizeof *x);
	uint64_t *rows;

	for (size_t i = 0; i < n + n / 4; i++) { /* some are replaced */
		char id[32];
		snprintf(id, sizeof id, "r%zu", i < n ? i : (size_t)(draw() % n));
		draw_vector(shape, x, dimension);
		vp_space_put(s, &(struct vp_item){.id = vp_str(id), .values = x}, (int64_t)i);
	}
	for (size_t i = 0; i < n / 5; i++) {
		char id[32];
		int64_t row;
		snprintf(id, sizeof id, "r%zu", (size_t)(draw() % n));
		row = vp_space_find(s, vp_str(id));
		if (row >= 0)
			vp_space_remove(s, (size_t)row);
	}
	vp_space_tidy(s);
	rows = vp_alloc((s->n + 63) / 64, sizeof *rows);
	for (size_t i = 0; i < 4; i++) {
		static const size_t top_ks[] = {1, 10, 100, 5000};
		draw_vector(shape, x, dimension);
		check_search(s, x, top_ks[i], NULL);
		for (size_t w = 0; w < (s->n + 63) / 64; w++)
			rows[w] = i % 2 ? draw() : draw() & draw() & draw() & draw();
		check_search(s, x, top_ks[i], rows);
		if (s->live) {
			size_t r = vp_space_order(s)[draw() % s->live];
			check_search(s, s->values + r * s->stride, 10, NULL);
		}
	}
	free(rows);
	free(x);
	vp_space_free(s);
}

#define TOGETHER 11 /* more than share a scan */

struct asker {
	pthread_t thread;
	const struct vp_space *s;
	const float *questions; /* [20][stride] */
	struct vp_hit hits[20][10];
	size_t found; /* hits, of all questions */
};

static void *
ask(void *arg)
{
	struct asker *a = arg;

	for (size_t i = 0; i < 20; i++) {
		struct vp_question q = {.values = a->questions + i * a->s->stride, .top_k = 10};
		a->found += vp_space_search(a->s, &q, a->hits[i]);
	}
	return NULL;
}

/* Many threads that search two spaces at once find what one alone finds. */
static void
test_together(void)
{
	struct vp_space *spaces[2];
	float *questions = vp_alloc(20 * 320, sizeof *questions);
	struct asker alone[2], askers[TOGETHER];

	for (size_t i = 0; i < 20 * 320; i++)
		questions[i] = draw_float();
	for (size_t k = 0; k < 2; k++) {
		spaces[k] = vp_space_new(k ? 320 : 256, k ? VP_EUCLIDEAN : VP_COSINE);
		for (size_t i = 0; i < 20000; i++) {
			char id[32];
			float x[320];
			snprintf(id, sizeof id, "%zu", i);
			draw_vector(SPREAD, x, 320);
			vp_space_put(spaces[k], &(struct vp_item){.id = vp_str(id), .values = x},
			    (int64_t)i);
		}
		alone[k] = (struct asker){.s = spaces[k], .questions = questions};
		ask(&alone[k]);
		check_search(spaces[k], questions, 10, NULL);
	}
	for (size_t i = 0; i < TOGETHER; i++) {
		askers[i] = (struct asker){.s = spaces[i % 3 == 0], .questions = questions};
		CHECK(pthread_create(&askers[i].thread, NULL, ask, &askers[i]) == 0);
	}
	for (size_t i = 0; i < TOGETHER; i++) {
		pthread_join(askers[i].thread, NULL);
		CHECK(askers[i].found == 200);
		for (size_t j = 0; j < 20 * 10; j++)
			CHECK(askers[i].hits[j / 10][j % 10].row ==
				  alone[i % 3 == 0].hits[j / 10][j % 10].row &&
			      askers[i].hits[j / 10][j % 10].score ==
				  alone[i % 3 == 0].hits[j / 10][j % 10].score);
	}
	vp_space_free(spaces[0]);
	vp_space_free(spaces[1]);
	free(questions);
}

static void
test_sparse(void)
{
	struct vp_space *s = vp_space_new(0, VP_DOTPRODUCT);
	uint32_t asked[] = {3, 7, 4000000000};
	float weights[] = {1, 0.5f, -2};
	struct vp_question q = {.indices = asked, .weights = weights, .sparse = 3, .top_k = 3};
	struct vp_hit hits[3];

	vp_space_put(s,
	    &(struct vp_item){.id = VP_LIT("b"),
		.indices = (uint32_t[]){1, 3},
		.weights = (float[]){9, 2},
		.sparse = 2},
	    1);
	vp_space_put(s,
	    &(struct vp_item){.id = VP_LIT("a"),
		.indices = (uint32_t[]){7},
		.weights = (float[]){4},
		.sparse = 1},
	    2);
	vp_space_put(s,
	    &(struct vp_item){.id = VP_LIT("c"),
		.indices = (uint32_t[]){4000000000},
		.weights = (float[]){1},
		.sparse = 1},
	    3);
	CHECK(vp_space_search(s, &q, hits) == 3);
	CHECK(
	    hits[0].row == 1 && hits[0].score == 2); /* a before b: as good, and first by its id */
	CHECK(hits[1].row == 0 && hits[1].score == 2);
	CHECK(hits[2].row == 2 && hits[2].score == -2);
	vp_space_free(s);
}

static void
test_records(void)
{
	struct vp_space *s = vp_space_new(2, VP_COSINE);
	struct vp_item item;

	for (int i = 0; i < 20000;
	     i++) { /* the same ids over and over: rows that are gone must not pile up */
		char id[16];
		float x[] = {(float)i + 1, 1};
		snprintf(id, sizeof id, "%d", i % 100);
		vp_space_put(s,
		    &(struct vp_item){
			.id = vp_str(id), .values = x, .metadata = VP_LIT("{\"a\":1}")},
		    i);
		vp_space_tidy(s);
	}
	CHECK(s->live == 100 && s->n < 3000);
	CHECK(vp_attrs_field(&s->attrs, "a")->n < 3000);
	item = vp_space_item(s, (size_t)vp_space_find(s, VP_LIT("7")));
	CHECK(item.values[0] == 19908 && vp_span_is(item.metadata, "{\"a\":1}"));
	CHECK(vp_space_item(s, vp_space_order(s)[0]).id.s[0] == '0');
	CHECK(vp_space_order_from(s, VP_LIT("99"), false) == 99 &&
	      vp_space_order_from(s, VP_LIT("99"), true) == 100);
	CHECK(vp_space_find(s, VP_LIT("100")) == -1);
	/* a record that is given its own parts back, again and again */
	vp_space_reserve(s, 5000);
	for (int i = 0; i < 5000; i++) {
		item = vp_space_item(s, (size_t)vp_space_find(s, VP_LIT("7")));
		item.metadata = VP_LIT("{}");
		vp_space_put(s, &item, 7);
	}
	item = vp_space_item(s, (size_t)vp_space_find(s, VP_LIT("7")));
	CHECK(item.values[0] == 19908 && item.values[1] == 1);
	vp_space_free(s);
}

static size_t
count(const struct vp_space *s, const char *json)
{
	struct vp_filter *f;
	struct vp_buf why = {0};
	uint64_t rows[4];
	size_t n = 0;

	CHECK(vp_filter_parse(vp_str(json), &f, &why) == 0 && f != NULL);
	vp_filter_rows(f, &s->attrs, rows, s->n);
	for (size_t r = 0; r < s->n; r++)
		n += (rows[r / 64] & s->in_use[r / 64]) >> (r % 64) & 1;
	vp_filter_free(f);
	vp_buf_free(&why);
	return n;
}

static void
test_filters(void)
{
	static const char *const metadata[] = {"{\"g\":\"drama\",\"y\":1999}",
	    "{\"g\":\"comedy\",\"y\":2005.5}", "{\"g\":[\"drama\",\"war\"],\"y\":-0,\"seen\":true}",
	    "{\"y\":0,\"seen\":false,\"\\u00e9\":\"\\u00fc\"}", "{\"g\":[]}", ""};
	struct vp_space *s = vp_space_new(2, VP_COSINE);
	struct vp_filter *f;
	struct vp_buf deep = {0}, why = {0};

	for (size_t i = 0; i < 6; i++)
		vp_space_put(s,
		    &(struct vp_item){.id = {&"abcdef"[i], 1},
			.values = (float[]){1, 2},
			.metadata = vp_str(metadata[i])},
		    (int64_t)i);
	CHECK(count(s, "{\"g\":\"drama\"}") == 2);
	CHECK(count(s, "{\"g\":{\"$ne\":\"drama\"}}") == 4);
	CHECK(count(s, "{\"g\":{\"$in\":[\"war\",\"comedy\"]}}") == 2);
	CHECK(count(s, "{\"g\":{\"$nin\":[\"war\",\"comedy\"]}}") == 4);
	CHECK(count(s, "{\"g\":{\"$in\":[]}}") == 0);
	CHECK(count(s, "{\"g\":{\"$exists\":true}}") == 4);
	CHECK(count(s, "{\"g\":{\"$exists\":false}}") == 2);
	CHECK(count(s, "{\"y\":0}") == 2);
	CHECK(count(s, "{\"y\":{\"$gt\":0,\"$lte\":2005.5}}") == 2);
	CHECK(count(s, "{\"y\":{\"$gte\":0}}") == 4);
	CHECK(count(s, "{\"y\":{\"$lt\":1999}}") == 2);
	CHECK(count(s, "{\"y\":\"1999\"}") == 0);
	CHECK(count(s, "{\"seen\":true}") == 1 && count(s, "{\"seen\":1}") == 0);
	CHECK(count(s, "{\"\xc3\xa9\":\"\xc3\xbc\"}") == 1);
	CHECK(count(s, "{\"$or\":[{\"g\":\"war\"},{\"y\":1999}],\"y\":{\"$exists\":true}}") == 2);
	CHECK(
	    count(s, "{\"$and\":[{\"g\":\"drama\"},{\"$or\":[{\"seen\":true},{\"y\":5}]}]}") == 1);
	CHECK(count(s, "{\"none\":1}") == 0 && count(s, "{\"none\":{\"$ne\":1}}") == 6);
	for (int i = 0; i < 40; i++)
		vp_buf_puts(&deep, "{\"$and\":[");
	CHECK(vp_filter_parse(vp_buf_get(&deep), &f, &why) != 0);
	deep.n = 0;
	for (int i = 0; i < 40; i++)
		vp_buf_puts(&deep, "{\"$or\":[");
	vp_buf_puts(&deep, "{\"a\":1}");
	for (int i = 0; i < 40; i++)
		vp_buf_puts(&deep, "]}");
	why.n = 0;
	CHECK(vp_filter_parse(vp_buf_get(&deep), &f, &why) == VP_E_LIMIT);
	CHECK(strstr(vp_buf_cstr(&why), "deeper") != NULL);
	vp_buf_free(&deep);
	vp_buf_free(&why);
	vp_space_free(s);
}

static void
test_all(void)
{
	static const size_t dimensions[] = {2, 16, 63, 100, 768};

	for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++)
		for (int metric = VP_COSINE; metric <= VP_EUCLIDEAN; metric++)
			for (int shape = SPREAD; shape <= WILD; shape++)
				test_search(dimensions[d], shape == SPREAD ? 1500 : 700,
				    (enum vp_metric)metric, (enum shape)shape);
	test_search(256, 20000, VP_COSINE, SPREAD); /* large enough for several threads */
	test_together();
	test_sparse();
	test_records();
	test_filters();
}

/* What a processor that is told to be of some kind finds, as a number; 0 if something was wrong. */
static uint64_t
as(const char *processor)
{
	uint64_t found = 0;
	int ends[2], status;
	pid_t pid;

	CHECK(pipe(ends) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setenv("VP_CPU", processor, 1);
		test_all();
		if (failed == 0 && write(ends[1], &digest, sizeof digest) == sizeof digest)
			_exit(0);
		fflush(stdout);
		_exit(1);
	}
	close(ends[1]);
	CHECK(read(ends[0], &found, sizeof found) == sizeof found);
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return found;
}

int
main(void)
{
	uint64_t best = as(""), avx2 = as("avx2"), plain = as("plain");

	CHECK(best != 0 && best == avx2 && best == plain);
	return check_done();
}
