#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>
#include <string>

#include "common.h"

namespace pr1 {

float* aligned_floats(size_t n) {
#if defined(__SANITIZE_ADDRESS__)
  const size_t slack = 0;  // every overrun shall show
#else
  const size_t slack = 64;
#endif
  void* p = nullptr;
  if (n > SIZE_MAX / sizeof(float) / 2 || posix_memalign(&p, 64, n * sizeof(float) + slack) != 0) throw std::bad_alloc();
  return static_cast<float*>(p);
}

float* zeroed_floats(size_t n) {
  // The system hands out zeroed pages when they are first touched, and calloc knows when it has such.
  const size_t align = 64;
  if (n > SIZE_MAX / sizeof(float) / 2) throw std::bad_alloc();
  void* base = std::calloc(n * sizeof(float) + 2 * align, 1);
  if (!base) throw std::bad_alloc();
  char* p = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(base) + 2 * align - 1) / align * align);
  std::memcpy(p - sizeof base, &base, sizeof base);
#if defined(__linux__)
  // Large pages: fewer faults while it fills, fewer misses of the address cache while it is read.
  constexpr uintptr_t kLarge = 1 << 21;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(p) + kLarge - 1) / kLarge * kLarge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(p) + n * sizeof(float)) / kLarge * kLarge;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return reinterpret_cast<float*>(p);
}

void release_floats(float* p) {
  if (!p) return;
  void* base;
  std::memcpy(&base, reinterpret_cast<char*>(p) - sizeof base, sizeof base);
  std::free(base);
}

void sort_by_weight(int* order, const float* weights, int n) {
  std::iota(order, order + n, 0);
  std::sort(order, order + n, [&](int a, int b) { return weights[a] != weights[b] ? weights[a] > weights[b] : a < b; });
}

namespace {

const char* const kKnown[] = {"amx-bf16", "amx-int8", "avx512-bf16", "avx512", "avx-vnni", "avx2", "neon", "portable"};

#if defined(__x86_64__)
/// Conversion of float16, which older compilers know no name for.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

bool has(const char* isa) {
#if defined(__x86_64__)
  if (std::strcmp(isa, "amx-bf16") == 0) return has("avx512") && amx_bf16() == Amx::available;
  if (std::strcmp(isa, "amx-int8") == 0) return has("avx512") && amx_integers_available();
  if (std::strcmp(isa, "avx512-bf16") == 0) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  }
  if (std::strcmp(isa, "avx512") == 0) return __builtin_cpu_supports("avx512f");
  if (std::strcmp(isa, "avx-vnni") == 0) return has("avx2") && avx_vnni_available();
  if (std::strcmp(isa, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
#endif
#if defined(__aarch64__)
  if (std::strcmp(isa, "neon") == 0) return true;
#endif
  return std::strcmp(isa, "portable") == 0;
}

/// What multiplies rows in 8 bits beside the vectors of `base`.
ByteRows byte_rows(const char* base, const char* isa, bool units) {
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx-vnni") == 0) return {avx_vnni_panel, true, false};
  if (std::strncmp(base, "avx512", 6) == 0) return vnni_available() ? ByteRows{vnni_panel, true, units} : ByteRows{avx2_panel, false, false};
  if (std::strcmp(base, "avx2") == 0) return {avx2_panel, true, false};
#endif
#if defined(__aarch64__)
  if (std::strcmp(base, "neon") == 0 && neon_dot_available()) return {neon_dot_panel, true, false};
#endif
  (void)base, (void)isa, (void)units;
  return {software_panel, false, false};
}

/// The ops of `base`, an instruction set that is there. Whatever is named after matrix units multiplies 8-bit rows on them.
Ops* make(const char* base, const char* isa, ThreadPool& pool, Precision precision, Products products) {
  const bool units = std::strncmp(isa, "amx", 3) == 0 && products != Products::tiles_in_software && has("amx-int8");
  const ByteRows bytes = byte_rows(base, isa, units);
#if defined(__x86_64__)
  if (std::strcmp(base, "avx512-bf16") == 0) return avx512_bf16::make_ops(pool, isa, precision, products, bytes);
  if (std::strcmp(base, "avx512") == 0) return avx512::make_ops(pool, isa, precision, products, bytes);
  if (std::strcmp(base, "avx2") == 0) return avx2::make_ops(pool, isa, precision, products, bytes);
#endif
#if defined(__aarch64__)
  if (std::strcmp(base, "neon") == 0) return neon::make_ops(pool, isa, precision, products, bytes);
#endif
  return portable::make_ops(pool, isa, precision, products, bytes);
}

/// The arithmetic of amx-bf16 with other instructions.
constexpr struct {
  const char *name, *base;
} kInSoftware[] = {{"amx-bf16:avx512", "avx512"}, {"amx-bf16:avx2", "avx2"}, {"amx-bf16:neon", "neon"}, {"amx-bf16:portable", "portable"}};

/// The widest set below those that only add products of other numbers.
const char* widest_vectors() {
  for (const char* name : {"avx512", "avx2", "neon"}) {
    if (has(name)) return name;
  }
  return "portable";
}

#if defined(__x86_64__)
/// vdpbf16ps takes two micro-operations on Intel and half the rate of float32; on AMD it has twice that rate.
bool multiplies_pairs_fast() {
  __builtin_cpu_init();
  return __builtin_cpu_is("amd");
}
#else
bool multiplies_pairs_fast() { return true; }
#endif

}  // namespace

const char* const* available_isas() {
  static const char* out[sizeof kKnown / sizeof *kKnown + 1];
  static const bool filled = [] {
    int n = 0;
    for (const char* name : kKnown) {
      if (has(name)) out[n++] = name;
    }
    return true;
  }();
  (void)filled;
  return out;
}

const char* amx_refused() { return amx_bf16() == Amx::refused ? "the operating system refuses the matrix units (AMX)" : ""; }

const char* best_isa(Precision precision, BlockRows rows) {
  if (precision == Precision::bf16) {
    if (has("amx-bf16")) return "amx-bf16";
    if (has("avx512-bf16") && multiplies_pairs_fast()) return "avx512-bf16";
  }
  if (rows == BlockRows::float32) return widest_vectors();
  if (has("amx-int8")) return "amx-int8";
  return std::strcmp(widest_vectors(), "avx2") == 0 && has("avx-vnni") ? "avx-vnni" : widest_vectors();
}

Ops* make_cpu_ops(const char* isa, ThreadPool& pool, const char** why, Precision precision) {
  const std::string asked = isa && *isa ? isa : best_isa(precision);
  if (asked == "amx-bf16" && has("amx-bf16")) return make("avx512", "amx-bf16", pool, precision, Products::tiles);
  for (const auto& [name, base] : kInSoftware) {
    const bool serves = asked == name || (asked == "amx-bf16" && std::strcmp(base, widest_vectors()) == 0);
    if (serves && has(base)) return make(base, name, pool, precision, Products::tiles_in_software);
  }
  for (const char* name : kKnown) {
    if (asked != name || asked == "amx-bf16") continue;
    const char* base = asked == "amx-int8" ? "avx512" : asked == "avx-vnni" ? "avx2" : name;
    if (has(name)) return make(base, name, pool, precision, Products::chains);
    *why = "this CPU does not have it";
    return nullptr;
  }
  *why = "known are amx-bf16, amx-int8, avx512-bf16, avx512, avx-vnni, avx2, neon, portable";
  return nullptr;
}

}  // namespace pr1
