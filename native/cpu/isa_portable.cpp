// portable: plain C++ for a CPU without the vector instructions above, and for comparison with them.
#include "common.h"

namespace pr1 {
namespace portable {
namespace {
#include "kernels.h"
}  // namespace
Ops* make_ops(ThreadPool& pool, Precision precision) { return new CpuOps(pool, "portable", precision); }
}  // namespace portable
}  // namespace pr1
