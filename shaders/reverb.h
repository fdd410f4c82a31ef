/*
 * A feedback delay network of 16 lines (J.-M. Jot, A. Chaigne, "Digital delay
 * networks for designing artificial reverberators", AES 90th Convention, 1991):
 *
 *     s_k(n) = absorb_k(line_k(n - length_k)),   u = H s / 4,   line_k(n) = u_l(n) + sum_i H(i, k) x_i(n) / 4,
 *     l = (1 - k) modulo 16,
 *
 * H being Hadamard's matrix of order 16, H(i, k) = (-1)^(number of ones in i & k): H / 4 is orthogonal, so that without
 * absorption nothing is lost. Were l = k, half of the matrix' eigenvalues would be 1, so many resonances would lie at
 * 0 Hz, and paths that pass two lines in either order would add up, as H is symmetric. With this order no eigenvalue is
 * nearer to 1 than 0.5, or to -1 than 0.4, and the signs of such two paths are as good as independent.
 *
 * x_i is input i behind four all-passes in series, w(n) = x(n) + c w(n - d), y(n) = w(n - d) - c w(n) (M. Schroeder,
 * "Natural sounding artificial reverberation", JAES 10(3), 1962), whose lengths differ from input to input; inputs 16
 * apart share a row of H. Output j < 16 is u_j: rows of H are orthogonal and the lines as good as uncorrelated, so the
 * outputs are, too. Outputs from 16 on are made in the same way from what lies half, a quarter and three quarters down
 * the lines, with that share of the line's gain (in dB).
 *
 * absorb_k is a gain and two second-order shelves, so that each line loses as many dB as it is long and all modes decay
 * alike. A shelf's section is the equaliser's (shaders/eq.h) with k = sqrt(2) and, r^4 being its gain,
 *     low:  g / r, m = (1, k (r^2 - 1), r^4 - 1);    high: g r, m = (r^4, k (1 - r^2) r^2, 1 - r^4).
 *
 * The odd lines' lengths move, by Lagrange's interpolation of six samples. By how much comes as whole frames and the
 * rest: in float32 the sum would be exact to a millionth of a frame only. From one point of the values to the next the
 * six weights move in straight lines; the absorption stands still. Interpolation costs a moving line 0.02 dB a trip at
 * a sixth of the rate and 1 dB at a third of it, as means over all fractions of a frame: the highest octave decays
 * faster than is asked for.
 *
 * All lines are longer than MXD_REVERB_CHUNK frames and what they move, so that a chunk depends on no output of its own:
 * within it all is parallel in lines and frames, but for the absorption, which is serial in frames. On the device one
 * workgroup takes a row: 512 invocations' worth of reading and mixing for each 16 invocations' worth of filtering. Few
 * rows leave a GPU idle; a send has one reverb, and it is the sum of all tracks.
 *
 * State: the sections' states [section][s1, s2][line]; the lines; the all-passes of input 0, of input 1 ... Each line
 * and all-pass is a ring, where frame n since the start lies at n modulo its capacity, with MXD_REVERB_PAD samples
 * behind its end, in which the CPU keeps its beginning once more.
 */
#ifndef MXD_SHADERS_REVERB_H
#define MXD_SHADERS_REVERB_H

#define MXD_REVERB_LINES 16
#define MXD_REVERB_DIFFUSERS 4
#define MXD_REVERB_TAPS 6
#define MXD_REVERB_CHUNK 32 /* MXD_ROWS_GRID */
#define MXD_REVERB_PAD 176  /* a multiple of 16, but not of the stride at which caches collide */

/* Settings: */
#define MXD_REVERB_LENGTH 0             /* of line 0, 1, ... 15 in frames */
#define MXD_REVERB_DIFFUSER 16          /* of all-pass 0, 1, ... 3 of input 0 */
#define MXD_REVERB_MAX_OFFSET 20        /* by how many frames lines may move */
#define MXD_REVERB_LINE_CAPACITY 21     /* powers of two: */
#define MXD_REVERB_DIFFUSER_CAPACITY 22
#define MXD_REVERB_NUM_SETTINGS 23

/* Values: */
#define MXD_REVERB_GAIN 0               /* of line 0, 1, ... 15; held */
#define MXD_REVERB_LOW 16               /* r of the low shelf, likewise */
#define MXD_REVERB_HIGH 32
#define MXD_REVERB_LOW_G 48             /* tan(pi f / rate) of both shelves; held */
#define MXD_REVERB_HIGH_G 49
#define MXD_REVERB_DIFFUSION 50         /* the all-passes' coefficient c; held */
#define MXD_REVERB_WHOLE 51             /* by how many frames lines 1, 3, ... 15 are longer than at rest, rounded down; */
#define MXD_REVERB_PART 59              /* the rest, 0..1; both of a chunk's beginning and end */
#define MXD_REVERB_NUM_VALUES 67

#define MXD_REVERB_MAX_FRAMES 1048576

/* The row of H that a line is fed by; or the line that a row feeds. */
#define mxd_reverb_source(line) ((17u - (line)) % 16u)
/* An all-pass of that input, from input 0's. */
#define mxd_reverb_diffuser(frames, input) ((frames) + (frames) * ((5u * (input)) % 16u) / 48u)
/* A ring that long. */
#define mxd_reverb_ring(capacity) ((capacity) + MXD_REVERB_PAD)
/* Before the lines: the filters. */
#define MXD_REVERB_FILTERS 64

#endif
