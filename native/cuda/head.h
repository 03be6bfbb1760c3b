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

// ---- Sampling: inverse transform in id order, as in cpu/head.h ----
//
// A row is cut into slices of 4096 ids, a block each, and a draw is a few kernels: maxima of the slices; where a row asks for top-k or
// top-p, three histograms of weights, 10 bits of their float32 bits each, which find the lowest weight that is kept; sums of the slices;
// the slice and the id that the draw falls on. top-k and top-p keep the ids above the threshold and the first `ties` of those at it.
//
// Histograms are added up by many blocks, so their sums are integers, which have no order: a bin's weights share their exponent, and a
// bin holds a count (20 bits) above the sum of 24-bit mantissas (44 bits). Sums in double run in a fixed order.

constexpr int kSlice = 4096, kBins = 1024, kMassBits = 44, kMostSampled = 1 << (64 - kMassBits);

inline int slices_of(int V) { return (V + kSlice - 1) / kSlice; }

struct SliceMax {
  float max;
  int id;  // the lowest with it
};
struct SliceSum {
  double above;  // weights above the threshold
  int at;        // ids at it
};
/// The threshold as far as it has been found, and what lies above it.
struct Cut {
  double mass, wanted;  // weights above; what top-p keeps
  unsigned bits;
  int count, ties;  // ids above; how many at the threshold stay
};

__device__ __forceinline__ bool draws(const SamplingRow& s, const float* row) { return s.temperature > 0.0f && row[0] == row[0]; }
__device__ __forceinline__ bool by_count(const SamplingRow& s, int V) { return s.top_k > 0 && s.top_k < V; }
__device__ __forceinline__ bool is_cut(const SamplingRow& s, int V) { return s.top_p < 1.0f || by_count(s, V); }
__device__ __forceinline__ float sample_weight(float x, float max) { return exp2_fast((x - max) * kLog2e); }

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

/// Sum over this thread and those before it; scratch: kRowThreads. The order of additions is fixed.
template <class T>
__device__ __forceinline__ T block_scan(T x, T* scratch) {
  const int t = threadIdx.x;
  __syncthreads();
  scratch[t] = x;
  for (int step = 1; step < kRowThreads; step *= 2) {
    __syncthreads();
    const T before = t >= step ? scratch[t - step] : T(0);
    __syncthreads();
    scratch[t] += before;
  }
  __syncthreads();
  return scratch[t];
}
/// Smallest over the block; scratch: kRowThreads.
__device__ __forceinline__ int block_min(int x, int* scratch) {
  __syncthreads();
  scratch[threadIdx.x] = x;
  __syncthreads();
  for (int half = kRowThreads / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half && scratch[threadIdx.x + half] < scratch[threadIdx.x]) {
      scratch[threadIdx.x] = scratch[threadIdx.x + half];
    }
    __syncthreads();
  }
  return scratch[0];
}
__device__ __forceinline__ float row_max(const SliceMax* maxima, int slices, float* scratch) {
  float max = -infinity();
  for (int i = threadIdx.x; i < slices; i += kRowThreads) max = max < maxima[i].max ? maxima[i].max : max;
  return block_max(max, scratch);
}

