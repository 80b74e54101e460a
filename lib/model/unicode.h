/* unicode: what a tokenizer takes each character for.
 *
 * The tokenizers of the Hub ask tables of different ages: what BERT's ask (control, punctuation,
 * mark) is of Unicode 8, decompositions of 9, letters, numbers and words of 16, lower case of about
 * 17. Token ids are only right if ours do the same, so what utf8proc (Unicode 15) knows of younger
 * characters, or does not know, is put right here. Checked against tokenizers 0.23 for every code
 * point; vp_is_accent alone is not the same everywhere. */
#ifndef VP_MODEL_UNICODE_H
#define VP_MODEL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at *p, which is moved behind it. The text must be UTF-8 (vp_utf8_valid). */
uint32_t vp_utf8_next(const char **p);

/* Write c as UTF-8 and return the number of bytes. */
size_t vp_utf8_put(char out[4], uint32_t c);

bool vp_is_space(uint32_t c); /* White_Space */

/* Past the white space that begins at p, up to end; where the white space begins that ends before
 * p, from `from` on. */
const char *vp_skip_space(const char *p, const char *end);
const char *vp_skip_space_back(const char *from, const char *p);

bool vp_is_control(
    uint32_t c); /* deleted by clean_text: NUL, U+FFFD, Cc, Cf, Co, but not tab, LF, CR */
bool vp_is_punct(uint32_t c); /* stands alone: P, and the symbols of ASCII */
bool vp_is_mark(uint32_t c);  /* Mn, as BERT has it */
bool vp_is_accent(
    uint32_t c); /* M; of some 250 marks younger than Unicode 9 the Hub thinks otherwise */
bool vp_is_word(uint32_t c); /* \w of regular expressions: letters, marks, digits, connectors */

/* The blocks of Chinese characters that are tokens of their own, as BERT has them (a gap at U+2B820
 * included). */
bool vp_is_cjk(uint32_t c);

bool vp_is_letter(uint32_t c); /* L */
bool vp_is_number(uint32_t c); /* N */

/* Decomposition of c into out, canonical or compatible; returns how many. *out may be c itself. */
#define VP_DECOMPOSED 18 /* characters at most: U+FDFA becomes so many */
size_t vp_decompose(uint32_t c, bool compatible, uint32_t out[VP_DECOMPOSED]);

/* Put the marks in each run of them among n decomposed characters into canonical order (UAX 15): by
 * class, those of the same class as they came. Takes no more than 55 steps for each. */
void vp_order_marks(uint32_t *c, size_t n);

/* Canonical composition of n decomposed and ordered characters, in place; returns how many are
 * left. */
size_t vp_compose(uint32_t *c, size_t n);

/* Lower case, character by character (no final sigma); returns how many, 1 or 2. */
size_t vp_lower(uint32_t c, uint32_t out[2]);

#endif
