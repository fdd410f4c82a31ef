// sin(pi z), |z| <= 1/2 (sine.h).
#include "sine.h"

float sin_pi(float z)
{
    float q = z * z;
    float sum = MXD_SINE_S5 + q * MXD_SINE_S6;
    sum = MXD_SINE_S4 + q * sum;
    sum = MXD_SINE_S3 + q * sum;
    sum = MXD_SINE_S2 + q * sum;
    sum = MXD_SINE_S1 + q * sum;
    return z * (MXD_SINE_S0 + q * sum);
}
