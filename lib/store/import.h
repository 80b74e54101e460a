/* import: a folder of NDJSON files into an index, beside everything else that is served.
 *
 * The layout is the service's: a folder for each namespace, called as it is (__default__: the one
 * without a name), and in it files, here with a record in each line (.ndjson or .jsonl). Namespaces
 * that are imported to must be new, or empty. Only folders below one that has been named when the
 * server was started may be read, wherever links point.
 *
 * Not here: Parquet, for which the distribution has no C library, and object stores. */
#ifndef VP_STORE_IMPORT_H
#define VP_STORE_IMPORT_H

#include "store.h"

/* Allow imports from below a folder. 0, or VP_E_IO with errno where it cannot be had. */
int vp_imports_allow(struct vp_store *s, const char *folder);

/* Whether a URI is one that may be imported: file:///PATH means PATH below the folder that is
 * allowed. *folder is what it leads to, for the caller to free. 0; VP_E_TYPE (another scheme, or no
 * path), VP_E_MISSING (nothing is allowed), VP_E_LIMIT (it leads outside), VP_E_IO (errno says why). */
int vp_import_resolve(const struct vp_store *s, const char *uri, char **folder);

/* Of an index, by its key: the next after a key, or NULL. Between vp_store_read and its end. */
struct vp_import *vp_import_next(const struct vp_store *s, int64_t index, int64_t after);

/* Begin to import. go_on: past a record that cannot be stored. NO_INDEX. */
enum vp_store_error vp_import_start(struct vp_store *s, int64_t index, const char *uri, bool go_on,
    int64_t *key, struct vp_buf *why);

/* Have it stop at its next step; what it has stored stays. One that is over is left as it is. */
enum vp_store_error vp_import_cancel(struct vp_store *s, struct vp_import *m, struct vp_buf *why);

/* Do it; for jobs.c. Returns when it is over, or when the store is being closed. */
void vp_import_run(struct vp_store *s, struct vp_import *m);

/* When a file is opened: those that had not finished have failed. */
enum vp_store_error vp_imports_end(struct vp_store *s, struct vp_buf *why);

#endif
