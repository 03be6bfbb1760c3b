// Attention on tensor cores, forward: scores, softmax and the sum over values of chunks of 64 keys; chunks are folded
// in order. Tiles (many queries, one list of rows) and items (one chunk of a few queries) call the same functions below on
// the same chunks, so training, prefill and decoding give the same bits. plan.h says who computes what.
//
// Rows of q, k and v are bfloat16 with heads padded to D = 64 or 128 by zeros. Within a warp a tile of products has 16
// rows: lane = 4 quad + t holds rows quad and quad + 8. Of 32 k's of a score it takes 8t … 8t + 7 (see gemm.h); of 64
// columns of the output 16t … 16t + 15.
#pragma once
#include "norm.h"
#include "plan.h"

namespace pr1::cuda {

struct AttentionArgs {
  const bf16 *q, *k, *v;
  int64_t q_stride, kv_stride;  // between tokens
  float* out;                   // (T, heads * dim)
  bf16* shadow;                 // the same in bfloat16, or null
  int64_t shadow_ld;
  float* lse;  // (T, heads) or null
  const Slice* slices;
  const int* visible;
  Heads h;
  float scale2;  // log2(e) / sqrt(dim)
};

__device__ __forceinline__ int row_of(const Slice* slices, int n, int ordinal) {
  int low = 0, high = n - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (slices[middle].ordinal <= ordinal) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return slices[low].row + (ordinal - slices[low].ordinal);
}

/// acc (16, 8 N) += a (16, 32 KB) b (8 N, 32 KB)^T. a(block, upper half) and b(column tile, block): 16 bytes each.
template <int N, int KB, class A, class B>
__device__ __forceinline__ void rows_by_rows(float (&acc)[N][4], A&& a, B&& b) {
  PR1_UNROLL
  for (int kb = 0; kb < KB; kb++) {
    const uint4 lo = a(kb, 0), hi = a(kb, 1);
    PR1_UNROLL
    for (int j = 0; j < N; j++) {
      const uint4 x = b(j, kb);
      mma_bf16(acc[j], lo.x, hi.x, lo.y, hi.y, x.x, x.y);
      mma_bf16(acc[j], lo.z, hi.z, lo.w, hi.w, x.z, x.w);
    }
  }
}

/// Products as the left operand of the next one: (16, 16 KS) of 2 KS tiles of 8 columns.
template <int KS>
__device__ __forceinline__ void as_operand(unsigned (&p)[KS][4], const float (&s)[2 * KS][4]) {
  PR1_UNROLL
  for (int k = 0; k < KS; k++) {
    p[k][0] = pack_bf16(s[2 * k][0], s[2 * k][1]);
    p[k][1] = pack_bf16(s[2 * k][2], s[2 * k][3]);
    p[k][2] = pack_bf16(s[2 * k + 1][0], s[2 * k + 1][1]);
    p[k][3] = pack_bf16(s[2 * k + 1][2], s[2 * k + 1][3]);
  }
}

/// acc (16, D) += p (16, 16 KS) x (16 KS, D). x(row, half): 16 bytes, columns 64 half + 8 quad … + 7 of that row. Tile j of
/// a half holds the columns 8 n + j, n = 0 … 7.
template <int D, int KS, class X>
__device__ __forceinline__ void weights_by_rows(float (&acc)[D / 8][4], const unsigned (&p)[KS][4], int t, X&& x) {
  PR1_UNROLL
  for (int half = 0; half < D / 64; half++) {
    PR1_UNROLL
    for (int k = 0; k < KS; k++) {
      const int row = k * 16 + t * 2;
      const uint4 r0 = x(row, half), r1 = x(row + 1, half), r8 = x(row + 8, half), r9 = x(row + 9, half);
      const unsigned w0[4] = {r0.x, r0.y, r0.z, r0.w}, w1[4] = {r1.x, r1.y, r1.z, r1.w};
      const unsigned w8[4] = {r8.x, r8.y, r8.z, r8.w}, w9[4] = {r9.x, r9.y, r9.z, r9.w};
      PR1_UNROLL
      for (int j = 0; j < 4; j++) {
        float(&even)[4] = acc[half * 8 + j * 2];
        float(&odd)[4] = acc[half * 8 + j * 2 + 1];
        mma_bf16(even, p[k][0], p[k][1], p[k][2], p[k][3], low_halves(w0[j], w1[j]), low_halves(w8[j], w9[j]));
        mma_bf16(odd, p[k][0], p[k][1], p[k][2], p[k][3], high_halves(w0[j], w1[j]), high_halves(w8[j], w9[j]));
      }
    }
  }
}

/// A lane's parts of its two rows of queries, (D / 32 blocks, upper half).
template <int D>
__device__ __forceinline__ void load_queries(uint4 (&q)[D / 32][2], const AttentionArgs& a, const int (&query)[2],
                                             const int (&head)[2], int t) {
  PR1_UNROLL
  for (int kb = 0; kb < D / 32; kb++) {
    PR1_UNROLL
    for (int half = 0; half < 2; half++) {
      q[kb][half] = load_16(a.q + query[half] * a.q_stride + head[half] * D + kb * 32 + t * 8);
    }
  }
}

/// Column of element e of accumulator tile i of weights_by_rows.
__device__ __forceinline__ int value_column(int i, int e, int t) { return i / 8 * 64 + t * 16 + (e & 1) * 8 + i % 8; }

/// Scores become weights 2^(scale2 s − m) with the chunk's own maximum; limit: how many keys of the chunk a row sees.
__device__ __forceinline__ void chunk_softmax(float (&s)[8][4], float (&m)[2], float (&l)[2], const int (&limit)[2],
                                              float scale2, int t) {
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    float max = -infinity();
    PR1_UNROLL
    for (int j = 0; j < 8; j++) {
      PR1_UNROLL
      for (int e = half * 2; e < half * 2 + 2; e++) {
        s[j][e] = j * 8 + t * 2 + (e & 1) < limit[half] ? s[j][e] * scale2 : -infinity();
        max = max < s[j][e] ? s[j][e] : max;
      }
    }
    PR1_UNROLL
    for (int mask = 1; mask < 4; mask *= 2) {
      const float other = __shfl_xor_sync(kAllLanes, max, mask);
      max = max < other ? other : max;
    }
    float sum = 0.0f;
    PR1_UNROLL
    for (int j = 0; j < 8; j++) {
      PR1_UNROLL
      for (int e = half * 2; e < half * 2 + 2; e++) {
        s[j][e] = limit[half] > 0 ? exp2_fast(s[j][e] - max) : 0.0f;
        sum += s[j][e];
      }
    }
    PR1_UNROLL
    for (int mask = 1; mask < 4; mask *= 2) sum += __shfl_xor_sync(kAllLanes, sum, mask);
    m[half] = max;
    l[half] = sum;
  }
}

