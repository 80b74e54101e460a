/* pattern: what tokenizers split and replace texts by */
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "unicode.h"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define TIMES_MAX 10000

/* A number without sign at *s, before *end. */
static bool
read_number(const char **s, size_t *out)
{
	const char *from = *s;

	for (*out = 0; **s >= '0' && **s <= '9'; ++*s)
		if ((*out = *out * 10 + (size_t)(**s - '0')) > TIMES_MAX)
			return false;
	return *s > from;
}

/* One character, or \s, and how many times: nothing, +, {n}, {n,} or {n,m}. */
static bool
read_times(struct vp_pattern *p, const char *s)
{
	p->kind = VP_PATTERN_CHAR;
	if (s[0] == '\\' && s[1] == 's') {
		p->kind = VP_PATTERN_SPACE;
		s += 2;
	} else if (s[0] == '\\' && s[1] && strchr("\\.^$*+?()[]{}|/- ", s[1])) {
		p->c = (unsigned char)s[1];
		s += 2;
	} else if (s[0] && !strchr("\\.^$*+?()[]{}|", s[0])) {
		p->c = vp_utf8_next(&s);
	} else {
		return false;
	}
	p->min = p->max = 1;
	if (strcmp(s, "+") == 0) {
		p->max = SIZE_MAX;
		return true;
	}
	if (!*s)
		return true;
	if (*s++ != '{' || !read_number(&s, &p->min) || !p->min)
		return false;
	p->max = p->min;
	if (*s == ',') {
		s++;
		if (!read_number(&s, &p->max) && *s != '}')
			return false;
		p->max = p->max ? p->max : SIZE_MAX;
	}
	return strcmp(s, "}") == 0 && p->max >= p->min;
}

int
vp_pattern_read(struct vp_pattern *p, struct vp_reader *r, const char *part, struct vp_span value)
{
	struct vp_span v = VP_LIT("null");

	*p = (struct vp_pattern){0};
	if (vp_text_of(r, value, "String")) {
		if (!r->text.n)
			return vp_refuse_value(r, part, "pattern", value);
		p->kind = VP_PATTERN_TEXT;
		p->text = vp_buf_take(&r->text, &p->n);
		return 0;
	}
	vp_member(value, "Regex", &v);
	if (!vp_text_of(r, value, "Regex") || memchr(r->text.s, 0, r->text.n))
		return vp_refuse_value(r, part, "pattern", value);
	if (strcmp(vp_buf_cstr(&r->text), GPT2) == 0)
		p->kind = VP_PATTERN_GPT2;
	else if (!read_times(p, r->text.s))
		return vp_refuse_value(r, part, "pattern", v);
	return 0;
}

void
vp_pattern_free(struct vp_pattern *p)
{
	free(p->text);
	*p = (struct vp_pattern){0};
}

/* What GPT-2's pattern takes a character for. */
enum class { SPACE, LETTER, NUMBER, OTHER };

static enum class class_of(uint32_t c) {
	if (c < 0x80){if ((c | 32) >= 'a' && (c | 32) <= 'z') return LETTER;
		      if (c >= '0' && c <= '9') return NUMBER;}
return vp_is_space(c) ? SPACE : vp_is_letter(c) ? LETTER : vp_is_number(c) ? NUMBER : OTHER;
}

/* Where the characters of one class end that begin at p; *last is where the last of them begins. */
static const char *
run_of(enum class class, const char *p, const char *end, const char **last)
{
	for (const char *next = p; p < end; p = next) {
		if (class_of(vp_utf8_next(&next)) != class)
			break;
		*last = p;
	}
	return p;
}

/* Where the match ends that begins at p. */
static const char *
gpt2_end(const char *p, const char *end)
{
	static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
	const char *from = p, *next, *last = p;
	enum class class;

	for (size_t i = 0; *p == '\'' && i < sizeof endings / sizeof *endings; i++) {
		size_t n = strlen(endings[i]);

		if (n <= (size_t)(end - p) && memcmp(p, endings[i], n) == 0)
			return p + n;
	}
	if (*p == ' ' && p + 1 < end)
		from++;
	next = from;
	class = class_of(vp_utf8_next(&next));
	if (class != SPACE)
		return run_of(class, from, end, &last);
	/* blanks; the last of several is left to the word behind them */
	next = run_of(SPACE, p, end, &last);
	return next == end || last == p ? next : last;
}

/* Where so many characters end as begin at p and the pattern wants; NULL where there are fewer. */
static const char *
times_end(const struct vp_pattern *pattern, const char *p, const char *end)
{
	size_t n = 0;

	for (const char *next = p; p < end && n < pattern->max; p = next, n++) {
		uint32_t c = vp_utf8_next(&next);

		if (pattern->kind == VP_PATTERN_CHAR ? c != pattern->c : !vp_is_space(c))
			break;
	}
	return n < pattern->min ? NULL : p;
}

/* Where the word, or the run of what is neither word nor space, ends that begins at p; NULL at a
 * space. */
static const char *
words_end(const char *p, const char *end)
{
	const char *next = p;
	uint32_t c = vp_utf8_next(&next);
	bool word = vp_is_word(c);

	if (!word && vp_is_space(c))
		return NULL;
	for (p = next; p < end; p = next) {
		c = vp_utf8_next(&next);
		if (vp_is_word(c) != word || (!word && vp_is_space(c)))
			break;
	}
	return p;
}

bool
vp_pattern_next(
    const struct vp_pattern *pattern, const char *p, const char *end, struct vp_span *match)
{
	if (pattern->kind == VP_PATTERN_TEXT) {
		p = p < end ? memmem(p, (size_t)(end - p), pattern->text, pattern->n) : NULL;
		*match = (struct vp_span){p, pattern->n};
		return p != NULL;
	}
	for (const char *next = p, *to = NULL; p < end; p = next) {
		uint32_t c = vp_utf8_next(&next);

		switch (pattern->kind) {
		case VP_PATTERN_PUNCT:
			to = vp_is_punct(c) ? next : NULL;
			break;
		case VP_PATTERN_NUMBER:
			to = vp_is_number(c) ? next : NULL;
			break;
		case VP_PATTERN_WORDS:
			to = words_end(p, end);
			break;
		case VP_PATTERN_GPT2:
			to = gpt2_end(p, end);
			break;
		default:
			to = times_end(pattern, p, end);
		}
		if (to) {
			*match = (struct vp_span){p, (size_t)(to - p)};
			return true;
		}
	}
	return false;
}
