/*
 * `real` is float or double, by the variant that is being compiled, and
 * MXD_CPU(name) gives an external name of this folder its variant's suffix.
 */
#ifndef MXD_CPU_REAL_H
#define MXD_CPU_REAL_H

#define MXD_CPU_PASTE(name, variant) name##_##variant
#define MXD_CPU_EXPAND(name, variant) MXD_CPU_PASTE(name, variant)
#define MXD_CPU(name) MXD_CPU_EXPAND(name, MXD_VARIANT)

#if MXD_REAL_BITS == 64
typedef double real;
#elif MXD_REAL_BITS == 32
typedef float real;
#else
#error "MXD_REAL_BITS must be 32 or 64"
#endif

#endif
