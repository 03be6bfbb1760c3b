// Matrix products on tensor cores: c (N, M) = b (N, K) a (M, K)^T, both operands bfloat16 and contiguous along k, sums
// in float32. M counts weights' rows (outputs), N tokens; K is padded with zeros to a multiple of 64.
//
// One arithmetic for every shape: k is cut into chunks of 512. Within a chunk an output is one chain of mma.sync over
// k = 0, 16, 32 …; chunk sums are added in order, starting from 0. So a product for one token (chunks side by side in
// the warps of a block) has the bits of the same row among thousands (chunks one after the other): sampled and training
// log-probabilities are equal.
//
// Within 32 k's, thread t of a quad takes the elements 8t … 8t + 7 of a row: one 16-byte load feeds two mma steps. A
// and B agree on that order, so the sum is over the same products.
#pragma once
#include "platform.h"

namespace pr1::cuda {

constexpr int kChunk = 512;  // k's a chain
constexpr int kPadK = 64;

struct GemmArgs {
  const bf16* a;
  const bf16* b;
  float* c;
  const float* bias;      // (M) or null
  const float* residual;  // (N, M) with stride ldc, or null; may be c
  int M, N, K;
  int64_t lda, ldb, ldc;
  int accumulate;  // c += instead of c =
};

/// Adds what belongs to output (n, m) and stores it.
__device__ __forceinline__ void gemm_store(const GemmArgs& g, int m, int n, float total) {
  if (m >= g.M || n >= g.N) return;
  const size_t at = static_cast<size_t>(n) * g.ldc + m;
  if (g.bias) total += g.bias[m];
  if (g.residual) total += g.residual[at];
  g.c[at] = g.accumulate ? g.c[at] + total : total;
}

// ---- Few tokens: weights go from memory to registers, chunks of k to the warps of a block ----

constexpr int kMaxWarps = 8;

/// Bytes of shared memory of gemm_few.
inline size_t gemm_few_shared(int MT, int NT, int warps) {
  return sizeof(float) * static_cast<size_t>(MT) * 16 * NT * 8 * static_cast<size_t>(warps + 1);
}

/// Block x: outputs 16 MT x … ; NT * 8 tokens. Warps take chunks in turn and fold a round of them in order.
template <int MT, int NT>
__global__ void __launch_bounds__(kMaxWarps * 32) gemm_few(GemmArgs g) {
  PR1_DYNAMIC_SHARED(shared);
  constexpr int rows = MT * 16, columns = NT * 8, outputs = rows * columns;
  float* total = reinterpret_cast<float*>(shared);
  float* parts = total + outputs;
  const int warp = threadIdx.x / 32, warps = blockDim.x / 32, lane = threadIdx.x % 32;
  const int quad = lane / 4, t = lane % 4;
  const int m0 = blockIdx.x * rows;
  const int chunks = (g.K + kChunk - 1) / kChunk;
  for (int i = threadIdx.x; i < outputs; i += blockDim.x) total[i] = 0.0f;

  const bf16* a[MT][2];
  PR1_UNROLL
  for (int i = 0; i < MT; i++) {
    PR1_UNROLL
    for (int half = 0; half < 2; half++) {
      int m = m0 + i * 16 + quad + half * 8;
      m = m < g.M ? m : g.M - 1;  // a row that exists; its results are not stored
      a[i][half] = g.a + m * g.lda + t * 8;
    }
  }
  const bf16* b[NT];
  PR1_UNROLL
  for (int j = 0; j < NT; j++) {
    int n = j * 8 + quad;
    n = n < g.N ? n : g.N - 1;
    b[j] = g.b + n * g.ldb + t * 8;
  }

  for (int c0 = 0; c0 < chunks; c0 += warps) {
    const int chunk = c0 + warp;
    if (chunk < chunks) {
      float acc[MT][NT][4];
      clear(acc);
      const int k1 = (chunk + 1) * kChunk < g.K ? (chunk + 1) * kChunk : g.K;
      for (int k = chunk * kChunk; k < k1; k += 64) {
        uint4 wa[2][MT][2];
        PR1_UNROLL
        for (int s = 0; s < 2; s++) {
          PR1_UNROLL
          for (int i = 0; i < MT; i++) {
            wa[s][i][0] = load_16(a[i][0] + k + s * 32);
            wa[s][i][1] = load_16(a[i][1] + k + s * 32);
          }
        }
        PR1_UNROLL
        for (int s = 0; s < 2; s++) {
          PR1_UNROLL
          for (int j = 0; j < NT; j++) {
            const uint4 x = load_16(b[j] + k + s * 32);
            PR1_UNROLL
            for (int i = 0; i < MT; i++) {
              const uint4 &lo = wa[s][i][0], &hi = wa[s][i][1];
              mma_bf16(acc[i][j], lo.x, hi.x, lo.y, hi.y, x.x, x.y);
              mma_bf16(acc[i][j], lo.z, hi.z, lo.w, hi.w, x.z, x.w);
            }
          }
        }
      }
      float* part = parts + warp * outputs;
      each_number<MT, NT>([&](int i, int j, int e) {
        part[(j * 8 + t * 2 + (e & 1)) * rows + i * 16 + quad + (e >> 1) * 8] = acc[i][j][e];
      });
    }
    __syncthreads();
    const int have = chunks - c0 < warps ? chunks - c0 : warps;
    for (int i = threadIdx.x; i < outputs; i += blockDim.x) {
      float sum = total[i];
      for (int w = 0; w < have; w++) sum += parts[w * outputs + i];
      total[i] = sum;
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < outputs; i += blockDim.x) gemm_store(g, m0 + i % rows, i / rows, total[i]);
}

// ---- Many tokens: tiles through shared memory, three stages of asynchronous copies ----

constexpr int kStages = 3, kTileK = 64;

/// Bytes of one operand of one stage: two halves of 32 k's (64 bytes a row), the second shifted by 64 bytes so that the
/// eight vectors of a row lie in different banks.
__host__ __device__ constexpr int tile_bytes(int rows) { return rows * 128 + 128; }
__device__ __forceinline__ int tile_offset(int rows, int row, int half, int quarter) {
  return half * (rows * 64 + 64) + row * 64 + quarter * 16;
}
inline size_t gemm_tile_shared(int BM, int BN) { return static_cast<size_t>(kStages) * (tile_bytes(BM) + tile_bytes(BN)); }

/// What one thread copies of an operand at each step: addresses are computed once, and a step moves them on by kTileK.
/// Rows that are not there are copies of the last one; what comes of them is not stored.
template <int ROWS, int THREADS>
struct TileCopies {
  static constexpr int kCopies = ROWS * 8 / THREADS, kRows = THREADS / 8;
  const bf16* from[kCopies];
  int to;

  __device__ __forceinline__ TileCopies(const bf16* operand, int64_t ld, int first, int rows) {
    const int row = threadIdx.x / 8, part = threadIdx.x % 8;
    PR1_UNROLL
    for (int i = 0; i < kCopies; i++) {
      const int source = first + row + i * kRows;
      from[i] = operand + (source < rows ? source : rows - 1) * ld + part * 8;
    }
    to = tile_offset(ROWS, row, part / 4, part % 4);
  }
  __device__ __forceinline__ void start(unsigned char* stage) {
    PR1_UNROLL
    for (int i = 0; i < kCopies; i++) {
      copy_async_16(stage + to + i * kRows * 64, from[i]);
      from[i] += kTileK;
    }
  }
};

/// Block x: one tile of BM outputs x BN tokens, counted so that neighbours in time share rows of both operands.
template <int BM, int BN, int WM, int WN>
__global__ void __launch_bounds__((BM / WM) * (BN / WN) * 32) gemm_tiles(GemmArgs g) {
  constexpr int THREADS = (BM / WM) * (BN / WN) * 32, MT = WM / 16, NT = WN / 8;
  constexpr int STAGE = tile_bytes(BM) + tile_bytes(BN), AHEAD = kStages - 1;
  PR1_DYNAMIC_SHARED(shared);
  const int m_tiles = (g.M + BM - 1) / BM, n_tiles = (g.N + BN - 1) / BN;
  // Bands of 8 tiles of tokens, each swept along the outputs.
  const int band = 8, in_band = band * m_tiles, which = blockIdx.x / in_band;
  const int n_first = which * band, n_here = n_tiles - n_first < band ? n_tiles - n_first : band;
  const int within = blockIdx.x - which * in_band;
  const int m0 = within / n_here * BM, n0 = (n_first + within % n_here) * BN;

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  const int steps = g.K / kTileK;
  TileCopies<BM, THREADS> copies_a(g.a, g.lda, m0, g.M);
  TileCopies<BN, THREADS> copies_b(g.b, g.ldb, n0, g.N);
  int filled = 0, fill_at = 0, read_at = 0;  // steps whose copies have started; stages as bytes
  auto fill = [&] {
    if (filled < steps) {
      copies_a.start(shared + fill_at);
      copies_b.start(shared + fill_at + tile_bytes(BM));
      fill_at = fill_at == AHEAD * STAGE ? 0 : fill_at + STAGE;
      filled++;
    }
    commit_copies();  // also an empty group, so that the count of groups stays the same
  };

  float total[MT][NT][4];
  clear(total);
  PR1_UNROLL
  for (int i = 0; i < AHEAD; i++) fill();
  const int from_a = tile_offset(BM, wm + quad, 0, t), from_b = tile_bytes(BM) + tile_offset(BN, wn + quad, 0, t);
  for (int step = 0; step < steps;) {
    const int chunk_end = step + kChunk / kTileK < steps ? step + kChunk / kTileK : steps;
    float acc[MT][NT][4];
    clear(acc);
    for (; step < chunk_end; step++) {
      wait_copies<AHEAD - 1>();
      __syncthreads();  // the tile of this step is here, and all are done with the one that is filled next
      fill();
      const unsigned char* ta = shared + read_at + from_a;
      const unsigned char* tb = shared + read_at + from_b;
      read_at = read_at == AHEAD * STAGE ? 0 : read_at + STAGE;
      PR1_UNROLL
      for (int half = 0; half < 2; half++) {
        uint4 x[NT];
        PR1_UNROLL
        for (int j = 0; j < NT; j++) x[j] = *reinterpret_cast<const uint4*>(tb + tile_offset(BN, j * 8, half, 0));
        PR1_UNROLL
        for (int i = 0; i < MT; i++) {
          const uint4 lo = *reinterpret_cast<const uint4*>(ta + tile_offset(BM, i * 16, half, 0));
          const uint4 hi = *reinterpret_cast<const uint4*>(ta + tile_offset(BM, i * 16 + 8, half, 0));
          PR1_UNROLL
          for (int j = 0; j < NT; j++) {
            mma_bf16(acc[i][j], lo.x, hi.x, lo.y, hi.y, x[j].x, x[j].y);
            mma_bf16(acc[i][j], lo.z, hi.z, lo.w, hi.w, x[j].z, x[j].w);
          }
        }
      }
    }
    each_number<MT, NT>([&](int i, int j, int e) { total[i][j][e] += acc[i][j][e]; });
  }
  wait_copies<0>();
  each_number<MT, NT>([&](int i, int j, int e) {
    gemm_store(g, m0 + wm + i * 16 + quad + (e >> 1) * 8, n0 + wn + j * 8 + t * 2 + (e & 1), total[i][j][e]);
  });
}

// ---- Operands: float32 to bfloat16, padded along k with zeros ----

/// to (R, ld) = x (R, C); ld ≥ C.
__global__ void to_bf16_rows(bf16* to, const float* x, int R, int C, int64_t ld) {
  const int64_t pairs = ld / 2, total = static_cast<int64_t>(R) * pairs;
  unsigned* out = reinterpret_cast<unsigned*>(to);
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t r = i / pairs, c = (i - r * pairs) * 2;
    const float* from = x + r * C;
    out[i] = pack_bf16(c < C ? from[c] : 0.0f, c + 1 < C ? from[c + 1] : 0.0f);
  }
}

/// to (C, ld) = x (R, C) transposed; ld ≥ R. Blocks of 32 x 8 threads move 64 x 32 tiles (64 rows of x).
__global__ void to_bf16_columns(bf16* to, const float* x, int R, int C, int64_t ld) {
  __shared__ float tile[64][33];
  const int c0 = blockIdx.x * 32, lane = threadIdx.x % 32, row = threadIdx.x / 32;
  const int64_t r0 = static_cast<int64_t>(blockIdx.y) * 64;
  for (int i = row; i < 64; i += 8) {
    tile[i][lane] = r0 + i < R && c0 + lane < C ? x[(r0 + i) * C + c0 + lane] : 0.0f;
  }
  __syncthreads();
  unsigned* out = reinterpret_cast<unsigned*>(to);
  for (int i = row; i < 32; i += 8) {
    if (c0 + i < C && r0 + lane * 2 < ld) {
      out[(static_cast<int64_t>(c0 + i) * ld + r0) / 2 + lane] = pack_bf16(tile[lane * 2][i], tile[lane * 2 + 1][i]);
    }
  }
}

}  // namespace pr1::cuda