/// Scores of 16 rows with the 64 keys of a chunk → maxima, sums of weights and the weighted sums of values, x as in weights_by_rows.
template <int D, class X>
__device__ __forceinline__ void chunk_values(float (&out)[D / 8][4], float (&m)[2], float (&l)[2], float (&s)[8][4],
                                             const int (&limit)[2], float scale2, int t, X&& x) {
  chunk_softmax(s, m, l, limit, scale2, t);
  unsigned p[4][4];
  as_operand<4>(p, s);
  clear(out);
  weights_by_rows<D, 4>(out, p, t, x);
}

/// Folds a chunk with maximum mc into a running one: the factors of the old and the new, and the maximum of both.
__device__ __forceinline__ void fold_factors(float& m, float mc, float& old_factor, float& new_factor) {
  if (mc == -infinity()) {
    old_factor = 1.0f;
    new_factor = 0.0f;
    return;
  }
  const float top = m < mc ? mc : m;
  old_factor = exp2_fast(m - top);
  new_factor = exp2_fast(mc - top);
  m = top;
}
__device__ __forceinline__ float fold(float old_value, float old_factor, float new_value, float new_factor) {
  return fmaf(new_value, new_factor, old_value * old_factor);
}
__device__ __forceinline__ float log_sum(float m, float l) {
  return static_cast<float>((static_cast<double>(m) + log2(static_cast<double>(l))) * 0.6931471805599453);
}

/// Strides in shared memory, in elements: rows read as whole (16 bytes a quad's lane) and rows read by columns each
/// have a stride that spreads eight lanes over all banks.
__host__ __device__ constexpr int stride_by_rows(int D) { return D + 32; }
__host__ __device__ constexpr int stride_by_columns(int D) { return D + 8; }
inline size_t attention_tiles_shared(int D) {
  return 2 * sizeof(bf16) * kKeys * static_cast<size_t>(stride_by_rows(D) + stride_by_columns(D));
}

