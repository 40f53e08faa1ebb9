// SPDX-License-Identifier: Apache-2.0
#include "simd/amx_emulator.h"

#include "simd/cpu.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace neso {

// ---- what the instructions do

const char* AmxTiles::load_config(const uint8_t* config) {
  if (config[0] == 0) {
    release();
    return nullptr;
  }
  if (config[0] != 1) return "#GP: LDTILECFG of a palette that does not exist";
  const auto all_zero = [](const uint8_t* first, const uint8_t* end) {
    return std::all_of(first, end, [](uint8_t byte) { return byte == 0; });
  };
  // Behind start_row; sizes of tiles 8 to 15, which palette 1 does not have.
  if (!all_zero(config + 2, config + 16) || !all_zero(config + 32, config + 48) ||
      !all_zero(config + 56, config + 64)) {
    return "#GP: LDTILECFG with reserved bits";
  }
  if (config[1] != 0) return "start_row is for interrupted instructions, which there are none of";
  Shape shapes[kTiles];
  for (size_t t = 0; t < kTiles; ++t) {
    shapes[t] = {config[48 + t], static_cast<size_t>(config[16 + 2 * t] | config[17 + 2 * t] << 8)};
    if (shapes[t].rows > kSide || shapes[t].row_bytes > 4 * kSide)
      return "#GP: LDTILECFG of a tile that is too large";
    if ((shapes[t].rows == 0) != (shapes[t].row_bytes == 0))
      return "#GP: LDTILECFG of rows without bytes or bytes without rows";
  }
  release();
  configured_ = true;
  std::copy_n(shapes, kTiles, shapes_);
  return nullptr;
}

void AmxTiles::store_config(uint8_t* config) const {
  std::fill_n(config, 64, uint8_t{0});
  config[0] = configured_ ? 1 : 0;
  for (size_t t = 0; t < kTiles; ++t) {
    config[16 + 2 * t] = static_cast<uint8_t>(shapes_[t].row_bytes);
    config[48 + t] = static_cast<uint8_t>(shapes_[t].rows);
  }
}

const char* AmxTiles::zero(size_t tile) {
  if (!configured_ || shapes_[tile].rows == 0) return "#UD: TILEZERO of a tile without shape";
  std::memset(units_[tile], 0, sizeof units_[tile]);
  return nullptr;
}

const char* AmxTiles::refuse_access(size_t tile) const {
  if (!configured_ || shapes_[tile].rows == 0) return "#UD: the tile has no shape";
  if (shapes_[tile].row_bytes % 4 != 0) return "#UD: the tile's rows are not of whole units";
  return nullptr;
}

const char* AmxTiles::load(size_t tile, const uint8_t* rows, ptrdiff_t row_distance) {
  if (const char* refusal = refuse_access(tile)) return refusal;
  std::memset(units_[tile], 0, sizeof units_[tile]);
  for (size_t r = 0; r < shapes_[tile].rows; ++r) {
    std::memcpy(units_[tile][r], rows + static_cast<ptrdiff_t>(r) * row_distance,
                shapes_[tile].row_bytes);
  }
  return nullptr;
}

const char* AmxTiles::store(size_t tile, uint8_t* rows, ptrdiff_t row_distance) const {
  if (const char* refusal = refuse_access(tile)) return refusal;
  for (size_t r = 0; r < shapes_[tile].rows; ++r) {
    std::memcpy(rows + static_cast<ptrdiff_t>(r) * row_distance, units_[tile][r],
                shapes_[tile].row_bytes);
  }
  return nullptr;
}

const char* AmxTiles::refuse_product(size_t sums, size_t a, size_t b) const {
  if (sums == a || a == b || sums == b) return "#UD: a product whose tiles are not three";
  for (const size_t tile : {sums, a, b}) {
    if (const char* refusal = refuse_access(tile)) return refusal;
  }
  if (shapes_[sums].rows != shapes_[a].rows || shapes_[sums].row_bytes != shapes_[b].row_bytes ||
      shapes_[a].row_bytes / 4 != shapes_[b].rows) {
    return "#UD: a product of tiles whose shapes do not fit";
  }
  return nullptr;
}

