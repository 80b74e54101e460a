/* hf: the token, and the three forms of an embedding answer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wordexp.h>

#include "hf.h"
#include "json.h"

/* s without the blanks and line ends around it, as huggingface_hub reads a token; NULL, and s is freed, if nothing is
 * left. */
static char *
trimmed(char *s)
{
	char *start = s + strspn(s, " \t\r\n");
	size_t n = strlen(start);

	while (n && strchr(" \t\r\n", start[n - 1]))
		n--;
	memmove(s, start, n);
	s[n] = '\0';
	if (n)
		return s;
	free(s);
	return NULL;
}

/* The first line of the file path, without blanks around it. Where there is no file of that name, ~ and $VAR in it are
 * expanded. NULL if there is no such file or nothing in it. Frees path. */
static char *
read_token(char *path)
{
	char *line = NULL;
	size_t cap = 0;
	wordexp_t words;
	FILE *f = fopen(path, "re");

	if (!f && wordexp(path, &words, WRDE_NOCMD) == 0) {
		if (words.we_wordc == 1)
			f = fopen(words.we_wordv[0], "re");
		wordfree(&words);
	}
	free(path);
	if (!f)
		return NULL;
	if (getline(&line, &cap, f) < 0) {
		free(line);
		line = NULL;
	}
	fclose(f);
	return line ? trimmed(line) : NULL;
}

static char *
joined(const char *folder, const char *name)
{
	size_t n = strlen(folder) + strlen(name) + 1;
	char *path = vp_alloc(n, 1);

	snprintf(path, n, "%s%s", folder, name);
	return path;
}

static char *
find_token(void)
{
	static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
	const char *v;
	char *token;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((v = getenv(names[i])) && (token = trimmed(vp_strdup(v))))
			return token;
	if ((v = vp_http_env("HF_TOKEN_PATH")))
		return read_token(vp_strdup(v));
	if ((v = vp_http_env("HF_HOME")))
		return read_token(joined(v, "/token"));
	if ((v = vp_http_env("XDG_CACHE_HOME")))
		return read_token(joined(v, "/huggingface/token"));
	return read_token(vp_strdup("~/.cache/huggingface/token"));
}

char *
vp_hf_token(void)
{
	static const char *const yes[] = {"1", "ON", "YES", "TRUE"};
	const char *off = vp_http_env("HF_HUB_DISABLE_IMPLICIT_TOKEN");
	char *token;

	for (size_t i = 0; off && i < sizeof yes / sizeof *yes; i++)
		if (strcasecmp(off, yes[i]) == 0)
			return NULL;
	token = find_token();
	for (const char *p = token; p && *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f) {
			free(token);
			vp_die(VP_EX_CONFIG, "the Hugging Face token holds a blank or a control "
					     "character: set it again");
		}
	return token;
}

struct vp_http *
vp_hf_client(const char *token)
{
	struct vp_buf header = {0};
	struct vp_http *http;

	if (token)
		vp_buf_printf(&header, "Authorization: Bearer %s", token);
	http = vp_http_new(token ? vp_buf_cstr(&header) : NULL, NULL);
	vp_buf_free(&header);
	return http;
}

static int
wrong_vector(int e, size_t at, struct vp_buf *why)
{
	if (e == VP_E_TYPE || e == VP_E_NUMBER)
		vp_buf_printf(why, "embedding %zu is not an array of finite numbers", at);
	else
		vp_buf_printf(why, "the answer is not JSON, or is cut short");
	return e;
}

/* The length of vector number `at` against that of the others. */
static int
check_dim(size_t count, size_t at, size_t *dim, struct vp_buf *why)
{
	if (count == 0) {
		vp_buf_printf(why, "embedding %zu is empty", at);
		return VP_E_DIM;
	}
	if (*dim && count != *dim) {
		vp_buf_printf(
		    why, "embedding %zu has %zu values, the others have %zu", at, count, *dim);
		return VP_E_DIM;
	}
	*dim = count;
	return 0;
}

static int
wrong_count(size_t got, size_t want, struct vp_buf *why)
{
	vp_buf_printf(why, "%zu embeddings for %zu texts", got, want);
	return VP_E_COUNT;
}

/* [[..],..] that w stands before. */
static int
take_rows(
    struct vp_json_walk *w, size_t want, size_t *dim, struct vp_span out[], struct vp_buf *why)
{
	struct vp_span v;
	size_t n = 0, count;
	int e;

	while ((e = vp_json_next(w)) > 0 && (e = vp_json_pass_numbers(w, &v, &count)) > 0) {
		if (n < want) {
			out[n] = v;
			if ((e = check_dim(count, n, dim, why)))
				return e;
		}
		n++;
	}
	if (e)
		return wrong_vector(e, n, why);
	return n == want ? 0 : wrong_count(n, want, why);
}

/* [{"index":i,"embedding":[..]},..] */
static int
take_data(struct vp_span data, size_t want, size_t *dim, struct vp_span out[], struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span item, v;
	size_t n = 0, count;
	uint64_t index;
	int e;

	memset(out, 0, want * sizeof *out);
	vp_json_begin(&w, data);
	while ((e = vp_json_item(&w, &item)) > 0) {
		index = n++;
		if (vp_json_find(item, "index", &v) == 1 && vp_json_uint(v, &index))
			index = want;
		if (index >= want || out[index].n) {
			vp_buf_printf(why, "the index of item %zu is wrong: %zu texts were sent",
			    n - 1, want);
			return VP_E_COUNT;
		}
		if (vp_json_find(item, "embedding", &v) != 1)
			return wrong_vector(VP_E_TYPE, (size_t)index, why);
		if ((e = vp_json_numbers(v, &count)))
			return wrong_vector(e, (size_t)index, why);
		if ((e = check_dim(count, (size_t)index, dim, why)))
			return e;
		out[index] = v;
	}
	if (e)
		return wrong_vector(e, n, why);
	return n == want ? 0 : wrong_count(n, want, why);
}

static char
first_byte(struct vp_span s)
{
	size_t i = 0;

	while (i < s.n && (unsigned char)s.s[i] <= ' ')
		i++;
	return i < s.n ? s.s[i] : 0;
}

int
vp_hf_vectors(
    struct vp_span body, size_t want, size_t *dim, struct vp_span out[], struct vp_buf *why)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	size_t d = *dim;
	bool found = first_byte(body) == '[';
	int e = 1;

	vp_json_begin(&w, body);
	if (found && (e = take_rows(&w, want, &d, out, why)))
		return e;
	while (e > 0 && (e = vp_json_key(&w, &key)) > 0) {
		struct vp_json_walk rows;
		int wrong = 0;

		if (!found && vp_json_key_is(key, "embeddings")) {
			vp_json_enter(&w, &rows);
			if (!(wrong = take_rows(&rows, want, &d, out, why)))
				vp_json_leave(&w, &rows, &value);
			found = true;
		} else if ((e = vp_json_pass(&w, &value)) > 0 && !found &&
			   vp_json_key_is(key, "data")) {
			wrong = take_data(value, want, &d, out, why);
			found = true;
		}
		if (wrong)
			return wrong;
	}
	if (e < 0)
		return wrong_vector(VP_E_SYNTAX, 0, why);
	if (!found) {
		vp_buf_puts(why, "the answer has neither embeddings nor data");
		return VP_E_TYPE;
	}
	*dim = d;
	return 0;
}
