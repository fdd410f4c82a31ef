/* What compressors, expanders, gates and their like have in common. */
#include "dynamics.h"

#include "../../formats/reader.h"
#include "channels.h"

#include <math.h>
#include <string.h>

double mxd_dynamics_octaves(double db)
{
    return db * 0.16609640474436813; /* 1 / (20 log10 2) */
}

double mxd_dynamics_part(double time_ms, uint32_t sample_rate)
{
    return time_ms > 0.0 ? -expm1(-1e3 / (time_ms * sample_rate)) : 1.0;
}

/* What is left of a step's release after `time`, through two one-poles. */
static double left_of_release(double detector, double attack, double time)
{
    return (detector * exp(-time / detector) - attack * exp(-time / attack)) / (detector - attack);
}

double mxd_dynamics_release(double attack_ms, double release_ms)
{
    if (attack_ms <= 0.0)
        return release_ms;
    if (release_ms <= attack_ms)
        return 0.0;
    /* Regula falsi (Illinois): ever less is left the shorter the detector's constant; the whole time is too long. */
    const double aim = exp(-1.0);
    double low = 0.0, high = release_ms;
    double low_error = exp(-release_ms / attack_ms) - aim, high_error = left_of_release(high, attack_ms, release_ms) - aim;
    double found = high;
    int side = 0;
    for (int i = 0; i < 40 && high - low > 1e-9 * release_ms; i++) {
        found = (low * high_error - high * low_error) / (high_error - low_error);
        if (fabs(found - attack_ms) < 1e-6 * attack_ms)
            found = attack_ms * (1.0 + 1e-6); /* equal constants: the quotient is 0 / 0 */
        const double error = left_of_release(found, attack_ms, release_ms) - aim;
        if (fabs(error) < 1e-9)
            break;
        if (error > 0.0) {
            high = found;
            high_error = error;
            low_error *= side == 1 ? 0.5 : 1.0;
            side = 1;
        } else {
            low = found;
            low_error = error;
            high_error *= side == -1 ? 0.5 : 1.0;
            side = -1;
        }
    }
    return found;
}

static double slope_of(double ratio, bool compresses)
{
    if (!compresses)
        return ratio - 1.0;
    return ratio >= MXD_DYNAMICS_MAX_RATIO ? 1.0 : 1.0 - 1.0 / ratio;
}

static double in_knee(double over_db, double knee_db)
{
    if (over_db <= -0.5 * knee_db)
        return 0.0;
    return over_db >= 0.5 * knee_db ? over_db : (over_db + 0.5 * knee_db) * (over_db + 0.5 * knee_db) / (2.0 * knee_db);
}

double mxd_dynamics_change_at_full_scale(const mxd_dynamics_curve *curve)
{
    return fmin(slope_of(curve->ratio, true) * in_knee(-curve->threshold_db, curve->knee_db), curve->range_db);
}

void mxd_dynamics_values(const mxd_dynamics_curve *curve, uint32_t mode, uint32_t sample_rate, double *values)
{
    const bool compresses = mode == MXD_DYNAMICS_COMPRESS || mode == MXD_DYNAMICS_LIFT;
    values[MXD_DYNAMICS_THRESHOLD] = mxd_dynamics_octaves(curve->threshold_db);
    values[MXD_DYNAMICS_SLOPE] = mode == MXD_DYNAMICS_GATE ? 0.0 : slope_of(curve->ratio, compresses);
    values[MXD_DYNAMICS_RANGE] = mxd_dynamics_octaves(curve->range_db);
    values[MXD_DYNAMICS_MAKE_UP] = mxd_dynamics_octaves(curve->make_up_db);
    values[MXD_DYNAMICS_MIX] = curve->mix;
    values[MXD_DYNAMICS_LINK] = curve->link;
    values[MXD_DYNAMICS_ATTACK] = mxd_dynamics_part(curve->attack_ms, sample_rate);
    values[MXD_DYNAMICS_RELEASE] =
        mxd_dynamics_part(mxd_dynamics_release(curve->attack_ms, curve->release_ms), sample_rate);
    values[MXD_DYNAMICS_KNEE] = mxd_dynamics_octaves(curve->knee_db);
    values[MXD_DYNAMICS_RMS_MEAN] = mxd_dynamics_part(curve->rms_ms, sample_rate);
    values[MXD_DYNAMICS_CLOSE] = mxd_dynamics_octaves(curve->threshold_db - curve->hysteresis_db);
    values[MXD_DYNAMICS_HOLD] = floor(1e-3 * curve->hold_ms * sample_rate + 0.5);
}

uint64_t mxd_dynamics_settle_frames(const mxd_dynamics_curve *longest, uint32_t sample_rate)
{
    /* ln(40 octaves / 1e-7) = 20 of both constants; a mean square falls from +24 dB to the floor within 61. */
    const double ms = longest->hold_ms + 61.0 * longest->rms_ms + 20.0 * (longest->attack_ms + longest->release_ms);
    return (uint64_t)ceil(1e-3 * ms * sample_rate);
}