/// Block (slice, row).
__global__ void __launch_bounds__(kRowThreads) sample_maxima(SliceMax* maxima, const float* logits, int V) {
  __shared__ float small[32];
  __shared__ int ids[kRowThreads];
  const float* row = logits + static_cast<int64_t>(blockIdx.y) * V;
  const int begin = blockIdx.x * kSlice, end = begin + kSlice < V ? begin + kSlice : V;
  float max = -infinity();
  for (int i = begin + threadIdx.x; i < end; i += kRowThreads) max = max < row[i] ? row[i] : max;
  max = block_max(max, small);
  int id = V;
  for (int i = begin + threadIdx.x; i < end; i += kRowThreads) id = row[i] == max && i < id ? i : id;
  id = block_min(id, ids);
  if (threadIdx.x == 0) maxima[static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = {max, id};
}

/// Refines `cut` by the histogram of weights whose bits begin as its own do: the highest bin down to which enough is kept.
__device__ __forceinline__ void find_bin(Cut& cut, const unsigned long long* bins, int level, const SamplingRow& s, int V) {
  __shared__ double masses[kRowThreads];
  __shared__ int counts[kRowThreads];
  constexpr int each = kBins / kRowThreads;
  const int shift = 20 - 10 * level;
  double mass[each];
  int count[each], own_count = 0;
  double own_mass = 0.0;
  PR1_UNROLL
  for (int i = 0; i < each; i++) {
    const int bin = kBins - 1 - (static_cast<int>(threadIdx.x) * each + i);
    const unsigned long long held = bins[bin];
    const int exponent = static_cast<int>((cut.bits | static_cast<unsigned>(bin) << shift) >> 23);
    count[i] = static_cast<int>(held >> kMassBits);
    mass[i] = ldexp(static_cast<double>(held & ((1ull << kMassBits) - 1)), (exponent > 0 ? exponent : 1) - 150);
    own_count += count[i];
    own_mass += mass[i];
  }
  int before_count = cut.count + block_scan(own_count, counts) - own_count;
  const double through = block_scan(own_mass, masses);
  if (level == 0) cut.wanted = static_cast<double>(s.top_p) * masses[kRowThreads - 1];
  double before_mass = cut.mass + (through - own_mass);
  int found = kBins, found_count = 0;
  double found_mass = 0.0;
  PR1_UNROLL
  for (int i = 0; i < each; i++) {
    const bool enough = (by_count(s, V) && before_count + count[i] >= s.top_k) ||
                        (s.top_p < 1.0f && before_mass + mass[i] >= cut.wanted);
    if (found == kBins && count[i] > 0 && enough) {
      found = static_cast<int>(threadIdx.x) * each + i;
      found_count = before_count;
      found_mass = before_mass;
    }
    before_count += count[i];
    before_mass += mass[i];
  }
  __shared__ int order[kRowThreads];
  const int first = block_min(found, order);
  __shared__ Cut next;
  __syncthreads();
  if (threadIdx.x == 0) next = {0.0, cut.wanted, 0u, 0, V};  // nothing is cut off
  __syncthreads();
  if (first < kBins && found == first) {
    next = {found_mass, cut.wanted, cut.bits | static_cast<unsigned>(kBins - 1 - first) << shift, found_count, 0};
  }
  __syncthreads();
  cut = next;
}

/// Block (slice, row): adds the slice to bins (rows, 3, kBins), which were zeroed. cuts (rows, 3): what each level found.
__global__ void __launch_bounds__(kRowThreads) sample_histogram(unsigned long long* bins, Cut* cuts, int level, const SliceMax* maxima,
                                                                const float* logits, const SamplingRow* rows, int V) {
  __shared__ unsigned long long here[kBins];
  __shared__ float small[32];
  const int64_t r = blockIdx.y;
  const SamplingRow s = rows[r];
  const float* row = logits + r * V;
  if (!draws(s, row) || !is_cut(s, V)) return;
  const float max = row_max(maxima + r * gridDim.x, gridDim.x, small);
  Cut cut = {0.0, 0.0, 0u, 0, V};
  if (level > 0) {
    if (level > 1) cut = cuts[r * 3 + level - 2];
    find_bin(cut, bins + (r * 3 + level - 1) * kBins, level - 1, s, V);
    if (blockIdx.x == 0 && threadIdx.x == 0) cuts[r * 3 + level - 1] = cut;
    if (cut.bits == 0) return;  // all is kept
  }
  for (int i = threadIdx.x; i < kBins; i += kRowThreads) here[i] = 0;
  __syncthreads();
  const int shift = 20 - 10 * level;
  const int begin = blockIdx.x * kSlice, end = begin + kSlice < V ? begin + kSlice : V;
  for (int i = begin + threadIdx.x; i < end; i += kRowThreads) {
    const unsigned bits = __float_as_uint(sample_weight(row[i], max));
    if (bits == 0 || bits > 0x3F800000u || (level > 0 && (bits ^ cut.bits) >> (shift + 10) != 0)) continue;
    const unsigned mantissa = (bits & 0x7FFFFFu) | (bits >> 23 ? 0x800000u : 0u);
    atomic_add(&here[bits >> shift & (kBins - 1)], (1ull << kMassBits) + mantissa);
  }
  __syncthreads();
  unsigned long long* to = bins + (r * 3 + level) * kBins;
  for (int i = threadIdx.x; i < kBins; i += kRowThreads) {
    if (here[i]) atomic_add(&to[i], here[i]);
  }
}

/// Block (slice, row). The last level is found here; `bins` is null where no row is cut.
__global__ void __launch_bounds__(kRowThreads) sample_sums(SliceSum* sums, Cut* cuts, const unsigned long long* bins, const SliceMax* maxima,
                                                           const float* logits, const SamplingRow* rows, int V) {
  __shared__ double scratch[kRowThreads];
  __shared__ float small[32];
  const int64_t r = blockIdx.y;
  const SamplingRow s = rows[r];
  const float* row = logits + r * V;
  if (!draws(s, row)) return;
  const float max = row_max(maxima + r * gridDim.x, gridDim.x, small);
  Cut cut = {0.0, 0.0, 0u, 0, V};
  if (is_cut(s, V)) {
    cut = cuts[r * 3 + 1];
    if (cut.bits != 0) {
      find_bin(cut, bins + (r * 3 + 2) * kBins, 2, s, V);
      cut.ties = by_count(s, V) ? s.top_k - cut.count : V;
      if (s.top_p < 1.0f && cut.bits != 0) {
        const double needed = ceil((cut.wanted - cut.mass) / static_cast<double>(__uint_as_float(cut.bits)));
        cut.ties = needed < cut.ties ? static_cast<int>(needed) : cut.ties;
      }
      if (cut.count + cut.ties < 1) cut.ties = 1;
    }
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) cuts[r * 3 + 2] = cut;
  const float threshold = __uint_as_float(cut.bits);
  const int begin = blockIdx.x * kSlice, end = begin + kSlice < V ? begin + kSlice : V;
  double above = 0.0, at = 0.0;
  for (int i = begin + threadIdx.x; i < end; i += kRowThreads) {
    const float w = sample_weight(row[i], max);
    if (w > threshold) above += w;
    if (threshold > 0.0f && w == threshold) at += 1.0;
  }
  above = block_sum_double(above, scratch);
  at = block_sum_double(at, scratch);
  if (threadIdx.x == 0) sums[r * gridDim.x + blockIdx.x] = {above, static_cast<int>(at)};
}

/// Block: a row.
__global__ void __launch_bounds__(kRowThreads) sample_pick(int* ids, const SliceSum* sums, const Cut* cuts, const SliceMax* maxima, int slices,
                                                           const float* logits, const SamplingRow* rows, int V) {
  __shared__ double scratch[kRowThreads];
  __shared__ int small[kRowThreads], slice, before;
  __shared__ float maxes[32];
  __shared__ double start, drawn;
  const int64_t r = blockIdx.x;
  const SamplingRow s = rows[r];
  const float* row = logits + r * V;
  if (s.temperature < 0.0f || !(row[0] == row[0])) {
    if (threadIdx.x == 0) ids[r] = -1;
    return;
  }
  maxima += r * slices;
  sums += r * slices;
  const float max = row_max(maxima, slices, maxes);
  int best = V;
  for (int i = threadIdx.x; i < slices; i += kRowThreads) best = maxima[i].max == max && maxima[i].id < best ? maxima[i].id : best;
  best = block_min(best, small);
  if (s.temperature == 0.0f) {
    if (threadIdx.x == 0) ids[r] = best < V ? best : 0;
    return;
  }
  const Cut cut = cuts[r * 3 + 2];
  const float threshold = __uint_as_float(cut.bits);
  if (threadIdx.x == 0) {
    auto kept = [&](int i, int seen) {
      const int left = cut.ties - seen, here = left < sums[i].at ? left : sums[i].at;
      return sums[i].above + (here > 0 ? here * static_cast<double>(threshold) : 0.0);
    };
    double total = 0.0;
    for (int i = 0, seen = 0; i < slices; seen += sums[i].at, i++) total += kept(i, seen);
    const double u = (philox(s.seed, s.stream, s.position) + 0.5) * (1.0 / 4294967296.0) * total;
    // Rounding can leave u beyond every slice: then the last one with a weight.
    double at = 0.0;
    slice = -1;
    for (int i = 0, seen = 0; i < slices; seen += sums[i].at, i++) {
      const double sum = kept(i, seen);
      if (sum > 0.0) slice = i, before = seen, start = at;
      at += sum;
      if (sum > 0.0 && u < at) break;
    }
    drawn = u;
  }
  __syncthreads();
  if (slice < 0) {  // no weight is left
    if (threadIdx.x == 0) ids[r] = best < V ? best : 0;
    return;
  }
  constexpr int each = kSlice / kRowThreads;
  const int i0 = slice * kSlice + static_cast<int>(threadIdx.x) * each;
  float w[each];
  int at = 0;
  PR1_UNROLL
  for (int i = 0; i < each; i++) {
    w[i] = i0 + i < V ? sample_weight(row[i0 + i], max) : 0.0f;
    if (!(w[i] >= threshold && w[i] > 0.0f)) w[i] = 0.0f;
    if (threshold > 0.0f && w[i] == threshold) at++;
  }
  int seen = before + block_scan(at, small) - at;
  double sum = 0.0;
  PR1_UNROLL
  for (int i = 0; i < each; i++) {
    if (threshold > 0.0f && w[i] == threshold && seen++ >= cut.ties) w[i] = 0.0f;
    sum += w[i];
  }
  double running = start + (block_scan(sum, scratch) - sum);
  int chosen = V, last = -1;
  PR1_UNROLL
  for (int i = 0; i < each; i++) {
    if (w[i] > 0.0f) {
      running += w[i];
      last = i0 + i;
      if (chosen == V && drawn < running) chosen = i0 + i;
    }
  }
  chosen = block_min(chosen, small);
  last = -block_min(-last, small);
  if (threadIdx.x == 0) ids[r] = chosen < V ? chosen : last;
}

}  // namespace pr1::cuda
