/* progress: how far a run is, on standard error.
 *
 * On a terminal, one line that is written over a few times a second and makes way for messages. Of the programs of
 * a pipe the last one has it, whose standard output is no pipe. The others, and where there is no terminal: a
 * line each 10 s, and only under -v. Silent under -q. */
#ifndef VP_PROGRESS_H
#define VP_PROGRESS_H

#include <stdint.h>

struct vp_progress {
	unsigned long long records, batches, retries;
	unsigned long long in_flight;
	unsigned long long
	    bytes; /* of the input read so far; with a file as standard input it gives the time left */
};

void vp_progress(const struct vp_progress *p);

#endif
