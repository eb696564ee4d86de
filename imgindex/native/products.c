/* Products of vectors. */

#include <stddef.h>
#include <stdint.h>

#include "common.h"

/* out[count]: the product of row one[i] of a with row other[i] of b (both of `dims` values), summed in doubles. */
PUBLIC void imgindex_products(const float* a, const float* b, const int64_t* one, const int64_t* other, int64_t count,
                              int dims, double* out) {
    for (int64_t i = 0; i < count; i++) {
        const float *left = a + (size_t)one[i] * dims, *right = b + (size_t)other[i] * dims;
        double total = 0.0;
#pragma omp simd reduction(+ : total)
        for (int j = 0; j < dims; j++) total += (double)left[j] * right[j];
        out[i] = total;
    }
}
