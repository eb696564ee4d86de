#ifndef IMGINDEX_GEOMETRY_H
#define IMGINDEX_GEOMETRY_H

#include "kernels.h"

static inline Place mapped(const Affine affine, Place at) {
    Place to = {affine[0][0] * at.x + affine[0][1] * at.y + affine[0][2],
                affine[1][0] * at.x + affine[1][1] * at.y + affine[1][2]};
    return to;
}

static inline double determinant_of(const Affine affine) {
    return affine[0][0] * affine[1][1] - affine[0][1] * affine[1][0];
}

/* The map that does `first`, then `second`. */
static inline void compose(const Affine second, const Affine first, Affine out) {
    for (int axis = 0; axis < 2; axis++) {
        double x = second[axis][0], y = second[axis][1];
        for (int i = 0; i < 3; i++) out[axis][i] = x * first[0][i] + y * first[1][i];
        out[axis][2] += second[axis][2];
    }
}

/* The inverse of a map whose determinant is not 0. */
static inline void invert(const Affine affine, Affine out) {
    double grown = determinant_of(affine);
    double a = affine[1][1] / grown, b = -affine[0][1] / grown, c = -affine[1][0] / grown, d = affine[0][0] / grown;
    out[0][0] = a;
    out[0][1] = b;
    out[0][2] = -a * affine[0][2] - b * affine[1][2];
    out[1][0] = c;
    out[1][1] = d;
    out[1][2] = -c * affine[0][2] - d * affine[1][2];
}

/* Twice the signed area of a polygon. */
static inline double turns(const Place* corners, int count) {
    double total = 0.0;
    for (int i = 0; i < count; i++) {
        Place here = corners[i], next = corners[(i + 1) % count];
        total += here.x * next.y - next.x * here.y;
    }
    return total;
}

#endif
