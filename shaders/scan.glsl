// Recursions of first order over the frames of a tile, one an invocation: s -> s - e s + b, kept as (e, b). With e
// instead of 1 - e a slow filter keeps its digits: (1 - e) (1 - f) = 1 - (e + f - e f).
shared vec2 scan_steps[SCAN_SIZE];

// What all steps up to and with this invocation's do together. Every invocation calls it; (0, 0) is no step at all.
vec2 scan(vec2 step)
{
    uint i = mxd_invocation;
    barrier(); // the scan before has been read
    scan_steps[i] = step;
    barrier();
    for (uint distance = 1u; distance < gl_WorkGroupSize.x; distance *= 2u) {
        vec2 before = i >= distance ? scan_steps[i - distance] : vec2(0.0);
        barrier();
        step = vec2(before.x + step.x - before.x * step.x, before.y - step.x * before.y + step.y);
        scan_steps[i] = step;
        barrier();
    }
    return step;
}

// After scan(): the state in front of this invocation's step, and behind the last one, from that in front of the tile.
float scan_before(float start)
{
    vec2 before = mxd_invocation == 0u ? vec2(0.0) : scan_steps[mxd_invocation - 1u];
    return start - before.x * start + before.y;
}

float scan_end(float start)
{
    vec2 all = scan_steps[gl_WorkGroupSize.x - 1u];
    return start - all.x * start + all.y;
}
