/*
 * A curve of one variable, oversampled: the input times a gain that may move,
 * plus a bias, is brought to 1, 2, 4 or 8 times the rate, goes through the curve
 * there, and back; what leaves is late by MXD_SATURATE_LATENCY frames. The first
 * output is that times one gain plus the input, as late, times another; with two
 * outputs the first is the curve's alone and the second the late input.
 *
 * Curves, of slope 1 at 0 (u: gain * input + bias; less their value at the bias):
 *     tanh       tanh u
 *     soft-clip  u - 4/27 u^3 up to |u| = 1.5, then +-1
 *     hard-clip  u up to |u| = 1, then +-1
 *     tube       tanh u / (1 + 0.35 tanh u): limits of 0.741 and -1.538, even harmonics
 *     tape       u / sqrt(1 + u^2): short of full scale by 1 / (2 u^2), where tanh is by 2 exp(-2 u)
 *
 * Clips have corners, whose harmonics fall so slowly that no oversampling alone
 * would do. Oversampled they are not sampled but averaged, with a triangle two
 * samples wide, over the straight lines between samples: antiderivative
 * antialiasing of second order (Parker, Zavalishin, Le Bivic, "Reducing the
 * aliasing of nonlinear waveshaping using continuous-time convolution", DAFx
 * 2016), but without antiderivatives, whose differences cancel: each line is cut
 * where it meets the corners; of each part the curve times the triangle is a
 * polynomial of degree 4 at most, and three points of Gauss integrate it exactly.
 * All weights are positive. It costs sinc^2(f / rate) at the oversampled rate: at
 * 20 kHz and 48 kHz, 1.3, 0.3, 0.08 dB at 2, 4, 8 times.
 *
 * State: the driven input's last 2 * latency frames (without the bias), the
 * input's last latency frames, and where values move the bias's last 2 * latency
 * frames, all twice; a run reads the half that the run before wrote and writes the
 * other. Before a row's first frame the bias was what it is there. The curve at a
 * bias that moves is a straight line from frame to frame.
 */
#ifndef MXD_SHADERS_SATURATE_H
#define MXD_SHADERS_SATURATE_H

/* Settings: */
#define MXD_SATURATE_CURVE 0
#define MXD_SATURATE_STAGES 1 /* each doubles the rate: 0..3 */
#define MXD_SATURATE_NUM_SETTINGS 2

#define MXD_SATURATE_TANH 0
#define MXD_SATURATE_SOFT_CLIP 1
#define MXD_SATURATE_HARD_CLIP 2
#define MXD_SATURATE_TUBE 3
#define MXD_SATURATE_TAPE 4
#define MXD_SATURATE_NUM_CURVES 5

/* Values, all on the straight line between points: */
#define MXD_SATURATE_DRIVE 0
#define MXD_SATURATE_BIAS 1
#define MXD_SATURATE_WET 2 /* of one output */
#define MXD_SATURATE_DRY 3
#define MXD_SATURATE_NUM_VALUES 4

#define MXD_SATURATE_TUBE_SKEW 0.35
#define MXD_SATURATE_SOFT_KNEE 1.5

/*
 * Linear-phase filters. Up, and down but for the last step, half-bands of 4 K - 1
 * taps, of which these are the K on one side of every second that is not 0, times
 * 2; 40, 8, 6 taps: pass to 0.45 of the base rate, stop by 120, 128, 133 dB from
 * where images of that begin. The last step down passes to 0.43 of the base rate
 * (20.6 kHz at 48 kHz) and stops by 115 dB from its Nyquist frequency on: the
 * middle, then one side. Sincs by Kaiser's window (Kaiser 1974; beta by his formula
 * for 122, 134, 142 and 116 dB), scaled to a gain of 1; test_saturator designs them
 * again.
 */
#define MXD_SATURATE_NUM_HALF_BANDS 54
#define MXD_SATURATE_LAST_TAPS 107 /* on one side */
#define MXD_SATURATE_HALF_BANDS \
    6.360245827e-01f, -2.104268160e-01f, 1.243779413e-01f, -8.686347725e-02f, 6.555830704e-02f, -5.165373545e-02f, \
    4.176708125e-02f, -3.432346828e-02f, 2.849156392e-02f, -2.379143831e-02f, 1.992649122e-02f, -1.670308244e-02f, \
    1.398877308e-02f, -1.168917541e-02f, 9.734441840e-03f, -8.071050157e-03f, 6.656644938e-03f, -5.456715842e-03f, \
    4.442418102e-03f, -3.589122892e-03f, 2.875444004e-03f, -2.282579826e-03f, 1.793865578e-03f, -1.394465605e-03f, \
    1.071158069e-03f, -8.121792314e-04f, 6.071047553e-04f, -4.467525592e-04f, 3.230968834e-04f, -2.291869339e-04f, \
    1.590661844e-04f, -1.076903979e-04f, 7.084383722e-05f, -4.505411184e-05f, 2.750672399e-05f, -1.596072283e-05f, \
    8.666993606e-06f, -4.290661696e-06f, 1.838917712e-06f, -5.953130163e-07f, 6.202823220e-01f, -1.676356544e-01f, \
    6.545765473e-02f, -2.387619520e-02f, 7.131512747e-03f, -1.554488934e-03f, 2.038821687e-04f, -9.033150277e-06f, \
    6.059832393e-01f, -1.353058969e-01f, 3.514351761e-02f, -6.411859054e-03f, 6.047412087e-04f, -1.374212448e-05f

