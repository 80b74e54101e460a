/* hub: where on this machine a model of the Hugging Face Hub is */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub.h"

#define REVISION_MAX 256

/* The cache's folder as a new string, or NULL where neither it nor a home is known. */
static char *
cache_folder(void)
{
	static const struct {
		const char *variable, *below;
	} places[] = {
	    {"HF_HUB_CACHE", ""},
	    {"HUGGINGFACE_HUB_CACHE", ""}, /* what it was called before */
	    {"HF_HOME", "hub"},
	    {"XDG_CACHE_HOME", "huggingface/hub"},
	    {"HOME", ".cache/huggingface/hub"},
	};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *value = getenv(places[i].variable);

		if (value && *value)
			return vp_path_join(value, places[i].below);
	}
	return NULL;
}

/* Whether s is a relative path that leads nowhere else, of letters, digits, and . _ - inside. */
static bool
is_tame(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
		   strlen(s) &&
	       *s && *s != '.' && *s != '/' && *s != '-' && !strstr(s, "..") && !strstr(s, "/.");
}

/* Whether s can be the name of a model: NAME or ORG/NAME. */
static bool
is_model_name(const char *s)
{
	const char *slash = strchr(s, '/');

	return is_tame(s) && (!slash || (slash[1] && !strchr(slash + 1, '/')));
}

/* The commit that a ref of a model's folder in the cache names, in out. 1; 0 where there is no such
 * ref; VP_E_* and why. */
static int
read_ref(const char *ref, struct vp_buf *out, struct vp_buf *why)
{
	int e = vp_file_read(ref, REVISION_MAX, out, why);

	while (e > 0 && out->n && strchr("\r\n ", out->s[out->n - 1]))
		out->n--;
	if (e > 0 && (!out->n || memchr(out->s, '/', out->n) || memchr(out->s, '\0', out->n) ||
			 out->s[0] == '.'))
		return vp_why(why, VP_E_SYNTAX, "%s: not the name of a revision", ref);
	return e;
}

/* The folder of a commit below a model's folder in the cache, as a new string. */
static char *
snapshot(const char *repository, const char *commit)
{
	char *all = vp_path_join(repository, "snapshots"), *folder = vp_path_join(all, commit);

	free(all);
	return folder;
}

/* The main revision in a model's folder of the cache, as a new string, or NULL and why. */
static char *
main_revision(const char *repository, struct vp_buf *why)
{
	char *ref = vp_path_join(repository, "refs/main"), *folder = NULL;
	struct vp_buf commit = {0};
	int e = read_ref(ref, &commit, why);

	if (e > 0)
		folder = snapshot(repository, vp_buf_cstr(&commit));
	else if (e == 0)
		vp_why(why, VP_E_IO, "%s: no such file: was the model downloaded whole?", ref);
	vp_buf_free(&commit);
	free(ref);
	return folder;
}

/* Another revision: a ref, or a commit. */
static char *
named_revision(const char *repository, const char *revision, struct vp_buf *why)
{
	char *refs = vp_path_join(repository, "refs"), *ref = vp_path_join(refs, revision),
	     *folder = NULL;
	struct vp_buf commit = {0};
	struct stat st;
	int e = read_ref(ref, &commit, why);

	if (e >= 0) {
		folder = snapshot(repository, e ? vp_buf_cstr(&commit) : revision);
		if (stat(folder, &st) != 0) {
			vp_why(why, VP_E_IO, "%s: no such revision here: %s", repository, revision);
			free(folder);
			folder = NULL;
		}
	}
	vp_buf_free(&commit);
	free(ref);
	free(refs);
	return folder;
}

/* dir/models--ORG--NAME, as a new string. */
static char *
repository_folder(const char *dir, const char *model)
{
	struct vp_buf name = {0};
	char *folder;

	vp_buf_puts(&name, "models--");
	for (const char *p = model; *p; p++)
		if (*p == '/')
			vp_buf_puts(&name, "--");
		else
			vp_buf_putc(&name, *p);
	folder = vp_path_join(dir, vp_buf_cstr(&name));
	vp_buf_free(&name);
	return folder;
}

/* A model's folder in the cache, as a new string, or NULL and why. */
static char *
cached(const char *model, struct vp_buf *why)
{
	char *cache = cache_folder(), *repository, *folder = NULL;
	struct stat st;

	if (!cache) {
		vp_why(why, VP_E_IO, "%s: no such folder", model);
		return NULL;
	}
	repository = repository_folder(cache, model);
	if (stat(repository, &st) == 0)
		folder = main_revision(repository, why);
	else
		vp_why(why, VP_E_IO,
		    "%s: no such folder, and no such model in the cache %s: `hf download %s` gets "
		    "it",
		    model, cache, model);
	free(repository);
	free(cache);
	return folder;
}

char *
vp_hub_folder(const char *model, struct vp_buf *why)
{
	char *snapshots;
	struct stat st;
	bool is_repository;

	if (stat(model, &st) != 0 && is_model_name(model))
		return cached(model, why);
	snapshots = vp_path_join(model, "snapshots");
	is_repository = stat(snapshots, &st) == 0 && S_ISDIR(st.st_mode);
	free(snapshots);
	return is_repository ? main_revision(model, why) : vp_strdup(model);
}

char *
vp_hub_below(const char *dir, const char *repository, const char *revision, struct vp_buf *why)
{
	bool is_main = !revision || strcmp(revision, "main") == 0;
	char *cached_folder, *folder;
	struct stat st;

	if (!is_model_name(repository)) {
		vp_why(why, VP_E_SYNTAX, "%s: not the name of a model", repository);
		return NULL;
	}
	if (!is_main && !is_tame(revision)) {
		vp_why(why, VP_E_SYNTAX, "%s: not the name of a revision", revision);
		return NULL;
	}
	cached_folder = repository_folder(dir, repository);
	if (stat(cached_folder, &st) == 0) {
		folder = is_main ? main_revision(cached_folder, why)
				 : named_revision(cached_folder, revision, why);
		free(cached_folder);
		return folder;
	}
	free(cached_folder);
	folder = vp_path_join(dir, repository);
	if (stat(folder, &st) == 0 && is_main)
		return folder;
	if (stat(folder, &st) == 0)
		vp_why(
		    why, VP_E_IO, "%s: a plain folder, which has no revision %s", folder, revision);
	else
		vp_why(why, VP_E_IO,
		    "%s: no such model in %s: `HF_HUB_CACHE=%s hf download %s` gets it", repository,
		    dir, dir, repository);
	free(folder);
	return NULL;
}
