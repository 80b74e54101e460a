/* stop: signals and the deadline, for every loop that a signal may end: flow's, and programs' own.
 *
 * SIGINT, SIGTERM and SIGHUP ask for an end: the loop sees vp_stop_told and brings what it is about to an end. The second
 * one ends the program at once with 75, after taking half a part off the output (vp_out_cut_back) and saying the resume
 * line. Where they were ignored (nohup, `&`) they stay so. Once --deadline is over, a write that blocks is ended the
 * same way; all other waiting is the loop's.
 *
 * A wait in which nothing need be brought to an end is ended by the first signal, wherever it is: vp_stop_at_once. */
#ifndef VP_STOP_H
#define VP_STOP_H

#include <stdbool.h>

/* Begin; once, before the loop. */
void vp_stop_catch(void);

/* Whether a signal came. */
bool vp_stop_told(void);

/* From here on, and where vp_stop_catch is not used, the first signal says words (lasting, owned from here on) and ends the
 * program at once with 75, as the second one does. NULL: no longer, signals do what they did without. Output is to be
 * flushed before. */
void vp_stop_at_once(char *words);

/* A descriptor that can be read from once one did: for poll(2). */
int vp_stop_fd(void);

#endif