/// Block (tile, key/value head): 4 warps of 16 rows; row r is query r / group, head r % group of the group.
template <int D>
__global__ void __launch_bounds__(128) attention_tiles(AttentionArgs a, const Tile* tiles, const int* count) {
  PR1_DYNAMIC_SHARED(shared);
  __shared__ int rows[4][kKeys];
  constexpr int KS = stride_by_rows(D), VS = stride_by_columns(D);
  if (static_cast<int>(blockIdx.x) >= *count) return;
  const Tile tile = tiles[blockIdx.x];
  const int kv = blockIdx.y, group = a.h.heads / a.h.kv_heads, dim = a.h.dim;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  const Slice* slices = a.slices + tile.slice;
  const int chunks = (tile.visible + kKeys - 1) / kKeys;
  bf16* base = reinterpret_cast<bf16*>(shared);
  auto keys_at = [&](int c) { return base + (c & 1) * kKeys * (KS + VS); };
  auto values_at = [&](int c) { return keys_at(c) + kKeys * KS; };
  auto find_rows = [&](int c) {
    if (threadIdx.x < kKeys && c < chunks) {
      const int ordinal = c * kKeys + threadIdx.x;
      rows[c & 3][threadIdx.x] = row_of(slices, tile.slices, ordinal < tile.visible ? ordinal : tile.visible - 1);
    }
  };
  auto fill = [&](int c) {
    if (c < chunks) {
      for (int v = threadIdx.x; v < kKeys * (D / 8); v += 128) {
        const int key = v / (D / 8), part = v % (D / 8) * 8;
        const int64_t at = rows[c & 3][key] * a.kv_stride + kv * D + part;
        copy_async_16(keys_at(c) + key * KS + part, a.k + at, true);
        copy_async_16(values_at(c) + key * VS + part, a.v + at, true);
      }
    }
    commit_copies();
  };

  int query[2], head[2], sees[2];
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    const int r = warp * 16 + quad + half * 8, i = r / group;
    const bool valid = i < tile.queries;
    query[half] = tile.query + (valid ? i : 0);
    head[half] = kv * group + r % group;
    sees[half] = valid ? a.visible[query[half]] : 0;
  }
  uint4 q[D / 32][2];
  load_queries<D>(q, a, query, head, t);
  float o[D / 8][4], m[2] = {-infinity(), -infinity()}, l[2] = {0.0f, 0.0f};
  clear(o);
  const bool idle = warp * 16 / group >= tile.queries;

  find_rows(0);
  find_rows(1);
  __syncthreads();
  fill(0);
  for (int c = 0; c < chunks; c++) {
    wait_copies<0>();
    __syncthreads();  // chunk c is here, the other buffer is free, the rows of chunk c + 1 are known
    fill(c + 1);
    find_rows(c + 2);
    if (idle) continue;
    const int limit[2] = {sees[0] - c * kKeys, sees[1] - c * kKeys};
    const bf16* keys = keys_at(c);
    const bf16* values = values_at(c);
    float s[8][4];
    clear(s);
    rows_by_rows<8, D / 32>(
        s, [&](int kb, int half) { return q[kb][half]; },
        [&](int j, int kb) { return *reinterpret_cast<const uint4*>(keys + (j * 8 + quad) * KS + kb * 32 + t * 8); });
    float mc[2], lc[2], oc[D / 8][4];
    chunk_values<D>(oc, mc, lc, s, limit, a.scale2, t, [&](int row, int half) {
      return *reinterpret_cast<const uint4*>(values + row * VS + half * 64 + quad * 8);
    });
    PR1_UNROLL
    for (int half = 0; half < 2; half++) {
      float of, nf;
      fold_factors(m[half], mc[half], of, nf);
      l[half] = fold(l[half], of, lc[half], nf);
      PR1_UNROLL
      for (int i = 0; i < D / 8; i++) {
        PR1_UNROLL
        for (int e = half * 2; e < half * 2 + 2; e++) o[i][e] = fold(o[i][e], of, oc[i][e], nf);
      }
    }
  }
  wait_copies<0>();
  PR1_UNROLL
  for (int half = 0; half < 2; half++) {
    if (sees[half] == 0) continue;
    const float inverse = 1.0f / l[half];
    const int64_t row = query[half];
    PR1_UNROLL
    for (int i = 0; i < D / 8; i++) {
      PR1_UNROLL
      for (int e = half * 2; e < half * 2 + 2; e++) {
        const int d = value_column(i, e, t);
        if (d < dim) {
          const float y = o[i][e] * inverse;
          a.out[row * q_width(a.h) + head[half] * dim + d] = y;
          if (a.shadow) a.shadow[row * a.shadow_ld + head[half] * dim + d] = to_bf16(y);
        }
      }
    }
    if (a.lse && t == 0) a.lse[row * a.h.heads + head[half]] = log_sum(m[half], l[half]);
  }
}

