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

/* Whether s can be the name of a model: NAME or ORG/NAME, of letters, digits, and . _ - inside. */
static bool
is_model_name(const char *s)
{
	const char *slash = strchr(s, '/');

	if (strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") !=
		strlen(s) ||
	    !*s || *s == '.' || *s == '/' || *s == '-' || strstr(s, ".."))
		return false;
	return !slash || (slash[1] && slash[1] != '.' && !strchr(slash + 1, '/'));
}

/* The main revision in a model's folder of the cache, as a new string, or NULL and why. */
static char *
main_revision(const char *repository, struct vp_buf *why)
{
	char *ref = vp_path_join(repository, "refs/main"), *below, *folder = NULL;
	struct vp_buf revision = {0};
	int e = vp_file_read(ref, REVISION_MAX, &revision, why);

	if (e == 0) {
		vp_why(why, VP_E_IO, "%s: no such file: was the model downloaded whole?", ref);
	} else if (e > 0) {
		while (revision.n && strchr("\r\n ", revision.s[revision.n - 1]))
			revision.n--;
		if (!revision.n || memchr(revision.s, '/', revision.n) ||
		    memchr(revision.s, '\0', revision.n) || revision.s[0] == '.') {
			vp_why(why, VP_E_SYNTAX, "%s: not the name of a revision", ref);
		} else {
			below = vp_path_join("snapshots", vp_buf_cstr(&revision));
			folder = vp_path_join(repository, below);
			free(below);
		}
	}
	vp_buf_free(&revision);
	free(ref);
	return folder;
}

/* A model's folder in the cache, as a new string, or NULL and why. */
static char *
cached(const char *model, struct vp_buf *why)
{
	char *cache = cache_folder(), *repository, *folder = NULL;
	struct vp_buf name = {0};
	struct stat st;

	if (!cache) {
		vp_why(why, VP_E_IO, "%s: no such folder", model);
		return NULL;
	}
	vp_buf_puts(&name, "models--");
	for (const char *p = model; *p; p++)
		if (*p == '/')
			vp_buf_puts(&name, "--");
		else
			vp_buf_putc(&name, *p);
	repository = vp_path_join(cache, vp_buf_cstr(&name));
	if (stat(repository, &st) == 0)
		folder = main_revision(repository, why);
	else
		vp_why(why, VP_E_IO,
		    "%s: no such folder, and no such model in the cache %s: `hf download %s` gets "
		    "it",
		    model, cache, model);
	vp_buf_free(&name);
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
