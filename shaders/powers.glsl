// Logarithms and powers of two as good as float32 lets them be (host/cpu/powers.h): Vulkan promises log2 near 1 only to
// 2^-21, and exp2 to some units in the last place.

// Of normal numbers above 0: x = 2^e m with m from sqrt(1/2) to sqrt(2).
float log2_of(float x)
{
    int e = (floatBitsToInt(x) - 0x3f3504f3) >> 23;
    float f = intBitsToFloat(floatBitsToInt(x) - (e << 23)) - 1.0;
    float p = -1.074978939e-01 * f + 1.847603335e-01;
    p = p * f - 1.913883766e-01;
    p = p * f + 2.048576478e-01;
    p = p * f - 2.396081219e-01;
    p = p * f + 2.885525614e-01;
    p = p * f - 3.606965418e-01;
    p = p * f + 4.808985203e-01;
    p = p * f - 7.213473545e-01;
    p = p * f + 1.442695040e+00;
    return p * f + float(e);
}

// Of numbers from -126 to 127.
float exp2_of(float x)
{
    float whole = floor(x + 0.5);
    float f = x - whole;
    float p = 1.546144470e-04 * f + 1.340042818e-03;
    p = p * f + 9.618056679e-03;
    p = p * f + 5.550327227e-02;
    p = p * f + 2.402265092e-01;
    p = p * f + 6.931472067e-01;
    p = p * f + 1.0;
    return intBitsToFloat(floatBitsToInt(p) + (int(whole) << 23));
}
