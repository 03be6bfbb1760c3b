// Tokens of a batch that something is computed for, in a list of ascending numbers. Who asks for the log-probabilities of some tokens
// needs no other rows of the last layer than theirs, and gradients reach only the tokens that those with a weight see.
#pragma once
#include <algorithm>
#include <numeric>
#include <vector>

namespace pr1 {

using TokenList = std::vector<int>;

inline TokenList all_tokens(int T) {
  TokenList all(static_cast<size_t>(T));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// With the others of their group, where tokens t / group are one; all T where hardly any is missing, since rows that lie apart are copied.
inline TokenList whole_groups(const TokenList& tokens, int group, int T) {
  TokenList whole;
  int next = 0;
  for (int t : tokens) {
    const int begin = t / group * group, end = std::min(begin + group, T);
    for (next = std::max(next, begin); next < end; next++) whole.push_back(next);
  }
  return static_cast<double>(whole.size()) > 0.9 * T ? all_tokens(T) : whole;
}

/// Where each of them is in `among`, which has them all.
inline TokenList places_in(const TokenList& among, const TokenList& tokens) {
  TokenList places;
  places.reserve(tokens.size());
  size_t at = 0;
  for (int t : tokens) {
    while (among[at] != t) at++;
    places.push_back(static_cast<int>(at));
  }
  return places;
}

}  // namespace pr1
