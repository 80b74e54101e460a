/* replay: run a fuzz target on the files that are named, one after the other
 *
 * Where one fails, its name is the last line on standard error. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static const char *current;

static void
failed(int number)
{
	if (write(STDERR_FILENO, current, strlen(current)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0) {
		/* nothing else can be said */
	}
	signal(number, SIG_DFL);
	raise(number);
}

static void
replay(const char *path)
{
	struct vp_buf bytes = {0};
	FILE *f = fopen(path, "rb");
	uint8_t *exact;

	current = path;
	if (!f)
		vp_die(VP_EX_NOINPUT, "%s:", path);
	for (size_t n = 1; n; bytes.n += n)
		n = fread(vp_buf_room(&bytes, 4096), 1, 4096, f);
	if (ferror(f))
		vp_die(VP_EX_IO, "%s:", path);
	fclose(f);
	exact = vp_alloc(bytes.n, 1); /* so that a byte too far is one that a sanitiser sees */
	if (bytes.n)
		memcpy(exact, bytes.s, bytes.n);
	LLVMFuzzerTestOneInput(exact, bytes.n);
	free(exact);
	vp_buf_free(&bytes);
}

int
main(int argc, char *argv[])
{
	vp_name = "replay";
	signal(SIGABRT, failed);
	signal(SIGSEGV, failed);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	fprintf(stderr, "%d replayed\n", argc - 1);
	return argc == 1;
}
