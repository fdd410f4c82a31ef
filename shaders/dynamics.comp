#version 450
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
#include "dynamics.h"
void main() { row_begin(); }
