/* out: standard output, for programs that carry data */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "err.h"
#include "out.h"

/* 256 KB writes into a 1 MB pipe cost half the time of 64 KB ones into the default pipe. */
enum { ROOM = 256 * 1024, PIPE_ROOM = 1024 * 1024 };

static char room[ROOM];
static size_t used;
static unsigned long long done_line;
static uint64_t blocked_us;
static volatile sig_atomic_t writing;

/* Where in the file this run's output begins; how much of it has been given to vp_out, and written; where the part ends
 * that vp_out_done spoke of last, and the last such part that is written whole. */
static bool begun;
static off_t begin_at;
static uint64_t given, written, done_at, safe_at;

void
vp_out_cut_back(void)
{
	struct stat st;

	if (begun && fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == begin_at + (off_t)written &&
	    ftruncate(STDOUT_FILENO, begin_at + (off_t)safe_at)) {
		/* then it stays as it is */
	}
}

static void
fail(void)
{
	int saved = errno;

	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}

	vp_out_cut_back();
	errno = saved;
	vp_die(VP_EX_IO, "standard output:");
}

static void
begin(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	begun = true;
	(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_ROOM); /* no pipe, or not allowed: as it is */
	if (flags >= 0 && flags & O_APPEND && fstat(STDOUT_FILENO, &st) == 0)
		begin_at = st.st_size;
	else
		begin_at = lseek(STDOUT_FILENO, 0, SEEK_CUR);
}

static void
write_all(struct iovec *v, int count)
{
	uint64_t start = vp_now_us();

	if (!begun)
		begin();
	writing = 1;
	while (count > 0) {
		ssize_t w = writev(STDOUT_FILENO, v, count);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) { /* somebody else made it non-blocking */
				poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1,
				    -1);
				continue;
			}
			fail();
		}
		written += (uint64_t)w;
		while (count > 0 && (size_t)w >= v->iov_len) {
			w -= (ssize_t)v->iov_len;
			v++;
			count--;
		}
		if (count > 0) {
			v->iov_base = (char *)v->iov_base + w;
			v->iov_len -= (size_t)w;
		}
	}
	writing = 0;
	blocked_us += vp_now_us() - start;
}

/* The buffer is out, and with it all that vp_out_done spoke of. */
static void
emptied(void)
{
	used = 0;
	if (done_line) {
		vp_resume(done_line);
		safe_at = done_at;
		done_line = 0;
	}
}

void
vp_out_flush(void)
{
	struct iovec v = {room, used};

	if (used)
		write_all(&v, 1);
	emptied();
}

void
vp_out(const void *s, size_t n)
{
	given += n;
	if (n <= ROOM - used) {
		if (n)
			memcpy(room + used, s, n);
		used += n;
	} else {
		struct iovec v[2] = {{room, used}, {(void *)(uintptr_t)s, n}};
		write_all(v, 2);
		emptied();
	}
}

void
vp_out_span(struct vp_span s)
{
	vp_out(s.s, s.n);
}

void
vp_out_puts(const char *s)
{
	vp_out(s, strlen(s));
}

void
vp_out_putc(char c)
{
	vp_out(&c, 1);
}

void
vp_out_json(struct vp_span json)
{
	static const char *const breaks[] = {"\n", "\r"};

	for (size_t at = 0; at < json.n;) {
		size_t n = json.n - at;

		for (size_t i = 0; i < 2; i++) {
			const char *p = memchr(json.s + at, *breaks[i], n);
			n = p ? (size_t)(p - json.s) - at : n;
		}
		vp_out(json.s + at, n);
		at += n;
		if (at < json.n) {
			vp_out_putc(' ');
			at++;
		}
	}
}

void
vp_out_line(struct vp_span json)
{
	vp_out_json(json);
	vp_out_putc('\n');
}

void
vp_out_done(unsigned long long line)
{
	done_line = line;
	done_at = given;
}

bool
vp_out_blocked(void)
{
	return writing;
}

uint64_t
vp_out_blocked_ms(void)
{
	return blocked_us / 1000;
}

void
vp_out_close(void)
{
	vp_out_flush();
	if (close(STDOUT_FILENO) && errno != EBADF)
		fail();
}
