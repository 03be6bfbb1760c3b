// Row-wise ops: RMSNorm, RoPE with the norms of q and k, the gate of the MLP, gathers and scatters, embedding, AdamW. What becomes of
// a row depends on that row and on the width alone; sums over tokens run over fixed parts of 64 tokens, which are then
// added in order.
#pragma once
#include "platform.h"

namespace pr1::cuda {

__device__ __forceinline__ float warp_sum(float x) {
  PR1_UNROLL
  for (int mask = 16; mask > 0; mask /= 2) x += __shfl_xor_sync(kAllLanes, x, mask);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
  PR1_UNROLL
  for (int mask = 16; mask > 0; mask /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, x, mask);
    x = x < other ? other : x;
  }
  return x;
}

/// Sum over the block, the same in every thread; scratch: 32 floats. Begins and ends with a barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch) {
  x = warp_sum(x);
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0.0f;
  for (unsigned w = 0; w < blockDim.x / 32; w++) sum += scratch[w];
  __syncthreads();
  return sum;
}
__device__ __forceinline__ float block_max(float x, float* scratch) {
  x = warp_max(x);
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  float max = scratch[0];
  for (unsigned w = 1; w < blockDim.x / 32; w++) max = max < scratch[w] ? scratch[w] : max;
  __syncthreads();
  return max;
}

/// Threads of a block for rows of C: a function of the width only.
inline unsigned row_threads(int C) { return C >= 1024 ? 256 : C >= 256 ? 128 : 32; }

/// A weight as it multiplies; an offset of 0 leaves its bits.
__device__ __forceinline__ float norm_weight(NormWeight w, int c) { return w.offset != 0.0f ? w.w[c] + w.offset : w.w[c]; }

/// A block a row. shadow (T, ld): the same in bfloat16 with zeros after C, or null. residual (T, C) may be null.
__global__ void rmsnorm_rows(float* out, bf16* shadow, int64_t ld, float* rstd, const float* x, NormWeight w,
                             const float* residual, int C) {
  __shared__ float scratch[32];
  const int64_t row = blockIdx.x;
  const float* from = x + row * C;
  float sum = 0.0f;
  for (int c = threadIdx.x; c < C; c += blockDim.x) sum = fmaf(from[c], from[c], sum);
  const float r = 1.0f / sqrtf(block_sum(sum, scratch) / static_cast<float>(C) + w.eps);
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    float y = from[c] * r * norm_weight(w, c);
    if (residual) y += residual[row * C + c];
    out[row * C + c] = y;
    if (shadow) shadow[row * ld + c] = to_bf16(y);
  }
  if (shadow) {
    for (int64_t c = C + static_cast<int64_t>(threadIdx.x); c < ld; c += blockDim.x) shadow[row * ld + c] = 0;
  }
  if (rstd && threadIdx.x == 0) rstd[row] = r;
}

/// dx += rstd (w dy − x rstd^2 mean(w dy x)); a block a row.
__global__ void rmsnorm_rows_backward(float* dx, const float* dy, const float* x, NormWeight w, const float* rstd, int C) {
  __shared__ float scratch[32];
  const int64_t at = static_cast<int64_t>(blockIdx.x) * C;
  float sum = 0.0f;
  for (int c = threadIdx.x; c < C; c += blockDim.x) sum = fmaf(dy[at + c] * norm_weight(w, c), x[at + c], sum);
  const float r = rstd[blockIdx.x], k = block_sum(sum, scratch) / static_cast<float>(C) * r * r;
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    dx[at + c] += r * (dy[at + c] * norm_weight(w, c) - x[at + c] * k);
  }
}

constexpr int kPart = 64;  // tokens a part of a sum over tokens

/// parts (gridDim.y, C): Σ dy x rstd over 64 tokens each; with x null: Σ dy. Block: 128 columns.
__global__ void column_parts(float* parts, const float* dy, const float* x, const float* rstd, int T, int C) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x, t0 = blockIdx.y * kPart;
  if (c >= C) return;
  const int t1 = t0 + kPart < T ? t0 + kPart : T;
  float sum = 0.0f;
  for (int t = t0; t < t1; t++) {
    const int64_t at = static_cast<int64_t>(t) * C + c;
    sum = x ? fmaf(dy[at] * x[at], rstd[t], sum) : sum + dy[at];
  }
  parts[static_cast<int64_t>(blockIdx.y) * C + c] = sum;
}

