/* Unit test of lib/pace: a server and a client in virtual time, so that its promises are numbers and not luck */
#include <stdio.h>
#include <stdlib.h>

#include "pace.h"

enum { FLIGHTS = 64, MAX = 16 };

struct server {
	const char *name;
	uint64_t latency_us; /* of one request */
	unsigned workers;    /* requests at a time; 0: any number */
	double rate;         /* requests a second, by a token bucket; 0: any number */
	double burst;        /* tokens that it holds */
};

struct outcome {
	double per_second; /* requests accepted, over the whole run */
	double refused;    /* share of the requests of the second half */
};

static uint64_t
earliest(const uint64_t *t, size_t n)
{
	uint64_t min = UINT64_MAX;

	for (size_t i = 0; i < n; i++)
		min = t[i] && t[i] < min ? t[i] : min;
	return min;
}

/* Send for so many seconds, jobs at a time (0: as pace finds out). */
static struct outcome
run(const struct server *s, size_t jobs, double seconds)
{
	uint64_t end_of[FLIGHTS] = {0}, sent_at[FLIGHTS] = {0}, free_at[FLIGHTS] = {0}, now = 1000,
		 end, filled = now;
	bool refused[FLIGHTS];
	double tokens = s->burst;
	size_t flying = 0, accepted = 0, late_refused = 0, late = 0;
	struct vp_pace p = {0};

	vp_pace_start(&p, jobs, MAX, now);
	end = now + (uint64_t)(seconds * 1e6);
	while (now < end) {
		uint64_t next = UINT64_MAX;

		while (flying < vp_pace_window(&p) && vp_pace_due(&p) <= now) {
			size_t i = 0, w = 0;
			while (end_of[i])
				i++;
			sent_at[i] = now;
			tokens += (double)(now - filled) * s->rate / 1e6;
			tokens = tokens > s->burst ? s->burst : tokens;
			filled = now;
			refused[i] = s->rate > 0 && tokens < 1;
			tokens -= refused[i] ? 0 : 1;
			if (refused[i]) {
				end_of[i] = now + 500;
			} else if (s->workers) {
				for (size_t k = 1; k < s->workers; k++)
					w = free_at[k] < free_at[w] ? k : w;
				free_at[w] = (free_at[w] > now ? free_at[w] : now) + s->latency_us;
				end_of[i] = free_at[w];
			} else {
				end_of[i] = now + s->latency_us;
			}
			end_of[i] += (uint64_t)(rand() % 200);
			flying++;
			vp_pace_sent(&p, now);
		}
		next = earliest(end_of, FLIGHTS);
		if (flying < vp_pace_window(&p)) {
			vp_pace_idle(&p, now);
			next = vp_pace_due(&p) < next ? vp_pace_due(&p) : next;
		}
		now = next;
		for (size_t i = 0; i < FLIGHTS; i++) {
			if (!end_of[i] || end_of[i] > now)
				continue;
			end_of[i] = 0;
			flying--;
			late += now > end / 2;
			late_refused += refused[i] && now > end / 2;
			if (refused[i]) {
				vp_pace_refused(&p, sent_at[i], now);
			} else {
				vp_pace_accepted(&p, 64, now);
				accepted++;
			}
		}
	}
	return (struct outcome){
	    (double)accepted / seconds, late ? (double)late_refused / (double)late : 0};
}

int
main(void)
{
	static const struct server servers[] = {
	    {"0.2 ms, one worker", 200, 1, 0, 0},
	    {"5 ms, one worker", 5000, 1, 0, 0},
	    {"5 ms, 4 workers", 5000, 4, 0, 0},
	    {"5 ms, many workers", 5000, 0, 0, 0},
	    {"50 ms, one worker", 50000, 1, 0, 0},
	    {"50 ms, 6 workers", 50000, 6, 0, 0},
	    {"50 ms, many workers", 50000, 0, 0, 0},
	    {"500 ms, many workers", 500000, 0, 0, 0},
	    {"500 ms, one worker", 500000, 1, 0, 0},
	    {"5 ms, 40 a second", 5000, 0, 40, 1},
	    {"5 ms, 100 a second, burst 100", 5000, 0, 100, 100},
	    {"50 ms, 100 a second", 50000, 0, 100, 10},
	    {"500 ms, 20 a second", 500000, 0, 20, 5},
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
		const struct server *s = &servers[i];
		struct outcome automatic = run(s, 0, 60);
		double best = 0;

		for (size_t jobs = 1; jobs <= MAX; jobs *= 2) {
			struct outcome o = run(s, jobs, 60);
			best = o.per_second > best ? o.per_second : best;
		}
		printf("%-30s auto %7.1f/s, best fixed %7.1f/s, ratio %.2f, refused %.2f%%\n",
		    s->name, automatic.per_second, best, automatic.per_second / best,
		    100 * automatic.refused);
		if (automatic.per_second < 0.9 * best || automatic.refused > 0.01) {
			printf("FAIL: want 0.90 and at most 1%%\n");
			failed = 1;
		}
		if (s->rate > 0 && automatic.per_second < 0.85 * s->rate) {
			printf("FAIL: want 85%% of the server's rate\n");
			failed = 1;
		}
	}
	return failed;
}
