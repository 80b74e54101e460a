/* oom: let one allocation of a program fail, or all from one on: LD_PRELOAD this, with glibc
 *
 * OOM_AT=N     the Nth allocation from the start of main fails, counted over all of malloc, calloc, realloc and the
 *              aligned ones that the program, libcurl, libjq and the C library call
 * OOM_REST=1   and so do all that follow
 * OOM_HIT=FILE is made when one has failed: without it, the program needed fewer
 * OOM_TURNS=FOLDER  nothing fails in the program itself: at the Nth allocation and at each OOM_STEP-th after it a child
 *              goes on, in which that one fails, while the program waits. So each turn costs what is left of a run, not
 *              a whole one. How a turn ended is a line in FOLDER/turns, `status N name`; what was then in the files out,
 *              err and rejects is in name.out, ..., under one name for turns that ended alike. For programs without
 *              threads and connections, which a child can't have for itself.
 *
 * Not counted is what other libraries call: the start of OpenSSL alone would be nine tenths of a run. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
static const char *turns; /* OOM_TURNS, where that is asked for, and in the program itself */
static unsigned long step;
static atomic_ulong count;

static void
say_hit(void)
{
	const char *path = getenv("OOM_HIT");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		close(fd);
}

/* What a turn has left behind: written down with nothing that allocates. */
static void
note_turn(unsigned long n, int status)
{
	static const char *const names[] = {"out", "err", "rejects"};
	static char text[3][1 << 16];
	ssize_t size[3];
	uint64_t hash = 14695981039346656037U; /* FNV-1a */
	char path[256];
	int fd;

	for (size_t i = 0; i < 3; i++) {
		fd = open(names[i], O_RDONLY | O_CLOEXEC);
		size[i] = fd < 0 ? 0 : read(fd, text[i], sizeof text[i]);
		if (size[i] < 0 || size[i] == sizeof text[i] || (fd >= 0 && close(fd)))
			abort();
		for (ssize_t k = 0; k <= size[i]; k++) /* with a byte between the files */
			hash = (hash ^ (k < size[i] ? (unsigned char)text[i][k] : 256)) *
			       1099511628211U;
	}
	for (size_t i = 0; i < 3; i++) {
		snprintf(
		    path, sizeof path, "%s/%d-%016" PRIx64 ".%s", turns, status, hash, names[i]);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && (write(fd, text[i], (size_t)size[i]) != size[i] || close(fd)))
			abort();
	}
	snprintf(path, sizeof path, "%s/turns", turns);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (dprintf(fd, "%d %lu %d-%016" PRIx64 "\n", status, n, status, hash) < 0 || close(fd))
		abort();
}

/* Let a child go on, and wait for its end; true in the child. It writes to the same files, which are then put back to
 * what they were: the standard ones and the first that the program opens, that of -r. */
static bool
branch(unsigned long n)
{
	enum { FILES = 4 };
	off_t at[FILES], size[FILES];
	struct stat st;
	pid_t child;
	int status;

	for (int fd = 0; fd < FILES; fd++) {
		at[fd] = lseek(fd, 0, SEEK_CUR);
		size[fd] = fstat(fd, &st) == 0 ? st.st_size : -1;
	}
	child = fork();
	if (child == 0) {
		turns = NULL;
		fail_at = n;
		return true;
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	note_turn(n, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (at[FILES - 1] < 0)
		unlink("rejects"); /* the child's own */
	for (int fd = 0; fd < FILES; fd++) {
		if (at[fd] < 0)
			continue;
		if (fstat(fd, &st) || (st.st_size != size[fd] && ftruncate(fd, size[fd])) ||
		    lseek(fd, at[fd], SEEK_SET) < 0)
			abort();
	}
	return false;
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
	if (turns && (n < fail_at || (n - fail_at) % step || !branch(n)))
		return false;
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
	const char *at = getenv("OOM_AT"), *every = getenv("OOM_STEP");

	dl_iterate_phdr(note_object, NULL);
	fail_rest = getenv("OOM_REST") != NULL;
	turns = getenv("OOM_TURNS");
	step = every ? strtoul(every, NULL, 10) : 1;
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
