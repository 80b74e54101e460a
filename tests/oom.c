/* oom: let one allocation of a program fail, or all from one on: LD_PRELOAD this, with glibc
 *
 * OOM_AT=N     the Nth allocation from the start of main fails, counted over all of malloc, calloc, realloc and the
 *              aligned ones that the program, libcurl, libjq and the C library call
 * OOM_REST=1   and so do all that follow
 * OOM_HIT=FILE is made when one has failed: without it, the program needed fewer
 *
 * Not counted is what other libraries call: the start of OpenSSL alone would be nine tenths of a run. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own, under the names that nobody interposes */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *memalign(size_t alignment, size_t n); /* its header has more than this file wants */

typedef int main_fn(int argc, char **argv, char **env);
typedef int start_fn(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end);

static unsigned long fail_at; /* 0: nothing fails (yet) */
static bool fail_rest;
static atomic_ulong count;

static void
say_hit(void)
{
	const char *path = getenv("OOM_HIT");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		close(fd);
}

static struct range {
	uintptr_t from, to;
} counted[32];
static size_t counted_n;

/* Take note of where the code of those lies whose allocations count. */
static int
note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char *const names[] = {"/libcurl", "/libjq", "/libc."};
	bool counts = !*info->dlpi_name; /* the program */

	(void)size;
	(void)arg;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		counts |= strstr(info->dlpi_name, names[i]) != NULL;
	for (int i = 0; counts && i < info->dlpi_phnum && counted_n < 32; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			counted[counted_n++] =
			    (struct range){from, from + info->dlpi_phdr[i].p_memsz};
		}
	return 0;
}

/* Whether this one is to fail; caller is where it goes back to. */
static bool
fails(void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	unsigned long n;
	size_t i = 0;

	if (!fail_at)
		return false;
	while (i < counted_n && !(at >= counted[i].from && at < counted[i].to))
		i++;
	if (i == counted_n)
		return false;
	n = ++count;
	if (n < fail_at || (n > fail_at && !fail_rest))
		return false;
	if (n == fail_at)
		say_hit();
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

void *
aligned_alloc(size_t alignment, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

void *
memalign(size_t alignment, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

int
posix_memalign(void **p, size_t alignment, size_t n)
{
	if (fails(__builtin_return_address(0)))
		return ENOMEM;
	*p = __libc_memalign(alignment, n);
	return *p ? 0 : ENOMEM;
}

static main_fn *real_main;

/* Counting begins here: what the loader and the libraries' constructors need is not the program's. */
static int
counted_main(int argc, char **argv, char **env)
{
	const char *at = getenv("OOM_AT");

	dl_iterate_phdr(note_object, NULL);
	fail_rest = getenv("OOM_REST") != NULL;
	fail_at = at ? strtoul(at, NULL, 10) : 0;
	return real_main(argc, argv, env);
}

int
__libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end)
{
	start_fn *start;

	*(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main"); /* as POSIX has it */
	real_main = main;
	return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