/// to (C) += the parts, in order.
__global__ void add_parts(float* to, const float* parts, int n, int C) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= C) return;
  float sum = to[c];
  for (int i = 0; i < n; i++) sum += parts[static_cast<int64_t>(i) * C + c];
  to[c] = sum;
}

// ---- RoPE ----

constexpr int kHalfLanes = 4;  // half a head is at most 32 times this

struct RopeArgs {
  NormWeight q_norm, k_norm;
  const float *cos, *sin;
  const int* positions;
  int T;
  Heads h;
};

/// rstd of one head, and its elements: lane l holds l, l + 32 … of both halves.
__device__ __forceinline__ float rope_load(float (&a)[kHalfLanes], float (&b)[kHalfLanes], const float* x, int half,
                                           int lane, bool norm, int dim, float eps) {
  float sum = 0.0f;
  PR1_UNROLL
  for (int i = 0; i < kHalfLanes; i++) {
    const int d = lane + i * 32;
    a[i] = d < half ? x[d] : 0.0f;
    b[i] = d < half ? x[half + d] : 0.0f;
    sum = fmaf(b[i], b[i], fmaf(a[i], a[i], sum));
  }
  return norm ? 1.0f / sqrtf(warp_sum(sum) / static_cast<float>(dim) + eps) : 1.0f;
}

/// One head of a token, by a warp: put(d, number) for what becomes of it.
template <class Put>
__device__ __forceinline__ void rope_head(const float* x, NormWeight norm, const float* c, const float* s, int dim, int lane, Put&& put) {
  const int half = dim / 2;
  float a[kHalfLanes], b[kHalfLanes];
  const float rstd = rope_load(a, b, x, half, lane, norm.w != nullptr, dim, norm.eps);
  PR1_UNROLL
  for (int i = 0; i < kHalfLanes; i++) {
    const int d = lane + i * 32;
    if (d < half) {
      const float low = norm.w ? a[i] * rstd * norm_weight(norm, d) : a[i];
      const float high = norm.w ? b[i] * rstd * norm_weight(norm, half + d) : b[i];
      put(d, low * c[d] - high * s[d]);
      put(half + d, high * c[d] + low * s[d]);
    }
  }
}

/// A block a token, a warp a head in turn. out may be qkv.
__global__ void rope_rows(float* out, const float* qkv, RopeArgs r) {
  const int64_t t = blockIdx.x;
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32, half = r.h.dim / 2, width = qkv_width(r.h);
  const float* c = r.cos + static_cast<int64_t>(r.positions[t]) * half;
  const float* s = r.sin + static_cast<int64_t>(r.positions[t]) * half;
  for (int head = threadIdx.x / 32; head < r.h.heads + r.h.kv_heads; head += warps) {
    const int64_t at = t * width + static_cast<int64_t>(head) * r.h.dim;
    rope_head(qkv + at, head < r.h.heads ? r.q_norm : r.k_norm, c, s, r.h.dim, lane, [&](int d, float x) { out[at + d] = x; });
  }
  if (out != qkv) {
    const int v = q_width(r.h) + kv_width(r.h);
    for (int i = v + threadIdx.x; i < width; i += blockDim.x) out[t * width + i] = qkv[t * width + i];
  }
}

/// rope_rows, split_heads and store_cache in one: queries (T, heads, D), and keys and values to the rows `slots` of the cache, in bfloat16.
__global__ void rope_store(bf16* queries, bf16* k_cache, bf16* v_cache, const float* qkv, const int* slots, RopeArgs r, int D) {
  const int64_t t = blockIdx.x, slot = slots[t];
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32, half = r.h.dim / 2;
  const float* c = r.cos + static_cast<int64_t>(r.positions[t]) * half;
  const float* s = r.sin + static_cast<int64_t>(r.positions[t]) * half;
  for (int head = threadIdx.x / 32; head < r.h.heads + 2 * r.h.kv_heads; head += warps) {
    const float* from = qkv + t * qkv_width(r.h) + static_cast<int64_t>(head) * r.h.dim;
    const int kv = head - r.h.heads, v = kv - r.h.kv_heads;
    if (kv >= 0 && slot < 0) continue;
    bf16* to = kv < 0 ? queries + (t * r.h.heads + head) * D
                      : v < 0 ? k_cache + (slot * r.h.kv_heads + kv) * D : v_cache + (slot * r.h.kv_heads + v) * D;
    if (v >= 0) {
      for (int d = lane; d < r.h.dim; d += 32) to[d] = to_bf16(from[d]);
    } else {
      rope_head(from, kv < 0 ? r.q_norm : r.k_norm, c, s, r.h.dim, lane, [&](int d, float x) { to[d] = to_bf16(x); });
    }
    for (int d = r.h.dim + lane; d < D; d += 32) to[d] = 0;
  }
}

