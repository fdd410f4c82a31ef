/* Fades and envelopes of clips. */
#include "clip_gain.h"

#include "../graph/envelope.h"

#include <math.h>

double mxd_fade_gain(mxd_fade_curve curve, double position)
{
    const double pi = 3.14159265358979323846;
    const double k = 6.90775527898213705205; /* ln 1000: a rise of 60 dB */
    if (!(position > 0.0))
        return 0.0;
    if (position >= 1.0)
        return 1.0;
    switch (curve) {
    case MXD_FADE_LINEAR: return position;
    case MXD_FADE_EQUAL_POWER: return sin(0.5 * pi * position);
    case MXD_FADE_EXPONENTIAL: return expm1(k * position) / expm1(k);
    case MXD_FADE_LOGARITHMIC: return 1.0 - expm1(k * (1.0 - position)) / expm1(k);
    case MXD_FADE_S_CURVE: return 0.5 * (1.0 - cos(pi * position));
    }
    return position;
}

double mxd_clip_gain(const mxd_clip *clip)
{
    double gain = mxd_gain_of_db(clip->gain_db);
    return clip->inverted ? -gain : gain;
}

bool mxd_clip_gain_moves(const mxd_clip *clip, uint64_t first, uint64_t num_frames)
{
    return clip->envelope.num_points > 0 || first < clip->fade_in.num_frames ||
           (clip->fade_out.num_frames && first + num_frames + clip->fade_out.num_frames > clip->num_frames);
}

/* ---- The envelope -------------------------------------------------------- */

/* Number of points at or before frame. */
static uint32_t count_points(const mxd_automation *envelope, uint64_t frame)
{
    uint32_t low = 0, high = envelope->num_points;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (envelope->points[middle].frame <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void scale(double *gain, uint32_t num_frames, double factor)
{
    for (uint32_t i = 0; i < num_frames; i++)
        gain[i] *= factor;
}

/*
 * A line in dB is an exponential in gain: frames from..from + 63 of the line, counted from its first point, are one
 * exponential times a table of 64. The grid begins at the point, so that cuts of reading change nothing.
 */
static void scale_by_line(double *gain, uint32_t num_frames, double from_db, double db_per_frame, uint64_t from)
{
    enum { TABLE = 64 };
    const double ln10_20 = 0.115129254649702284201; /* ln 10 / 20 */
    double steps[TABLE];
    for (uint32_t i = 0; i < TABLE; i++)
        steps[i] = exp(ln10_20 * db_per_frame * i);
    for (uint32_t done = 0; done < num_frames;) {
        uint32_t phase = (uint32_t)((from + done) % TABLE);
        uint32_t count = num_frames - done < TABLE - phase ? num_frames - done : TABLE - phase;
        double base = exp(ln10_20 * (from_db + db_per_frame * (double)(from + done - phase)));
        for (uint32_t i = 0; i < count; i++)
            gain[done + i] *= base * steps[phase + i];
        done += count;
    }
}

static double finite_level(double db)
{
    return db < MXD_SILENCE_DB ? MXD_SILENCE_DB : db;
}

/* Frames frame.. up to the next point. count: points at or before them. */
static void scale_by_segment(const mxd_automation *envelope, uint32_t count, uint64_t frame, uint32_t num_frames,
                             double *gain)
{
    const mxd_automation_point *from = &envelope->points[count ? count - 1 : 0];
    mxd_curve curve = count == 0 || count == envelope->num_points ? MXD_CURVE_HOLD
                      : envelope->segments ? envelope->segments[count - 1].curve : envelope->curve;
    if (curve == MXD_CURVE_HOLD) {
        scale(gain, num_frames, mxd_gain_of_db(from->value));
    } else if (curve == MXD_CURVE_LINEAR && from->value != from[1].value) {
        double from_db = finite_level(from->value);
        double slope = (finite_level(from[1].value) - from_db) / (double)(from[1].frame - from->frame);
        scale_by_line(gain, num_frames, from_db, slope, frame - from->frame);
        if (frame == from->frame && from_db <= MXD_SILENCE_DB && num_frames > 0)
            gain[0] = 0.0;
    } else {
        for (uint32_t i = 0; i < num_frames; i++)
            gain[i] *= mxd_gain_of_db(mxd_automation_value(envelope, frame + i, false));
    }
}

static void apply_envelope(const mxd_automation *envelope, uint64_t first, uint32_t num_frames, double *gain)
{
    uint32_t count = count_points(envelope, first);
    for (uint32_t done = 0; done < num_frames; count++) {
        uint64_t left = count < envelope->num_points ? envelope->points[count].frame - first - done : UINT64_MAX;
        uint32_t here = left < num_frames - done ? (uint32_t)left : num_frames - done;
        scale_by_segment(envelope, count, first + done, here, gain + done);
        done += here;
    }
}

/* ---- All together -------------------------------------------------------- */

void mxd_clip_gain_fill(const mxd_clip *clip, uint64_t first, uint32_t num_frames, double *gain)
{
    const mxd_fade *in = &clip->fade_in, *out = &clip->fade_out;
    double constant = mxd_clip_gain(clip);
    for (uint32_t i = 0; i < num_frames; i++)
        gain[i] = constant;
    if (clip->envelope.num_points)
        apply_envelope(&clip->envelope, first, num_frames, gain);
    for (uint32_t i = 0; i < num_frames && first + i < in->num_frames; i++)
        gain[i] *= mxd_fade_gain(in->curve, (double)(first + i) / (double)in->num_frames);
    uint64_t fade_start = clip->num_frames - out->num_frames;
    for (uint32_t i = first < fade_start ? fade_start - first < num_frames ? (uint32_t)(fade_start - first) : num_frames : 0;
         i < num_frames; i++)
        gain[i] *= mxd_fade_gain(out->curve, (double)(clip->num_frames - first - i) / (double)out->num_frames);
}
