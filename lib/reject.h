/* reject: records that can't be processed (-r FILE) and what is said of them.
 *
 * The file gets the record's own input bytes, one a line, so that it can be fed in again; the reason goes
 * to standard error with the input line's number. Each one is written at once, behind all output that came
 * before it: it must be there whatever happens next, and after a kill the lines of the output and of this
 * file together are never more than what is done. */
#ifndef VP_REJECT_H
#define VP_REJECT_H

#include <stdbool.h>

#include "buf.h"

/* What ends a record in the file, if not LF: so the names that vec-chunk -0 reads can be fed in again. To be said before
 * the first one is put aside. */
void vp_reject_end(char end);

/* End the program (64) where -r names the file at path, by whatever spelling: rejects in it would be the end of both. why
 * is for the message: "is the cache itself". Before vp_reject_open, which looks at the input itself. Without -r, nothing. */
void vp_reject_apart(const char *path, const char *why);

/* Open the file of -r (vp_opts.rejects) for writing, before any input is read, emptying it, but not with --skip: then
 * the job goes on, and so does the file. It can't be
 * opened: one line, exit 74. Without -r, nothing. */
void vp_reject_open(void);

/* Say `line N: reason` (line 0: just the reason) and put record aside, if there is anything of it. True: it is in the file, go on.
 * False: there is no -r; deliver what came before it, then stop with 65. A file that can't be written ends
 * the program (74). */
bool vp_reject(unsigned long long line, struct vp_span record, const char *format, ...)
    VP_PRINTF(3, 4);

/* How many records were put aside. */
unsigned long long vp_reject_count(void);

/* Whether there is a rejects file. */
bool vp_reject_on(void);

#endif
