/* pace: how many requests may be in flight, and how many a second */
#include "pace.h"

enum {
	FIRST_WINDOW = 4,
	STEP_US =
	    10000, /* a step of the window is looked at for as long, and for as many answers as it is wide */
	PATIENCE = 8, /* steps to stay where more did not help; doubled each time, up to */
	PATIENCE_MAX = 64,
	FIRST_US = 250000, /* the first rate is what was accepted, over at least so long */
	PROBE =
	    5, /* requests at a rate before it is doubled, while nothing is known of the limit */
	SEEK =
	    30, /* requests at a rate before it counts as accepted, once it is known between which two it is */
	SETTLED = 300, /* and once it has been found */
	CREEP = 200    /* requests between two small steps up, as long as they go well */
};
#define GROWTH 1.15        /* twice the window is worth it for so much more throughput */
#define GROWTH_CAPPED 1.05 /* where the rate has a limit, it shows less */
#define SLUMP 0.6          /* the widest window is given up for so much less */
#define FOUND 1.04         /* the limit is found when refused and accepted rate are so near */
#define CREEP_BY 1.02
#define STEP_BACK 0.96
#define USED 0.7 /* a rate that is not used up to so much is not raised */

void
vp_pace_start(struct vp_pace *p, size_t jobs, size_t max, uint64_t now_us)
{
	p->fixed = jobs > 0;
	p->max = jobs ? (double)jobs : (double)max;
	p->window = jobs ? p->max : FIRST_WINDOW < p->max ? FIRST_WINDOW : p->max;
	p->patience = PATIENCE;
	p->since_us = p->changed_us = now_us;
}

size_t
vp_pace_window(const struct vp_pace *p)
{
	return p->window < 1 ? 1 : (size_t)p->window;
}

uint64_t
vp_pace_due(const struct vp_pace *p)
{
	return p->next_us;
}

void
vp_pace_sent(struct vp_pace *p, uint64_t now_us)
{
	if (p->idle_since_us)
		p->idle_us += now_us - p->idle_since_us;
	p->idle_since_us = 0;
	p->sent++;
	if (p->rate >
	    0) { /* a little late is made up for; time that was not used is not, as that would be a burst */
		uint64_t gap = (uint64_t)(1e6 / p->rate);
		p->next_us = (p->next_us + gap > now_us ? p->next_us : now_us) + gap;
	}
}

void
vp_pace_idle(struct vp_pace *p, uint64_t now_us)
{
	if (!p->idle_since_us)
		p->idle_since_us = now_us;
}

/* Begin a new step of the window. */
static void
next_step(struct vp_pace *p, uint64_t now_us)
{
	if (p->window > p->max)
		p->window = p->max;
	p->finished = p->work = 0;
	p->idle_us = 0;
	if (p->idle_since_us)
		p->idle_since_us = now_us;
	p->since_us = now_us;
}

/* At the end of a step: wider, back, or stay. */
static void
judge_step(struct vp_pace *p, double rate)
{
	if (p->hold) {
		p->best = p->best > 0 ? p->best * 0.7 + rate * 0.3 : rate;
		if (--p->hold == 0 && p->window < p->max)
			p->window *= 2;
	} else if (p->window >= p->max && rate > p->best * SLUMP) {
		p->best = p->best > 0 ? p->best * 0.9 + rate * 0.1 : rate;
	} else if (rate > p->best * (p->rate > 0 ? GROWTH_CAPPED : GROWTH)) {
		p->best = rate;
		p->patience = PATIENCE;
		p->window *= 2;
	} else {
		p->window = p->window / 2 < 1 ? 1 : p->window / 2;
		p->hold = p->patience;
		p->patience = p->patience * 2 < PATIENCE_MAX ? p->patience * 2 : PATIENCE_MAX;
	}
}

static void
set_rate(struct vp_pace *p, double rate, unsigned wanted, uint64_t now_us)
{
	p->rate = rate < 0.2 ? 0.2 : rate;
	p->accepted = p->sent = 0;
	p->wanted = wanted;
	p->changed_us = now_us;
}

/* The rate has been accepted for long enough: try a higher one. */
static void
raise_rate(struct vp_pace *p, uint64_t now_us)
{
	double real = p->sent * 1e6 / (double)(now_us - p->changed_us + 1);

	if (real <
	    p->rate *
		USED) { /* something else limits: this shows nothing, and the gap stays against bursts */
		set_rate(p, p->rate, p->wanted, now_us);
		return;
	}
	p->low = p->rate;
	if (p->high == 0)
		set_rate(p, p->rate * 2, PROBE, now_us);
	else if (p->high > p->low * FOUND)
		set_rate(p, (p->low + p->high) / 2, SEEK, now_us);
	else
		set_rate(p, p->rate * CREEP_BY, CREEP, now_us);
}

void
vp_pace_accepted(struct vp_pace *p, size_t work, uint64_t now_us)
{
	p->accepted++;
	if (p->rate > 0 && p->accepted >= p->wanted)
		raise_rate(p, now_us);
	p->finished++;
	p->work += work;
	if (p->finished < vp_pace_window(p) || now_us - p->since_us < STEP_US)
		return;
	if (p->idle_since_us)
		p->idle_us += now_us - p->idle_since_us;
	if (p->fixed)
		p->window *= 2; /* back to what was asked for, after a refusal */
	else if (p->idle_us * 2 < now_us - p->since_us) /* else the step shows nothing */
		judge_step(p, (double)p->work / (double)(now_us - p->since_us));
	next_step(p, now_us);
}

/* The rate was refused, or there was none: find a lower one. */
static void
lower_rate(struct vp_pace *p, uint64_t now_us)
{
	if (p->rate == 0) { /* a burst was refused, which tells little: begin low, and double */
		uint64_t us = now_us - p->changed_us < FIRST_US ? FIRST_US : now_us - p->changed_us;
		set_rate(p, (p->accepted + 1) * 1e6 / (double)us, PROBE, now_us);
		return;
	}
	p->high = p->rate;
	if (p->low == 0) {
		set_rate(p, p->high / 2, PROBE, now_us);
	} else if (p->low * FOUND < p->high) {
		set_rate(p, (p->low + p->high) / 2, SEEK, now_us);
	} else {
		set_rate(p, p->high * STEP_BACK, SETTLED, now_us);
		if (p->low > p->rate) /* what was accepted once is no longer */
			p->low = p->rate * SLUMP;
	}
}

/* Half the window, once for all that was in flight. False: it has been done for these already. */
static bool
narrow(struct vp_pace *p, uint64_t sent_us, uint64_t now_us)
{
	if (sent_us < p->refused_us)
		return false;
	p->refused_us = now_us;
	p->window = p->window / 2 < 1 ? 1 : p->window / 2;
	p->hold = 2;
	p->best = 0;
	next_step(p, now_us);
	return true;
}

void
vp_pace_refused(struct vp_pace *p, uint64_t sent_us, uint64_t now_us)
{
	if (!narrow(p, sent_us, now_us))
		return;
	lower_rate(p, now_us);
	p->next_us = now_us + (uint64_t)(1e6 / p->rate);
}

void
vp_pace_failed(struct vp_pace *p, uint64_t sent_us, uint64_t now_us)
{
	narrow(p, sent_us, now_us);
}
