#ifndef IMGINDEX_PICTURE_H
#define IMGINDEX_PICTURE_H

#include <stdint.h>

int imgindex_reduce(const uint8_t* picture, int stride, int height, int width, int channels, uint8_t* out, int down,
                    int across);

#endif
