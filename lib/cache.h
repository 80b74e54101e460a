/* cache: vectors that a model has made, in a file, each under the hash of what it was made of.
 *
 * The file is an SQLite database in WAL mode: several processes may read and write it at once, and one that is
 * killed leaves what it has put in. (A machine that loses its power may lose the last puts, but not the file.) It
 * holds hashes and vectors, no texts. What the hash is made of is the caller's business.
 *
 * A vector comes out spelled as it was put in. One that vp_floats_print (fnum.h) would spell the same is kept as
 * 4 bytes for each number, others as the text that they are.
 *
 * Times of use are those of a run: the moment at which it opened the file. */
#ifndef VP_CACHE_H
#define VP_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "hash.h"

struct vp_cache;

/* Open the file at path, whatever its name (filename.h); it is made if it is missing. max: bytes that it may have, 0 for no
 * limit; where it has more, what was used longest ago goes. Returns 0 and *out, which the caller closes; or VP_E_IO
 * (the file can't be opened or used) or VP_E_TYPE (it is another kind of file), with the reason appended to why. */
int vp_cache_open(const char *path, uint64_t max, struct vp_cache **out, struct vp_buf *why);

/* Whether there is a vector for key: 1, 0, or VP_E_IO. */
int vp_cache_has(struct vp_cache *c, struct vp_hash key);

/* Append the vector for key to out, as a JSON array, and set *dim to how many numbers it has. 1; 0 where there is none;
 * VP_E_IO. It counts as used now. */
int vp_cache_fetch(struct vp_cache *c, struct vp_hash key, struct vp_buf *out, size_t *dim);

/* Put n vectors in, checked JSON arrays of numbers, in one transaction. Those that are there already stay. Where
 * the limit would be passed, what was used longest ago goes first; only the vectors of one call may be over it.
 * 0 or VP_E_IO; then none of them is in. */
int vp_cache_put(
    struct vp_cache *c, const struct vp_hash key[], const struct vp_span vector[], size_t n);

/* Why the last call returned VP_E_IO; good until the next call. */
const char *vp_cache_why(const struct vp_cache *c);

/* Write down what was used, and close. NULL: nothing. */
void vp_cache_close(struct vp_cache *c);

#endif
