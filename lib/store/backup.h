/* backup: what an index held at one moment, and new indexes from it.
 *
 * Making one copies nothing: it is one transaction, however large the index is. From then on a
 * record that it holds stays in the file when it is replaced or removed (see struct vp_backup). An
 * index that is made from a backup is there at once, but is not to be used until its records have
 * been copied, in bounded steps between which others write.
 *
 * Functions that change something return a vp_store_error, as those of store.h do. What is read is
 * read between vp_store_read and its end. */
#ifndef VP_STORE_BACKUP_H
#define VP_STORE_BACKUP_H

#include "store.h"

/* Those that are not being deleted; the oldest first. NULL behind the last. */
struct vp_backup *vp_backup_next(const struct vp_store *s, int64_t after);
struct vp_restore *vp_restore_next(const struct vp_store *s, int64_t after);

/* By its key, also one that is being deleted; or NULL. */
struct vp_backup *vp_backup(const struct vp_store *s, int64_t key);

/* Whether some backup holds records of that namespace, by its key. */
bool vp_backup_of_space(const struct vp_store *s, int64_t space);

/* The job that a backup is still being restored by, or NULL. */
struct vp_restore *vp_backup_pending(const struct vp_store *s, int64_t backup);

/* Make a backup of an index. name and description may be NULL. NO_INDEX; PENDING where the index is
 * being made itself. */
enum vp_store_error vp_backup_make(struct vp_store *s, int64_t index, const char *name,
    const char *description, int64_t *key, struct vp_buf *why);

/* Delete a backup, and what only it holds. NO_BACKUP; PENDING where an index is being made of it. */
enum vp_store_error vp_backup_remove(struct vp_store *s, int64_t key, struct vp_buf *why);

/* Begin to make an index from a backup: conf is that of the index, copied. *job is the job's key, its
 * index is there. NO_BACKUP, EXISTS. */
enum vp_store_error vp_backup_restore(struct vp_store *s, int64_t key,
    const struct vp_index_conf *conf, int64_t *job, struct vp_buf *why);

/* Do a job; for jobs.c. Returns when it is over, or when the store is being closed: then it goes on
 * when the file is opened again. */
void vp_restore_run(struct vp_store *s, struct vp_restore *r);

/* When a file is opened: finish the deletions that were cut short. */
enum vp_store_error vp_backups_sweep(struct vp_store *s, struct vp_buf *why);

#endif