/// Warps take (item, key/value head, 16 heads of its group) in turn, straight from memory. Results a chunk: maximum and
/// sum (partials, heads) and the sum over values (partials, heads, D).
template <int D>
__global__ void __launch_bounds__(128) attention_items(AttentionArgs a, const Item* items, const int* count,
                                                       const int* members, const int* partial, float2* sums,
                                                       float* outs) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane / 4, t = lane % 4;
  const int kv = blockIdx.y % a.h.kv_heads, block = blockIdx.y / a.h.kv_heads;
  const int group = a.h.heads / a.h.kv_heads, heads = group < kItemRows ? group : kItemRows;
  const int total = *count;
  for (int which = blockIdx.x * 4 + warp; which < total; which += gridDim.x * 4) {
    const Item item = items[which];
    const int first = item.chunk * kKeys;
    int row[2];
    PR1_UNROLL
    for (int i = 0; i < 2; i++) {
      const int ordinal = first + lane + i * 32;
      row[i] = row_of(a.slices + item.slice, item.slices, ordinal < item.last ? ordinal : item.last);
    }
    int query[2], head[2], limit[2];
    PR1_UNROLL
    for (int half = 0; half < 2; half++) {
      const int r = quad + half * 8, i = r / heads, within = block * kItemRows + r % heads;
      const bool valid = i < item.members && within < group;
      query[half] = members[item.member + (i < item.members ? i : 0)];
      head[half] = kv * group + (within < group ? within : 0);
      limit[half] = valid ? a.visible[query[half]] - first : 0;
    }
    uint4 q[D / 32][2];
    load_queries<D>(q, a, query, head, t);
    float s[8][4];
    clear(s);
    const bf16* keys[8];
    PR1_UNROLL
    for (int j = 0; j < 8; j++) {
      const int64_t at = __shfl_sync(kAllLanes, row[j / 4], (j * 8 + quad) & 31);
      keys[j] = a.k + at * a.kv_stride + kv * D + t * 8;
    }
    rows_by_rows<8, D / 32>(
        s, [&](int kb, int half) { return q[kb][half]; }, [&](int j, int kb) { return load_16(keys[j] + kb * 32); });
    float mc[2], lc[2], oc[D / 8][4];
    chunk_values<D>(oc, mc, lc, s, limit, a.scale2, t, [&](int key, int half) {
      const int64_t at = __shfl_sync(kAllLanes, row[key / 32], key & 31);
      return load_16(a.v + at * a.kv_stride + kv * D + half * 64 + quad * 8);
    });
    PR1_UNROLL
    for (int half = 0; half < 2; half++) {
      if (limit[half] <= 0) continue;
      const int64_t at = static_cast<int64_t>(partial[query[half]] + item.chunk) * a.h.heads + head[half];
      if (t == 0) sums[at] = make_float2(mc[half], lc[half]);
      PR1_UNROLL
      for (int i = 0; i < D / 8; i++) {
        PR1_UNROLL
        for (int e = half * 2; e < half * 2 + 2; e++) outs[at * D + value_column(i, e, t)] = oc[i][e];
      }
    }
  }
}

constexpr int kFoldAhead = 8;  // loads under way

