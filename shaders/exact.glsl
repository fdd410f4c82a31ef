// Sums and products of floats with the error of their rounding, which is a float itself.
#ifndef MXD_SHADERS_EXACT_GLSL
#define MXD_SHADERS_EXACT_GLSL

// The upper 12 bits of the significand: products of two such halves are exact in float. Dekker's product by masks
// instead of fma, which Vulkan does not promise to round once.
float upper(float a)
{
    return uintBitsToFloat(floatBitsToUint(a) & 0xfffff000u);
}

// a b = product + error, exactly.
float two_product(float a, float b, out float error)
{
    precise float product = a * b;
    precise float ah = upper(a);
    precise float al = a - ah;
    precise float bh = upper(b);
    precise float bl = b - bh;
    precise float e = ah * bh - product;
    e = e + ah * bl;
    e = e + al * bh;
    e = e + al * bl;
    error = e;
    return product;
}

// a + b = sum + error, exactly (Knuth).
float two_sum(float a, float b, out float error)
{
    precise float sum = a + b;
    precise float b_part = sum - a;
    precise float a_part = sum - b_part;
    precise float b_lost = b - b_part;
    precise float a_lost = a - a_part;
    precise float e = a_lost + b_lost;
    error = e;
    return sum;
}

#endif
