/* Low frequencies and colours of a small square picture. */

#include <math.h>
#include <stdint.h>

#include "common.h"

enum { MAX_SIDE = 64 };

static const float PI = 3.14159265358979323846f;

/* power[count][count]: squares of the first coefficients of the discrete cosine transform (orthonormal, type II) of
   luma[side][side]. */
static void frequencies(const float* luma, int side, int count, float* power) {
    float wave[MAX_SIDE][MAX_SIDE], along[MAX_SIDE][MAX_SIDE];
    for (int k = 0; k < count; k++)
        for (int x = 0; x < side; x++) wave[k][x] = sqrtf((k ? 2.0f : 1.0f) / side) * cosf(PI * (x + 0.5f) * k / side);
    for (int k = 0; k < count; k++) {
        for (int x = 0; x < side; x++) along[k][x] = 0.0f;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) along[k][x] += wave[k][y] * luma[y * side + x];
    }
    for (int down = 0; down < count; down++) {
        for (int k = 0; k < count; k++) {
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (int x = 0; x < side; x++) sum += along[down][x] * wave[k][x];
            power[down * count + k] = sum * sum;
        }
    }
}

/* Adds a value to the two nearest of `bins` whose centres are spread from `low` to `high`, `unit` in all. */
static void share(float value, float low, float high, int bins, float unit, float* counts) {
    float at = (value - low) / (high - low);
    at = (at > 0.0f ? (at < 1.0f ? at : 1.0f) : 0.0f) * (bins - 1);
    int below = (int)at < bins - 2 ? (int)at : bins - 2;
    counts[below] += unit * (1.0f - (at - below));
    counts[below + 1] += unit * (at - below);
}

/* Of a picture rgb[side][side][3], side <= MAX_SIDE: power[count][count] as above; colours[tones + 2 * hues], the
   shares of its levels of luma (twice) and of both colour differences. The standard deviation of its luma. */
PUBLIC float imgindex_layout(const uint8_t* rgb, int side, int count, int tones, int hues, float* power,
                             float* colours) {
    float luma[MAX_SIDE * MAX_SIDE], unit = 1.0f / (side * side);
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < tones + 2 * hues; i++) colours[i] = 0.0f;
    for (int i = 0; i < side * side; i++) {
        float red = rgb[3 * i], green = rgb[3 * i + 1], blue = rgb[3 * i + 2];
        luma[i] = 0.299f * red + 0.587f * green + 0.114f * blue;
        sum += luma[i];
        squares += (double)luma[i] * luma[i];
        share(luma[i], 0.0f, 255.0f, tones, 2.0f * unit, colours);
        share((blue - luma[i]) * 0.564f + 127.5f, 64.0f, 191.0f, hues, unit, colours + tones);
        share((red - luma[i]) * 0.713f + 127.5f, 64.0f, 191.0f, hues, unit, colours + tones + hues);
    }
    frequencies(luma, side, count, power);
    double mean = sum * unit, variance = squares * unit - mean * mean;
    return (float)sqrt(variance > 0.0 ? variance : 0.0);
}
