/* cpu: which instruction sets to use.
 *
 * The environment variable VP_CPU (plain, avx2 or avx512) forbids what lies above it, so that tests can compare the
 * paths on one machine. */
#ifndef VP_CPU_H
#define VP_CPU_H

enum vp_cpu {
	VP_CPU_PLAIN,
	VP_CPU_AVX2,  /* with FMA, BMI1, BMI2, LZCNT and POPCNT, as all processors that have AVX2 */
	VP_CPU_AVX512 /* with F, BW, DQ and VL besides */
};

/* The best that this processor has and VP_CPU allows. Found out once; any thread may ask. */
enum vp_cpu vp_cpu(void);

#endif
