/* json: how fast the scanner passes over records with vectors, and how many times as fast as libjq
 *
 * The least time of several rounds, on one core; the promise is 1 GB/s. */
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "json.h"
#include "record.h"

enum { VALUES = 768, RECORDS = 2000, ROUNDS = 7, SLOW_RECORDS = 100 };

static bool
scan(struct vp_span s)
{
	return vp_json_check(s, NULL) == 0;
}

static bool
find_members(struct vp_span s)
{
	struct vp_record r;

	return vp_record_parse(s, &r) == 0 && r.values.n > 0;
}

static bool
check_numbers(struct vp_span s)
{
	struct vp_span values;
	size_t n;

	return vp_json_find(s, "values", &values) == 1 && vp_json_numbers(values, &n) == 0 &&
	       n == VALUES;
}

static bool
parse_with_libjq(struct vp_span s)
{
	jv v = jv_parse_sized(s.s, (int)s.n);
	bool ok = jv_is_valid(v);

	jv_free(v);
	return ok;
}

/* Bytes a microsecond, in the best of the rounds. */
static double
measure(const char *what, bool (*f)(struct vp_span), const struct vp_span *rec, size_t n)
{
	uint64_t best = UINT64_MAX;
	size_t bytes = 0;
	double rate;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = vp_now_us(), took;

		bytes = 0;
		for (size_t i = 0; i < n; i++) {
			if (!f(rec[i]))
				exit((fprintf(stderr, "%s: refused\n", what), 1));
			bytes += rec[i].n;
		}
		took = vp_now_us() - start;
		best = took < best ? took : best;
	}
	rate = (double)bytes / (double)(best ? best : 1);
	printf("%-45s %7.3f GB/s\n", what, rate / 1000);
	return rate;
}

int
main(void)
{
	static struct vp_span rec[RECORDS];
	static size_t at[RECORDS + 1];
	struct vp_buf text = {0};
	double fast, slow;

	srand(1);
	for (int i = 0; i < RECORDS; i++) {
		vp_buf_printf(&text, "{\"id\":\"%d\",\"values\":[", i);
		for (int k = 0; k < VALUES; k++)
			vp_buf_printf(
			    &text, "%s%.8g", k ? "," : "", rand() / (RAND_MAX + 1.0) * 0.4 - 0.2);
		vp_buf_puts(&text, "],\"metadata\":{\"text\":\"Two women are embracing while "
				   "holding to go packages.\"}}");
		at[i + 1] = text.n;
	}
	for (int i = 0; i < RECORDS; i++)
		rec[i] = (struct vp_span){text.s + at[i], at[i + 1] - at[i]};
	printf("%d records of %d values, %zu bytes each\n", RECORDS, VALUES, text.n / RECORDS);
	fast = measure("the scanner (vp_json_check)", scan, rec, RECORDS);
	measure("members of a record (vp_record_parse)", find_members, rec, RECORDS);
	measure("finding and checking a vector (vp_json_numbers)", check_numbers, rec, RECORDS);
	slow = measure("libjq (jv_parse_sized)", parse_with_libjq, rec, SLOW_RECORDS);
	printf("the scanner is %.0f times as fast as libjq\n", fast / slow);
	vp_buf_free(&text);
	return 0;
}