void mxd_dynamics_read_key(mxd_reader *reader, uint32_t sample_rate, mxd_dynamics_key *key)
{
    key->has_filter = mxd_read_has(reader, "key_filter");
    mxd_eq_read_bands(reader, "key_filter", sample_rate, key->filter.at_rest, &key->filter.count);
    mxd_read_bool(reader, "key_listen", MXD_OPTIONAL, &key->listen);
}

void mxd_dynamics_refuse_rms_ms(mxd_reader *reader, int detector)
{
    if (detector == MXD_DYNAMICS_PEAK && mxd_read_has(reader, "rms_ms"))
        mxd_reader_fail(reader, "rms_ms", "rms_ms is for \"detector\": \"rms\"; the peak detector has no window");
}

void mxd_dynamics_refuse_moving_rms_ms(mxd_reader *automation, int detector)
{
    if (detector == MXD_DYNAMICS_PEAK)
        mxd_reader_fail(automation, "parameter", "rms_ms is for \"detector\": \"rms\"; the peak detector has no window");
}

uint64_t mxd_dynamics_no_tail(const void *params, uint32_t num_inputs)
{
    (void)params;
    (void)num_inputs;
    return 0;
}

/* One lane that is the mean of some. */
static mxd_result add_mean(mxd_graph_builder *builder, const uint32_t *lanes, uint32_t num_lanes, uint32_t *mean)
{
    mxd_builder_edge edges[MXD_MAX_ROW_LANES];
    for (uint32_t i = 0; i < num_lanes; i++)
        edges[i] = (mxd_builder_edge){.input_lane = lanes[i], .gain = 1.0 / num_lanes};
    *mean = mxd_builder_lane(builder);
    return *mean == UINT32_MAX ? MXD_ERROR_MEMORY : mxd_builder_mix(builder, *mean, edges, num_lanes);
}

/* The key's lanes; none: the audio as it is. */
static mxd_result find_key(mxd_graph_builder *builder, const mxd_dynamics_key *key, const uint32_t *lanes,
                           uint32_t num_channels, uint32_t *keys, uint32_t *num_keys)
{
    *num_keys = mxd_builder_key(builder, keys);
    const bool is_audio = *num_keys == 0;
    if (is_audio && !key->has_filter && !key->listen)
        return MXD_OK;
    if (is_audio) {
        memcpy(keys, lanes, num_channels * sizeof *keys);
        *num_keys = num_channels;
    }
    mxd_result result = MXD_OK;
    if (num_channels + *num_keys > MXD_MAX_ROW_LANES) {
        uint32_t mean = 0;
        result = add_mean(builder, keys, *num_keys, &mean);
        keys[0] = mean;
        *num_keys = 1;
    } else {
        for (uint32_t i = 0; i < *num_keys && result == MXD_OK; i++)
            result = mxd_channel_scale(builder, &keys[i], 1.0, NULL, 0);
    }
    return result == MXD_OK ? mxd_emit_sections(builder, keys, *num_keys, &key->filter) : result;
}

/* The key in place of the audio: channel by channel, or its mean where it has another number of them. */
static mxd_result emit_key(mxd_graph_builder *builder, const uint32_t *keys, uint32_t num_keys, uint32_t *lanes,
                           uint32_t num_channels)
{
    mxd_result result = MXD_OK;
    for (uint32_t c = 0; c < num_channels && result == MXD_OK; c++)
        result = num_keys == num_channels ? add_mean(builder, &keys[c], 1, &lanes[c])
                                          : add_mean(builder, keys, num_keys, &lanes[c]);
    return result;
}

mxd_result mxd_dynamics_emit(mxd_graph_builder *builder, const mxd_dynamics_row *row, uint32_t *lanes,
                             uint32_t num_channels)
{
    uint32_t inputs[2 * MXD_MAX_ROW_LANES], outputs[MXD_MAX_ROW_LANES], num_keys = 0;
    memcpy(inputs, lanes, num_channels * sizeof *inputs);
    if (row->key) {
        mxd_result result = find_key(builder, row->key, lanes, num_channels, inputs + num_channels, &num_keys);
        if (result != MXD_OK)
            return result;
        if (row->key->listen)
            return emit_key(builder, inputs + num_channels, num_keys, lanes, num_channels);
    }
    for (uint32_t c = 0; c < num_channels; c++) {
        outputs[c] = mxd_builder_lane(builder);
        if (outputs[c] == UINT32_MAX)
            return MXD_ERROR_MEMORY;
    }
    memcpy(lanes, outputs, num_channels * sizeof *lanes);
    return mxd_builder_row_add(builder, &(mxd_builder_row){
                                            .kernel = MXD_KERNEL_DYNAMICS,
                                            .inputs = inputs,
                                            .num_inputs = num_channels + num_keys,
                                            .outputs = outputs,
                                            .num_outputs = num_channels,
                                            .settings = row->settings,
                                            .map = row->map,
                                            .index = row->index,
                                        });
}
