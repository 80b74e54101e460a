/* progress: how far a run is */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "opt.h"
#include "progress.h"

enum { TERMINAL_MS = 200, LOG_MS = 10000 };

static uint64_t start_ms, last_ms;
static bool shown;

static double
seconds_left(unsigned long long bytes, double seconds)
{
	struct stat st;
	off_t at;

	if (!bytes || fstat(STDIN_FILENO, &st) || !S_ISREG(st.st_mode))
		return -1;
	at = lseek(STDIN_FILENO, 0,
	    SEEK_CUR); /* where the file stood when we were given it counts as read */
	if (at < 0 || at >= st.st_size)
		return -1;
	return (double)(st.st_size - at) / ((double)bytes / seconds);
}

/* The line belongs to one program of a pipe, the last one: what it says counts, and several would write over each
 * other. */
static bool
owns_line(void)
{
	struct stat st;

	return isatty(STDERR_FILENO) && !(fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode));
}

static void
clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

static void
clock_text(char *to, size_t room, double seconds)
{
	unsigned long s = (unsigned long)seconds;

	if (s >= 3600)
		snprintf(to, room, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(to, room, "%lu:%02lu", s / 60, s % 60);
}

void
vp_progress(const struct vp_progress *p)
{
	bool terminal = owns_line();
	uint64_t now = vp_now_ms();
	char line[256], left[32], retries[48] = "", eta[48] = "";
	double seconds, rest;

	if (!start_ms)
		start_ms = last_ms = now;
	vp_say_first = clear;
	if (vp_quiet || (!terminal && !vp_opts.verbose) ||
	    now - last_ms < (terminal ? TERMINAL_MS : LOG_MS))
		return;
	last_ms = now;
	seconds = (double)(now - start_ms) / 1000;
	if (p->retries)
		snprintf(retries, sizeof retries, ", %llu retries", p->retries);
	rest = seconds_left(p->bytes, seconds);
	if (rest >= 0) {
		clock_text(left, sizeof left, rest);
		snprintf(eta, sizeof eta, ", %s left", left);
	}
	snprintf(line, sizeof line,
	    "%llu records, %llu batches, %.0f records/s, %llu in flight%s%s", p->records,
	    p->batches, (double)p->records / seconds, p->in_flight, retries, eta);
	if (terminal) {
		fprintf(stderr, "\r%s: %s\033[K", vp_name, line);
		shown = true;
	} else {
		vp_info("%s", line);
	}
}
