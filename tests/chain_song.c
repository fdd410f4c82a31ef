#include "chain_song.h"

#include "lv2_fixture.h"

#include <unistd.h>

typedef struct stem {
    const char *file;
    const char *clip;    /* more keys of its clip */
    const char *inserts;
    const char *rest;    /* place, fader, sends, automation, output, group */
} stem;

#define HALL(db) "\"sends\": [ { \"to\": \"Hall\", \"gain_db\": " #db " } ]"
#define MOVES(parameter, points) "\"automation\": [ { \"parameter\": \"" parameter "\", \"points\": [ " points " ] } ]"
#define BAND(type, hz, rest) "{ \"type\": \"" type "\", \"frequency_hz\": " #hz " " rest " }"
#define PAN(value) "\"place\": { \"pan\": " #value " }"

static const stem stems[] = {
    {"01_alt_hh", "", "{ \"type\": \"transient\", \"attack_db\": 4, \"sustain_db\": -3 }, { \"type\": \"auto-pan\","
     "\"note\": \"1/2\", \"depth\": 0.6 }", PAN(0)},
    {"02_bgvox_1", "", "{ \"type\": \"de-esser\", \"mode\": \"split\" }, { \"type\": \"chorus\", \"mix\": 0.4 }",
     PAN(0) ", " HALL(-12)},
    {"03_bgvox_2", "", "{ \"type\": \"pitch\", \"cents\": 12 }, { \"type\": \"de-esser\", \"mode\": \"wide\" }",
     "\"fader_db\": -4, " PAN(0)},
    {"04_bgvox_3", "", "{ \"type\": \"flanger\", \"note\": \"1/1\", \"feedback\": 0.4 }", "\"fader_db\": -6, " HALL(-9)},
    {"05_bgvox_harmony_glitch", ", \"envelope\": [ [0, 0], [1, -6], [2, 0] ]",
     "{ \"type\": \"phaser\", \"stages\": 6, \"feedback\": 0.3, \"rate_hz\": 0.7 }", "\"fader_db\": -6"},
    {"06_bgvox_main", "", "{ \"type\": \"compressor\", \"threshold_db\": -30, \"ratio\": 4, \"lookahead_ms\": 3,"
     "\"detector\": \"rms\", " MOVES("threshold_db", "[0, -20], [4, -36]") " }", "\"fader_db\": -4, " HALL(-12)},
    {"07_break_beat", "", "{ \"type\": \"multiband\", \"crossovers_hz\": [150, 2500], \"bands\": [ { \"threshold_db\": -30 },"
     "{ \"threshold_db\": -28, \"ratio\": 3 }, { \"gain_db\": 1 } ] }", "\"fader_db\": -6, \"output\": \"Drums\""},
    {"08_echo_pad", "", "{ \"type\": \"delay\", \"note\": \"1/8.\", \"feedback\": 0.5, \"ping_pong\": true,"
     "\"high_cut_hz\": 6000, \"mix\": 0.3 }", "\"fader_db\": -5, " HALL(-8)},
    {"09_edm_build", "", "{ \"type\": \"eq\", \"bands\": [ " BAND("low-pass", 800, ", \"q\": 1.5") " ], \"automation\": ["
     "{ \"parameter\": \"bands[0].frequency_hz\", \"curve\": \"exponential\", \"points\": [ [0, 200], [6, 12000] ] } ] }",
     "\"fader_db\": -9"},
    {"10_hats", "", "{ \"type\": \"eq\", \"bands\": [ " BAND("high-shelf", 8000, ", \"gain_db\": 3, \"scope\": \"side\"") ", "
     BAND("high-pass", 200, "") " ] }, { \"type\": \"width\", \"width\": 1.4, \"below_hz\": 300 }", "\"fader_db\": -4"},
    {"11_hh_glitch", "", "{ \"type\": \"tremolo\", \"note\": \"1/16\", \"depth\": 0.8 }, { \"type\": \"rotate\","
     "\"angle_deg\": 10 }", PAN(0)},
    {"12_house_beat", "", "{ \"type\": \"expander\", \"threshold_db\": -40, \"ratio\": 2 }, { \"type\": \"polarity\" }",
     "\"fader_db\": -6, \"output\": \"Drums\""},
    {"13_kick", "", "{ \"type\": \"gate\", \"threshold_db\": -45, \"lookahead_ms\": 1, \"hold_ms\": 30 }, { \"type\": \"trim\","
     "\"gain_db\": -1 }", "\"fader_db\": -3, \"output\": \"Drums\""},
    {"14_melody_pad", "", "{ \"type\": \"compressor\", \"threshold_db\": -36, \"ratio\": 6, \"release_ms\": 200,"
     "\"side_chain\": { \"from\": \"13_kick\" } }", "\"fader_db\": -5, " HALL(-10)},
    {"15_off_kick", "", "{ \"type\": \"dc-block\" }, { \"type\": \"saturator\", \"curve\": \"tube\", \"drive_db\": 6,"
     "\"oversampling\": 4 }", "\"output\": \"Drums\", " PAN(0.1)},
    {"16_pluck", "", "{ \"type\": \"eq\", \"bands\": [ " BAND("bell", 3000, ", \"gain_db\": 0, \"q\": 1.2, \"threshold_db\": -40,"
     "\"ratio\": 3") " ] }", "\"fader_db\": -5, \"place\": { \"objects\": [ { \"azimuth_deg\": 60 }, { \"azimuth_deg\": -100,"
     "\"elevation_deg\": 30 } ] }"},
    {"17_snare_build", "", "{ \"type\": \"gain\", \"gain_db\": -3, " MOVES("gain_db", "[0, -12], [5, 0]") " }",
     "\"output\": \"Drums\""},
    {"18_sy_bass", "", "{ \"type\": \"eq\", \"phase\": \"linear\", \"bands\": [ " BAND("low-shelf", 120, ", \"gain_db\": 3")
     " ] }, { \"type\": \"lv2\", \"uri\": \"" TEST_PLUGIN("plain") "\", \"parameters\": { \"gain\": 0.8, \"delay\": 100 } }",
     "\"fader_db\": -4"},
    {"19_toms", ", \"fade_in\": { \"length_s\": 0.5, \"curve\": \"s-curve\" }",
     "{ \"type\": \"saturator\", \"curve\": \"tape\", \"drive_db\": 9, \"oversampling\": 8 }", "\"output\": \"Drums\""},
    {"20_vox_lead", "", "{ \"type\": \"eq\", \"bands\": [ " BAND("high-pass", 90, "") " ] }, { \"type\": \"compressor\","
     "\"threshold_db\": -28, \"ratio\": 3, \"auto_makeup\": true }", "\"fader_db\": -2, " HALL(-14)},
};

