// neon: every 64-bit Arm CPU has it.
#if defined(__aarch64__)
#include <arm_neon.h>

#if defined(__GNUC__) && !defined(__clang__)
// GCC takes a loop over the rows of a tile for one that may run no time.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "common.h"

#define PR1_SIMD_NEON
namespace pr1 {
namespace neon {
namespace {
#include "kernels.h"
}  // namespace
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return new CpuOps(pool, isa, precision, products, bytes);
}
}  // namespace neon
}  // namespace pr1
#endif
