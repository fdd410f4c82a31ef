/*
 * The meter's kernels, one table a variant: what host/measure/meter.c calls.
 */
#ifndef MXD_CPU_METER_KERNELS_H
#define MXD_CPU_METER_KERNELS_H
#endif
