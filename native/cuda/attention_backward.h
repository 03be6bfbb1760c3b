// Attention backward: weights are computed again from the kept log-sums. Two kernels without atomics: one owns
// queries and walks over keys (dq), one owns 64 packed rows of keys and values and walks over the tiles that see them
// (dk, dv), in the order of the packed tokens.
#pragma once
#include "attention.h"

namespace pr1::cuda {

struct AttentionBackwardArgs {
  const bf16 *q, *k, *v, *dout;  // padded heads; q, k, v with stride, dout (T, heads, D)
  int64_t stride;
  const float *lse, *delta;  // (T, heads)
  float* dqkv;               // (T, qkv_width)
  const Slice* slices;
  const int* visible;
  const Tile* tiles;
  const int *key_first, *key_tiles;
  Heads h;
  int T;
  float scale, scale2;
};

/// delta (T, heads) = Σ dout · out of each head; a warp a (token, head).
__global__ void attention_delta(float* delta, const float* dout, const float* out, int64_t rows, int dim) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= rows) return;
  float sum = 0.0f;
  for (int d = threadIdx.x % 32; d < dim; d += 32) sum = fmaf(dout[row * dim + d], out[row * dim + d], sum);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) delta[row] = sum;
}

inline size_t attention_queries_shared(int D) {
  return sizeof(bf16) * kKeys * static_cast<size_t>(3 * stride_by_rows(D) + stride_by_columns(D));
}

/// Block (tile, key/value head): dq of the tile's rows.
template <int D>
__global__ void __launch_bounds__(128) attention_backward_queries(AttentionBackwardArgs a) {
  PR1_DYNAMIC_SHARED(shared);
  __shared__ int rows[kKeys];
  constexpr int RS = stride_by_rows(D), CS = stride_by_columns(D), PARTS = D / 8;
  const Tile tile = a.tiles[blockIdx.x];
  const int kv = blockIdx.y, group = a.h.heads / a.h.kv_heads;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  bf16* queries = reinterpret_cast<bf16*>(shared);
  bf16* douts = queries + kKeys * RS;
  bf16* values = douts + kKeys * RS;
  bf16* keys = values + kKeys * RS;  // read both ways; by columns more often

  for (int i = threadIdx.x; i < kTileRows * PARTS; i += 128) {
    const int r = i / PARTS, part = i % PARTS * 8;
    const bool valid = r / group < tile.queries;
    const int64_t token = tile.query + (valid ? r / group : 0), head = kv * group + r % group;
    copy_async_16(queries + r * RS + part, a.q + token * a.stride + head * D + part, valid);
    copy_async_16(douts + r * RS + part, a.dout + (token * a.h.heads + head) * D + part, valid);
  }
  commit_copies();
  int64_t at[2], row_start[2];
  int sees[2];
  float lse2[2], delta[2];
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    const int r = warp * 16 + quad + half * 8, i = r / group;
    const bool valid = i < tile.queries;
    const int64_t token = tile.query + (valid ? i : 0), head = kv * group + r % group;
    at[half] = token * a.h.heads + head;
    row_start[half] = token * qkv_width(a.h) + head * a.h.dim;
    sees[half] = valid ? a.visible[token] : 0;
    lse2[half] = a.lse[at[half]] * kLog2e;
    delta[half] = a.delta[at[half]];
  }
  float dq[D / 8][4];
  clear(dq);
  const int chunks = (tile.visible + kKeys - 1) / kKeys;
  for (int c = 0; c < chunks; c++) {
    if (threadIdx.x < kKeys) {
      const int ordinal = c * kKeys + threadIdx.x;
      rows[threadIdx.x] =
          row_of(a.slices + tile.slice, tile.slices, ordinal < tile.visible ? ordinal : tile.visible - 1);
    }
    __syncthreads();  // rows are known, all are done with the chunk before
    for (int i = threadIdx.x; i < kKeys * PARTS; i += 128) {
      const int key = i / PARTS, part = i % PARTS * 8;
      const int64_t from = rows[key] * a.stride + kv * D + part;
      copy_async_16(keys + key * CS + part, a.k + from, true);
      copy_async_16(values + key * RS + part, a.v + from, true);
    }
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    float s[8][4], dp[8][4];
    clear(s);
    clear(dp);
    const bf16* q_row = queries + (warp * 16 + quad) * RS + t * 8;
    const bf16* d_row = douts + (warp * 16 + quad) * RS + t * 8;
    rows_by_rows<8, D / 32>(
        s, [&](int kb, int half) { return *reinterpret_cast<const uint4*>(q_row + half * 8 * RS + kb * 32); },
        [&](int j, int kb) { return *reinterpret_cast<const uint4*>(keys + (j * 8 + quad) * CS + kb * 32 + t * 8); });
    rows_by_rows<8, D / 32>(
        dp, [&](int kb, int half) { return *reinterpret_cast<const uint4*>(d_row + half * 8 * RS + kb * 32); },
        [&](int j, int kb) { return *reinterpret_cast<const uint4*>(values + (j * 8 + quad) * RS + kb * 32 + t * 8); });
    PR1_UNROLL
    for (int j = 0; j < 8; j++) {
      PR1_UNROLL
      for (int e = 0; e < 4; e++) {
        const int half = e / 2, key = c * kKeys + j * 8 + t * 2 + (e & 1);
        const float p = key < sees[half] ? exp2_fast(s[j][e] * a.scale2 - lse2[half]) : 0.0f;
        s[j][e] = p * (dp[j][e] - delta[half]) * a.scale;
      }
    }
    unsigned ds[4][4];
    as_operand<4>(ds, s);
    weights_by_rows<D, 4>(dq, ds, t, [&](int row, int half) {
      return *reinterpret_cast<const uint4*>(keys + row * CS + half * 64 + quad * 8);
    });
  }
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    if (sees[half] == 0) continue;
    PR1_UNROLL
    for (int i = 0; i < D / 8; i++) {
      PR1_UNROLL
      for (int e = half * 2; e < half * 2 + 2; e++) {
        const int d = value_column(i, e, t);
        if (d < a.h.dim) a.dqkv[row_start[half] + d] = dq[i][e];
      }
    }
  }
}

