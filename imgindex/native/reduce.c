/* A picture in a smaller size. */

#include <stdlib.h>

#include "kernels.h"

/* What an output pixel covers of a line: all of [first + 1, last), and shares of `first` and of `last`. */
typedef struct {
    int first, last;
    float first_share, last_share;
} Span;

/* The span of output pixel i of `count` over `length` source pixels. */
static Span span_of(int i, int count, int length) {
    double size = (double)length / count, from = i * size, to = i + 1 == count ? length : (i + 1) * size;
    Span span = {(int)from, (int)to, 0.0f, 0.0f};
    if (span.last >= length) span.last = length - 1;
    span.first_share = (float)((span.first + 1 < to ? span.first + 1 : to) - from);
    if (span.last > span.first) span.last_share = (float)(to - span.last);
    return span;
}

/* Means over some spans of a line; values of one channel are `step` apart. */
static void mean_along(const float* restrict line, const Span* restrict spans, int count, int step, float unit,
                       uint8_t* restrict out) {
    for (int i = 0; i < count; i++) {
        const Span* span = spans + i;
        double total = span->first_share * line[span->first * step] + span->last_share * line[span->last * step];
        for (int x = span->first + 1; x < span->last; x++) total += line[x * step];
        double mean = total * unit + 0.5;
        out[i * step] = mean < 255.0 ? (uint8_t)mean : 255;
    }
}

int imgindex_reduce(const uint8_t* picture, int stride, int height, int width, int channels, int down, int across,
                    uint8_t* reduced) {
    float *line = calloc((size_t)width * channels, sizeof(float)), unit = (float)down / height * across / width;
    Span* spans = malloc(sizeof(Span) * (size_t)across);
    if (line == NULL || spans == NULL) {
        free(line);
        free(spans);
        return -1;
    }
    for (int i = 0; i < across; i++) spans[i] = span_of(i, across, width);
    for (int row = 0; row < down; row++) {
        Span rows = span_of(row, down, height);
        for (int y = rows.first; y <= rows.last; y++) {
            const uint8_t* pixels = picture + (size_t)y * stride;
            float share = y == rows.first ? rows.first_share : y == rows.last ? rows.last_share : 1.0f;
            float kept = y == rows.first ? 0.0f : 1.0f;
#pragma omp simd
            for (int x = 0; x < width * channels; x++) line[x] = kept * line[x] + share * pixels[x];
        }
        for (int channel = 0; channel < channels; channel++)
            mean_along(line + channel, spans, across, channels, unit,
                       reduced + (size_t)row * across * channels + channel);
    }
    free(line);
    free(spans);
    return 0;
}
