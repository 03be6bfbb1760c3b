// AdamW with moments in float32, or packed as moments.h has them: the same codes as on the CPU, from the same draws.
#pragma once
#include "platform.h"

namespace pr1::cuda {

constexpr int kSquaresChunk = 1 << 16;

/// parts (blocks): sums of squares of 65,536 elements each, in double.
__global__ void square_parts(double* parts, const float* x, int64_t n) {
  __shared__ double sums[256];
  const int64_t i0 = static_cast<int64_t>(blockIdx.x) * kSquaresChunk;
  const int64_t i1 = i0 + kSquaresChunk < n ? i0 + kSquaresChunk : n;
  double sum = 0.0;
  for (int64_t i = i0 + threadIdx.x; i < i1; i += 256) sum += static_cast<double>(x[i]) * x[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) parts[blockIdx.x] = sums[0];
}

/// One number: weight and both moments from its gradient, which becomes 0.
struct AdamWStep {
  float decay, step, root;
  AdamW o;
  __device__ __forceinline__ explicit AdamWStep(const AdamW& options)
      : decay(1.0f - options.lr * options.weight_decay), step(-options.lr / options.correction1),
        root(1.0f / sqrtf(options.correction2)), o(options) {}
  __device__ __forceinline__ void operator()(float& weight, float& gradient, float& m, float& v) const {
    const float g = gradient * o.scale;
    m = fmaf(m, o.beta1, g * (1.0f - o.beta1));
    v = fmaf(v, o.beta2, g * g * (1.0f - o.beta2));
    weight = fmaf(step, m / (sqrtf(v) * root + o.eps), weight * decay);
    gradient = 0.0f;
  }
};

__global__ void adamw_elements(float* weight, float* gradient, float* m, float* v, int64_t n, AdamW o) {
  const AdamWStep update(o);
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    update(weight[i], gradient[i], m[i], v[i]);
  }
}

/// The largest of one number a thread, for every thread; `scratch` (8).
__device__ __forceinline__ unsigned largest_of_256(unsigned x, unsigned* scratch) {
  for (int apart = 16; apart > 0; apart /= 2) {
    const unsigned other = __shfl_xor_sync(kAllLanes, x, apart);
    x = other > x ? other : x;
  }
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  x = scratch[0];
  for (int warp = 1; warp < 8; warp++) x = scratch[warp] > x ? scratch[warp] : x;
  __syncthreads();
  return x;
}

/// 256 threads, one a number of a block of moments.
__global__ void __launch_bounds__(256) adamw_packed(float* weight, float* gradient, PackedMoments p, int64_t n, AdamW o,
                                                    uint64_t number_of_update) {
  static_assert(kMomentBlock == 256, "a thread a number");
  __shared__ unsigned scratch[8];
  const AdamWStep update(o);
  const int64_t all = (n + 255) / 256;
  for (int64_t block = blockIdx.x; block < all; block += gridDim.x) {
    const int64_t i = block * 256 + threadIdx.x;
    const size_t at = static_cast<size_t>(i);
    const bool there = i < n;
    const bool eight = p.type == MomentType::eight_bit;
    float m = 0.0f, v = 0.0f;
    if (there && eight) {
      moments::decode_block<false>(&m, p.first.codes + i, p.first.exponents[block], 1);
      moments::decode_block<true>(&v, p.second.codes + i, p.second.exponents[block], 1);
    } else if (there) {
      m = moments::float_of(static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(p.first.codes)[i]) << 16);
      v = moments::float_of(static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(p.second.codes)[i]) << 16);
    }
    if (there) update(weight[i], gradient[i], m, v);
    const uint32_t key_m = moments::draw_key(number_of_update, false, at), key_v = moments::draw_key(number_of_update, true, at);
    if (!eight) {
      if (!there) continue;
      reinterpret_cast<uint16_t*>(p.first.codes)[i] = moments::bf16_of(m, moments::draw(key_m, at), false);
      reinterpret_cast<uint16_t*>(p.second.codes)[i] = moments::bf16_of(v, moments::draw(key_v, at), true);
      continue;
    }
    // All have read the exponents when the largest is known.
    const int exponent_m = moments::exponent_of(largest_of_256(moments::bits_of(m) & 0x7fffffffu, scratch));
    const int exponent_v = moments::exponent_of(largest_of_256(moments::bits_of(v) & 0x7fffffffu, scratch));
    if (there) {
      moments::encode_block<false>(p.first.codes + i, &m, exponent_m, 1, key_m, at);
      moments::encode_block<true>(p.second.codes + i, &v, exponent_v, 1, key_v, at);
    }
    if (threadIdx.x == 0) {
      p.first.exponents[block] = static_cast<int8_t>(exponent_m);
      p.second.exponents[block] = static_cast<int8_t>(exponent_v);
    }
  }
}

}  // namespace pr1::cuda
