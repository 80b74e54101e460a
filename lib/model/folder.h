/* folder: the files of a model folder, and the words for what is wrong with one.
 *
 * A model folder is laid out as on the Hugging Face Hub and by sentence-transformers. Whoever made it is
 * not trusted: every file has a limit, and what is not as it must be is refused with one line that names the
 * file. Functions that can refuse take a buffer `why`; where they fail it holds that line, and their
 * return value says which kind it is: VP_E_IO (a file cannot be opened or read) or another VP_E_* (its content
 * is not as it must be). */
#ifndef VP_MODEL_FOLDER_H
#define VP_MODEL_FOLDER_H

#include <stddef.h>

#include "../buf.h"
#include "../err.h"
#include "../json.h"

/* Set why to a message, without what was in it, and return code. A format that ends in a colon gets the
 * text of errno appended. */
int vp_why(struct vp_buf *why, int code, const char *format, ...) VP_PRINTF(3, 4);

/* folder/name as a new string, which the caller frees; name may have slashes in it, and be empty. */
char *vp_path_join(const char *folder, const char *name);

/* Read the whole file path, up to max bytes, into out (emptied first). 1; 0 where there is no such file;
 * VP_E_IO; VP_E_LIMIT where it is larger. */
int vp_file_read(const char *path, size_t max, struct vp_buf *out, struct vp_buf *why);

/* The same for a file that holds a JSON object or array (type is `{` or `[`): *value is a checked span into
 * out. A byte order mark before it
 * is passed over. 1; 0; VP_E_IO; VP_E_LIMIT; VP_E_SYNTAX, VP_E_UTF8, VP_E_TYPE. */
int vp_file_json(const char *path, size_t max, struct vp_buf *out, char type, struct vp_span *value,
    struct vp_buf *why);

#endif
