/* opt: the command line */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "opt.h"

struct vp_opts vp_opts = {.retries = 8, .timeout_ms = 120000, .wait_ms = 600000};

static const struct vp_program *program;
static uint64_t started_ms;

enum { LONG_ONLY = 0x4000, TIMEOUT, RETRIES, DEADLINE, WAIT, STATS, SKIP };
enum { WIDTH = 80 }; /* columns of a usage line */

/* The common options: which group, their letter (or a number beyond letters), names, and a line of help. */
static const struct common {
	unsigned group;
	int c, has_arg;
	const char *name, *help;
} common[] = {
    {VP_OPT_REJECTS, 'r', 1, "rejects",
	"  -r, --rejects FILE      set records that can't be processed aside in FILE, go on\n"},
    {VP_OPT_SKIP, SKIP, 1, "skip",
	"      --skip N            go on behind the first N lines of the input (0)\n"},
    {VP_OPT_JOBS, 'j', 1, "jobs",
	"  -j, --jobs N|auto       requests in flight, 1 to 256 (auto)\n"},
    {VP_OPT_NET, TIMEOUT, 1, "timeout", "      --timeout TIME      for one request (2m)\n"},
    {VP_OPT_NET, RETRIES, 1, "retries",
	"      --retries N         tries after the first, for one request (8)\n"},
    {VP_OPT_NET, WAIT, 1, "wait",
	"      --wait TIME         for a server that is starting (10m)\n"},
    {VP_OPT_NET, DEADLINE, 1, "deadline",
	"      --deadline TIME     for the whole run; then exit 75 (none)\n"},
    {VP_OPT_STATS, STATS, 0, "stats",
	"      --stats             one JSON object about the run on standard error at the end\n"},
    {VP_OPT_SAY, 'q', 0, "quiet",
	"  -q, --quiet             no progress, nothing but warnings and errors\n"},
    {VP_OPT_SAY, 'v', 0, "verbose",
	"  -v, --verbose           say more: each request, and progress off the terminal\n"},
    {0, 'h', 0, "help", "  -h, --help              this text\n"},
    {0, 'V', 0, "version", "  -V, --version           the version\n"},
};
enum { COMMON = sizeof common / sizeof *common };

