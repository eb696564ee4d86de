/* Tells a library that was compiled from other sources than lie beside it. */

#include "kernels.h"

const char* imgindex_fingerprint(void) { return SOURCES_SHA256; }