namespace {

using TileUnits = uint32_t[AmxTiles::kSide][AmxTiles::kSide];

// Four products, each exact, added to a sum that wraps around.
__attribute__((target("avx512f,avx512bw"))) void multiply_bytes(TileUnits& sums, const TileUnits& a,
                                                                const TileUnits& b, size_t rows,
                                                                size_t units) {
  const __m512i low_bytes = _mm512_set1_epi16(0xFF);
  for (size_t m = 0; m < rows; ++m) {
    __m512i sum = _mm512_load_si512(sums[m]);
    for (size_t k = 0; k < units; ++k) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[m][k]));
      const __m512i y = _mm512_load_si512(b[k]);
      // Pairs of 16-bit products: the bytes 0 and 2, then 1 and 3.
      const __m512i even = _mm512_madd_epi16(_mm512_and_si512(x, low_bytes),
                                             _mm512_srai_epi16(_mm512_slli_epi16(y, 8), 8));
      const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(x, 8), _mm512_srai_epi16(y, 8));
      sum = _mm512_add_epi32(sum, _mm512_add_epi32(even, odd));
    }
    _mm512_store_si512(sums[m], sum);
  }
}

// The products of the pairs' first values and those of the second ones are added up apart, each by
// fused multiplication and addition from zero; their sum is added to what there was.
__attribute__((target("avx512f"), noinline)) void multiply_bf16(TileUnits& sums, const TileUnits& a,
                                                                const TileUnits& b, size_t rows,
                                                                size_t units) {
  const __m512i upper_half = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  for (size_t m = 0; m < rows; ++m) {
    __m512 first = _mm512_setzero_ps();
    __m512 second = _mm512_setzero_ps();
    for (size_t k = 0; k < units; ++k) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[m][k]));
      const __m512i y = _mm512_load_si512(b[k]);
      first = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
                              _mm512_castsi512_ps(_mm512_slli_epi32(y, 16)), first);
      second = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, upper_half)),
                               _mm512_castsi512_ps(_mm512_and_si512(y, upper_half)), second);
    }
    _mm512_store_ps(sums[m], _mm512_add_ps(_mm512_load_ps(sums[m]), _mm512_add_ps(first, second)));
  }
}

}  // namespace

const char* AmxTiles::add_products_of_bytes(size_t sums, size_t a, size_t b) {
  if (const char* refusal = refuse_product(sums, a, b)) return refusal;
  multiply_bytes(units_[sums], units_[a], units_[b], shapes_[a].rows, shapes_[b].rows);
  return nullptr;
}

const char* AmxTiles::add_products_of_bf16(size_t sums, size_t a, size_t b) {
  if (const char* refusal = refuse_product(sums, a, b)) return refusal;
  // Denormals are zero, as operands and as results; to nearest, ties to even; no exceptions.
  // Whatever the thread is set to.
  constexpr unsigned kControl = 0x9FC0;
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(kControl);
  multiply_bf16(units_[sums], units_[a], units_[b], shapes_[a].rows, shapes_[b].rows);
  _mm_setcsr(saved);
  return nullptr;
}

// ---- which instruction it is

