/* unicode: what a BERT tokenizer takes each character for.
 *
 * The tokenizers of the Hub ask tables of different ages: their categories (control, punctuation, mark) are those
 * of Unicode 8, their decompositions and lower case those of about Unicode 17. Token ids are only right if
 * ours do the same, so what utf8proc (Unicode 15) knows of younger characters is put back here.
 * Checked against tokenizers 0.23 for every code point. */
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
bool vp_is_control(
    uint32_t c); /* deleted by clean_text: NUL, U+FFFD, Cc, Cf, Co, but not tab, LF, CR */
bool vp_is_punct(uint32_t c); /* stands alone: P, and the symbols of ASCII */
bool vp_is_mark(uint32_t c);  /* Mn */
bool vp_is_word(uint32_t c);  /* \w of regular expressions: letters, marks, digits, connectors */

/* The blocks of Chinese characters that are tokens of their own, as BERT has them (a gap at U+2B820 included). */
bool vp_is_cjk(uint32_t c);

/* Canonical decomposition of c into out; returns how many. *out may be c itself. */
size_t vp_decompose(uint32_t c, uint32_t out[8]);

/* The canonical combining class: marks in a row are put into the order of their classes, stably. */
unsigned vp_combining_class(uint32_t c);

/* Lower case, character by character (no final sigma); returns how many, 1 or 2. */
size_t vp_lower(uint32_t c, uint32_t out[2]);

#endif
