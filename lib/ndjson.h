/* ndjson: lines in, with a limit, a number, and no stall.
 *
 * A line is what stands before an LF; a CR before the LF is dropped. A last line without LF is a line.
 * Lines are not checked here: JSON checks itself (json.h), plain text is checked by its reader
 * (vp_utf8_valid). Before a read would block, standard output is flushed (out.h), so an interactive pipe
 * never stalls. A zeroed struct reads standard input. */
#ifndef VP_NDJSON_H
#define VP_NDJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define VP_LINE_MAX                                                                                \
	((size_t)64 * 1024 * 1024) /* bytes of one line: 1,000 records of 1,536 numbers fit */

struct vp_lines {
	int fd;                   /* what is read; 0 is standard input */
	size_t max;               /* bytes a line may have; 0 is VP_LINE_MAX */
	unsigned long long line;  /* number of the line returned last, from 1 */
	unsigned long long bytes; /* bytes read so far */
	bool cut;                 /* the line returned last was the last one, and had no LF */
	/* inside */
	struct vp_buf buf;
	size_t at, looked; /* where the next line starts; up to where there is no LF */
	bool eof, skipping;
};

/* The next line, reading as needed. 1: *line is set, good until the next call on in. 0: the end.
 * VP_E_LIMIT: the line was too long and has been passed over (its number is in->line; go on calling).
 * VP_E_IO: errno says why. */
int vp_lines_next(struct vp_lines *in, struct vp_span *line);

/* For programs that wait for more than input. vp_lines_ready: whether vp_lines_next would return without
 * reading. vp_lines_fill: one read(2), for when poll(2) says that in->fd is readable; 0 or VP_E_IO. */
bool vp_lines_ready(const struct vp_lines *in);
int vp_lines_fill(struct vp_lines *in);

void vp_lines_free(struct vp_lines *in);

#endif