/// The gradient before the rotation.
__device__ __forceinline__ void rope_back(float (&ga)[kHalfLanes], float (&gb)[kHalfLanes], const float* dout,
                                          const float* c, const float* s, int half, int lane) {
  PR1_UNROLL
  for (int i = 0; i < kHalfLanes; i++) {
    const int d = lane + i * 32;
    const float a = d < half ? dout[d] : 0.0f, b = d < half ? dout[half + d] : 0.0f;
    ga[i] = d < half ? a * c[d] + b * s[d] : 0.0f;
    gb[i] = d < half ? b * c[d] - a * s[d] : 0.0f;
  }
}

/// parts (blocks, dim): Σ over 64 tokens and the heads first … first + count of (gradient x rstd). Block: 4 warps, which
/// take (token, head) pairs in turn.
__global__ void rope_norm_parts(float* parts, const float* dout, const float* qkv, RopeArgs r, int first, int count,
                                float eps) {
  __shared__ float sums[4][2 * 32 * kHalfLanes];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, half = r.h.dim / 2, width = qkv_width(r.h);
  const int t0 = blockIdx.x * kPart, t1 = t0 + kPart < r.T ? t0 + kPart : r.T;
  float sa[kHalfLanes] = {}, sb[kHalfLanes] = {};
  for (int pair = warp; pair < (t1 - t0) * count; pair += 4) {
    const int64_t t = t0 + pair / count;
    const int64_t at = t * width + static_cast<int64_t>(first + pair % count) * r.h.dim;
    const float* c = r.cos + static_cast<int64_t>(r.positions[t]) * half;
    const float* s = r.sin + static_cast<int64_t>(r.positions[t]) * half;
    float a[kHalfLanes], b[kHalfLanes], ga[kHalfLanes], gb[kHalfLanes];
    const float rstd = rope_load(a, b, qkv + at, half, lane, true, r.h.dim, eps);
    rope_back(ga, gb, dout + at, c, s, half, lane);
    PR1_UNROLL
    for (int i = 0; i < kHalfLanes; i++) {
      sa[i] = fmaf(ga[i] * a[i], rstd, sa[i]);
      sb[i] = fmaf(gb[i] * b[i], rstd, sb[i]);
    }
  }
  PR1_UNROLL
  for (int i = 0; i < kHalfLanes; i++) {
    const int d = lane + i * 32;
    if (d < half) sums[warp][d] = sa[i], sums[warp][half + d] = sb[i];
  }
  __syncthreads();
  for (int d = threadIdx.x; d < r.h.dim; d += blockDim.x) {
    parts[static_cast<int64_t>(blockIdx.x) * r.h.dim + d] = sums[0][d] + sums[1][d] + sums[2][d] + sums[3][d];
  }
}

/// dqkv may be dout.
__global__ void rope_rows_backward(float* dqkv, const float* dout, const float* qkv, RopeArgs r) {
  const int64_t t = blockIdx.x;
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32, half = r.h.dim / 2, width = qkv_width(r.h);
  const float* c = r.cos + static_cast<int64_t>(r.positions[t]) * half;
  const float* s = r.sin + static_cast<int64_t>(r.positions[t]) * half;
  for (int head = threadIdx.x / 32; head < r.h.heads + r.h.kv_heads; head += warps) {
    const NormWeight norm = head < r.h.heads ? r.q_norm : r.k_norm;
    const int64_t at = t * width + static_cast<int64_t>(head) * r.h.dim;
    float a[kHalfLanes], b[kHalfLanes], ga[kHalfLanes], gb[kHalfLanes];
    rope_back(ga, gb, dout + at, c, s, half, lane);
    if (norm.w) {
      const float rstd = rope_load(a, b, qkv + at, half, lane, true, r.h.dim, norm.eps);
      float sum = 0.0f;
      PR1_UNROLL
      for (int i = 0; i < kHalfLanes; i++) {
        const int d = lane + i * 32;
        if (d < half) {
          ga[i] *= norm_weight(norm, d);
          gb[i] *= norm_weight(norm, half + d);
        }
        sum = fmaf(gb[i], b[i], fmaf(ga[i], a[i], sum));
      }
      const float k = warp_sum(sum) / static_cast<float>(r.h.dim) * rstd * rstd;
      PR1_UNROLL
      for (int i = 0; i < kHalfLanes; i++) {
        ga[i] = rstd * (ga[i] - a[i] * k);
        gb[i] = rstd * (gb[i] - b[i] * k);
      }
    }
    PR1_UNROLL
    for (int i = 0; i < kHalfLanes; i++) {
      const int d = lane + i * 32;
      if (d < half) {
        dqkv[at + d] = ga[i];
        dqkv[at + half + d] = gb[i];
      }
    }
  }
  if (dqkv != dout) {
    const int v = q_width(r.h) + kv_width(r.h);
    for (int i = v + threadIdx.x; i < width; i += blockDim.x) dqkv[t * width + i] = dout[t * width + i];
  }
}

