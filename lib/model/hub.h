/* hub: where on this machine a model of the Hugging Face Hub is: in a folder, or in the cache that
 * huggingface_hub, transformers and `hf download` fill.
 *
 * The cache has a folder models--ORG--NAME for each model, in it refs/main with the name of a
 * revision, and snapshots/REVISION with its files. Nothing is downloaded here.
 *
 * Source: huggingface_hub's documentation, "Understand caching" and "Environment variables". */
#ifndef VP_MODEL_HUB_H
#define VP_MODEL_HUB_H

#include "folder.h"

/* The folder of a model, as a new string that the caller frees, or NULL and why.
 *
 * model  a model folder: itself; a folder models--ORG--NAME: its main revision; else, where no such
 *        file is there, ORG/NAME or NAME, looked for in $HF_HUB_CACHE, else $HF_HOME/hub, else
 *        $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub */
char *vp_hub_folder(const char *model, struct vp_buf *why);

/* The same for a repository, ORG/NAME or NAME, below the folder dir, which is laid out as the cache
 * is or holds model folders by these names.
 *
 * revision  a branch or tag that the cache has, or the name of a commit; NULL is main. A plain model
 *           folder has no other than main. */
char *vp_hub_below(
    const char *dir, const char *repository, const char *revision, struct vp_buf *why);

#endif
