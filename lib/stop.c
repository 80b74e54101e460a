/* stop: signals and the deadline */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "opt.h"
#include "out.h"
#include "stop.h"

enum {
	SAME_SIGNAL_MS = 100, /* timeout(1) signals its child, then the group it is in */
	ALARM_MS = 100        /* how often a blocked write looks at the deadline, once it is over */
};

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t told;
static uint64_t told_ms; /* when the first signal came */
static int wake[2] = {-1, -1};
static char *last_words; /* of vp_stop_at_once */

static _Noreturn void
end_now(void)
{
	vp_out_cut_back();
	vp_resume_say();
	_exit(VP_EX_TEMP);
}

static void
on_signal(int number)
{
	int saved = errno;

	(void)number;
	if (!told) {
		told = 1;
		told_ms = vp_now_ms();
	} else if (vp_now_ms() - told_ms >= SAME_SIGNAL_MS) {
		end_now();
	}
	if (write(wake[1], "", 1) < 0) { /* full: it will be seen anyway */
	}
	errno = saved;
}

/* A reader that has stopped reading holds up the whole loop in a write. */
static void
on_alarm(int number)
{
	(void)number;
	if (vp_out_blocked())
		end_now();
}

/* Printing allocates nothing, and takes no lock of stdio. */
static void
on_last_signal(int number)
{
	(void)number;
	vp_warn("%s", last_words);
	end_now();
}

/* What SIGINT, SIGTERM and SIGHUP do, those that are not ignored. */
static void
handle(void (*handler)(int))
{
	struct sigaction a = {.sa_handler = handler}, old;

	sigfillset(&a.sa_mask); /* not one inside the other */
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &a, NULL);
}

void
vp_stop_at_once(char *words)
{
	handle(SIG_DFL);
	free(last_words);
	last_words = words;
	if (words)
		handle(on_last_signal);
}

void
vp_stop_catch(void)
{
	struct sigaction alarm_action = {.sa_handler = on_alarm};

	sigfillset(&alarm_action.sa_mask);
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK))
		vp_die(VP_EX_INTERNAL, "pipe:");
	handle(on_signal);
	if (vp_opts.deadline_ms) {
		uint64_t now = vp_now_ms(),
			 ms = vp_deadline_at() > now ? vp_deadline_at() - now : 1;
		struct itimerval t = {{ALARM_MS / 1000, ALARM_MS % 1000 * 1000},
		    {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)}};

		sigaction(SIGALRM, &alarm_action, NULL);
		setitimer(ITIMER_REAL, &t, NULL);
	}
}

bool
vp_stop_told(void)
{
	return told;
}

int
vp_stop_fd(void)
{
	return wake[0];
}
