/* SPDX-License-Identifier: Apache-2.0
 * The C ABI of the Rust crate in this folder: one Hugging Face tokenizer, one text at a time.
 * A tokenizer is immutable; any number of threads may encode with it at once. No call unwinds,
 * prints or starts threads. Functions that can fail return false and fill *error; the caller then
 * frees it. */
#ifndef NESO_TOKENIZERS_H
#define NESO_TOKENIZERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct NesoTokenizer NesoTokenizer;

typedef enum NesoTokenizersErrorCode {
  NESO_TOKENIZERS_INVALID_ARGUMENT = 1, /* the file, the text or a limit is wrong */
  NESO_TOKENIZERS_UNSUPPORTED = 2,      /* a valid tokenizer that this ABI cannot express */
  NESO_TOKENIZERS_INTERNAL = 3          /* the tokenizers crate panicked */
} NesoTokenizersErrorCode;

typedef struct NesoTokenizersError {
  int32_t code;  /* a NesoTokenizersErrorCode */
  char* message; /* UTF-8, NUL-terminated */
} NesoTokenizersError;

typedef struct NesoEncodeRequest {
  const uint8_t* text; /* UTF-8; may be null when text_size is 0 */
  size_t text_size;    /* bytes */
  size_t max_tokens;   /* specials included; 0: no limit */
  bool add_special_tokens;
  bool truncate_left; /* cut text tokens from the start instead of the end */
} NesoEncodeRequest;

typedef struct NesoEncoding {
  int32_t* ids;           /* [size], never null */
  int32_t* type_ids;      /* [size], never null */
  size_t size;            /* tokens after truncation, specials included */
  size_t original_tokens; /* tokens before truncation, specials included */
} NesoEncoding;

/* Reads a tokenizer.json from memory; the truncation and padding saved in it are ignored. */
bool neso_tokenizer_load(const uint8_t* json, size_t json_size, NesoTokenizer** tokenizer,
                         NesoTokenizersError* error);
void neso_tokenizer_free(NesoTokenizer* tokenizer);

/* One more than the largest id that an encoding can contain. */
size_t neso_tokenizer_vocabulary_size(const NesoTokenizer* tokenizer);
/* Special tokens that are added to one text. */
size_t neso_tokenizer_special_tokens(const NesoTokenizer* tokenizer);

/* Fills *encoding, which the caller frees. Invalid UTF-8 and a max_tokens below the number of
 * special tokens are invalid arguments. */
bool neso_tokenizer_encode(const NesoTokenizer* tokenizer, const NesoEncodeRequest* request,
                           NesoEncoding* encoding, NesoTokenizersError* error);

void neso_encoding_free(NesoEncoding* encoding);
void neso_tokenizers_error_free(NesoTokenizersError* error);

#ifdef __cplusplus
}
#endif

#endif
