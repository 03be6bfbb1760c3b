/**
 * Estimate k3 of KL(policy ‖ reference) at sampled tokens (http://joschu.net/blog/kl-approx.html, GRPO arXiv 2402.03300 equation 4):
 * exp(r) − r − 1 with r = reference − policy log-probability. Never negative, and 0 where both agree. `slopes`: its derivative by
 * the policy's log-probability, 1 − exp(r).
 */
export function k3(logprobs: ArrayLike<number>, reference: ArrayLike<number>): { losses: Float64Array; slopes: Float64Array } {
  const losses = new Float64Array(logprobs.length)
  const slopes = new Float64Array(logprobs.length)
  for (let j = 0; j < losses.length; j++) {
    const r = reference[j] - logprobs[j]
    slopes[j] = -Math.expm1(r)
    losses[j] = Math.expm1(r) - r
  }
  return { losses, slopes }
}
