#include "amx.h"

// What a compiler builds that does not know the instructions computes their arithmetic in software.
#if defined(PR1_AMX)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pr1 {

namespace {

// Linux gives the registers' 8 KiB to a process that asks for them, and to all of its threads.
bool allowed() {
  constexpr int kRequest = 0x1023, kTileData = 18;
  static const bool answer = syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
  return answer;
}

/// bit: of the products in what cpuid says of the CPU's features.
Amx find(unsigned bit) {
  constexpr unsigned kTiles = 1u << 24;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bit) || !(d & kTiles)) return Amx::absent;
  return allowed() ? Amx::available : Amx::refused;
}

constexpr TileConfig config_of_whole_tiles() {
  TileConfig config;
  for (int i = 0; i < 8; i++) config.tile(i, 16, 64);
  return config;
}
constexpr TileConfig kConfig = config_of_whole_tiles();

}  // namespace

Amx amx_bf16() {
  static const Amx answer = find(1u << 22);
  return answer;
}
Amx amx_int8() {
  static const Amx answer = find(1u << 25);
  return answer;
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("amx-tile,amx-bf16")
#endif

void amx_begin() { _tile_loadconfig(&kConfig); }
void amx_end() { _tile_release(); }

/// Registers: sums in 0 … 3, strip after strip; strips in 4 and 5, panels in 6 and 7 (of four panels in 5 … 7). The intrinsics take
/// their numbers as literals only.
template <int kStrips, int kPanels>
static void multiply(const TileBlock& g) {
  constexpr int kSums = kStrips * kPanels;
  const size_t row = g.ldc * sizeof(float);
  auto sum = [&](int i) { return g.c + static_cast<size_t>(i / kPanels) * 16 * g.ldc + i % kPanels * 16; };
  if (g.accumulate) {
    _tile_loadd(0, sum(0), row);
    if constexpr (kSums > 1) _tile_loadd(1, sum(1), row);
    if constexpr (kSums > 2) _tile_loadd(2, sum(2), row);
    if constexpr (kSums > 2) _tile_loadd(3, sum(3), row);
  } else {
    _tile_zero(0);
    if constexpr (kSums > 1) _tile_zero(1);
    if constexpr (kSums > 2) _tile_zero(2);
    if constexpr (kSums > 2) _tile_zero(3);
  }
  const uint32_t *a = g.a, *below = a + static_cast<size_t>(g.steps) * 16, *b = g.b;
  for (int k = 0; k < g.steps; k += 16, a += 256, below += 256, b += 256) {
    _tile_loadd(4, a, 64);
    if constexpr (kPanels == 4) {
      _tile_loadd(5, b, 64);
      _tile_dpbf16ps(0, 4, 5);
      _tile_loadd(6, b + g.panel, 64);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(7, b + 2 * g.panel, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, b + 3 * g.panel, 64);
      _tile_dpbf16ps(3, 4, 5);
    } else {
      _tile_loadd(6, b, 64);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (kPanels == 2) {
        _tile_loadd(7, b + g.panel, 64);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (kStrips == 2) _tile_loadd(5, below, 64);
      if constexpr (kStrips == 2 && kPanels == 1) _tile_dpbf16ps(1, 5, 6);
      if constexpr (kSums == 4) {
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  _tile_stored(0, sum(0), row);
  if constexpr (kSums > 1) _tile_stored(1, sum(1), row);
  if constexpr (kSums > 2) _tile_stored(2, sum(2), row);
  if constexpr (kSums > 2) _tile_stored(3, sum(3), row);
}

void amx_block(const TileBlock& block, int strips, int panels) {
  if (strips == 2) {
    panels == 2 ? multiply<2, 2>(block) : multiply<2, 1>(block);
  } else {
    panels == 4 ? multiply<1, 4>(block) : panels == 2 ? multiply<1, 2>(block) : multiply<1, 1>(block);
  }
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

}  // namespace pr1

#else

namespace pr1 {
Amx amx_bf16() { return Amx::absent; }
Amx amx_int8() { return Amx::absent; }
void amx_begin() {}
void amx_end() {}
void amx_block(const TileBlock&, int, int) {}
}  // namespace pr1

#endif
