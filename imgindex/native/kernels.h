#ifndef IMGINDEX_KERNELS_H
#define IMGINDEX_KERNELS_H

/* All that Python calls, and the shape of every array: name[rows][columns]. `signatures.py` says the same in Python and
   tests every argument before a call; a test compares the two, name by name.

   Arrays are dense and in row order. None overlaps another of the same call. What comes last, without const, is filled.
   A result of -1 says that memory is short. Pictures are of unsigned bytes, marks are bytes of 0 or 1; pixels lie at
   whole coordinates ("centres") or between them at (0.5, 0.5) ("continuous"). */

#include <stddef.h>
#include <stdint.h>

#define PUBLIC __attribute__((visibility("default")))

enum {
    LANES = 8,      /* values that are computed together */
    MAX_LAYERS = 5, /* of an octave of SIFT */
};

typedef struct {
    double x, y;
} Place;

/* (x, y) becomes (m[0][0] x + m[0][1] y + m[0][2], m[1][0] x + m[1][1] y + m[1][2]). */
typedef double Affine[2][3];

/* Two features that may be one, in continuous coordinates, and the similarity that they stand for: a's point to b's,
   a's size to b's and a's angle to b's, in [-pi, pi). */
typedef struct {
    double a[2], b[2], scale, turn, map[2][3];
} Match;

/* Where a feature lies: its centre, its diameter in pixels, its angle in degrees. */
typedef struct {
    float x, y, size, angle;
} Keypoint;

/* Of which sources a library is: their SHA-256 in hexadecimal. */
PUBLIC const char* imgindex_fingerprint(void);

/* The `limit` strongest SIFT features of luma[height][width], strongest first; `layers` (at most MAX_LAYERS) and
   `contrast` are those of OpenCV's SIFT. keypoints[limit]; descriptors[limit][128]: not negative, not normalised. How
   many there are. */
PUBLIC int imgindex_sift(const uint8_t* luma, int height, int width, int layers, float contrast, int limit,
                         Keypoint* keypoints, float* descriptors);

/* Mutual nearest features of two pictures whose squared distance is less than `most` times that of the second nearest
   (which counts as at least `least_second`), clearest first. even_a[count_a][dims], odd_a[count_a][dims],
   even_b[count_b][dims], odd_b[count_b][dims]: what mirroring keeps of a descriptor, and what it negates;
   squared_a[count_a], squared_b[count_b]: their squared lengths together; keypoints_a[count_a], keypoints_b[count_b].
   Both have two features or more. matches[2][limit]: of a as it is, then of a mirrored; counts[2] of them. */
PUBLIC int imgindex_match(const float* even_a, const float* odd_a, const float* squared_a, const Keypoint* keypoints_a,
                          int count_a, const float* even_b, const float* odd_b, const float* squared_b,
                          const Keypoint* keypoints_b, int count_b, int dims, float most, float least_second, int limit,
                          Match* matches, int32_t* counts);

/* How many of matches[count] agree with the one that most agree with: it brings their point of a within `reach` (less
   where it makes pictures smaller) of that of b, and their own scale and turn are within exp(log_scale) and `turn` of
   its. Row i of agree[count][count] marks those that agree with match i. */
PUBLIC int imgindex_vote(const Match* matches, int count, float reach, float log_scale, float turn, uint8_t* agree);

/* The affine map of those of matches[count] that chosen[count] marks by least squares (a similarity, mirrored if
   `similarity` is, where they are few or nearly on one line), again of those that then agree, within each of
   tolerances[rounds] (less where it makes pictures smaller); `chosen` becomes those that agreed last. How many of them
   stand at distinct places of both pictures. */
PUBLIC int imgindex_polish(const Match* matches, int count, const Affine similarity, const double* tolerances,
                           int rounds, uint8_t* chosen, Affine affine);

/* What a map of a canvas becomes by shifts[count] of places[count] on it (centres), of which tracked[count] marks those
   to be believed: a robust fit through them, with residuals of `scale` pixels. `from_a` and `from_b` lay both pictures
   on the canvas, `affine` then maps a to b. left[count]: what the fit leaves of each shift, in pixels; all of it where
   there is none, and `affine` is as it was. Whether there is one. */
PUBLIC int imgindex_straighten(const Place* places, const Place* shifts, const uint8_t* tracked, int count,
                               double scale, const Affine from_a, const Affine from_b, Affine affine, double* left);