bool chain_song_write_session(FILE *stream, const char *shared)
{
    char path[1024];
    const size_t num_stems = sizeof stems / sizeof stems[0];
    for (size_t i = 0; i < num_stems; i++) {
        snprintf(path, sizeof path, "%s/data/song/%s.flac", shared, stems[i].file);
        if (access(path, R_OK) != 0)
            return false;
    }
    fputs("{ \"mixdown\": 1, \"title\": \"Every insert\", \"sample_rate\": 48000, \"tempo\": 128, \"length_s\": 11.0,"
          "\"tracks\": [\n", stream); /* from where nearly all play */
    for (size_t i = 0; i < num_stems; i++) {
        fprintf(stream, "  { \"name\": \"%s\", \"clips\": [ { \"file\": \"%s/data/song/%s.flac\", \"offset_s\": 34%s } ],\n", stems[i].file,
                shared, stems[i].file, stems[i].clip);
        fprintf(stream, "    \"inserts\": [ %s ], %s }%s\n", stems[i].inserts, stems[i].rest,
                i + 1 < num_stems ? "," : "");
    }
    fputs("], \"buses\": [\n"
          "  { \"name\": \"Drums\", \"channels\": 2, \"inserts\": [ { \"type\": \"compressor\", \"threshold_db\": -24,"
          "\"ratio\": 2, \"mix\": 0.6 } ] },\n"
          "  { \"name\": \"Hall\", \"channels\": 2, \"inserts\": [ { \"type\": \"reverb\", \"decay_s\": 1.5,"
          "\"layout\": \"4+7+0\" } ], \"place\": { \"bed\": \"4+7+0\" }, \"sends\": [ ] },\n", stream);
    fprintf(stream, "  { \"name\": \"Plate\", \"channels\": 2, \"inserts\": [ { \"type\": \"convolver\","
            "\"impulse_response\": \"%s/data/irs/openair_spokane_womans_club.wav\" } ] }\n", shared);
    fputs("], \"deliverables\": [\n"
          "  { \"file\": \"chain.7.1.4.wav\", \"layout\": \"7.1.4\", \"bit_depth\": 32 },\n"
          "  { \"file\": \"chain.stereo.wav\", \"layout\": \"stereo\", \"bit_depth\": 32 }\n] }\n", stream);
    return true;
}