inline size_t attention_keys_shared(int D) {
  return sizeof(bf16) * kKeys * static_cast<size_t>(2 * stride_by_rows(D) + 2 * stride_by_columns(D));
}

/// Block (64 packed rows, key/value head): dk and dv of those rows; 4 warps of 16 keys.
template <int D>
__global__ void __launch_bounds__(128) attention_backward_keys(AttentionBackwardArgs a) {
  PR1_DYNAMIC_SHARED(shared);
  __shared__ int ordinals[kKeys], sees[kTileRows];
  __shared__ float lses[kTileRows], deltas[kTileRows];
  constexpr int RS = stride_by_rows(D), CS = stride_by_columns(D), PARTS = D / 8;
  const int row0 = blockIdx.x * kKeys, kv = blockIdx.y, group = a.h.heads / a.h.kv_heads;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  bf16* keys = reinterpret_cast<bf16*>(shared);
  bf16* values = keys + kKeys * RS;
  bf16* queries = values + kKeys * RS;
  bf16* douts = queries + kKeys * CS;
  for (int i = threadIdx.x; i < kKeys * PARTS; i += 128) {
    const int key = i / PARTS, part = i % PARTS * 8;
    const bool valid = row0 + key < a.T;
    const int64_t from = static_cast<int64_t>(valid ? row0 + key : 0) * a.stride + kv * D + part;
    copy_async_16(keys + key * RS + part, a.k + from, valid);
    copy_async_16(values + key * RS + part, a.v + from, valid);
  }
  commit_copies();
  float dk[D / 8][4], dv[D / 8][4];
  clear(dk);
  clear(dv);
  const bf16* k_row = keys + (warp * 16 + quad) * RS + t * 8;
  const bf16* v_row = values + (warp * 16 + quad) * RS + t * 8;
  for (int n = a.key_first[blockIdx.x]; n < a.key_first[blockIdx.x + 1]; n++) {
    const Tile tile = a.tiles[a.key_tiles[n]];
    __syncthreads();  // all are done with the tile before
    if (threadIdx.x < kKeys) {
      // Which ordinal of the tile's list this row is; slices of packed tokens ascend in rows, too.
      const Slice* slices = a.slices + tile.slice;
      const int row = row0 + threadIdx.x;
      int low = 0, high = tile.slices - 1;
      while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (slices[middle].row <= row) {
          low = middle;
        } else {
          high = middle - 1;
        }
      }
      const int end = low + 1 < tile.slices ? slices[low + 1].ordinal : tile.visible;
      const int ordinal = slices[low].ordinal + (row - slices[low].row);
      ordinals[threadIdx.x] = row >= slices[low].row && ordinal < end ? ordinal : 0x7FFFFFFF;
    } else {
      const int r = threadIdx.x - kKeys, i = r / group;
      const bool valid = i < tile.queries;
      const int64_t token = tile.query + (valid ? i : 0), head = kv * group + r % group;
      sees[r] = valid ? a.visible[token] : 0;
      lses[r] = a.lse[token * a.h.heads + head] * kLog2e;
      deltas[r] = a.delta[token * a.h.heads + head];
    }
    for (int i = threadIdx.x; i < kTileRows * PARTS; i += 128) {
      const int r = i / PARTS, part = i % PARTS * 8;
      const bool valid = r / group < tile.queries;
      const int64_t token = tile.query + (valid ? r / group : 0), head = kv * group + r % group;
      copy_async_16(queries + r * CS + part, a.q + token * a.stride + head * D + part, valid);
      copy_async_16(douts + r * CS + part, a.dout + (token * a.h.heads + head) * D + part, valid);
    }
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    const int seen[2] = {ordinals[warp * 16 + quad], ordinals[warp * 16 + quad + 8]};
    // Half of the tile's rows at a time: registers.
    for (int part = 0; part < 2; part++) {
      const int first = part * 32;
      if (first / group >= tile.queries) break;
      float s[4][4], dp[4][4];
      clear(s);
      clear(dp);
      rows_by_rows<4, D / 32>(
          s, [&](int kb, int half) { return *reinterpret_cast<const uint4*>(k_row + half * 8 * RS + kb * 32); },
          [&](int j, int kb) {
            return *reinterpret_cast<const uint4*>(queries + (first + j * 8 + quad) * CS + kb * 32 + t * 8);
          });
      rows_by_rows<4, D / 32>(
          dp, [&](int kb, int half) { return *reinterpret_cast<const uint4*>(v_row + half * 8 * RS + kb * 32); },
          [&](int j, int kb) {
            return *reinterpret_cast<const uint4*>(douts + (first + j * 8 + quad) * CS + kb * 32 + t * 8);
          });
      PR1_UNROLL
      for (int j = 0; j < 4; j++) {
        PR1_UNROLL
        for (int e = 0; e < 4; e++) {
          const int r = first + j * 8 + t * 2 + (e & 1);
          const float p = seen[e / 2] < sees[r] ? exp2_fast(s[j][e] * a.scale2 - lses[r]) : 0.0f;
          s[j][e] = p;
          dp[j][e] = p * (dp[j][e] - deltas[r]) * a.scale;
        }
      }
      unsigned w[2][4];
      as_operand<2>(w, s);
      weights_by_rows<D, 2>(dv, w, t, [&](int row, int half) {
        return *reinterpret_cast<const uint4*>(douts + (first + row) * CS + half * 64 + quad * 8);
      });
      as_operand<2>(w, dp);
      weights_by_rows<D, 2>(dk, w, t, [&](int row, int half) {
        return *reinterpret_cast<const uint4*>(queries + (first + row) * CS + half * 64 + quad * 8);
      });
    }
  }
  wait_copies<0>();
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    const int row = row0 + warp * 16 + quad + half * 8;
    if (row >= a.T) continue;
    float* to = a.dqkv + static_cast<int64_t>(row) * qkv_width(a.h) + q_width(a.h) + kv * a.h.dim;
    PR1_UNROLL
    for (int i = 0; i < D / 8; i++) {
      PR1_UNROLL
      for (int e = half * 2; e < half * 2 + 2; e++) {
        const int d = value_column(i, e, t);
        if (d < a.h.dim) {
          to[d] = dk[i][e];
          to[kv_width(a.h) + d] = dv[i][e];
        }
      }
    }
  }
}

}  // namespace pr1::cuda
