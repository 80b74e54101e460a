/* reject: records that can't be processed */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "opt.h"
#include "out.h"
#include "reject.h"

static int fd = -1;
static char end_of_record = '\n';
static unsigned long long count;

void
vp_reject_end(char end)
{
	end_of_record = end;
}

/* Whether -r names this file. */
static bool
is_rejects(const struct stat *file)
{
	struct stat set_aside;

	return stat(vp_opts.rejects, &set_aside) == 0 && file->st_dev == set_aside.st_dev &&
	       file->st_ino == set_aside.st_ino;
}

static _Noreturn void
refuse(const char *why)
{
	vp_usage("-r %s: %s: name another file", vp_opts.rejects, why);
}

/* To find each spelling of a name, the file must be there: one that is not is made, and taken away again. */
void
vp_reject_apart(const char *path, const char *why)
{
	struct stat file;
	bool same;
	int made;

	if (!vp_opts.rejects)
		return;
	made = open(vp_opts.rejects, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	same = stat(path, &file) == 0 && is_rejects(&file);
	if (made >= 0) {
		close(made);
		unlink(vp_opts.rejects);
	}
	if (same)
		refuse(why);
}

void
vp_reject_open(void)
{
	struct stat in;

	if (!vp_opts.rejects)
		return;
	if (fstat(STDIN_FILENO, &in) == 0 && S_ISREG(in.st_mode) && is_rejects(&in))
		refuse("is the input itself");
	fd = open(vp_opts.rejects,
	    O_WRONLY | O_CREAT | O_CLOEXEC | (vp_opts.skip ? O_APPEND : O_TRUNC), 0666);
	if (fd < 0)
		vp_die(VP_EX_IO, "-r %s:", vp_opts.rejects);
}

bool
vp_reject(unsigned long long line, struct vp_span record, const char *format, ...)
{
	char reason[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof reason, format, ap);
	va_end(ap);
	if (line)
		vp_warn("line %llu: %s", line, reason);
	else
		vp_warn("%s", reason);
	if (fd < 0)
		return false;
	if (record.n)
		vp_out_flush(); /* what the file holds counts as done, and so does all before it */
	for (size_t at = 0; record.n && at <= record.n;) {
		struct iovec v[2] = {
		    {(void *)(uintptr_t)(record.s + at), record.n - at}, {&end_of_record, 1}};
		ssize_t w = writev(fd, v, 2);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			vp_die(VP_EX_IO, "-r %s:", vp_opts.rejects);
		at += (size_t)w;
	}
	count++;
	return true;
}

unsigned long long
vp_reject_count(void)
{
	return count;
}

bool
vp_reject_on(void)
{
	return fd >= 0;
}
