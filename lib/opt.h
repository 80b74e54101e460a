/* opt: the command line: options, numbers, and the start of every program.
 *
 * A program describes itself in one static table, calls vp_start first of all, and then loops over
 * vp_opt for the options of its own; the common options never reach it: they end up in vp_opts.
 *
 *	static const struct vp_program program = {
 *	    .name = "vec-batch",
 *	    .synopsis = "[-1lu] [-n records] [-r file]",
 *	    .help = "  -n, --records N   records in a batch, 1 to 1000 (64)\n",
 *	    .shorts = "1ln:u",
 *	    .longs = (const struct option[]){{"records", 1, 0, 'n'}, {0}},
 *	    .common = VP_OPT_FILTER,
 *	};
 *	vp_start(&program);
 *	for (int c; (c = vp_opt(argc, argv)) != -1;)
 *		if (c == 'n')
 *			nflag = vp_arg_size(c, 1, 1000);
 *
 * -h prints usage and help on standard output and exits 0, -V the version. What can't be understood is
 * said in one line with the range or form that is wanted, and exits 64. */
#ifndef VP_OPT_H
#define VP_OPT_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {                      /* groups of common options that a program takes, beside -h and -V */
	VP_OPT_SAY = 1,     /* -q -v */
	VP_OPT_REJECTS = 2, /* -r FILE */
	VP_OPT_STATS = 4,   /* --stats */
	VP_OPT_NET = 8,     /* --timeout --retries --deadline --wait */
	VP_OPT_JOBS = 16,   /* -j N|auto */
	VP_OPT_SKIP = 32    /* --skip */
};
#define VP_OPT_FILTER (VP_OPT_SAY | VP_OPT_REJECTS | VP_OPT_STATS)

struct vp_program {
	const char *name;
	const char *
	    synopsis; /* what follows the name in a usage line; lines parted by \n are alternatives */
	const char
	    *help; /* a line for each option and operand of its own; the common ones are added */
	const char *
	    shorts; /* getopt(3) string of its own options; a leading + stops at the first operand */
	const struct option
	    *longs;      /* its own long options, ended by zeros, or NULL; flag must be NULL */
	unsigned common; /* VP_OPT_* */
};

/* The common options, after parsing. */
struct vp_opts {
	unsigned verbose;     /* -v, counted */
	const char *rejects;  /* -r; NULL: stop at the first record that can't be processed */
	bool stats;           /* --stats: one JSON object on standard error at the end */
	size_t jobs;          /* -j; requests in flight; 0 is auto */
	unsigned retries;     /* --retries: tries after the first, for one request */
	uint64_t skip;        /* --skip: lines of the input that are done already */
	uint64_t timeout_ms;  /* --timeout: for one request, from its start to its last byte */
	uint64_t deadline_ms; /* --deadline: for the whole run; 0 is none */
	uint64_t wait_ms;     /* --wait: how long to wait for a server that is starting */
};
extern struct vp_opts vp_opts;

/* When --deadline is over, on the clock of clock.h, counted from vp_start; UINT64_MAX where there is none. */
uint64_t vp_deadline_at(void);

/* Set the program's name, ignore SIGPIPE (so that a write says EPIPE), and see that descriptors 0 to 2
 * are taken, so that no file of ours gets the place of one: one that was closed fails with EBADF when it is used.
 * p must stay. */
void vp_start(const struct vp_program *p);

/* The next option of the program's own, as getopt_long(3); -1 when there are no more: then optind is the
 * first operand. */
int vp_opt(int argc, char *argv[]);

/* The argument of option c, read whole: a number from min to max; a size with an optional unit B, kB, MB,
 * GB (powers of 1000) or KiB, MiB, GiB, in bytes; a duration with an optional unit ms, s, m, h or d (s), in
 * milliseconds. Anything else ends the program with one line and 64. */
uint64_t vp_arg_number(int c, uint64_t min, uint64_t max);
uint64_t vp_arg_bytes(int c, uint64_t min, uint64_t max);
uint64_t vp_arg_ms(int c);

/* The same readings without the exit: 0, or VP_E_SYNTAX. */
int vp_read_number(const char *s, uint64_t *out);
int vp_read_bytes(const char *s, uint64_t *out);
int vp_read_ms(const char *s, uint64_t *out);

/* End with a usage error: the message, then `see 'man NAME'`; exit 64. */
_Noreturn void vp_usage(const char *format, ...) VP_PRINTF(1, 2);

/* The operands that must be there: exactly n from optind on, else a usage error that shows the usage line. */
void vp_operands(int argc, int n);

#endif