/// Folds the chunks of one query and head in order; block (single, head), D threads. What a chunk is multiplied with depends on the
/// maxima before it alone, so the factors of D chunks are found side by side; the sums go through the chunks in order.
__global__ void __launch_bounds__(128) attention_fold(AttentionArgs a, int D, const int* singles, const int* count, const int* partial,
                                                      const float2* sums, const float* outs) {
  __shared__ float maxima[128], old_factors[128], new_factors[128], weights[128];
  if (static_cast<int>(blockIdx.x) >= *count) return;
  const int query = singles[blockIdx.x], head = blockIdx.y, d = threadIdx.x;
  const int chunks = (a.visible[query] + kKeys - 1) / kKeys;
  const int64_t first = static_cast<int64_t>(partial[query]) * a.h.heads + head, stride = static_cast<int64_t>(a.h.heads) * D;
  float m = -infinity(), l = 0.0f, o = 0.0f;
  for (int c0 = 0; c0 < chunks; c0 += D) {
    const int n = chunks - c0 < D ? chunks - c0 : D;
    const float2 sum = d < n ? sums[first + static_cast<int64_t>(c0 + d) * a.h.heads] : make_float2(-infinity(), 0.0f);
    __syncthreads();  // all are done with the factors before
    maxima[d] = sum.x == sum.x ? sum.x : -infinity();
    for (int step = 1; step < n; step *= 2) {
      __syncthreads();
      const float before = d >= step ? maxima[d - step] : -infinity();
      __syncthreads();
      if (maxima[d] < before) maxima[d] = before;
    }
    __syncthreads();
    float running = d > 0 && m < maxima[d - 1] ? maxima[d - 1] : m;
    fold_factors(running, sum.x, old_factors[d], new_factors[d]);
    weights[d] = sum.y;
    if (m < maxima[n - 1]) m = maxima[n - 1];
    __syncthreads();
    const float* from = outs + (first + static_cast<int64_t>(c0) * a.h.heads) * D + d;
    for (int i = 0; i < n; i += kFoldAhead) {
      float values[kFoldAhead];
      PR1_UNROLL
      for (int j = 0; j < kFoldAhead; j++) values[j] = i + j < n ? from[(i + j) * stride] : 0.0f;
      PR1_UNROLL
      for (int j = 0; j < kFoldAhead; j++) {
        if (i + j < n) {
          l = fold(l, old_factors[i + j], weights[i + j], new_factors[i + j]);
          o = fold(o, old_factors[i + j], values[j], new_factors[i + j]);
        }
      }
    }
  }
  if (d < a.h.dim) {
    const float y = o * (1.0f / l);
    a.out[static_cast<int64_t>(query) * q_width(a.h) + head * a.h.dim + d] = y;
    if (a.shadow) a.shadow[query * a.shadow_ld + head * a.h.dim + d] = to_bf16(y);
  }
  if (a.lse && d == 0) a.lse[static_cast<int64_t>(query) * a.h.heads + head] = log_sum(m, l);
}

/// to (T, heads, D) in bfloat16 = x rows (T, ≥ heads * dim) with stride, heads padded with zeros.
__global__ void split_heads(bf16* to, const float* x, int64_t stride, int T, int heads, int dim, int D) {
  const int64_t pairs = static_cast<int64_t>(heads) * (D / 2), n = T * pairs;
  unsigned* out = reinterpret_cast<unsigned*>(to);
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t t = i / pairs, at = i - t * pairs;
    const int head = static_cast<int>(at / (D / 2)), d = static_cast<int>(at % (D / 2)) * 2;
    const float* from = x + t * stride + head * dim;
    out[i] = pack_bf16(d < dim ? from[d] : 0.0f, d + 1 < dim ? from[d + 1] : 0.0f);
  }
}

/// The k and v parts of qkv rows to the rows `slots` of the cache (slots, kv_heads, D); a row whose slot is below 0 goes nowhere.
__global__ void store_cache(bf16* k_cache, bf16* v_cache, const float* qkv, const int* slots, int T, Heads h, int D) {
  const int64_t pairs = static_cast<int64_t>(h.kv_heads) * (D / 2), n = 2 * T * pairs;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t t = i / (2 * pairs), part = (i / pairs) % 2, at = i % pairs;
    if (slots[t] < 0) continue;
    const int head = static_cast<int>(at / (D / 2)), d = static_cast<int>(at % (D / 2)) * 2;
    const float* from = qkv + t * qkv_width(h) + q_width(h) + part * kv_width(h) + head * h.dim;
    unsigned* to = reinterpret_cast<unsigned*>(part ? v_cache : k_cache);
    to[slots[t] * pairs + at] = pack_bf16(d < h.dim ? from[d] : 0.0f, d + 1 < h.dim ? from[d + 1] : 0.0f);
  }
}

}  // namespace pr1::cuda
