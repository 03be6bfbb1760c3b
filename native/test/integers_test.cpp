// Products of rows in 8 bits, kernel by kernel, against portable C++ bit for bit: every type of block, 1 to 70 rows, odd numbers of
// blocks, and numbers as large as they get. Usage: integers_test. Prints a line a kernel, exits 1 on the first mismatch. Built and run by
// test/native/ops.proof.ts.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "../cpu/common.h"

using namespace pr1;

static std::mt19937 rng(7);
static void check(bool ok, const std::string& what) {
  if (ok) return;
  std::printf("FAILED %s\n", what.c_str());
  std::exit(1);
}

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
/// The kernel of AVX-VNNI with its instruction computed by others, for CPUs without it.
namespace emulated {
namespace {
struct Bytes {
  static constexpr bool kSigned = false;
  static constexpr int together(BlockType) { return 8; }
  template <BlockType>
  static PR1_INLINE __m256i add(__m256i sums, __m256i w, __m256i q) {
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(q, 8));
    return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
  }
  static PR1_INLINE __m256i widened(__m256i sums) { return sums; }
};
#include "../cpu/integers_256.h"
}  // namespace
}  // namespace emulated
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

// ---- Panels and rows ----

enum class Fill { random, largest, smallest, alternating };
const char* const kFills[] = {"random numbers", "the largest", "the smallest", "both in turns"};

/// 16 rows of blocks whose numbers and scales are filled so; `largest` and `smallest` are of all integers that a type has.
static std::vector<uint8_t> panel_of(BlockType type, int in, Fill fill) {
  const BlockFormat& f = format_of(type);
  const Blocks shape{type, 16, in, nullptr};
  std::vector<uint8_t> rows(shape.row_bytes() * 16), panel(shape.bytes());
  for (uint8_t& byte : rows) byte = static_cast<uint8_t>(rng());
  if (fill != Fill::random) {
    for (size_t at = 0; at < rows.size(); at++) {
      const bool large = fill == Fill::largest || (fill == Fill::alternating && at % 2);
      rows[at] = type == BlockType::q8_0 ? (large ? 0x7f : 0x80) : (large ? 0xff : 0x00);
    }
  }
  for (size_t at = 0; at < rows.size(); at += static_cast<size_t>(f.bytes)) {
    for (int i = 0; i < f.wide; i++) {
      uint8_t* scale = rows.data() + at + f.wide_at + i * f.width;
      scale[0] = static_cast<uint8_t>(rng());
      scale[1] = static_cast<uint8_t>((rng() & 0x83) | (rng() % 12) << 2);  // between subnormal and 1
    }
  }
  check(interleave({type, 16, in, panel.data()}, rows.data()), "interleaving");
  return panel;
}

struct Rows {
  std::vector<int8_t> q;
  std::vector<IntegerScale> scales;
  std::vector<IntegerSums> sums;
  IntegerRows x;
  Rows(int rows, int in, Fill fill) {
    const int height = IntegerRows::height_of(rows);
    const size_t n = static_cast<size_t>((rows + height - 1) / height) * height * (in / 32);
    q.resize(n * 32), scales.resize(n), sums.resize(n);
    x = {q.data(), scales.data(), sums.data(), in, height};
    std::uniform_real_distribution<float> scale(1e-3f, 1.0f);
    for (size_t at = 0; at < n; at++) {
      int sum[2] = {0, 0};
      for (int i = 0; i < 32; i++) {
        const bool large = fill == Fill::largest || (fill == Fill::alternating && i % 2);
        const int number = fill == Fill::random ? static_cast<int>(rng() % 255) - 127 : large ? 127 : -127;
        q[at * 32 + i] = static_cast<int8_t>(number);
        sum[i / 16] += number;
      }
      const float d = scale(rng), all = static_cast<float>(sum[0] + sum[1]);
      scales[at] = {d, d * all};
      sums[at] = {all, {static_cast<float>(sum[0]), static_cast<float>(sum[1])}};
    }
  }
};

/// Rows m0 … of `rows`, in as many blocks of 32 as `in` has.
static void compare(const char* name, IntegerProduct* product, BlockType type, int rows, int m0, int in, Fill weights, Fill numbers) {
  const std::vector<uint8_t> panel = panel_of(type, in, weights);
  const Rows r(rows, in, numbers);
  std::vector<IntegerBlock> room(static_cast<size_t>(in / 32)), again(room.size());
  std::vector<float> want(static_cast<size_t>(rows - m0) * 16), got(want.size(), -1.0f);
  software_panel(want.data(), type, panel.data(), room.data(), r.x, m0, rows);
  product(got.data(), type, panel.data(), again.data(), r.x, m0, rows);
  for (size_t i = 0; i < want.size(); i++) {
    check(std::memcmp(&want[i], &got[i], sizeof(float)) == 0,
          std::string(name) + ", " + format_of(type).name + ", rows " + std::to_string(m0) + " to " + std::to_string(rows) + ", " + std::to_string(in) +
              " numbers, weights: " + kFills[static_cast<int>(weights)] + ", rows: " + kFills[static_cast<int>(numbers)] + ": output " +
              std::to_string(i % 16) + " of row " + std::to_string(i / 16) + " is " + std::to_string(got[i]) + ", in portable C++ " +
              std::to_string(want[i]));
  }
}

static void kernel(const char* name, IntegerProduct* product) {
  for (int i = 0; i < kBlockTypes; i++) {
    const BlockType type = static_cast<BlockType>(i);
    IntegerType of{};
    if (!integer_type(type, of)) continue;
    const int in = format_of(type).elements == 256 ? 512 : 160;
    for (int rows = 1; rows <= 70; rows++) compare(name, product, type, rows, 0, in, Fill::random, Fill::random);
    for (const int rows : {17, 23, 48}) compare(name, product, type, rows, 16, in * 3, Fill::random, Fill::random);
    for (int w = 1; w < 4; w++) {
      for (int q = 1; q < 4; q++) {
        for (const int rows : {1, 2, 4, 6, 23}) compare(name, product, type, rows, 0, in, static_cast<Fill>(w), static_cast<Fill>(q));
      }
    }
  }
  std::printf("ok %s\n", name);
}

int main() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    kernel("AVX2", avx2_panel);
    kernel("AVX-VNNI in software", emulated::panel_of);
  }
  if (avx_vnni_available()) kernel("AVX-VNNI", avx_vnni_panel);
  if (vnni_available()) kernel("AVX512-VNNI", vnni_panel);
#elif defined(__aarch64__)
  if (neon_dot_available()) kernel("NEON dot product", neon_dot_panel);
#endif
  std::printf("done\n");
  return 0;
}
