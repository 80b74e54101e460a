/* options: any command line: it is read, or refused with 64
 *
 * Arguments end in LF. Linked with --wrap=exit: what ends a program ends a round here. */
#include <setjmp.h>
#include <string.h>

#include "fuzz.h"
#include "opt.h"

enum { ARGS_MAX = 64, WAIT_LONG = 300 };

static jmp_buf round_over;
static bool in_round;
static int exit_status;

_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

void
__wrap_exit(int status)
{
	if (!in_round)
		__real_exit(status);
	exit_status = status;
	longjmp(round_over, 1);
}

static const struct vp_program program = {
    .name = "options",
    .synopsis = "[-1] [-n number] [-b bytes]\n-w time",
    .help = "",
    .shorts = "1n:b:w:",
    .longs = (const struct option[]){{"number", 1, NULL, 'n'}, {"bytes", 1, NULL, 'b'},
	{"wait-long", 1, NULL, WAIT_LONG}, {"one", 0, NULL, '1'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_NET | VP_OPT_JOBS,
};

static void
read_options(int argc, char *argv[])
{
	optind = 0; /* getopt begins anew */
	vp_opts = (struct vp_opts){.retries = 8, .timeout_ms = 120000, .wait_ms = 600000};
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case 'n':
			must(vp_arg_number(c, 1, 1000) <= 1000, "a number is in its range");
			break;
		case 'b':
			must(vp_arg_bytes(c, 1, SIZE_MAX) > 0, "a size is in its range");
			break;
		case 'w':
		case WAIT_LONG:
			must(vp_arg_ms(c) > 0, "a duration is in its range");
			break;
		default:
			must(c == '1', "an option is one that there is");
		}
	must(vp_opts.jobs <= 256 && vp_opts.retries <= 1000 && vp_opts.timeout_ms > 0,
	    "the common options are in their ranges");
	vp_operands(argc, 1);
}

/* A function of its own: nothing of the caller's changes between setjmp and longjmp. */
static void
run_round(int argc, char *argv[])
{
	exit_status = 0;
	in_round = true;
	if (setjmp(round_over) == 0)
		read_options(argc, argv);
	in_round = false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "options", *argv[ARGS_MAX + 2] = {name};
	int argc = 1;
	static char *text; /* survives the jump */

	if (!text)
		vp_start(&program);
	free(text);
	text = vp_alloc(size + 1, 1);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	for (char *p = text, *lf; argc <= ARGS_MAX && (lf = strchr(p, '\n')); p = lf + 1) {
		*lf = '\0';
		argv[argc++] = p;
	}
	argv[argc] = NULL;
	run_round(argc, argv);
	must(exit_status == 0 || exit_status == VP_EX_USAGE, "it ends with 0 or 64");
	return 0;
}
