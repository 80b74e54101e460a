/* cpu: which instruction sets to use */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

static enum vp_cpu
look(void)
{
#if defined(__x86_64__)
	const char *most = getenv("VP_CPU");
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
		    __builtin_cpu_supports("popcnt");
	bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
		      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		      __builtin_cpu_supports("avx512vl");

	if (most && strcmp(most, "plain") == 0)
		return VP_CPU_PLAIN;
	if (avx512 && !(most && strcmp(most, "avx2") == 0))
		return VP_CPU_AVX512;
	if (avx2)
		return VP_CPU_AVX2;
#endif
	return VP_CPU_PLAIN;
}

enum vp_cpu
vp_cpu(void)
{
	static _Atomic int found = -1; /* threads that come here together find the same */

	if (found < 0)
		found = (int)look();
	return (enum vp_cpu)found;
}
