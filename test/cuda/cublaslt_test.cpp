// native/cuda/cublaslt.h over a cuBLASLt on the host (fake_cublaslt.cpp, named by PR1_CUBLASLT). Prints a line a part and exits 1 on
// the first fault. Given `refused`: what it says where the library refuses.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../native/cuda/cublaslt.h"

using pr1::cuda::CublasLt;

static void check(bool ok, const std::string& what) {
  if (!ok) std::printf("FAILED %s\n", what.c_str()), std::exit(1);
}

struct Product {
  static constexpr int M = 5, N = 70, K = 24;
  std::vector<uint16_t> a, b;
  std::vector<float> room;
  float* c;
  /// c begins `floats` numbers behind a multiple of 256 bytes.
  explicit Product(int floats) : a(M * K + 256), b(N * K + 256), room(M * N + 256) {
    for (size_t i = 0; i < a.size(); i++) a[i] = static_cast<uint16_t>(0x3F80 + i % 7);
    for (size_t i = 0; i < b.size(); i++) b[i] = static_cast<uint16_t>(0x3F80 + i % 5);
    c = room.data() + (256 - reinterpret_cast<uintptr_t>(room.data()) % 256) / 4 % 64 + floats;
  }
  bool run(CublasLt& lt, int tokens = N) {
    return lt.product(c, a.data(), b.data(), c, 0.0f, M, tokens, K, K, K, M, nullptr, nullptr);
  }
};

int main(int argc, char**) {
  std::string why;
  auto lt = CublasLt::open(why);
  if (!lt) return std::printf("unavailable: %s\n", why.c_str()), 2;
  Product first(0);
  if (argc > 1) {
    check(!first.run(*lt) && !first.run(*lt), "a refusal is told to the caller");
    check(lt->computed() == 0 && lt->refused() == 2, "refusals are counted");
    std::printf("refused %s\n", lt->last_refusal().c_str());
    return 0;
  }
  void* fake = dlopen(std::getenv("PR1_CUBLASLT"), RTLD_NOW);
  auto live = reinterpret_cast<int (*)()>(dlsym(fake, "fake_live_layouts"));
  auto most = reinterpret_cast<int (*)()>(dlsym(fake, "fake_most_layouts"));

  // An algorithm that was found for addresses of 256 bytes is not used for others.
  for (int floats : {0, 16, 1, 2, 32, 0}) {
    Product p(floats);
    check(p.run(*lt), "a product whose result begins " + std::to_string(4 * floats) + " bytes behind a multiple of 256: " + lt->last_refusal());
    check(std::isfinite(p.c[0]) && p.c[0] > 20.0f, "and it is computed");
  }
  std::printf("ok alignment\n");

  for (int tokens = 1; tokens < 2000; tokens++) {
    Product p(0);
    p.b.resize(static_cast<size_t>(tokens) * Product::K);
    std::vector<float> c(static_cast<size_t>(tokens) * Product::M);
    p.c = c.data();
    check(p.run(*lt, tokens), "a product of " + std::to_string(tokens) + " rows");
  }
  check(most() <= 3 * static_cast<int>(CublasLt::kMostPlans) + 3, "plans are bounded: " + std::to_string(most()) + " layouts at most");
  check(lt->computed() == 2005 && lt->refused() == 0, "products are counted");
  lt.reset();
  check(live() == 0, "all layouts are destroyed: " + std::to_string(live()) + " are left");
  std::printf("ok plans\ndone\n");
  return 0;
}
