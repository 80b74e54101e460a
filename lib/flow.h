/* flow: batches of records through a service, many requests in flight, in order, none lost.
 *
 * A program says how a request for some records is written and what its answer means; everything else is
 * here: reading input without stalling, cutting batches to the server's limits, the number of requests in
 * flight, retries, splitting, finding the record that a server refuses, rejects, stopping, and giving
 * batches out in the order in which they came.
 *
 * Terms. A *job* is one batch of the input. A *part* is a run of a job's records that goes in one request; a
 * job has one part unless it must be cut. Jobs wait in a window that is bounded in number and in bytes, so
 * memory is flat however slow one request is.
 *
 * A record ends in one of three ways: answered (its part's answer was taken), skipped (the program said
 * that nothing need be sent for it) or rejected. A job goes out when all of its records have ended. Where
 * one can't end, the job's records before it go out, and the run stops with the reason. */
#ifndef VP_FLOW_H
#define VP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "pace.h"
#include "record.h"

enum vp_state { VP_OPEN, VP_ANSWERED, VP_SKIPPED, VP_REJECTED };

struct vp_result {
	enum vp_state state;
	struct vp_span span; /* with VP_ANSWERED, what `answer` gave: into its part's answer */
	char *why;           /* with VP_REJECTED, the reason; owned; NULL: see the record's bad */
};

struct vp_part {
	struct vp_part *next; /* in the order of records */
	struct vp_job *job;
	size_t first, n; /* its records: job->send[first] to job->send[first + n - 1] */
	unsigned tries;  /* requests so far, but those that a starting server (503) answered */
	unsigned waits;  /* those */
	unsigned wrong;  /* answers that broke the protocol */
	uint64_t not_before_ms;
	uint64_t sent_us; /* when its last request went out: one burst of refusals counts once */
	bool flying, done;
	struct vp_body request; /* while it flies */
	struct vp_buf answer;   /* the body, once it has been taken */
};

struct vp_job {
	struct vp_job *next;
	struct vp_batch batch;
	struct vp_result *result;      /* [batch.n] */
	const struct vp_record **send; /* [sends] those that need a request */
	size_t sends;
	uint64_t *ids;     /* [sends] hashes of their ids, ascending; NULL: order does not matter */
	bool after, twice; /* an id is also in an earlier job of the window; twice in this one */
	struct vp_part *parts;
	size_t open;          /* records that have not ended */
	int failed;           /* exit status with which the run ends here, or 0 */
	size_t failed_at;     /* the first record that can't end; those before it still can */
	struct vp_buf reason; /* why, to be said when the run ends */
};

/* How a program talks to its service. arg is vp_flow.arg. */
struct vp_protocol {
	enum vp_service service;
	const char *method;
	/* Of records with the same id the later one takes the earlier one's place: it is sent when
	 * that has its answer. */
	bool ordered;
	/* Whether nothing need be sent for r. May be NULL. */
	bool (*skip)(void *arg, const struct vp_record *r);
	/* Bytes that r adds to a request's body, at most; NULL where max_bytes is 0. */
	size_t (*weigh)(const struct vp_record *r);
	/* Put together the request's body for n records, of static text and the records' own bytes. */
	void (*request)(
	    void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body);
	/* Look at a 2xx answer for n records and set out[0] to out[n - 1], spans into body or empty.
	 * Returns 0; or VP_E_*, with the reason in why, where the protocol does not allow that
	 * answer: it is asked for again, and then the run stops with 76. VP_E_MISSING: some of the
	 * records were not accepted, and it is not known which: they are sent again in smaller
	 * parts. */
	int (*answer)(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
	    struct vp_span out[], struct vp_buf *why);
	/* Write the job's first n records, without the rejected ones, to standard output (out.h). */
	void (*deliver)(void *arg, const struct vp_job *job, size_t n);
	/* What to do about an answer with this status, for the user; NULL: what http.h says. May be NULL. */
	const char *(*advice)(void *arg, long status);
};

struct vp_flow {
	/* The program sets: */
	const struct vp_protocol *protocol;
	void *arg;
	struct vp_http *http;
	const char *url;
	size_t max_records;   /* in one request, at most; 0: as many as the batch has */
	size_t max_bytes;     /* of one request's body, at most; 0: no limit */
	struct vp_records in; /* group, text and check as in record.h */

	/* The run keeps: */
	struct vp_job *first, *last; /* the window */
	size_t jobs, bytes;          /* in it */
	size_t answer_bytes;         /* of the last answer: the next ones will be like it */
	unsigned long long records, batches, requests, retries; /* for --stats, as are these */
	unsigned long long bytes_sent, bytes_received;
	struct vp_cause {
		char name[16];
		unsigned long long n;
	} causes[16];        /* retries by cause */
	struct vp_pace pace; /* requests in flight and a second allowed now */
	uint64_t start_ms, blocked_ms;
	uint64_t pause_until_ms; /* nothing is sent before (429) */
	uint64_t wait_until_ms;  /* a starting server (503) is waited for until then; 0: none is */
	uint64_t wait_said_ms;   /* when that was last said */
	uint64_t last_done_ms;   /* when an answer was last taken */
	uint64_t read_ms;        /* when input last came */
	unsigned refused;        /* records that the server refused before it accepted any */
	bool accepted;           /* it has */
	bool trouble_said; /* a server that can't be reached, or wants a long wait, is said once */
	bool input_over, drain; /* drain: nothing more is read or sent */
	int exit;               /* set: the run is over */
};

/* Put a batch that was read before the run (vp_records_gather) into the window; *b is taken over. */
void vp_flow_add(struct vp_flow *f, struct vp_batch *b);

/* Run until the input is over or something stops it. Returns the exit status (messages have been said, output
 * is flushed and closed, the resume line is the last). */
int vp_flow_run(struct vp_flow *f);

#endif
