#ifndef IMGINDEX_PANELS_H
#define IMGINDEX_PANELS_H

#include <stddef.h>

#include "common.h"

enum {
    ROWS = 4,          /* whose products are computed together */
    PANEL = 2 * LANES, /* columns that are */
};

/* out[panels][dims][PANEL]: the rows of from[count][dims] as columns, PANEL beside each other; zeros where there are
   no more. */
static inline void lay_panels(const float* from, int count, int dims, float* out) {
    for (int first = 0; first < count; first += PANEL, out += (size_t)dims * PANEL) {
        for (int k = 0; k < dims; k++)
            for (int j = 0; j < PANEL; j++)
                out[k * PANEL + j] = first + j < count ? from[(size_t)(first + j) * dims + k] : 0.0f;
    }
}

/* out[ROWS][width]: products of ROWS rows of dims with all columns of some panels. */
static inline void products(const float* const* rows, const float* panels, int dims, int width, float* out) {
    for (int first = 0; first < width; first += PANEL, panels += (size_t)dims * PANEL) {
        Lanes sums[ROWS][2] = {{{0.0f}}};
        for (int k = 0; k < dims; k++) {
            Lanes left = LANES_AT(panels + k * PANEL), right = LANES_AT(panels + k * PANEL + LANES);
            for (int i = 0; i < ROWS; i++) {
                sums[i][0] += rows[i][k] * left;
                sums[i][1] += rows[i][k] * right;
            }
        }
        for (int i = 0; i < ROWS; i++) {
            *(Lanes*)(out + i * width + first) = sums[i][0];
            *(Lanes*)(out + i * width + first + LANES) = sums[i][1];
        }
    }
}

#endif
