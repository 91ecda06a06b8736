// SPDX-License-Identifier: MIT OR Apache-2.0
#version 450
layout(quads, fractional_odd_spacing, ccw) in;
#include "quads.h"