namespace {

using Registers = greg_t*;  // of an interrupted thread, in the order of ucontext

// A register by the number that instructions have for it.
greg_t& general_register(Registers registers, unsigned number) {
  constexpr int kPlaces[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                               REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                               REG_R12, REG_R13, REG_R14, REG_R15};
  return registers[kPlaces[number]];
}

uint8_t* memory_at(greg_t address) {
  return std::bit_cast<uint8_t*>(address);
}

template <class Integer>
greg_t read(const uint8_t* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// VEX.128.0F38.W0 with three bytes of prefix, the form of all AMX instructions.
class Instruction {
 public:
  // Null when the bytes are no such instruction.
  static std::optional<Instruction> at(const uint8_t* bytes) {
    constexpr uint8_t kMap = 0x1F;
    constexpr uint8_t kWide = 0x84;  // W and L
    if (bytes[0] != 0xC4 || (bytes[1] & kMap) != 2 || (bytes[2] & kWide) != 0) return {};
    return Instruction(bytes);
  }

  // The opcode behind its prefix (0, 0x66, 0xF3 or 0xF2), as manuals write it.
  unsigned code() const {
    constexpr unsigned kPrefixes[4] = {0, 0x66, 0xF3, 0xF2};
    return kPrefixes[bytes_[2] & 3U] << 8U | bytes_[3];
  }
  bool has_memory() const { return mode() != 3; }
  bool has_memory_by_sib() const { return has_memory() && rm() == 4; }
  unsigned reg() const { return bytes_[4] >> 3U & 7U; }
  unsigned rm() const { return bytes_[4] & 7U; }
  unsigned third() const { return ~(bytes_[2] >> 3U) & 15U; }  // VEX.vvvv

  struct Memory {
    greg_t base;   // with the displacement
    greg_t index;  // scaled
  };
  Memory memory(Registers registers) const {
    Memory memory = {0, 0};
    const uint8_t* displacement = bytes_ + 5;
    unsigned base = rm();
    bool relative = mode() == 0 && base == 5;
    bool without_base = relative;
    if (base == 4) {
      const uint8_t sib = *displacement++;
      base = sib & 7U;
      without_base = mode() == 0 && base == 5;
      const unsigned index = (sib >> 3U & 7U) | extension(6);
      if (index != 4) memory.index = general_register(registers, index) << (sib >> 6U);
    }
    if (!without_base) memory.base = general_register(registers, base | extension(5));
    if (relative) memory.base = registers[REG_RIP] + static_cast<greg_t>(size());
    if (mode() == 1) memory.base += read<int8_t>(displacement);
    if (mode() == 2 || without_base) memory.base += read<int32_t>(displacement);
    return memory;
  }

  size_t size() const {
    if (!has_memory()) return 5;
    const bool sib = rm() == 4;
    const unsigned base = sib ? bytes_[5] & 7U : rm();
    const size_t displacement = mode() == 1 ? 1 : mode() == 2 || base == 5 ? 4 : 0;
    return 5 + (sib ? 1 : 0) + displacement;
  }

 private:
  explicit Instruction(const uint8_t* bytes) : bytes_(bytes) {}
  unsigned mode() const { return bytes_[4] >> 6U; }
  // The fourth bit of an index (6) or a base (5), stored inverted.
  unsigned extension(unsigned bit) const { return (bytes_[1] >> bit & 1U) != 0 ? 0 : 8; }

  const uint8_t* bytes_;
};

thread_local AmxTiles tiles;

[[noreturn]] void die(const char* reason) {
  for (const char* text : {"AMX emulator: ", reason, "\n"}) {
    if (write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  }
  std::abort();
}

// False when it is not one of AMX that this emulator knows.
bool execute(const Instruction& instruction, Registers registers) {
  const unsigned reg = instruction.reg();
  const auto memory = [&] { return instruction.memory(registers); };
  const auto address = [&] {
    const Instruction::Memory at = memory();
    return memory_at(at.base + at.index);
  };
  const auto rows = [&] { return memory_at(memory().base); };
  const char* refusal = nullptr;
  if (instruction.has_memory()) {
    const bool by_rows = (instruction.code() & 0xFFU) == 0x4B;
    if (by_rows && !instruction.has_memory_by_sib()) return false;
    switch (instruction.code()) {
      case 0x0049:
        if (reg != 0) return false;
        refusal = tiles.load_config(address());
        break;
      case 0x6649:
        if (reg != 0) return false;
        tiles.store_config(address());
        break;
      case 0xF24B:  // TILELOADD
      case 0x664B:  // TILELOADDT1
        refusal = tiles.load(reg, rows(), memory().index);
        break;
      case 0xF34B:
        refusal = tiles.store(reg, rows(), memory().index);
        break;
      default:
        return false;
    }
  } else {
    switch (instruction.code()) {
      case 0x0049:
        if (reg != 0 || instruction.rm() != 0) return false;
        tiles.release();
        break;
      case 0xF249:
        refusal = tiles.zero(reg);
        break;
      case 0xF35C:
        refusal = tiles.add_products_of_bf16(reg, instruction.rm(), instruction.third());
        break;
      case 0x665E:
        refusal = tiles.add_products_of_bytes(reg, instruction.rm(), instruction.third());
        break;
      default:
        return false;
    }
  }
  if (refusal != nullptr) die(refusal);
  return true;
}

struct sigaction previous;

void on_illegal_instruction(int, siginfo_t*, void* context) {
  Registers registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  bool known = false;
  // Those that follow at once spare a signal each.
  for (;;) {
    const auto instruction = Instruction::at(memory_at(registers[REG_RIP]));
    if (!instruction || !execute(*instruction, registers)) break;
    registers[REG_RIP] += static_cast<greg_t>(instruction->size());
    known = true;
  }
  // Not ours: whoever was there before gets it, when the instruction is run again.
  if (!known) sigaction(SIGILL, &previous, nullptr);
}

void emulate_amx() {
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &previous);
}

}  // namespace

std::vector<Isa> isas_with_emulated_amx() {
  std::vector<Isa> isas = supported_isas();
  if (isas.back() == Isa::Avx512Bf16) {
    static const bool installed = (emulate_amx(), true);
    if (installed) isas.push_back(Isa::Avx512Amx);
  }
  return isas;
}

}  // namespace neso

#else

namespace neso {

std::vector<Isa> isas_with_emulated_amx() {
  return supported_isas();
}

}  // namespace neso

#endif  // defined(__x86_64__)
