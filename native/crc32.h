// CRC-32 of zlib: polynomial 0xedb88320, reflected. See "A Painless Guide to CRC Error Detection Algorithms", and for the
// combination Mark Adler's crc32_combine.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pr1 {

/// Goes on from `crc`; 0 at the start.
uint32_t crc32(uint32_t crc, const uint8_t* data, size_t n);

/// The checksum of a text with checksum `first`, followed by `n` bytes with checksum `second`.
uint32_t crc32_join(uint32_t first, uint32_t second, uint64_t n);

}  // namespace pr1
