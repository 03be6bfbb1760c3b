// portable: plain C++ for a CPU without the vector instructions above, and for comparison with them.
#include "common.h"

#define PR1_SIMD_PORTABLE
namespace pr1 {
namespace portable {
namespace {
#include "kernels.h"
}  // namespace
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return new CpuOps(pool, isa, precision, products, bytes);
}
}  // namespace portable
}  // namespace pr1
