// Products of rows in 8 bits on the matrix units: a tile instruction with 32 numbers of k makes the exact integer sums of a block of
// 16 rows and 16 outputs, which vectors scale and add as integers.h says. So the bits are those of VNNI and of portable C++.
#include "amx.h"
#include "common.h"

#if defined(PR1_AMX)

#include <immintrin.h>

#if !defined(__clang__)
// GCC's own avx512fintrin.h passes "undefined" values on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace pr1 {

bool amx_integers_available() { return vnni_available() && amx_int8() == Amx::available; }

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma,amx-tile,amx-int8"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx2,fma,amx-tile,amx-int8")
#endif

namespace {

constexpr int kChunk = 24;   // blocks of a panel unpacked at a time, so that they and their rows stay in the first cache
constexpr int kBehind = 3;   // tiles under way between a product and its scaling: the units take long and many at once
constexpr int kBuffers = 4;  // of sums, a power of two above kBehind

/// One strip and one panel: what products need of their blocks.
struct Strip {
  const IntegerBlock* w;
  const int8_t* q;             // (blocks, 16, 32)
  const IntegerScale* scales;  // (blocks, 16)
  int blocks;
  const uint8_t* ahead;  // weights that are read next, ahead_bytes a block; null behind the first strip
  int ahead_bytes;
};

/// Weights of the next two blocks into the second cache: from memory they take as long as a few products.
PR1_INLINE void fetch(const Strip& g, int b) {
  const uint8_t* from = g.ahead + b * g.ahead_bytes;
  for (int i = 0; i < 2 * g.ahead_bytes; i += 64) PR1_PREFETCH_L2(from + i);
}

/// y += sums of block b, scaled, and its minimum.
template <int MR, bool minimum>
PR1_INLINE void scale(__m512* y, const int32_t* dots, const Strip& g, int b) {
  const IntegerScale* scales = g.scales + static_cast<size_t>(b) * 16;
  const __m512 s = _mm512_loadu_ps(g.w[b].s[0]), m = _mm512_loadu_ps(g.w[b].m);
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    const __m512 dot = _mm512_cvtepi32_ps(_mm512_load_si512(dots + r * 16));
    y[r] = _mm512_fmadd_ps(dot, _mm512_mul_ps(s, _mm512_set1_ps(scales[r].d)), y[r]);
    if (minimum) y[r] = _mm512_fmadd_ps(m, _mm512_set1_ps(scales[r].scaled), y[r]);
  }
}

/// The first `rows` of MR rows of out, 16 numbers each, go on from what is there unless `fresh`. dots: buffers of 16 x 16. Registers: sums
/// in 0 and 1, rows in 2 and 4, weights in 3 and 5.
template <int MR, bool minimum>
void strip(float* out, int rows, const Strip& g, bool fresh, int32_t (*dots)[256]) {
  __m512 y[MR];
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) y[r] = fresh || r >= rows ? _mm512_setzero_ps() : _mm512_loadu_ps(out + r * 16);
  auto q = [&](int b) { return g.q + static_cast<size_t>(b) * 512; };
  // The intrinsics take the numbers of registers as literals only, hence two blocks a turn.
  for (int b = 0; b < g.blocks + kBehind; b += 2) {
    if (b < g.blocks) {
      if (g.ahead) fetch(g, b);
      _tile_loadd(2, q(b), 32);
      _tile_loadd(3, g.w[b].v, 64);
      _tile_zero(0);
      _tile_dpbssd(0, 2, 3);
    }
    if (b > 0 && b <= g.blocks) _tile_stored(1, dots[(b - 1) % kBuffers], 64);
    if (b >= kBehind) scale<MR, minimum>(y, dots[(b - kBehind) % kBuffers], g, b - kBehind);
    if (b + 1 < g.blocks) {
      _tile_loadd(4, q(b + 1), 32);
      _tile_loadd(5, g.w[b + 1].v, 64);
      _tile_zero(1);
      _tile_dpbssd(1, 4, 5);
    }
    if (b < g.blocks) _tile_stored(0, dots[b % kBuffers], 64);
    const int late = b + 1 - kBehind;
    if (late >= 0 && late < g.blocks) scale<MR, minimum>(y, dots[late % kBuffers], g, late);
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++) {
    if (r < rows) _mm512_storeu_ps(out + r * 16, y[r]);
  }
}

template <bool minimum>
void panel(float* out, BlockType type, int zero, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  alignas(64) int32_t dots[kBuffers][256];
  // Rows that tiles of fewer do not have.
  if (m1 - m0 < 16) std::memset(dots, 0, sizeof dots);
  const BlockFormat& f = format_of(type);
  const int bytes = f.bytes * 16 * 32 / f.elements;  // of a block of 32 numbers
  const int blocks = x.in / 32, chunks = (blocks + kChunk - 1) / kChunk, chunk = (blocks + chunks - 1) / chunks;
  for (int b = 0; b < blocks; b += chunk) {
    const int n = blocks - b < chunk ? blocks - b : chunk;
    vnni_unpack(room, type, from, b, n, zero);
    for (int m = m0; m < m1; m += 16) {
      const size_t at = x.at(m, b);
      const Strip g{room, x.q + at * 32, x.scales + at, n, m == m0 ? from + static_cast<size_t>(b + n) * bytes : nullptr, bytes};
      const int rows = m1 - m < 16 ? m1 - m : 16;
      float* to = out + static_cast<size_t>(m - m0) * 16;
      if (rows > 12) {
        strip<16, minimum>(to, rows, g, b == 0, dots);
      } else if (rows > 8) {
        strip<12, minimum>(to, rows, g, b == 0, dots);
      } else if (rows > 4) {
        strip<8, minimum>(to, rows, g, b == 0, dots);
      } else {
        strip<4, minimum>(to, rows, g, b == 0, dots);
      }
    }
  }
}

/// Set-ups by the number of rows. Constants, since GCC 12 takes the instruction to read eight bytes and leaves the others unwritten.
struct Configs {
  TileConfig of[17];
  constexpr Configs() : of() {
    for (int rows = 1; rows <= 16; rows++) {
      for (int i = 0; i < 2; i++) {
        of[rows].tile(i, rows, 64);
        of[rows].tile(2 + 2 * i, rows, 32);
        of[rows].tile(3 + 2 * i, 8, 64);
      }
    }
  }
};
constexpr Configs kConfigs;

}  // namespace

void amx_integers_begin(int rows) { _tile_loadconfig(&kConfigs.of[rows < 16 ? rows : 16]); }
void amx_integers_end() { _tile_release(); }

void amx_integer_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  IntegerType of{};
  integer_type(type, of);
  // A scale for 16 numbers makes twice as many tiles and sums: that does not pay.
  if (of.halves) return vnni_panel(out, type, from, room, x, m0, m1);
  const auto multiply = of.minimum ? panel<true> : panel<false>;
  multiply(out, type, of.zero, from, room, x, m0, m1);
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

}  // namespace pr1

#else

namespace pr1 {
bool amx_integers_available() { return false; }
void amx_integers_begin(int) {}
void amx_integers_end() {}
void amx_integer_panel(float*, BlockType, const uint8_t*, IntegerBlock*, const IntegerRows&, int, int) {}
}  // namespace pr1

#endif
