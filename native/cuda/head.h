// From logits to log-probabilities, gradients and samples: the twins of cpu/head.h, a block of 512 threads a row, sums in
// one fixed tree.
#pragma once
#include "norm.h"

namespace pr1::cuda {

constexpr int kRowThreads = 512;

/// Philox 4x32 with 10 rounds, as in cpu/head.h.
__device__ __forceinline__ uint32_t philox(uint64_t key, uint32_t stream, uint32_t position) {
  uint32_t c0 = position, c1 = stream, c2 = 0x70723120u, c3 = 0;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; round++) {
    const uint32_t h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
    const uint32_t h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    const uint32_t n0 = h1 ^ c1 ^ k0, n2 = h0 ^ c3 ^ k1;
    c1 = l1;
    c3 = l0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c0;
}

/// Divides by the temperature and sets excluded ids to −infinity; NaN at id 0 where a number is not finite. first (n + 1): the
/// row's part of `excluded`.
__global__ void prepare_rows(float* logits, int V, const float* temperatures, const int* first, const int* excluded) {
  __shared__ float scratch[32];
  float* row = logits + static_cast<int64_t>(blockIdx.x) * V;
  const float temperature = temperatures[blockIdx.x];
  const bool scales = temperature > 0.0f && temperature != 1.0f;
  const float inverse = 1.0f / temperature;
  float infinite = 0.0f;
  for (int i = threadIdx.x; i < V; i += blockDim.x) {
    const float x = scales ? row[i] * inverse : row[i];
    if (scales) row[i] = x;
    if (!(fabsf(x) < infinity())) infinite = 1.0f;
  }
  infinite = block_max(infinite, scratch);
  __syncthreads();
  for (int i = first[blockIdx.x] + threadIdx.x; i < first[blockIdx.x + 1]; i += blockDim.x) row[excluded[i]] = -infinity();
  __syncthreads();
  if (threadIdx.x == 0 && infinite > 0.0f) row[0] = infinity() - infinity();
}

/// A target below 0 scores id 0.
__global__ void score_logits(RowScore* scores, const float* logits, const int* targets, int V, int entropy) {
  __shared__ float scratch[32];
  const float* row = logits + static_cast<int64_t>(blockIdx.x) * V;
  float max = -infinity();
  for (int i = threadIdx.x; i < V; i += blockDim.x) max = max < row[i] ? row[i] : max;
  max = block_max(max, scratch);
  float sum = 0.0f, weighted = 0.0f;
  for (int i = threadIdx.x; i < V; i += blockDim.x) {
    const float shifted = row[i] - max, e = exp2_fast(shifted * kLog2e);
    sum += e;
    if (shifted > -87.33f) weighted = fmaf(e, shifted, weighted);
  }
  sum = block_sum(sum, scratch);
  if (entropy) weighted = block_sum(weighted, scratch);
  if (threadIdx.x == 0) {
    const float log_total = static_cast<float>(log(static_cast<double>(sum)));
    const int target = targets[blockIdx.x] < 0 ? 0 : targets[blockIdx.x];
    RowScore score;
    score.lse = max + log_total;
    score.logprob = row[target] - score.lse;
    score.entropy = entropy ? log_total - weighted / sum : 0.0f;
    if (!(row[0] == row[0])) score = {row[0], row[0], row[0]};
    scores[blockIdx.x] = score;
  }
}

__global__ void logprob_rows_backward(float* logits, const float* lse, const int* targets, const float* weights,
                                      const float* entropy_weights, const float* entropies, float temperature, int V) {
  const int r = blockIdx.x;
  float* row = logits + static_cast<int64_t>(r) * V;
  const float w = weights[r] / temperature;
  const float u = entropy_weights ? entropy_weights[r] / temperature : 0.0f;
  const int target = targets[r];
  for (int i = threadIdx.x; i < V; i += blockDim.x) {
    const float logp = row[i] - lse[r];
    float factor = -w;
    if (u != 0.0f) factor -= u * ((logp > -87.33f ? logp : 0.0f) + entropies[r]);
    const float d = exp2_fast(logp * kLog2e) * factor;
    row[i] = i == target ? d + w : d;
  }
}

// ---- Sampling ----

/// Sum over the block in double; scratch: kRowThreads doubles.
__device__ __forceinline__ double block_sum_double(double x, double* scratch) {
  __syncthreads();
  scratch[threadIdx.x] = x;
  __syncthreads();
  for (int half = kRowThreads / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
    __syncthreads();
  }
  const double sum = scratch[0];
  __syncthreads();
  return sum;
}

/// Inverse transform in id order, as in cpu/head.h: every thread owns a stretch of ids. top-k and top-p keep the ids
/// whose weight is above a threshold, found bit by bit, and the first `ties` of those that equal it.
__global__ void __launch_bounds__(kRowThreads) sample_logits(int* ids, const float* logits, const SamplingRow* rows, int V) {
  __shared__ double scratch[kRowThreads];
  __shared__ float small[32];
  __shared__ int best, last;
  const SamplingRow s = rows[blockIdx.x];
  const float* row = logits + static_cast<int64_t>(blockIdx.x) * V;
  if (s.temperature < 0.0f || !(row[0] == row[0])) {
    if (threadIdx.x == 0) ids[blockIdx.x] = -1;
    return;
  }
  const int stretch = (V + kRowThreads - 1) / kRowThreads;
  const int i0 = static_cast<int>(threadIdx.x) * stretch < V ? threadIdx.x * stretch : V;
  const int i1 = i0 + stretch < V ? i0 + stretch : V;
  float max = -infinity();
  for (int i = threadIdx.x; i < V; i += blockDim.x) max = max < row[i] ? row[i] : max;
  max = block_max(max, small);
  if (threadIdx.x == 0) best = V, last = -1;
  __syncthreads();

  // The lowest id among the largest: the answer of greedy, and the fallback where no weight is left.
  int first_max = V;
  for (int i = i1 - 1; i >= i0; i--) first_max = row[i] == max ? i : first_max;
  scratch[threadIdx.x] = first_max;
  __syncthreads();
  if (threadIdx.x == 0) {
    int found = V;
    for (int i = 0; i < kRowThreads && found == V; i++) found = static_cast<int>(scratch[i]);
    best = found < V ? found : 0;
  }
  __syncthreads();
  if (s.temperature == 0.0f) {
    if (threadIdx.x == 0) ids[blockIdx.x] = best;
    return;
  }

  auto weight = [&](int i) { return exp2_fast((row[i] - max) * kLog2e); };
  float threshold = 0.0f;
  double ties = 0.0;  // how many ids at the threshold stay
  const bool nucleus = s.top_p < 1.0f, k_best = s.top_k > 0 && s.top_k < V;
  if (nucleus || k_best) {
    double all = 0.0;
    if (nucleus) {
      for (int i = i0; i < i1; i++) all += weight(i);
      all = block_sum_double(all, scratch);
    }
    const double wanted = static_cast<double>(s.top_p) * all;
    // Weights are not negative: their bits order as they do. The largest value above which too little is kept.
    unsigned bits = 0;
    double kept_above = 0.0, mass_above = 0.0;
    for (int bit = 30; bit >= 0; bit--) {
      const unsigned trial = bits | (1u << bit);
      double count = 0.0, mass = 0.0;
      for (int i = i0; i < i1; i++) {
        const float w = weight(i);
        if (__float_as_uint(w) >= trial) count += 1.0, mass += w;
      }
      count = block_sum_double(count, scratch);
      mass = block_sum_double(mass, scratch);
      const bool enough = (k_best && count >= s.top_k) || (nucleus && mass >= wanted);
      if (enough) bits = trial;
    }
    threshold = __uint_as_float(bits);
    double count = 0.0, mass = 0.0;
    for (int i = i0; i < i1; i++) {
      const float w = weight(i);
      if (w > threshold) count += 1.0, mass += w;
    }
    kept_above = block_sum_double(count, scratch);
    mass_above = block_sum_double(mass, scratch);
    ties = k_best ? s.top_k - kept_above : V;
    if (nucleus && threshold > 0.0f) {
      const double needed = ceil((wanted - mass_above) / threshold);
      ties = needed < ties ? needed : ties;
    }
    if (kept_above + ties < 1.0) ties = 1.0;
  }

  // Weights after the cut: ids at the threshold are counted in id order, so each thread needs how many came before.
  double before = 0.0;
  if (threshold > 0.0f) {
    double mine = 0.0;
    for (int i = i0; i < i1; i++) mine += weight(i) == threshold ? 1.0 : 0.0;
    __syncthreads();
    scratch[threadIdx.x] = mine;
    __syncthreads();
    for (unsigned t = 0; t < threadIdx.x; t++) before += scratch[t];
    __syncthreads();
  }
  auto kept = [&](int i, double& seen) {
    const float w = weight(i);
    if (w == threshold && threshold > 0.0f) return seen++ < ties ? w : 0.0f;
    return w > threshold ? w : 0.0f;
  };
  double sum = 0.0, seen = before;
  for (int i = i0; i < i1; i++) sum += kept(i, seen);
  __syncthreads();
  scratch[threadIdx.x] = sum;
  __syncthreads();
  double at = 0.0, total = 0.0;
  for (unsigned t = 0; t < kRowThreads; t++) {
    if (t == threadIdx.x) at = total;
    total += scratch[t];
  }
  const double u = (philox(s.seed, s.stream, s.position) + 0.5) * (1.0 / 4294967296.0) * total;
  const bool mine = sum > 0.0 && at <= u && u < at + sum;
  int chosen = -1, latest = -1;
  seen = before;
  double running = at;
  for (int i = i0; i < i1 && chosen < 0; i++) {
    const float w = kept(i, seen);
    if (w > 0.0f) {
      running += w;
      latest = i;
      if (mine && u < running) chosen = i;
    }
  }
  // Rounding can leave u beyond every stretch: then the last id with a weight. One thread at most has `mine`.
  __syncthreads();
  scratch[threadIdx.x] = latest;
  if (mine) last = chosen >= 0 ? chosen : latest;
  __syncthreads();
  if (threadIdx.x == 0) {
    int id = last;
    for (int t = kRowThreads - 1; t >= 0 && id < 0; t--) id = static_cast<int>(scratch[t]);
    ids[blockIdx.x] = id < 0 ? best : id;
  }
}

}  // namespace pr1::cuda