void
vp_start(const struct vp_program *p)
{
	int fd;

	program = p;
	vp_name = p->name;
	vp_takes_skip = p->common & VP_OPT_SKIP;
	started_ms = vp_now_ms();
	/* 0 write-only and the others read-only: what was closed fails when it is used, as it should */
	do
		fd = open("/dev/null", fcntl(0, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* ulimit -f: then a write says EFBIG */
#ifdef __GLIBC__
	/* Buffers of a megabyte come and go with each batch: giving them back to the system each time costs a tenth of
	 * the time in page faults. */
	mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
}

uint64_t
vp_deadline_at(void)
{
	return vp_opts.deadline_ms ? started_ms + vp_opts.deadline_ms : UINT64_MAX;
}

/* The length of the first item of a usage line: what stands in brackets, an option with its argument, or a word. */
static size_t
item(const char *s)
{
	size_t n = 0;
	int depth = 0;
	bool option = *s == '-' && s[1] != '-';

	for (; s[n] && s[n] != '\n'; n++) {
		depth += (s[n] == '[') - (s[n] == ']');
		if (s[n] == ' ' && depth == 0) {
			if (!option)
				break;
			option = false;
		}
	}
	return n;
}

static void
print_usage(FILE *f)
{
	const char *lead = "usage:", *s = program->synopsis;
	int indent = (int)(strlen(lead) + 1 + strlen(program->name));

	for (;; s++, lead = "      ") {
		int column = fprintf(f, "%s %s", lead, program->name);

		while (*s && *s != '\n') {
			int n = (int)item(s);

			if (column + 1 + n > WIDTH)
				column = fprintf(f, "\n%*s", indent, "") - 1;
			column += fprintf(f, " %.*s", n, s);
			s += n;
			s += *s == ' ';
		}
		putc('\n', f);
		if (!*s)
			break;
	}
}

static void
print_help(void)
{
	print_usage(stdout);
	putchar('\n');
	fputs(program->help, stdout);
	for (size_t i = 0; i < COMMON; i++)
		if (!common[i].group || (program->common & common[i].group))
			fputs(common[i].help, stdout);
	printf("\nThe whole manual: man %s; all programs and how they work together: man vecpipe\n",
	    program->name);
	if (fflush(stdout) || ferror(stdout))
		vp_die(VP_EX_IO, "standard output:");
	exit(VP_EX_OK);
}

void
vp_usage(const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	vp_die(VP_EX_USAGE, "%s; see 'man %s'", text, program->name);
}

void
vp_operands(int argc, int n)
{
	if (argc - optind != n) {
		print_usage(stderr);
		vp_usage(argc - optind < n ? "an operand is missing" : "too many operands");
	}
}

/* How messages name option c: `-n`, or `--timeout` where it has no letter. */
static const char *
option_name(int c)
{
	static char text[64];

	if (c > ' ' && c < 127) {
		snprintf(text, sizeof text, "-%c", c);
		return text;
	}
	for (size_t i = 0; i < COMMON; i++)
		if (common[i].c == c) {
			snprintf(text, sizeof text, "--%s", common[i].name);
			return text;
		}
	for (const struct option *o = program->longs; o && o->name; o++)
		if (o->val == c)
			snprintf(text, sizeof text, "--%s", o->name);
	return text;
}

/* Digits, then one of the units; *out is the number times the unit's factor. */
struct unit {
	const char *name;
	uint64_t factor;
};

static int
read_units(const char *s, const struct unit *units, uint64_t *out)
{
	char *end;
	uint64_t v;

	if (*s < '0' || *s > '9')
		return VP_E_SYNTAX;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return VP_E_SYNTAX;
	for (; units->name; units++)
		if (strcmp(end, units->name) == 0) {
			if (v > UINT64_MAX / units->factor)
				return VP_E_SYNTAX;
			*out = v * units->factor;
			return 0;
		}
	return VP_E_SYNTAX;
}

int
vp_read_number(const char *s, uint64_t *out)
{
	static const struct unit units[] = {{"", 1}, {0}};

	return read_units(s, units, out);
}

int
vp_read_bytes(const char *s, uint64_t *out)
{
	static const struct unit units[] = {{"", 1}, {"B", 1}, {"kB", 1000}, {"k", 1000},
	    {"MB", 1000000}, {"M", 1000000}, {"GB", 1000000000}, {"G", 1000000000}, {"KiB", 1024},
	    {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {0}};

	return read_units(s, units, out);
}

int
vp_read_ms(const char *s, uint64_t *out)
{
	static const struct unit units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000},
	    {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {0}};

	return read_units(s, units, out);
}

uint64_t
vp_arg_number(int c, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (vp_read_number(optarg, &v) || v < min || v > max)
		vp_usage("%s %s: want a number from %llu to %llu", option_name(c), optarg,
		    (unsigned long long)min, (unsigned long long)max);
	return v;
}

uint64_t
vp_arg_bytes(int c, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (vp_read_bytes(optarg, &v) || v < min || v > max)
		vp_usage("%s %s: want a size from %llu to %llu bytes, such as 500kB or 2MB",
		    option_name(c), optarg, (unsigned long long)min, (unsigned long long)max);
	return v;
}

uint64_t
vp_arg_ms(int c)
{
	uint64_t v;

	if (vp_read_ms(optarg, &v) || v == 0 || v > UINT64_C(366) * 86400000)
		vp_usage(
		    "%s %s: want a duration such as 500ms, 90s, 10m or 2h", option_name(c), optarg);
	return v;
}

static void
common_option(int c)
{
	switch (c) {
	case 'h':
		print_help();
		break;
	case 'V':
		printf("%s (vecpipe) %s\n", program->name, VP_VERSION);
		if (fflush(stdout))
			vp_die(VP_EX_IO, "standard output:");
		exit(VP_EX_OK);
	case 'q':
		vp_quiet = true;
		break;
	case 'v':
		vp_opts.verbose++;
		break;
	case 'r':
		vp_opts.rejects = optarg;
		break;
	case 'j':
		vp_opts.jobs = strcmp(optarg, "auto") == 0 ? 0 : (size_t)vp_arg_number(c, 1, 256);
		break;
	case TIMEOUT:
		vp_opts.timeout_ms = vp_arg_ms(c);
		break;
	case DEADLINE:
		vp_opts.deadline_ms = vp_arg_ms(c);
		break;
	case WAIT:
		vp_opts.wait_ms = strcmp(optarg, "0") == 0 ? 0 : vp_arg_ms(c);
		break;
	case RETRIES:
		vp_opts.retries = (unsigned)vp_arg_number(c, 0, 1000);
		break;
	case SKIP:
		vp_opts.skip = vp_arg_number(c, 0, 1000000000000000000);
		break;
	case STATS:
		vp_opts.stats = true;
		break;
	}
}

int
vp_opt(int argc, char *argv[])
{
	static struct option longs[64];
	static char shorts[128];
	int c;

	if (!longs[0]
		 .name) { /* first call: the program's own options and the common ones in one table */
		size_t n = 0, at = (size_t)snprintf(shorts, 64, "%s%s",
				  *program->shorts == '+' ? "+:" : ":",
				  program->shorts + (*program->shorts == '+'));
		for (const struct option *o = program->longs; o && o->name && n < 40; o++)
			longs[n++] = *o;
		for (size_t i = 0; i < COMMON; i++) {
			const struct common *o = &common[i];
			if (o->group && !(program->common & o->group))
				continue;
			longs[n++] = (struct option){o->name, o->has_arg, NULL, o->c};
			if (o->c < LONG_ONLY)
				at += (size_t)snprintf(
				    shorts + at, 4, "%c%s", o->c, o->has_arg ? ":" : "");
		}
		opterr = 0;
	}
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		bool is_common = false;

		if (c == ':')
			vp_usage("%s: wants an argument",
			    optopt ? option_name(optopt) : argv[optind - 1]);
		if (c == '?') {
			if (optopt > ' ' && optopt < 127 &&
			    (optopt == ':' || !strchr(shorts, optopt)))
				vp_usage("-%c: no such option", optopt);
			if (optopt)
				vp_usage("%s: takes no argument", argv[optind - 1]);
			vp_usage("%s: no such option, or not clear which", argv[optind - 1]);
		}
		for (size_t i = 0; i < COMMON; i++)
			if (common[i].c == c &&
			    (!common[i].group || (program->common & common[i].group)))
				is_common = true;
		if (!is_common)
			return c;
		common_option(c);
	}
	return -1;
}
