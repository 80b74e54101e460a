/* clock: time that only goes forward */
#ifndef VP_CLOCK_H
#define VP_CLOCK_H

#include <stdint.h>

/* Milliseconds, and microseconds, since some fixed moment (CLOCK_MONOTONIC). */
uint64_t vp_now_ms(void);
uint64_t vp_now_us(void);

#endif
