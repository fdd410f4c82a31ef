/* Linear phase: see eq_linear.h. Magnitudes in double, by a plain transform of radix 2. */
#include "eq_linear.h"

#include "../graph/builder.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

/* ---- Magnitudes ---------------------------------------------------------- */

/* |H|^2 of a section (eq.h) where tan(pi f / rate) is t; above the centre divided by w^4, so that nothing overflows at Nyquist. */
static double section_power(const mxd_svf *s, double t)
{
    const double w = t / s->g;
    double a = w * w, b = 1.0; /* p^2 = -a, the constants times b */
    const double c = w > 1.0 ? 1.0 / w : w;
    if (w > 1.0) {
        a = 1.0;
        b = c * c;
    }
    const double top = (s->m0 + s->m2) * b - s->m0 * a, top_side = (s->m0 * s->k + s->m1) * c;
    const double bottom = b - a, bottom_side = s->k * c;
    return (top * top + top_side * top_side) / (bottom * bottom + bottom_side * bottom_side);
}

typedef struct matrix {
    double path[4]; /* [2 input + output] */
} matrix;

/* A band's path matrix where its magnitude is h. */
static matrix band_matrix(mxd_eq_scope scope, double h)
{
    const double same = (h + 1.0) / 2.0, other = (h - 1.0) / 2.0;
    switch (scope) {
    case MXD_EQ_LEFT:
        return (matrix){{h, 0.0, 0.0, 1.0}};
    case MXD_EQ_RIGHT:
        return (matrix){{1.0, 0.0, 0.0, h}};
    case MXD_EQ_MID:
        return (matrix){{same, other, other, same}};
    case MXD_EQ_SIDE:
        return (matrix){{same, -other, -other, same}};
    default:
        return (matrix){{h, 0.0, 0.0, h}};
    }
}

/* first, then second. */
static matrix chain(const matrix *first, const matrix *second)
{
    matrix both;
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t o = 0; o < 2; o++)
            both.path[2 * i + o] =
                first->path[2 * i] * second->path[o] + first->path[2 * i + 1] * second->path[2 + o];
    return both;
}

static matrix response_at(const mxd_eq_insert *insert, double t)
{
    matrix all = {{1.0, 0.0, 0.0, 1.0}};
    for (uint32_t i = 0; i < insert->num_bands; i++) {
        const mxd_eq_item *item = &insert->bands[i];
        if (!mxd_eq_item_works(item))
            continue;
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        const uint32_t num_sections = mxd_eq_design_at(&item->band, item->g, sections);
        double power = 1.0;
        for (uint32_t s = 0; s < num_sections; s++)
            power *= section_power(&sections[s], t);
        const matrix band = band_matrix(item->scope, sqrt(power));
        all = chain(&all, &band);
    }
    return all;
}

/* ---- Length -------------------------------------------------------------- */

/* The slowest decay of a section's poles and zeros, in nepers a frame. Zeros on the unit circle are left out: no length shows them. */
static double slowest_decay(const mxd_svf *s)
{
    double decay = mxd_svf_decay(s->g, s->k);
    const double top = s->m0 * (s->m0 + s->m2), middle = s->m0 * s->k + s->m1;
    if (top > 0.0 && middle > 0.0)
        decay = fmin(decay, mxd_svf_decay(s->g * sqrt((s->m0 + s->m2) / s->m0), middle / sqrt(top)));
    return decay;
}

static uint32_t choose_length(const mxd_eq_insert *insert)
{
    double decay = HUGE_VAL;
    for (uint32_t i = 0; i < insert->num_bands; i++) {
        mxd_svf sections[MXD_EQ_MAX_BAND_SECTIONS];
        const mxd_eq_item *item = &insert->bands[i];
        const uint32_t num_sections = mxd_eq_item_works(item) ? mxd_eq_design_at(&item->band, item->g, sections) : 0;
        for (uint32_t s = 0; s < num_sections; s++)
            decay = fmin(decay, slowest_decay(&sections[s]));
    }
    /* Down by 80 dB where the window begins to fall, at half of half the length. */
    const double half = ceil(2.0 * log(1e4) / decay);
    if (!(half <= MXD_EQ_MAX_AUTO_FIR / 2))
        return MXD_EQ_MAX_AUTO_FIR;
    return half < 127.0 ? 255 : 2 * (uint32_t)half + 1;
}

/* ---- Responses ----------------------------------------------------------- */

/* In place, 2^log2 points, radix 2, by time. */
static void transform(double complex *x, uint32_t log2_size)
{
    const uint32_t size = 1u << log2_size;
    for (uint32_t i = 0; i < size; i++) {
        uint32_t mirrored = 0;
        for (uint32_t bit = 0; bit < log2_size; bit++)
            mirrored |= (i >> bit & 1u) << (log2_size - 1 - bit);
        if (mirrored > i) {
            const double complex kept = x[i];
            x[i] = x[mirrored];
            x[mirrored] = kept;
        }
    }
    for (uint32_t half = 1; half < size; half *= 2)
        for (uint32_t k = 0; k < half; k++) {
            const double complex turn = cexp(-I * pi * k / half);
            for (uint32_t i = k; i < size; i += 2 * half) {
                const double complex y = turn * x[i + half];
                x[i + half] = x[i] - y;
                x[i] += y;
            }
        }
}

