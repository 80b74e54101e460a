/* jobs: the thread that restores backups and runs imports, one after the other, in the order in
 * which they were asked for. */
#ifndef VP_STORE_JOBS_H
#define VP_STORE_JOBS_H

#include "store.h"

/* Start the thread; signals should be blocked by then. 0, or an errno. */
int vp_jobs_start(struct vp_store *s);

/* There may be something to do. */
void vp_jobs_wake(struct vp_store *s);

/* Stop what runs at its next step, and the thread. To be called before vp_store_close; does nothing
 * where the thread was not started. */
void vp_jobs_stop(struct vp_store *s);

#endif