// ---- The gate: x σ(z), see native/cpu/gated.h ----

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + exp2_fast(-x * kLog2e)); }
__device__ __forceinline__ float gate_sigmoid(float gate, Activation kind) {
  if (kind == Activation::silu) return sigmoid(gate);
  return sigmoid(1.5957691216057308f * fmaf(0.044715f, gate * gate * gate, gate));
}
__device__ __forceinline__ float gate_slope(float gate, float s, Activation kind) {
  if (kind == Activation::silu) return s * fmaf(gate, 1.0f - s, 1.0f);
  return s * fmaf(gate * fmaf(0.21406445f, gate * gate, 1.5957691216057308f), 1.0f - s, 1.0f);
}

/// act (T, F), and in bfloat16 (T, ld) unless shadow is null.
__global__ void gated_elements(float* act, bf16* shadow, int64_t ld, const float* gate_up, Activation kind, int T, int F) {
  const int64_t n = static_cast<int64_t>(T) * ld;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t t = i / ld, f = i - t * ld;
    float y = 0.0f;
    if (f < F) {
      const float gate = gate_up[t * 2 * F + f];
      y = gate * gate_sigmoid(gate, kind) * gate_up[t * 2 * F + F + f];
      act[t * F + f] = y;
    }
    if (shadow) shadow[i] = to_bf16(y);
  }
}

__global__ void gated_elements_backward(float* dgate_up, const float* dact, const float* gate_up, Activation kind, int T,
                                        int F) {
  const int64_t n = static_cast<int64_t>(T) * F;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t t = i / F, f = i - t * F, at = t * 2 * F + f;
    const float gate = gate_up[at], up = gate_up[at + F], d = dact[i], s = gate_sigmoid(gate, kind);
    dgate_up[at] = d * up * gate_slope(gate, s, kind);
    dgate_up[at + F] = d * (gate * s);
  }
}

// ---- Moving rows ----

/// out row i = scale * x row index[i]; with scatter, out row index[i] = x row i. A block a row.
__global__ void move_rows(float* out, const float* x, const int* index, float scale, int C, int scatter) {
  const int64_t i = blockIdx.x, row = index[i];
  const int64_t to = (scatter ? row : i) * C, from = (scatter ? i : row) * C;
  for (int c = threadIdx.x; c < C; c += blockDim.x) out[to + c] = scale * x[from + c];
}

/// dtable row ids[u] += scale * dout rows order[first[u]] … order[first[u + 1]], in order; a block a distinct id.
__global__ void embedding_rows_backward(float* dtable, const float* dout, const int* ids, const int* first,
                                        const int* order, float scale, int C) {
  const int u = blockIdx.x;
  float* to = dtable + static_cast<int64_t>(ids[u]) * C;
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    float sum = to[c];
    for (int i = first[u]; i < first[u + 1]; i++) sum = fmaf(scale, dout[static_cast<int64_t>(order[i]) * C + c], sum);
    to[c] = sum;
  }
}

/// Values from −1 to 1, for measurements: zeros run faster than data does.
__global__ void fill_random(float* to, int64_t n) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const unsigned h = static_cast<unsigned>(i) * 2654435761u;
    to[i] = static_cast<float>((h ^ (h >> 15)) * 2246822519u >> 8) * (2.0f / 16777216.0f) - 1.0f;
  }
}

}  // namespace pr1::cuda