#define MXD_SATURATE_LAST \
    4.650001585e-01f, 3.162343091e-01f, 3.465130005e-02f, -9.994555964e-02f, -3.362048372e-02f, 5.362633494e-02f, \
    3.195259245e-02f, -3.188767268e-02f, -2.971964938e-02f, 1.866854273e-02f, 2.701636656e-02f, -9.644261032e-03f, \
    -2.395456641e-02f, 3.177640913e-03f, 2.065673193e-02f, 1.492090260e-03f, -1.724914236e-02f, -4.781653112e-03f, \
    1.385506806e-02f, 6.958319430e-03f, -1.058847764e-02f, -8.220955126e-03f, 7.548654112e-03f, 8.735962275e-03f, \
    -4.816032033e-03f, -8.653022134e-03f, 2.449461672e-03f, 8.111042804e-03f, -4.849896928e-04f, -7.239210755e-03f, \
    -1.063871410e-03f, 6.155710839e-03f, 2.204520618e-03f, -4.965576800e-03f, -2.962517678e-03f, 3.758548680e-03f, \
    3.377994973e-03f, -2.607460506e-03f, -3.501559659e-03f, 1.567442680e-03f, 3.390021492e-03f, -6.760483192e-04f, \
    -3.102261873e-03f, -4.571925741e-05f, 2.695516143e-03f, 5.915979565e-04f, -2.222279871e-03f, -9.676630709e-04f, \
    1.727977831e-03f, 1.189550364e-03f, -1.249458845e-03f, -1.279537891e-03f, 8.143076158e-04f, 1.263704840e-03f, \
    -4.409020388e-04f, -1.169353852e-03f, 1.390957450e-04f, 1.022838605e-03f, 8.862663505e-05f, -8.478870787e-04f, \
    -2.456888390e-04f, 6.644583091e-04f, 3.398227569e-04f, -4.881219335e-04f, -3.814787358e-04f, 3.299092170e-04f, \
    3.823701411e-04f, -1.965543036e-04f, -3.542428225e-04f, 9.102640026e-05f, 3.079244225e-04f, -1.324737821e-05f, \
    -2.526738822e-04f, -3.910637254e-05f, 1.958211557e-04f, 6.980619424e-05f, -1.426632484e-04f, -8.334725477e-05f, \
    9.656646339e-05f, 8.434660137e-05f, -5.921642233e-05f, -7.708933915e-05f, 3.095641369e-05f, 6.522906569e-05f, \
    -1.115965368e-05f, -5.163224631e-05f, -1.409555974e-06f, 3.834434652e-05f, 8.278857970e-06f, -2.664857176e-05f, \
    -1.101545112e-05f, 1.718573005e-05f, 1.104674603e-05f, -1.010530463e-05f, -9.552491781e-06f, 5.222281902e-06f, \
    7.419360915e-06f, -2.160484318e-06f, -5.244394157e-06f, 4.700027334e-07f, 3.371847591e-06f, 2.871391711e-07f, \
    -1.948430533e-06f, -4.834294639e-07f, 9.840648437e-07f, 4.006747182e-07f, -4.084551942e-07f, -2.269243694e-07f

/* Taps of the step from 2^stage times the rate, and where they begin. */
#define MXD_SATURATE_TAPS(stage) ((stage) == 0 ? 40 : (stage) == 1 ? 8 : 6)
#define MXD_SATURATE_FIRST_TAP(stage) ((stage) == 0 ? 0 : (stage) == 1 ? 40 : 48)

/* Frames that the step looks to either side, whole ones: up; down. */
#define MXD_SATURATE_MARGIN(stage) ((stage) == 0 ? 40 : (stage) == 1 ? 4 : 2)
#define MXD_SATURATE_LAST_MARGIN 54

/* The sum of the margins of all steps up and down, and a frame for the clips' triangle. */
#define MXD_SATURATE_LATENCY(stages) ((stages) == 0 ? 0 : (stages) == 1 ? 95 : (stages) == 2 ? 103 : 107)

/* Words of one half of the state. */
#define MXD_SATURATE_STATE(stages) (5 * MXD_SATURATE_LATENCY(stages))

/* Frames of one workgroup, whose samples lie in shared memory with the margins: 8 (256 + 2 * 107) of them. */
#define MXD_SATURATE_TILE 256
#define MXD_SATURATE_SAMPLES 3760

#endif
