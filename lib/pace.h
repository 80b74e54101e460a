/* pace: how many requests may be in flight, and how many a second, learned from what comes back.
 *
 * Two things limit a client: how much the server does at once, and how many requests a second it takes. The first is
 * met by a window, the second by a gap between sends.
 *
 * The window starts small and doubles as long as that brings more throughput; where it does not, the requests only
 * stand in line at the server: it goes back a step, stays for a while, and tries again, as a server may have grown. A
 * refusal (429) or a failure (5xx) halves it.
 *
 * A server with a limit a second refuses whatever the window is. So after a refusal sends are spaced, and the rate that
 * the server takes is found by halving the interval between the rate last accepted and the rate last refused; then it
 * creeps up a little now and then, and each further refusal sets it back. The steps are such that under one request in a
 * hundred is refused once it has settled.
 *
 * With a fixed number (-j N) the window stays, but for refusals, and grows back. All times are given by the caller, in
 * microseconds, so that it can be tested without waiting. Zero the struct, then vp_pace_start. */
#ifndef VP_PACE_H
#define VP_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vp_pace {
	double window, max; /* requests in flight, now and at most; at least 1 */
	bool fixed;         /* max is what the user asked for: nothing is tried out */
	/* the step of the window that is being looked at */
	uint64_t since_us;
	size_t finished, work;           /* requests and records accepted in it */
	uint64_t idle_us, idle_since_us; /* time without anything to send in it; since when, or 0 */
	double best;                     /* records a second at the step before */
	unsigned hold, patience;         /* steps to stay; steps to stay next time */
	/* the rate */
	double rate;      /* requests a second, at most; 0: no limit is known */
	double low, high; /* the rates last accepted for a while, and refused; 0: not known */
	uint64_t next_us; /* nothing is sent before */
	unsigned sent, accepted; /* requests, since the rate was last changed */
	unsigned wanted;         /* requests to accept before it is changed again */
	uint64_t refused_us;     /* the last refusal that counted */
	uint64_t changed_us;     /* when the rate was last changed */
};

/* jobs: the window that the user wants, or 0 to find it out, from 4 up to max. */
void vp_pace_start(struct vp_pace *p, size_t jobs, size_t max, uint64_t now_us);

/* How many requests may be in flight now. */
size_t vp_pace_window(const struct vp_pace *p);

/* When the next request may be sent; it is now, or past, if at once. vp_pace_sent: one was. */
uint64_t vp_pace_due(const struct vp_pace *p);
void vp_pace_sent(struct vp_pace *p, uint64_t now_us);

/* There was room for a request, but nothing to send, or it was not yet due. */
void vp_pace_idle(struct vp_pace *p, uint64_t now_us);

/* A request was accepted and brought work records. */
void vp_pace_accepted(struct vp_pace *p, size_t work, uint64_t now_us);

/* A request, sent at sent_us, was refused as one too many. Several that were in flight together count once. */
void vp_pace_refused(struct vp_pace *p, uint64_t sent_us, uint64_t now_us);

/* The same for one that failed (5xx, a time-out, a broken connection): the server may be doing too much at once, but this
 * says nothing about a rate. */
void vp_pace_failed(struct vp_pace *p, uint64_t sent_us, uint64_t now_us);

#endif
