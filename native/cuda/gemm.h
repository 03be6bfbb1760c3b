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

// ---- Up to 16 tokens: chunks of k to the warps of a block ----
//
// Operands pass through a ring in shared memory of which every lane copies what it reads itself: so much is under way as the ring
// holds, and nobody waits for anybody until a chunk is done.

constexpr int kMaxWarps = 6;

/// Stages of the ring, 64 k's each, and bytes of one of a warp.
__host__ __device__ constexpr int few_stages(int NT) { return NT == 1 ? 4 : 3; }
__host__ __device__ constexpr int few_stage_bytes(int NT) { return (4 + 2 * NT) * 32 * 16; }
/// Bytes of shared memory of gemm_few.
inline size_t gemm_few_shared(int NT, int warps) {
  return static_cast<size_t>(warps) * few_stages(NT) * few_stage_bytes(NT) + sizeof(float) * 16 * NT * 8 * static_cast<size_t>(warps + 1);
}

/// Block x: outputs 16 x … ; NT * 8 tokens. Warps take chunks in turn and fold a round of them in order.
template <int NT>
__global__ void __launch_bounds__(kMaxWarps * 32) gemm_few(GemmArgs g) {
  PR1_DYNAMIC_SHARED(shared);
  constexpr int rows = 16, columns = NT * 8, outputs = rows * columns, STAGES = few_stages(NT), BYTES = few_stage_bytes(NT);
  const int warp = threadIdx.x / 32, warps = blockDim.x / 32, lane = threadIdx.x % 32;
  const int quad = lane / 4, t = lane % 4;
  const int m0 = blockIdx.x * rows;
  const int chunks = (g.K + kChunk - 1) / kChunk;
  unsigned char* ring = shared + warp * STAGES * BYTES + lane * 16;
  float* total = reinterpret_cast<float*>(shared + warps * STAGES * BYTES);
  float* parts = total + outputs;
  for (int i = threadIdx.x; i < outputs; i += blockDim.x) total[i] = 0.0f;

  // Rows that exist; what comes of those beyond them is not stored.
  const bf16 *a[2], *b[NT];
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    const int m = m0 + quad + half * 8;
    a[half] = g.a + (m < g.M ? m : g.M - 1) * g.lda + t * 8 + warp * kChunk;
  }
  PR1_UNROLL
  for (int j = 0; j < NT; j++) {
    const int n = j * 8 + quad;
    b[j] = g.b + (n < g.N ? n : g.N - 1) * g.ldb + t * 8 + warp * kChunk;
  }

  // The copies run ahead through all chunks of the warp, whatever has been computed: to_do is where the next one starts.
  int to_do = warp * kChunk, fill_at = 0, read_at = 0;
  auto fill = [&] {
    if (to_do < g.K) {
      unsigned char* to = ring + fill_at;
      PR1_UNROLL
      for (int s = 0; s < 2; s++) {
        PR1_UNROLL
        for (int half = 0; half < 2; half++) copy_async_16(to + (s * 2 + half) * 512, a[half] + s * 32);
        PR1_UNROLL
        for (int j = 0; j < NT; j++) copy_async_16(to + (4 + s * NT + j) * 512, b[j] + s * 32);
      }
      const bool ends = to_do % kChunk == kChunk - 64;
      const int on = ends ? 64 + (warps - 1) * kChunk : 64;
      PR1_UNROLL
      for (int half = 0; half < 2; half++) a[half] += on;
      PR1_UNROLL
      for (int j = 0; j < NT; j++) b[j] += on;
      to_do += on;
      fill_at = fill_at == (STAGES - 1) * BYTES ? 0 : fill_at + BYTES;
    }
    commit_copies();  // also an empty group, so that the count of groups stays the same
  };
  PR1_UNROLL
  for (int i = 0; i < STAGES - 1; i++) fill();

  for (int c0 = 0; c0 < chunks; c0 += warps) {
    const int chunk = c0 + warp;
    if (chunk < chunks) {
      float acc[NT][4];
      clear(acc);
      const int k1 = (chunk + 1) * kChunk < g.K ? (chunk + 1) * kChunk : g.K;
      for (int k = chunk * kChunk; k < k1; k += 64) {
        wait_copies<STAGES - 2>();
        uint4 w[2][2], x[2][NT];
        const unsigned char* from = ring + read_at;
        PR1_UNROLL
        for (int s = 0; s < 2; s++) {
          PR1_UNROLL
          for (int half = 0; half < 2; half++) w[s][half] = *reinterpret_cast<const uint4*>(from + (s * 2 + half) * 512);
          PR1_UNROLL
          for (int j = 0; j < NT; j++) x[s][j] = *reinterpret_cast<const uint4*>(from + (4 + s * NT + j) * 512);
        }
        read_at = read_at == (STAGES - 1) * BYTES ? 0 : read_at + BYTES;
        fill();
        PR1_UNROLL
        for (int s = 0; s < 2; s++) {
          const uint4 &lo = w[s][0], &hi = w[s][1];
          PR1_UNROLL
          for (int j = 0; j < NT; j++) {
            mma_bf16(acc[j], lo.x, hi.x, lo.y, hi.y, x[s][j].x, x[s][j].y);
            mma_bf16(acc[j], lo.z, hi.z, lo.w, hi.w, x[s][j].z, x[s][j].w);
          }
        }
      }
      float* part = parts + warp * outputs;
      PR1_UNROLL
      for (int j = 0; j < NT; j++) {
        PR1_UNROLL
        for (int e = 0; e < 4; e++) part[(j * 8 + t * 2 + (e & 1)) * rows + quad + (e >> 1) * 8] = acc[j][e];
      }
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
  wait_copies<0>();
  for (int i = threadIdx.x; i < outputs; i += blockDim.x) gemm_store(g, m0 + i % rows, i / rows, total[i]);
}

// ---- More tokens: tiles through shared memory, three or four stages of asynchronous copies ----

constexpr int kTileK = 64;

/// Bytes of one operand of one stage: two halves of 32 k's (64 bytes a row), the second shifted by 64 bytes so that the
/// eight vectors of a row lie in different banks.
__host__ __device__ constexpr int tile_bytes(int rows) { return rows * 128 + 128; }
__device__ __forceinline__ int tile_offset(int rows, int row, int half, int quarter) {
  return half * (rows * 64 + 64) + row * 64 + quarter * 16;
}
inline size_t gemm_tile_shared(int BM, int BN, int stages) { return static_cast<size_t>(stages) * (tile_bytes(BM) + tile_bytes(BN)); }

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

/// Chunks before which split `s` of `splits` ends.
__host__ __device__ constexpr int chunks_before(int chunks, int s, int splits) { return chunks * s / splits; }

/// Block x: one tile of BM outputs x BN tokens, counted so that neighbours in time share rows of both operands. Block y: a stretch of
/// chunks, where few tiles would leave multiprocessors idle. Then the first one's sum and the others' chunks, each by itself, go to
/// parts (…, N, M), which fold_parts adds in order.
template <int BM, int BN, int WM, int WN, int STAGES, bool SPLIT>
__global__ void __launch_bounds__((BM / WM) * (BN / WN) * 32) gemm_tiles(GemmArgs g, float* parts) {
  constexpr int THREADS = (BM / WM) * (BN / WN) * 32, MT = WM / 16, NT = WN / 8;
  constexpr int STAGE = tile_bytes(BM) + tile_bytes(BN), AHEAD = STAGES - 1;
  PR1_DYNAMIC_SHARED(shared);
  const int m_tiles = (g.M + BM - 1) / BM, n_tiles = (g.N + BN - 1) / BN;
  // Bands of 8 tiles of tokens, each swept along the outputs.
  const int band = 8, in_band = band * m_tiles, which = blockIdx.x / in_band;
  const int n_first = which * band, n_here = n_tiles - n_first < band ? n_tiles - n_first : band;
  const int within = blockIdx.x - which * in_band;
  const int m0 = within / n_here * BM, n0 = (n_first + within % n_here) * BN;

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  const int chunks = (g.K + kChunk - 1) / kChunk, split = SPLIT ? blockIdx.y : 0, splits = SPLIT ? gridDim.y : 1;
  const int first_chunk = chunks_before(chunks, split, splits), end_chunk = chunks_before(chunks, split + 1, splits);
  const int begin = first_chunk * (kChunk / kTileK), end = end_chunk * (kChunk / kTileK);
  const int steps = end < g.K / kTileK ? end : g.K / kTileK;
  TileCopies<BM, THREADS> copies_a(g.a + begin * kTileK, g.lda, m0, g.M);
  TileCopies<BN, THREADS> copies_b(g.b + begin * kTileK, g.ldb, n0, g.N);
  int filled = begin, fill_at = 0, read_at = 0;  // steps whose copies have started; stages as bytes
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
  const size_t outputs = static_cast<size_t>(g.N) * g.M;
  auto put = [&](const float (&sums)[MT][NT][4], int which) {
    float* to = parts + static_cast<size_t>(which) * outputs;
    each_number<MT, NT>([&](int i, int j, int e) {
      const int m = m0 + wm + i * 16 + quad + (e >> 1) * 8, n = n0 + wn + j * 8 + t * 2 + (e & 1);
      if (m < g.M && n < g.N) to[static_cast<size_t>(n) * g.M + m] = sums[i][j][e];
    });
  };
  for (int step = begin; step < steps;) {
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
    if (SPLIT && split > 0) {
      put(acc, (step - 1) / (kChunk / kTileK) - chunks_before(chunks, 1, splits) + 1);
    } else {
      each_number<MT, NT>([&](int i, int j, int e) { total[i][j][e] += acc[i][j][e]; });
    }
  }
  wait_copies<0>();
  if (SPLIT && splits > 1) {
    if (split == 0) put(total, 0);
    return;
  }
  each_number<MT, NT>([&](int i, int j, int e) {
    gemm_store(g, m0 + wm + i * 16 + quad + (e >> 1) * 8, n0 + wn + j * 8 + t * 2 + (e & 1), total[i][j][e]);
  });
}

/// Adds n parts (n, N, M) of a product that was split along k, in order, and stores it. Block (outputs, token).
__global__ void fold_parts(GemmArgs g, const float* parts, int n) {
  const int m = blockIdx.x * blockDim.x + threadIdx.x;
  if (m >= g.M) return;
  const size_t outputs = static_cast<size_t>(g.N) * g.M, at = static_cast<size_t>(blockIdx.y) * g.M + m;
  float sum = parts[at];
  for (int p = 1; p < n; p++) sum += parts[static_cast<size_t>(p) * outputs + at];
  gemm_store(g, m, blockIdx.y, sum);
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
