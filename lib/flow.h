/* flow: batches of records through a service, many requests in flight, in order, none lost.
 *
 * A program says how a request for some records is written and what its answer means; everything else is
 * here: reading input without stalling, cutting batches to the server's limits, the number of requests in
 * flight, retries, splitting, finding the record that a server refuses, rejects, stopping, and giving
 * batches out in the order in which they came.
 *
 * Terms. A *job* is one batch of the input. A *part* is what goes in one request: records of one job, or,
 * where the program says gather, of several jobs that follow each other. A job's records are in one part unless
 * it must be cut. Jobs wait in a window that is bounded in number and in bytes, so memory is flat however slow
 * one request is.
 *
 * A record ends in one of four ways: answered (its part's answer was taken), skipped (the program said
 * that nothing need be sent for it), kept (the program has its answer from before) or rejected. A job goes
 * out when all of its records have ended. Where one can't end, the job's records before it go out, and the
 * run stops with the reason. */
#ifndef VP_FLOW_H
#define VP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "pace.h"
#include "record.h"

enum vp_state { VP_OPEN, VP_ANSWERED, VP_SKIPPED, VP_KEPT, VP_REJECTED };

struct vp_result {
	enum vp_state state;
	struct vp_span
	    span; /* with VP_ANSWERED what `answer` gave, with VP_KEPT what `fetch` gave */
	struct vp_part *part; /* with VP_ANSWERED, the request that it was in */
	char *why;            /* with VP_REJECTED, the reason; owned; NULL: see the record's bad */
};

struct vp_part {
	struct vp_part *next;         /* of those that are not done, in the order of the input */
	const struct vp_record **rec; /* [n] its records, in the order of the input */
	struct vp_job **job;          /* [n] theirs */
	size_t n, cap;
	size_t left;    /* once it is done: its records whose jobs have not gone out */
	unsigned tries; /* requests so far, but those that a starting server (503) answered */
	unsigned waits; /* those */
	unsigned wrong; /* answers that broke the protocol */
	uint64_t not_before_ms;
	uint64_t sent_us; /* when its last request went out: one burst of refusals counts once */
	bool flying, done;
	struct vp_body request; /* while it flies */
	size_t bytes;           /* of its last request: body, and what target put into the URL */
	struct vp_buf answer;   /* the body, once it has been taken */
};

struct vp_job {
	struct vp_job *next;
	struct vp_batch batch;
	struct vp_result *result; /* [batch.n] */
	uint64_t *
	    ids; /* [n_ids] hashes of the ids that are sent, ascending; NULL: order does not matter */
	size_t n_ids;
	bool after, twice;    /* an id is also in an earlier job of the window; twice in this one */
	size_t open;          /* records that have not ended */
	struct vp_buf kept;   /* what `fetch` gave, while the job goes out */
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
	/* Answers from before, both or none: whether there is one for r, asked when r is read; and, when r goes out,
	 * append it to out. False there: it is gone meanwhile, and r is sent after all. */
	bool (*find)(void *arg, const struct vp_record *r);
	bool (*fetch)(void *arg, const struct vp_record *r, struct vp_buf *out);
	/* Bytes that r adds to a request's body or URL, at most; NULL where max_bytes is 0. */
	size_t (*weigh)(const struct vp_record *r);
	/* Put together the request's body for n records, of static text and the records' own bytes.
	 * NULL: it has none, as with GET. */
	void (*request)(
	    void *arg, const struct vp_record *const rec[], size_t n, struct vp_body *body);
	/* Put what the request for n records is about behind url, which is vp_flow.url. May be NULL. */
	void (*target)(
	    void *arg, const struct vp_record *const rec[], size_t n, struct vp_buf *url);
	/* Look at a 2xx answer for n records and set out[0] to out[n - 1], spans into body; they
	 * come empty.
	 * Returns 0; or VP_E_*, with the reason in why, where the protocol does not allow that
	 * answer: it is asked for again, and then the run stops with 76. VP_E_MISSING: some of the
	 * records were not accepted, and it is not known which: they are sent again in smaller
	 * parts. */
	int (*answer)(void *arg, const struct vp_record *const rec[], size_t n, struct vp_span body,
	    struct vp_span out[], struct vp_buf *why);
	/* Why a record is rejected for which an answer holds nothing (its out has no s). NULL: it is
	 * as good as the others. */
	const char *absent;
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
	size_t max_records; /* in one request, at most; 0: as many as the batch has */
	size_t max_bytes;   /* that one request's records may weigh, at most; 0: no limit */
	bool
	    gather; /* requests of in.group records, or of a batch that is larger, are made across jobs */
	struct vp_records in; /* group, text, skip and check as in record.h */

	/* The run keeps: */
	struct vp_job *first, *last; /* the window */
	size_t jobs, bytes;          /* in it */
	struct vp_part *parts;       /* of it, those that are not done */
	struct vp_part *filling;     /* the last of them, where it may get more records; or NULL */
	size_t answer_bytes;         /* of the last answer: the next ones will be like it */
	unsigned long long records, batches, requests, retries; /* for --stats, as are these */
	unsigned long long kept;                                /* records */
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

/* For deliver: write a receipt for each request of the job that was answered and whose records all come
 * before n: {"<count>":64,"first":id,"last":id,"namespace":space}. space is a JSON string. */
void vp_flow_receipts(const struct vp_job *job, size_t n, const char *count, struct vp_span space);

/* For deliver: write the job's first n records, without the rejected ones, framed as the job came: in an array on a
 * line, or a line each. print writes one of them, without an end of line. */
void vp_flow_records(const struct vp_job *job, size_t n,
    void (*print)(const struct vp_record *r, const struct vp_result *result));

/* Run until the input is over or something stops it. Returns the exit status (messages have been said, output
 * is flushed and closed, the resume line is the last). */
int vp_flow_run(struct vp_flow *f);

#endif