/* Flat over the inner half, then a cosine down to 0 just beyond the end. */
static double window(uint32_t from_middle, uint32_t half)
{
    const double x = 2.0 * from_middle / (half + 1.0) - 1.0;
    return x <= 0.0 ? 1.0 : 0.5 + 0.5 * cos(pi * x);
}

/* The middle of a real and even spectrum's transform as a windowed response, or NULL. */
static float *make_response(const double complex *transformed, bool imaginary, uint32_t log2_size, uint32_t length)
{
    float *response = malloc(length * sizeof *response);
    const uint32_t half = length / 2;
    for (uint32_t n = 0; response && n <= half; n++) {
        const double x = imaginary ? cimag(transformed[n]) : creal(transformed[n]);
        response[half + n] = response[half - n] = (float)(ldexp(x, -(int)log2_size) * window(n, half));
    }
    return response;
}

/* Fills linear->responses; two real and even spectra share a transform. False: memory ran out. */
static bool make_responses(const mxd_eq_insert *insert, bool is_diagonal, mxd_eq_linear *linear)
{
    uint32_t log2_size = 2;
    while (1u << log2_size < 4 * linear->length)
        log2_size++;
    const uint32_t size = 1u << log2_size, num_pairs = linear->is_matrix && !is_diagonal ? 2 : 1;
    double complex *spectra[2] = {calloc(size, sizeof *spectra[0]), calloc(num_pairs == 2 ? size : 1, sizeof *spectra[0])};
    for (uint32_t i = 0; spectra[0] && spectra[1] && i <= size / 2; i++) {
        const matrix paths = response_at(insert, tan(pi * i / size));
        const uint32_t mirror = (size - i) % size;
        spectra[0][i] = spectra[0][mirror] = paths.path[0] + I * paths.path[3];
        if (num_pairs == 2)
            spectra[1][i] = spectra[1][mirror] = paths.path[1] + I * paths.path[2];
    }
    for (uint32_t i = 0; spectra[0] && spectra[1] && i < num_pairs; i++)
        transform(spectra[i], log2_size);
    bool good = spectra[0] && spectra[1];
    for (uint32_t i = 0; good && i < 4; i++) {
        const bool is_side = i == 1 || i == 2;
        if ((is_side && num_pairs == 1) || (i > 0 && !linear->is_matrix))
            continue;
        linear->responses[i] = make_response(spectra[is_side], i >= 2, log2_size, linear->length);
        good = linear->responses[i];
    }
    free(spectra[0]);
    free(spectra[1]);
    return good;
}

mxd_eq_linear *mxd_eq_linear_create(const mxd_eq_insert *insert, uint32_t length)
{
    mxd_eq_linear *linear = calloc(1, sizeof *linear);
    bool works = false, is_diagonal = true;
    for (uint32_t i = 0; linear && i < insert->num_bands; i++) {
        const mxd_eq_item *item = &insert->bands[i];
        if (!mxd_eq_item_works(item))
            continue;
        works = true;
        linear->is_matrix |= item->scope != MXD_EQ_STEREO;
        is_diagonal &= item->scope != MXD_EQ_MID && item->scope != MXD_EQ_SIDE;
    }
    if (!linear || !works)
        return linear;
    linear->length = length ? length : choose_length(insert);
    if (make_responses(insert, is_diagonal, linear))
        return linear;
    mxd_eq_linear_destroy(linear);
    return NULL;
}

void mxd_eq_linear_destroy(mxd_eq_linear *linear)
{
    for (uint32_t i = 0; linear && i < 4; i++)
        free(linear->responses[i]);
    free(linear);
}

/* ---- Emitting ------------------------------------------------------------ */

mxd_result mxd_eq_linear_emit(const mxd_eq_linear *linear, mxd_graph_builder *builder, uint32_t *lanes,
                              uint32_t num_lanes)
{
    uint32_t outputs[MXD_MAX_CHANNELS];
    mxd_result result = MXD_OK;
    for (uint32_t i = 0; i < num_lanes; i++)
        if ((outputs[i] = mxd_builder_lane(builder)) == UINT32_MAX)
            return MXD_ERROR_MEMORY;
    const uint32_t width = linear->is_matrix ? 2 : 1;
    for (uint32_t first = 0; first < num_lanes && result == MXD_OK; first += width) {
        mxd_convolve_cell cells[4];
        uint32_t num_cells = 0;
        for (uint32_t i = 0; i < width * width; i++)
            if (linear->responses[i])
                cells[num_cells++] = (mxd_convolve_cell){.input = i / 2, .output = i % 2,
                                                         .response = linear->responses[i],
                                                         .num_frames = linear->length, .gain = 1.0};
        const mxd_convolve_row row = {lanes + first, width, outputs + first, width, cells, num_cells};
        result = mxd_builder_convolve(builder, &row);
    }
    for (uint32_t i = 0; i < num_lanes; i++)
        lanes[i] = outputs[i];
    return result;
}
