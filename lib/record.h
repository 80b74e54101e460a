/* record: records and batches, as they flow in the pipe (vecpipe(7)).
 *
 * A record is an object of Pinecone's form: id, values, sparse_values, metadata. Only those four members
 * are looked at; whatever else an object has is carried along. A batch is a JSON array of records on one
 * line. Records are spans into the batch's own copy of its input line or lines: nothing is decoded and
 * nothing is changed. */
#ifndef VP_RECORD_H
#define VP_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "json.h"
#include "ndjson.h"

struct vp_record {
	struct vp_span all;           /* the whole object */
	struct vp_span id;            /* a string with its quotes; n is 0 where there is none */
	struct vp_span values;        /* an array; its items are not looked at here */
	struct vp_span sparse_values; /* an object; also found under the name sparseValues */
	struct vp_span metadata;      /* an object */
	struct vp_span input;         /* what stood in the input, for the rejects file */
	unsigned long long line;      /* number of the input line it stood on */
	const char *bad;              /* why it is none, or not one for this program; else NULL */
	bool cut;                     /* it stood on a last line without an end */
	const char *hint;             /* what else may be behind that; static, or NULL */
};

/* Check one JSON object as a record and find its members. A member that is null counts as absent: its n is
 * 0, and s points to the null. Returns 0; VP_E_SYNTAX, VP_E_UTF8, VP_E_LIMIT; VP_E_TYPE (no object, or a
 * member of another type); VP_E_TWICE. r is set in any case, as far as it was found. json must outlive r. */
int vp_record_parse(struct vp_span json, struct vp_record *r);

/* Why vp_record_parse refused, in plain words: a static string. */
const char *vp_record_error(int code);

/* Whether it has a dense vector: an array with something in it. */
bool vp_record_has_vector(const struct vp_record *r);

/* The text to embed, metadata.text: 1 and *text is a JSON string with its quotes; 0 if there is none;
 * VP_E_TYPE if it is not a string. */
int vp_record_text(const struct vp_record *r, struct vp_span *text);

/* Append the record that a plain line of text becomes, {"id":"…","metadata":{"text":"…"}}. VP_E_UTF8 where
 * text is not UTF-8 or holds a NUL (nothing is appended then), else 0. */
int vp_record_from_text(struct vp_buf *out, unsigned long long id, struct vp_span text);

struct vp_batch {
	struct vp_record *rec; /* [n] records */
	size_t n, cap;
	bool array;              /* came as an array, and goes out as one */
	unsigned long long line; /* first input line it was made of */
	unsigned long long next; /* the first input line behind it */
	struct vp_buf bytes;     /* what the records point into */
};
void vp_batch_free(struct vp_batch *b);

/* Reads batches: array lines as they come, loose records grouped. Zero it and set the first four. */
struct vp_records {
	size_t group;               /* loose records in a batch, at most; 0 is 64 */
	size_t group_bytes;         /* bytes of loose records in a batch, at most; 0: no matter */
	bool text;                  /* -l: each line is a text, not JSON */
	unsigned long long text_id; /* -l: the next id */
	bool ids; /* what is wanted is ids: a JSON string is one, too, and with text, a line */
	unsigned long long skip; /* lines to pass over; they count, and with text they use up ids */
	const char *hint; /* what to say of a line that does not look like JSON; static, or NULL */
	/* What else a record must have: 0, or another value and why not. May be NULL. */
	int (*check)(const struct vp_record *r, const char **why);

	struct vp_lines in;
	/* inside */
	bool stopped; /* a bad record was met and there is no rejects file: no more is read */
	struct vp_batch next; /* the batch being gathered */
};

enum vp_gather {
	VP_GATHER_END,   /* the input is over, or stopped */
	VP_GATHER_BATCH, /* *out is a batch, the caller's to free */
	VP_GATHER_READ,  /* no whole line is there: wait for in.fd, vp_lines_fill, call again */
	VP_GATHER_ERROR  /* the input cannot be read; errno says why */
};

/* Make the next batch out of what has been read, without reading. A bad line or record takes its place in it
 * with the reason in `bad`: what becomes of it is the caller's business, in the order of the input. Without
 * a rejects file (reject.h) it is the last one. A loose group that is not full comes out when now is set, at
 * the end of the input, and before an array line. An empty array becomes a batch of no records. Blank lines
 * are passed over. */
enum vp_gather vp_records_gather(struct vp_records *r, bool now, struct vp_batch *out);

#endif
