/* SSIM of two pictures that lie on each other. */

#include <stdlib.h>

#include "common.h"

enum { SSIM_WINDOW = 7 };

static void count_row(const uint8_t* restrict a, const uint8_t* restrict b, int width, int sign,
                      int32_t* restrict sums) {
    int wide = width + SSIM_WINDOW - 1;
    int32_t* in = sums + SSIM_WINDOW / 2;
#pragma omp simd
    for (int x = 0; x < width; x++) {
        int32_t p = a[x], q = b[x];
        in[x] += sign * p;
        in[wide + x] += sign * q;
        in[2 * wide + x] += sign * (p * p + q * q);
        in[3 * wide + x] += sign * p * q;
    }
}

static void score_row(const int32_t* restrict sums, int width, float c1, float c2, float* restrict out) {
    const float n = SSIM_WINDOW * SSIM_WINDOW;
    int wide = width + SSIM_WINDOW - 1;
#pragma omp simd
    for (int x = 0; x < width; x++) {
        int32_t a = 0, b = 0, power = 0, both = 0;
        for (int i = 0; i < SSIM_WINDOW; i++) {
            a += sums[x + i];
            b += sums[wide + x + i];
            power += sums[2 * wide + x + i];
            both += sums[3 * wide + x + i];
        }
        int32_t squares = a * a + b * b, product = a * b, whole = SSIM_WINDOW * SSIM_WINDOW;
        float light = (2.0f * product / (n * n) + c1) / (squares / (n * n) + c1);
        float structure = 2.0f * (whole * both - product) / (n * (n - 1.0f)) + c2;
        float variance = (whole * power - squares) / (n * (n - 1.0f)) + c2;
        out[x] = light * structure / variance;
    }
}

int imgindex_mean_ssim(const uint8_t* a, const uint8_t* b, const uint8_t* mask, int height, int width, int edge,
                       float c1, float c2, double* mean) {
    int margin = SSIM_WINDOW / 2, wide = width + SSIM_WINDOW - 1, count = 0;
    double total = 0.0;
    int32_t* sums = calloc((size_t)4 * wide + width, sizeof(int32_t));
    if (sums == NULL) return -1;
    float* scores = (float*)(sums + 4 * wide);
    for (int y = -margin - 1; y < margin; y++) {
        size_t at = (size_t)reflected(y, height) * width;
        count_row(a + at, b + at, width, 1, sums);
    }
    for (int y = 0; y < height; y++) {
        size_t gone = (size_t)reflected(y - margin - 1, height) * width,
               come = (size_t)reflected(y + margin, height) * width;
        count_row(a + gone, b + gone, width, -1, sums);
        count_row(a + come, b + come, width, 1, sums);
        if (y < edge || y >= height - edge) continue;
        for (int layer = 0; layer < 4; layer++) reflect_margins(sums + layer * wide + margin, width, margin);
        score_row(sums, width, c1, c2, scores);
        const uint8_t* marks = mask == NULL ? NULL : mask + (size_t)y * width;
        float row = 0.0f;
#pragma omp simd reduction(+ : row, count)
        for (int x = edge; x < width - edge; x++) {
            int is_in = marks == NULL || marks[x];
            row += is_in ? scores[x] : 0.0f;
            count += is_in;
        }
        total += row;
    }
    free(sums);
    *mean = count ? total / count : 0.0;
    return 0;
}
