#include "tempo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Frames that a minute has: tempo times frames over this are beats. */
static double frames_per_minute(const mxd_session *session)
{
    return 60.0 * session->sample_rate;
}

/* Half the change of tempo a frame behind a point: the quadratic term of the beats. */
static double half_slope(const mxd_session *session, uint32_t index)
{
    const mxd_tempo_point *from = &session->tempo[index];
    if (!from->ramp || index + 1 == session->num_tempo_points)
        return 0.0;
    return (from[1].bpm - from->bpm) / (2.0 * (double)(from[1].frame - from->frame));
}

/* Beats from a point to a frame at or behind it. */
static double beats_behind(const mxd_session *session, uint32_t index, uint64_t frame)
{
    const mxd_tempo_point *from = &session->tempo[index];
    double x = (double)(frame - from->frame);
    return x * (from->bpm + half_slope(session, index) * x) / frames_per_minute(session);
}

void mxd_tempo_accumulate(mxd_session *session)
{
    for (uint32_t i = 0; i < session->num_tempo_points; i++) {
        mxd_tempo_point *point = &session->tempo[i];
        point->beats = i == 0 ? (double)point->frame * point->bpm / frames_per_minute(session)
                              : point[-1].beats + beats_behind(session, i - 1, point->frame);
    }
}

/* Number of points at or before a frame. */
static uint32_t count_points(const mxd_session *session, uint64_t frame)
{
    uint32_t low = 0, high = session->num_tempo_points;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (session->tempo[middle].frame <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double mxd_tempo_beats(const mxd_session *session, uint64_t frame)
{
    uint32_t count = count_points(session, frame);
    if (count == 0)
        return (double)frame * mxd_tempo_bpm(session, frame) / frames_per_minute(session);
    return session->tempo[count - 1].beats + beats_behind(session, count - 1, frame);
}

double mxd_tempo_bpm(const mxd_session *session, uint64_t frame)
{
    if (session->num_tempo_points == 0)
        return MXD_DEFAULT_BPM;
    uint32_t count = count_points(session, frame);
    if (count == 0)
        return session->tempo[0].bpm;
    const mxd_tempo_point *from = &session->tempo[count - 1];
    return from->bpm + 2.0 * half_slope(session, count - 1) * (double)(frame - from->frame);
}

double mxd_tempo_frame(const mxd_session *session, double beats)
{
    uint32_t low = 0, high = session->num_tempo_points;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (session->tempo[middle].beats <= beats)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return beats * frames_per_minute(session) / mxd_tempo_bpm(session, 0);
    const mxd_tempo_point *from = &session->tempo[low - 1];
    /* slope x^2 + bpm x = wanted, by the form of the solution that loses no digits where the slope is small. */
    double wanted = (beats - from->beats) * frames_per_minute(session), slope = half_slope(session, low - 1);
    double root = from->bpm * from->bpm + 4.0 * slope * wanted;
    return (double)from->frame + 2.0 * wanted / (from->bpm + sqrt(root > 0.0 ? root : 0.0));
}

uint64_t mxd_tempo_next(const mxd_session *session, uint64_t frame)
{
    uint32_t count = count_points(session, frame);
    return count < session->num_tempo_points ? session->tempo[count].frame : UINT64_MAX;
}

bool mxd_note_value_beats(const char *text, double *beats)
{
    static const struct { const char *suffix; double factor; } kinds[] = {
        {"", 1.0}, {"T", 2.0 / 3.0}, {".", 1.5}, {"..", 1.75},
    };
    char *rest = NULL;
    if (text[0] < '1' || text[0] > '9')
        return false;
    long numerator = strtol(text, &rest, 10);
    if (numerator > 99 || rest[0] != '/' || rest[1] < '1' || rest[1] > '9')
        return false;
    long denominator = strtol(rest + 1, &rest, 10);
    if (denominator > 128 || (denominator & (denominator - 1)) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(rest, kinds[i].suffix) == 0) {
            *beats = 4.0 * (double)numerator / (double)denominator * kinds[i].factor;
            return true;
        }
    }
    return false;
}
