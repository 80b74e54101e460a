/* expr: the user's jq expressions.
 *
 * Compiled once, run on many documents; each run must give exactly one output. An expression that
 * only names members (.a, .a.b) is looked up in the document's own bytes: what comes out is
 * spelled as it stood there, at the scanner's speed. All others are run by libjq 1.6, which costs
 * about 27 MB/s, knows numbers as doubles (integers are exact up to 2^53) and nests up to 256
 * deep. ~/.jq is read, as jq(1) does.
 *
 * Not here: input, arguments (--arg), modules along a search path. */
#ifndef VP_EXPR_H
#define VP_EXPR_H

#include <jv.h>
#include <stdbool.h>

#include "buf.h"

struct vp_expr;

/* A document to run expressions on. Zero it, set json; libjq parses it once, and only if an
 * expression needs that. vp_expr_doc_done forgets it, whether it was parsed or not, and leaves it
 * zeroed. */
struct vp_expr_doc {
	struct vp_span
	    json; /* one JSON value that vp_json_check (json.h) has passed; must outlive the runs */
	bool parsed; /* inside, as is the rest */
	jv value;
};
void vp_expr_doc_done(struct vp_expr_doc *doc);

/* Compile source. The result is the caller's to free with vp_expr_free; or NULL, and why holds the
 * reason, one line. */
struct vp_expr *vp_expr_compile(const char *source, struct vp_buf *why);

/* Whether numbers that come out of e are spelled as they stood in the document: it only names
 * members. */
bool vp_expr_exact(const struct vp_expr *e);

/* Run e on doc. 0: *out is the one output as checked JSON text, good until e's next run or until
 * doc's own text goes. Otherwise why (emptied first) holds the reason, one line, and the return
 * value is VP_E_COUNT (no output, or more than one) or VP_E_TYPE (the expression failed on this
 * document). */
int vp_expr_run(
    struct vp_expr *e, struct vp_expr_doc *doc, struct vp_span *out, struct vp_buf *why);

void vp_expr_free(struct vp_expr *e);

#endif
