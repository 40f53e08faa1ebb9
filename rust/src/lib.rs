// SPDX-License-Identifier: Apache-2.0
// The C ABI of include/neso_tokenizers.h: raw pointers in and out, panics turned into errors, nothing else.
// What a tokenizer does is in tokenizer.rs.

mod bert_ascii;
mod charsmap;
mod failure;
mod frame;
mod tokenizer;

use std::ffi::{c_char, CString};
use std::ptr;
use std::slice;

use failure::{guard, Failure};
use tokenizer::{Encoded, Request, Tokenizer};

#[repr(C)]
pub struct NesoTokenizersError {
    code: i32,
    message: *mut c_char,
}

#[repr(C)]
pub struct NesoEncodeRequest {
    text: *const u8,
    text_size: usize,
    max_tokens: usize,
    add_special_tokens: bool,
    truncate_left: bool,
}

#[repr(C)]
pub struct NesoEncoding {
    ids: *mut i32,
    type_ids: *mut i32,
    size: usize,
    original_tokens: usize,
}

/// # Safety
/// `json` is readable for `json_size` bytes; `tokenizer` and `error` are writable.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizer_load(
    json: *const u8,
    json_size: usize,
    tokenizer: *mut *mut Tokenizer,
    error: *mut NesoTokenizersError,
) -> bool {
    let loaded = guard(|| Tokenizer::from_json(unsafe { bytes(json, json_size) }));
    unsafe { deliver(loaded.map(|value| Box::into_raw(Box::new(value))), tokenizer, error) }
}

/// # Safety
/// `tokenizer` is null or comes from `neso_tokenizer_load` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizer_free(tokenizer: *mut Tokenizer) {
    if !tokenizer.is_null() {
        drop(unsafe { Box::from_raw(tokenizer) });
    }
}

/// # Safety
/// `tokenizer` is alive.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizer_vocabulary_size(tokenizer: *const Tokenizer) -> usize {
    unsafe { &*tokenizer }.vocabulary_size()
}

/// # Safety
/// `tokenizer` is alive.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizer_special_tokens(tokenizer: *const Tokenizer) -> usize {
    unsafe { &*tokenizer }.special_tokens()
}

/// # Safety
/// `tokenizer` is alive; the request's text is readable; `encoding` and `error` are writable.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizer_encode(
    tokenizer: *const Tokenizer,
    request: *const NesoEncodeRequest,
    encoding: *mut NesoEncoding,
    error: *mut NesoTokenizersError,
) -> bool {
    let (tokenizer, request) = unsafe { (&*tokenizer, &*request) };
    let encoded = guard(|| {
        tokenizer.encode(&Request {
            text: unsafe { bytes(request.text, request.text_size) },
            max_tokens: request.max_tokens,
            add_special_tokens: request.add_special_tokens,
            truncate_left: request.truncate_left,
        })
    });
    unsafe { deliver(encoded.map(NesoEncoding::from), encoding, error) }
}

/// # Safety
/// `encoding` was filled by `neso_tokenizer_encode` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn neso_encoding_free(encoding: *mut NesoEncoding) {
    let encoding = unsafe { &*encoding };
    unsafe {
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(encoding.ids, encoding.size)));
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(encoding.type_ids, encoding.size)));
    }
}

/// # Safety
/// `error` was filled by a failed call and is not used again.
#[no_mangle]
pub unsafe extern "C" fn neso_tokenizers_error_free(error: *mut NesoTokenizersError) {
    drop(unsafe { CString::from_raw((*error).message) });
}

impl From<Encoded> for NesoEncoding {
    fn from(encoded: Encoded) -> Self {
        let size = encoded.ids.len();
        assert_eq!(size, encoded.type_ids.len());
        NesoEncoding {
            ids: Box::into_raw(encoded.ids.into_boxed_slice()).cast(),
            type_ids: Box::into_raw(encoded.type_ids.into_boxed_slice()).cast(),
            size,
            original_tokens: encoded.original_tokens,
        }
    }
}

/// The caller's bytes; C++ may spell "empty" as a null pointer, which a Rust slice must not hold.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        &[]
    } else {
        unsafe { slice::from_raw_parts(data, size) }
    }
}

/// Writes the value or the error, never both, and says which.
unsafe fn deliver<T>(result: Result<T, Failure>, value: *mut T, error: *mut NesoTokenizersError) -> bool {
    match result {
        Ok(result) => {
            unsafe { value.write(result) };
            true
        }
        Err(failure) => {
            let message = CString::new(failure.message.replace('\0', "\u{FFFD}")).unwrap_or_default();
            unsafe { error.write(NesoTokenizersError { code: failure.code as i32, message: message.into_raw() }) };
            false
        }
    }
}
