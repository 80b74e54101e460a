/* out: standard output, for programs that carry data.
 *
 * One buffer, written when it is full, when asked, and (by ndjson.h) whenever input would block, so that
 * `tail -f | ...` works. What is too large to gain from the buffer is written from where it lies. Short
 * writes go on; where output fails the program ends: quietly by SIGPIPE where the reader has left, as
 * filters do, else with one line and 74. */
#ifndef VP_OUT_H
#define VP_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

void vp_out(const void *s, size_t n);
void vp_out_span(struct vp_span s);
void vp_out_puts(const char *s);
void vp_out_putc(char c);

/* Checked JSON that came from elsewhere, kept on one line: a line feed or carriage return in it can only stand between
 * tokens, and goes out as a blank. */
void vp_out_json(struct vp_span json);
void vp_out_line(struct vp_span json); /* and a line feed */

/* All before input line `line` is in the buffer: once it is written, the resume line is vp_resume(line). */
void vp_out_done(unsigned long long line);

/* Write what is in the buffer. */
void vp_out_flush(void);

/* Milliseconds, in all, that writing has blocked: requests in flight must not be blamed for them. */
uint64_t vp_out_blocked_ms(void);

/* Where output is a file and the run ends early: take off what stands behind the last part that vp_out_done spoke of, so
 * that going on at the resume line with >> leaves nothing twice and no half line. Safe in a signal handler. */
void vp_out_cut_back(void);

/* Whether a write is under way; for a signal handler. */
bool vp_out_blocked(void);

/* Flush, and close standard output: the file system may say only now that it is full. */
void vp_out_close(void);

#endif
