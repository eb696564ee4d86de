#ifndef IMGINDEX_MATCH_H
#define IMGINDEX_MATCH_H

/* Two features that may be one, in continuous coordinates, and the similarity that they stand for: a's point to b's,
   a's size to b's and a's angle to b's. */
typedef struct {
    double a[2], b[2], scale, turn, map[2][3];
} Match;

#endif
