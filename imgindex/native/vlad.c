/* What VLAD sums of the descriptors of a picture: H. Jegou et al., "Aggregating local descriptors into a compact image
   representation", CVPR 2010, with residuals of unit length. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "panels.h"

enum { DIMS = 128 };

static const float LEAST_LENGTH = 1e-9f;

static void make_unit(float* row) {
    float square = 0.0f;
#pragma omp simd reduction(+ : square)
    for (int k = 0; k < DIMS; k++) square += row[k] * row[k];
    float length = sqrtf(square), unit = 1.0f / (length > LEAST_LENGTH ? length : LEAST_LENGTH);
    for (int k = 0; k < DIMS; k++) row[k] *= unit;
}

/* sums[count][DIMS]: of each centroid[DIMS] the sum of the unit residuals of the descriptors[found][DIMS] nearest to
   it; one that is nearer to the mirror image of a centroid, whose value k is that at mirror[k], counts as its own
   mirror image. Not 0 where memory is short. */
PUBLIC int imgindex_residual_sums(const uint8_t* descriptors, int found, const float* centroids, int count,
                                  const int32_t* mirror, float* sums) {
    int width = rounded_up(2 * count, PANEL);
    size_t values = (size_t)count * DIMS;
    float* memory = malloc(sizeof(float) * (2 * values + (size_t)width * DIMS + (size_t)ROWS * (width + DIMS)));
    if (memory == NULL) return -1;
    float *both = memory, *panels = both + 2 * values, *products_of = panels + (size_t)width * DIMS;
    float* rows = products_of + ROWS * width;
    memcpy(both, centroids, sizeof(float) * values);
    for (size_t i = 0; i < values; i++) both[values + i] = centroids[i / DIMS * DIMS + mirror[i % DIMS]];
    lay_panels(both, 2 * count, DIMS, panels);
    memset(sums, 0, sizeof(float) * values);
    for (int first = 0; first < found; first += ROWS) {
        const float* read[ROWS];
        for (int i = 0; i < ROWS; i++) { /* the last again where there are no more */
            const uint8_t* descriptor = descriptors + (size_t)(first + i < found ? first + i : found - 1) * DIMS;
            float* row = rows + i * DIMS;
            for (int k = 0; k < DIMS; k++) row[k] = descriptor[k];
            make_unit(row);
            read[i] = row;
        }
        products(read, panels, DIMS, width, products_of);
        for (int i = 0; i < ROWS && first + i < found; i++) {
            const float *product = products_of + i * width, *row = read[i];
            float residual[DIMS];
            int best = 0;
            for (int j = 1; j < 2 * count; j++) best = product[j] > product[best] ? j : best;
            const float* centroid = centroids + (size_t)(best % count) * DIMS;
            for (int k = 0; k < DIMS; k++) residual[k] = row[best < count ? k : mirror[k]] - centroid[k];
            make_unit(residual);
            float* sum = sums + (size_t)(best % count) * DIMS;
            for (int k = 0; k < DIMS; k++) sum[k] += residual[k];
        }
    }
    free(memory);
    return 0;
}