/* What two convex polygons a[count_a] and b[count_b] share, into corners[2 * (count_a + count_b)]; how many corners
   that has (count_a + count_b where rounding leaves both convex), none where one has less than `least` area. */
PUBLIC int imgindex_intersect(const Place* a, int count_a, const Place* b, int count_b, double least, Place* corners);

/* Pictures a[height_a][width_a] and b[height_b][width_b] on a canvas around what their convex polygons
   polygon_a[corners_a] and polygon_b[corners_b] share, by a map of a to b; the longer side of the canvas has at most
   `long_side` px, and reaches `margin` of it beyond what is shared, outside the mask. canvas_a[long_side * long_side],
   canvas_b and mask alike hold height * width pixels, which are sizes[2]. `from_a` and `from_b` lay the pictures there,
   shares[2] are of each one's polygon. 1; 0 where one of the two is a line of pixels, where they share less than
   `least` px of area, or where the longer side would be below `smallest` or the shorter below a third of it. */
PUBLIC int imgindex_lay(const uint8_t* a, int height_a, int width_a, const uint8_t* b, int height_b, int width_b,
                        const Affine affine, const Place* polygon_a, int corners_a, const Place* polygon_b,
                        int corners_b, double least, int smallest, int long_side, double margin, uint8_t* canvas_a,
                        uint8_t* canvas_b, uint8_t* mask, Affine from_a, Affine from_b, double* shares, int32_t* sizes);

/* reduced[down][across][channels]: means over the areas of picture[height][width][channels], whose rows are `stride`
   bytes apart, that its pixels cover; neither side is larger than that of the source. */
PUBLIC int imgindex_reduce(const uint8_t* picture, int stride, int height, int width, int channels, int down,
                           int across, uint8_t* reduced);

/* Square windows of 2 x 2 blocks of `step` px of pictures a[height][width] and b alike, one at every block but the
   last: down = height / step - 1 by across = width / step - 1. soft[softened]: the whole blocks of both pictures, each
   softened by taps[5] along both axes, and LANES more that are read and mean nothing. inside[down][across] marks the
   windows of which nine tenths lie in mask[height][width] (all, where that is NULL). Of these, in their order and at
   the front of what has room for all: centres[down * across][2] (x, y); apart[down * across] marks those that overlap
   no other so marked; mean_a[down * across], and alike mean_b, var_a and var_b, at the contrast of the stronger
   picture; agreement[down * across] in structure, in [-1, 1]. gain[1]: the contrast of b over that of a. How many are
   inside. */
PUBLIC int imgindex_windows(const uint8_t* a, const uint8_t* b, const uint8_t* mask, int height, int width,
                            const float* taps, int step, double stabiliser, float* soft, uint8_t* inside,
                            uint8_t* apart, double* centres, double* mean_a, double* mean_b, double* var_a,
                            double* var_b, double* agreement, double* gain);

/* shifts[wanted][2]: how far b is out of place in each window that asked[count] marks, in pixels, by one step of
   Lucas-Kanade with the contrast of each window evened out: a deviation of s grey levels becomes
   evened * s / (s + floor_level). All else is as `imgindex_windows` has left it: soft[softened],
   inside[down][across], mean_a[down * across], and alike mean_b, var_a and var_b. */
PUBLIC int imgindex_offsets(const float* soft, const uint8_t* inside, int down, int across, int step,
                            const double* mean_a, const double* mean_b, const double* var_a, const double* var_b,
                            double gain, const uint8_t* asked, double evened, double floor_level, double* shifts);

/* least[count]: the least variance, over the nine places of b within a pixel, of a - b in the windows of size x size
   around places[count][2] (x, y; those of one row together), pictures reflected at their edges. a[height][width];
   b[height + 2][width + 2] has a frame of one pixel; the variance of a alone where b is NULL. */
PUBLIC int imgindex_least_variance(const float* a, const float* b, int height, int width, int size,
                                   const int32_t* places, int count, float* least);

/* mean[1]: the mean SSIM, with constants c1 and c2, of the pixels of a[height][width] and b alike that
   mask[height][width] marks (all where that is NULL), `edge` px or more from every side, in windows of 7 x 7 with
   sample covariance and the pictures reflected at their sides; 0 where there is no such pixel. All sums of a window are
   exact. */
PUBLIC int imgindex_mean_ssim(const uint8_t* a, const uint8_t* b, const uint8_t* mask, int height, int width, int edge,
                              float c1, float c2, double* mean);

#endif
