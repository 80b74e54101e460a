/* opt: numbers, sizes and durations read whole; common options set apart from a program's own */
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "opt.h"

static const struct option longs[] = {{"number", 1, NULL, 'n'}, {"only", 0, NULL, 1000}, {0}};
static const struct vp_program program = {.name = "prog",
    .synopsis = "",
    .help = "",
    .shorts = "1n:",
    .longs = longs,
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS};

struct reading {
	const char *text;
	uint64_t value; /* NONE: refused */
};
#define NONE (UINT64_MAX - 1)

static void
try_all(int (*read_it)(const char *, uint64_t *), const struct reading *r)
{
	for (; r->text; r++) {
		uint64_t v = 77;
		int e = read_it(r->text, &v);
		CHECK_AT(r->value == NONE ? e == VP_E_SYNTAX && v == 77 : e == 0 && v == r->value,
		    r->text);
	}
}

static void
test_readings(void)
{
	static const struct reading numbers[] = {{"0", 0}, {"7", 7}, {"007", 7},
	    {"18446744073709551615", UINT64_MAX}, {"18446744073709551616", NONE}, {"", NONE},
	    {"-1", NONE}, {"+1", NONE}, {" 1", NONE}, {"1 ", NONE}, {"1k", NONE}, {"1.0", NONE},
	    {"0x10", NONE}, {"1e3", NONE}, {NULL, 0}};
	static const struct reading sizes[] = {{"12", 12}, {"12B", 12}, {"2kB", 2000}, {"2k", 2000},
	    {"2MB", 2000000}, {"2M", 2000000}, {"3GB", 3000000000}, {"2KiB", 2048},
	    {"1MiB", 1048576}, {"1GiB", 1073741824}, {"2 MB", NONE}, {"2mb", NONE}, {"MB", NONE},
	    {"1.5MB", NONE}, {"2MBs", NONE}, {"18446744073709551615k", NONE}, {NULL, 0}};
	static const struct reading times[] = {{"90", 90000}, {"500ms", 500}, {"90s", 90000},
	    {"2m", 120000}, {"2min", 120000}, {"3h", 10800000}, {"1d", 86400000}, {"1h30m", NONE},
	    {"s", NONE}, {"1 s", NONE}, {NULL, 0}};

	try_all(vp_read_number, numbers);
	try_all(vp_read_bytes, sizes);
	try_all(vp_read_ms, times);
}

static void
test_options(void)
{
	static char argv0[] = "prog", a1[] = "-q1vn5", a2[] = "--stats", a3[] = "--number=6",
		    a4[] = "-vr", a5[] = "file", a6[] = "--time=3s", a7[] = "--only", a8[] = "-j",
		    a9[] = "12", a10[] = "--retries=0", a11[] = "--", a12[] = "-n";
	char *argv[] = {argv0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, NULL};

	vp_start(&program);
	CHECK(strcmp(vp_name, "prog") == 0);
	CHECK(vp_opt(13, argv) == '1' && vp_quiet);
	CHECK(vp_opt(13, argv) == 'n' && vp_arg_number('n', 1, 10) == 5 && vp_opts.verbose == 1);
	CHECK(!vp_opts.stats && vp_opts.retries == 8 && vp_opts.jobs == 0);
	CHECK(vp_opt(13, argv) == 'n' && vp_arg_number('n', 6, 6) == 6 && vp_opts.stats);
	CHECK(vp_opt(13, argv) == 1000 && vp_opts.verbose == 2);
	CHECK(vp_opts.rejects == a5 && vp_opts.timeout_ms == 3000);
	CHECK(vp_opt(13, argv) == -1 && optind == 12);
	CHECK(vp_opts.jobs == 12 && vp_opts.retries == 0);
}

int
main(void)
{
	test_readings();
	test_options();
	return check_done();
}
